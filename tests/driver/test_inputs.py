"""Inputs of every kind, several at once, and where their outputs go."""

from __future__ import annotations

import subprocess

import pytest
from behaviour import Pair

FILES = {
    "main.c": "int two(void), three(void);\nint main(void) { return two() * three() - 6; }\n",
    "sub/two.c": "int two(void) { return 2; }\n",
    "three.S": "#define THREE 3\n.globl three\nthree: mov $THREE, %eax\nret\n.section .note.GNU-stack\n",
    "three.s": ".globl three\nthree: mov $3, %eax\nret\n.section .note.GNU-stack\n",
    "three.ll": 'target triple = "x86_64-pc-linux-gnu"\ndefine i32 @three() {\n  ret i32 3\n}\n',
    "three.txt": "int three(void) { return 3; }\n",
    "inner": "sub/two.c -c\n",
    "outer": "{level} '-DNAME=\"a b\"' @inner\n",
    "broken.c": "int f( {\n",
    "warns.c": "int f(int x) { int y; return x; }\n",
}


@pytest.fixture
def files(pair: Pair, clang: str) -> Pair:
    pair.write(FILES)
    subprocess.run([clang, "-c", "-emit-llvm", "three.ll", "-o", "three.bc"], cwd=pair.folder, check=True)
    return pair


@pytest.mark.parametrize(
    "line",
    [
        "{O} -c sub/two.c",
        "{O} -S sub/two.c main.c",
        "{O} -c main.c sub/two.c three.S three.s three.ll three.bc",
        "{O} -c three.bc -o three.o",
        "{O} -S -emit-llvm main.c -o -",
        "{O} -c -emit-llvm main.c -o main.bc",
        "{O} -S three.ll",
        "{O} -fsyntax-only main.c",
        "{O} -c -save-temps main.c",
        "{O} -c @inner",
        "{O} -x c three.txt -x none -c main.c",
        "{O} -c broken.c",
        "{O} -c warns.c -Wall -Wextra",
        "{O} -c warns.c -Wall -Werror",
        "{O} -c main.c broken.c sub/two.c",
        "{O} -c main.c -o missing/folder.o",
        "{O} -c main.c sub/two.c -o one.o",
        "{O} -c main.c -ftime-report=nonsense",
        "{O} -c main.c -Rpass=inline -O2 {O}",
        "{O} -c main.c -fstack-usage",
        "{O} -c main.c -mllvm -no-such-option",
        "{O} -c main.c -Xclang -no-such-option",
        "{O} -c main.c -no-such-option",
        "{O} -c main.c -fno-such-option -mno-such-option",
        "{O} -c main.c -Wno-such-warning",
        "{O} -c main.c -march=nonsense",
        "{O} -c main.c --target=nonsense-none",
        "{O} -c main.c -ffreestanding -fno-builtin -fshort-enums -std=c99 -pedantic",
        "{O} -c main.c -fPIC -fvisibility=hidden -fstack-protector-strong -fcf-protection -D_FORTIFY_SOURCE=2",
    ],
)
def test_messages_exit_code_and_files_are_clangs(files: Pair, line: str) -> None:
    files.check(line)


@pytest.mark.parametrize("three", ["three.S", "three.s", "three.ll", "three.bc", "-x c three.txt"])
def test_a_program_of_several_inputs_works(files: Pair, three: str) -> None:
    files.check_program("{O} main.c sub/two.c " + three + " -o out")


def test_a_nested_response_file_with_an_objective_is_read_as_clang_reads_one_with_a_level(files: Pair) -> None:
    outer = files.folder / "outer"
    outer.write_text(FILES["outer"].format(level="-Oz"))
    expected = files.clangs("@outer")
    outer.write_text(FILES["outer"].format(level="-O=ml-size"))
    assert files.mlccs("@outer", "keep") == expected
