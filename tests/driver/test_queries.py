"""What clang says about itself: mlcc says the same, with and without an objective."""

from __future__ import annotations

import pytest
from behaviour import Pair

QUERIES = [
    "--version",
    "-v",
    "-dumpversion",
    "-dumpmachine",
    "--help",
    "-print-search-dirs",
    "-print-resource-dir",
    "-print-libgcc-file-name",
    "-print-file-name=libc.so",
    "-print-prog-name=ld",
    "-print-multi-lib",
    "-print-target-triple",
    "-print-effective-triple --target=thumbv7em-none-eabi",
    "-print-runtime-dir",
    "--print-supported-cpus --target=riscv32-unknown-elf",
    "--autocomplete=-fno-sanitize",
]


@pytest.mark.parametrize("line", [*QUERIES, "{O} --version", "{O} -v", "{O} -dumpmachine", "{O} -print-search-dirs"])
def test_answers_are_clangs(pair: Pair, line: str) -> None:
    assert pair.check(line).code == 0


@pytest.mark.parametrize("line", ["", "{O}", "-c", "{O} -c", "missing.c", "{O} missing.c", "{O} -o", "{O} -c @missing"])
def test_without_an_input_the_error_and_the_exit_code_are_clangs(pair: Pair, line: str) -> None:
    assert pair.check(line).code == 1
