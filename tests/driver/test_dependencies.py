"""-M and its kin: the rules have the true names of sources and objects."""

from __future__ import annotations

import pytest
from behaviour import Pair

FILES = {
    "a.c": '#include "head er.h"\n#include <stddef.h>\nint f(void) { return X; }\n',
    "sub/b.c": '#include "b.h"\nint g(void) { return Y; }\n',
    "head er.h": "#define X 1\n",
    "sub/b.h": "#define Y 2\n",
}


@pytest.mark.parametrize(
    "line",
    [
        "{O} -M a.c",
        "{O} -MM a.c sub/b.c",
        "{O} -MM -MF rules.d a.c",
        "{O} -MM -MG a.c -MT 'some $target'",
        "{O} -MD -c a.c",
        "{O} -MMD -c a.c sub/b.c",
        "{O} -MMD -MP -MF out/deps.d -MQ 'a $b' -MT c -c a.c -o out/a.o",
        "{O} -Wp,-MD,rules.d -c a.c",
        "{O} -MD -S a.c -o a.s",
        "{O} -MD -E a.c -o a.i",
        "{O} --write-dependencies -MV -c sub/b.c",
        "{O} -dependency-file rules.d -MD -c a.c",
    ],
)
def test_rules_are_clangs(pair: Pair, line: str) -> None:
    pair.write(FILES | {"out/keep": ""})
    assert pair.check(line).code == 0
