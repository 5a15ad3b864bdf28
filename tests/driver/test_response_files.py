"""Response files (@file): our options in them work and never reach clang; the rest is left to clang."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from installation import Installation

from mlcomp.driver.response import split


def write(mlcc: Installation, name: str, text: str) -> str:
    mlcc.root.joinpath(name).write_text(text)
    return f"@{name}"


def test_an_objective_in_a_file_works_and_clang_does_not_see_it(mlcc: Installation) -> None:
    file = write(mlcc, "args", "-O=ml-size --ml-effort=2\n-c 'a b.c'\n")
    arguments = mlcc.arguments("-g", file, "-o", "a.o")
    assert arguments[-6:] == ["-g", "-Oz", "-c", "a b.c", "-o", "a.o"]
    assert "-mlcomp-effort=2" in arguments


def test_an_objective_in_a_nested_file_works(mlcc: Installation) -> None:
    write(mlcc, "inner", "-O=ml-size")
    file = write(mlcc, "outer", "-c @inner a.c")
    assert mlcc.arguments(file)[-3:] == ["-c", "-Oz", "a.c"]


def test_files_without_our_options_stay_files(mlcc: Installation) -> None:
    file = write(mlcc, "args", "-c a.c --target=riscv32-unknown-elf")
    arguments = mlcc.arguments("-O=ml", file, "-g", file)
    assert arguments[-4:] == ["-Oz", file, "-g", file]
    assert f"-mlcomp-policy={mlcc.package}/policies/riscv32-size" in arguments


def test_a_level_in_a_file_turns_the_policy_off(mlcc: Installation) -> None:
    file = write(mlcc, "args", "-O2 a.c")
    assert mlcc.arguments("-O=ml", file) == [file]
    assert mlcc.arguments(file, "-O=ml")[-2:] == [file, "-Oz"]


def test_an_option_may_have_its_value_in_a_file(mlcc: Installation) -> None:
    file = write(mlcc, "args", "a.c -O=ml")
    assert mlcc.arguments("-o", file, "b.c")[-4:] == ["-o", "a.c", "-Oz", "b.c"]


def test_files_that_are_missing_or_name_themselves_are_clangs_business(mlcc: Installation) -> None:
    file = write(mlcc, "loop", "-O=ml @loop -c a.c")
    assert mlcc.arguments(file, "@missing")[-5:] == ["-Oz", "@loop", "-c", "a.c", "@missing"]


def test_a_pipe_is_read_once_and_its_arguments_kept(mlcc: Installation) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"-O2 -c a.c")
    os.close(writer)
    done = subprocess.run(
        [mlcc.bin / "mlcc", f"@/dev/fd/{reader}", "-g"],
        env=mlcc.environment,
        pass_fds=[reader],
        capture_output=True,
        text=True,
        check=True,
    )
    os.close(reader)
    assert done.stdout.endswith('clang-19", "-O2", "-c", "a.c", "-g"]\n')


def test_a_long_file_does_not_overflow_the_command_line(mlcc: Installation) -> None:
    names = [f"source folder/file {i}.c" for i in range(100_000)]
    file = write(mlcc, "args", "-O=ml-size\n" + "\n".join(f'"{name}"' for name in names))
    mlcc.tools.joinpath("clang-19").write_text('#!/bin/sh\nexec /bin/cat "${1#@}"\n')
    done = mlcc.run(file, "-DX='\"\\")
    assert (done.returncode, done.stderr) == (0, "")
    assert split(done.stdout.encode())[-100_002:] == ["-Oz", *names, "-DX='\"\\"]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" \n\t ",
        b"plain words\nand lines\r\n",
        rb"a\ b 'c d' \"e f\" g\'h",
        rb'"a\"b" "c\\d" ' + rb"'e\'f' x'y'z",
        b'"" a ""b',
        b"'open \n to the end",
        b"end\\",
        b"form\x0cfeed no\xc2\xa0break \xc3\xbc",
        b"\xef\xbb\xbfafter the mark",
        "wide ümlaut".encode("utf-16"),
        b"not \xff text",
    ],
)
def test_words_are_those_that_clang_finds(clang: str, tmp_path: Path, text: bytes) -> None:
    """clang names every input that it cannot find."""
    file = tmp_path / "args"
    file.write_bytes(text)
    done = subprocess.run([clang, "-c", f"@{file}"], capture_output=True, check=False, cwd=tmp_path)
    lines = os.fsdecode(done.stderr.replace(b"<FF>", b"\xff")).split("no such file or directory: '")[1:]
    assert split(text) == [line.split("'\nclang")[0].removesuffix("'\n") for line in lines]
