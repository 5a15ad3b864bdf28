"""-g, split DWARF, mapped prefixes and reproducible dates."""

from __future__ import annotations

import subprocess

import pytest
from behaviour import Pair

PROGRAM = """#include <stdio.h>
static int twice(int x) { return 2 * x; }
int main(void) { printf("%s %s %s\\n", __FILE__, __DATE__, __TIME__); return twice(21) - 42; }
"""


@pytest.mark.parametrize(
    "line",
    [
        "{O} -g -c sub/a.c",
        "{O} -g3 -gdwarf-4 -c sub/a.c -o a.o",
        "{O} -g -gsplit-dwarf -c sub/a.c",
        "{O} -g -gsplit-dwarf=single -c sub/a.c -o a.o",
        "{O} -gline-tables-only -c sub/a.c",
        "{O} -g -gz -c sub/a.c",
        "{O} -g -ffile-prefix-map=sub=mapped -c sub/a.c",
        "{O} -g -fdebug-prefix-map=sub=mapped -fmacro-prefix-map=sub=other -c sub/a.c",
        "{O} -g -fdebug-compilation-dir=. -c sub/a.c",
        "{O} -S -g sub/a.c -o -",
    ],
)
def test_debug_information_is_clangs(pair: Pair, line: str) -> None:
    pair.write({"sub/a.c": PROGRAM})
    assert pair.check(line, SOURCE_DATE_EPOCH="1700000000").code == 0


def test_dates_are_those_of_source_date_epoch(pair: Pair) -> None:
    pair.write({"a.c": PROGRAM})
    made = pair.check("{O} a.c -o out", SOURCE_DATE_EPOCH="86400")
    assert pair.run(made).stdout == b"a.c Jan  2 1970 00:00:00\n"


def test_a_debugger_finds_the_lines_of_changed_code(pair: Pair) -> None:
    pair.write({"a.c": PROGRAM})
    changed = pair.mlccs("{O} -g -c a.c", "change")
    pair.folder.joinpath("a.o").write_bytes(changed.files["a.o"])
    verified = subprocess.run(
        ["llvm-dwarfdump-19", "--verify", "a.o"], cwd=pair.folder, capture_output=True, check=False, text=True
    )
    assert (verified.returncode, "No errors" in verified.stdout) == (0, True)
    lines = subprocess.run(
        ["llvm-dwarfdump-19", "--debug-line", "a.o"], cwd=pair.folder, capture_output=True, check=True, text=True
    )
    assert "a.c" in lines.stdout
