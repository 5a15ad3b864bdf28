"""Link steps: what the linker gets, what -v and -### print, and options that are for others."""

from __future__ import annotations

import pytest
from behaviour import Pair


@pytest.fixture
def objects(pair: Pair) -> Pair:
    pair.write(
        {"main.c": "int two(void);\nint main(void) { return two() - 2; }\n", "two.c": "int two(void) { return 2; }\n"}
    )
    for name in ("main", "two"):
        made = pair.clangs(f"-c {name}.c").files[f"{name}.o"]
        pair.folder.joinpath(f"{name}.o").write_bytes(made)
    return pair


@pytest.mark.parametrize(
    "line",
    [
        "{O} main.o two.o -o out",
        "{O} -### main.o two.o -o out -pthread",
        "{O} -v main.o two.o -o out",
        "-v -O2 main.o two.o -o out",
        "-### -c main.c -o main.o",
        "{O} -shared two.o -o libtwo.so -Wl,-soname,libtwo.so.1",
        "{O} main.o two.o -static -o out",
        "{O} main.o two.o -fuse-ld=lld -Wl,--gc-sections,--icf=all -Xlinker --print-map -o out",
        "{O} main.o two.o -Wl,-O2 -Xlinker -O1 -o out",
        "{O} -r main.o two.o -o both.o",
        "{O} main.o -o out",
        "{O} main.o two.o -lnosuchlibrary -o out",
        "{O} main.o two.o -Wl,--no-such-option -o out",
        "{O} main.o two.o -fuse-ld=nosuchlinker -o out",
        "{O} main.o two.o -T missing.ld -o out",
        "{O} main.o two.o -nostdlib -e main -o out",
        "{O} main.o two.o -Werror -o out",
        "{O} -flto main.o two.o -Werror -o out",
    ],
)
def test_link_steps_are_clangs(objects: Pair, line: str) -> None:
    outcome = objects.check(line)
    assert outcome.code == 0 or b"error" in outcome.stderr


@pytest.mark.parametrize(
    "line",
    [
        "{O} -c main.c -Wl,--gc-sections",
        "{O} -c main.c -Xlinker -x",
        "{O} -c main.c -lm",
        "{O} -c main.c -Xclang -fdump-record-layouts-simple",
        "{O} -c main.c -Xclang -verify=none -Xclang -verify-ignore-unexpected",
        "{O} -c main.c -Xassembler --fatal-warnings -Wa,-L",
        "{O} -c main.c -Xpreprocessor -DX -Wp,-UX",
        "{O} -c main.c -mllvm -inline-threshold=5",
    ],
)
def test_options_for_others_are_passed_on(objects: Pair, line: str) -> None:
    objects.check(line)


def test_everything_in_one_step_works(objects: Pair) -> None:
    objects.check_program("{O} main.c two.c -Wl,--gc-sections -ffunction-sections -o out")
