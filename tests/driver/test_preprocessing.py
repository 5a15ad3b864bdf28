"""-E, macros, standard input and empty inputs."""

from __future__ import annotations

import pytest
from behaviour import Pair

PROGRAM = b'#include <stdio.h>\n#define TWO 2\nint main(void) { return puts("hello") < TWO - 2; }\n'
LINES = [
    "{O} -E -",
    "-E -x c -",
    "{O} -dM -E -",
    "{O} -dM -E -x c /dev/null",
    "{O} -dD -E -x c++ -",
    "{O} -E -P -C -x c -",
    "{O} -E -x c - -o out.i",
    "{O} -E -H -x c -",
    "{O} -E -x assembler-with-cpp /dev/null",
    "{O} -x c - -c -o out.o",
    "{O} -x c - -S -o -",
    "{O} -xc /dev/null -c -o out.o",
    "{O} -x c -fsyntax-only -",
    "{O} -x c - -fsyntax-only -Wall -include missing.h",
    "{O} -",
]


@pytest.mark.parametrize("line", LINES)
def test_standard_input_is_read_as_by_clang(pair: Pair, line: str) -> None:
    pair.check(line, PROGRAM)


def test_a_program_from_standard_input_runs(pair: Pair) -> None:
    changed = pair.check("{O} -x c - -o out", PROGRAM)
    assert pair.run(changed).stdout == b"hello\n"
