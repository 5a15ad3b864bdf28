"""-flto and -flto=thin with lld, in one step and in several, for every mixture of compilers."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
from behaviour import Pair

FILES = {
    "main.c": "int two(void), unused(void);\nint main(void) { return two() - 2; }\n",
    "two.c": """static int one(void) { return 1; }
int two(void) { return one() + 1; }
int unused(void) { return 3; }
""",
}


@pytest.mark.parametrize("kind", ["-flto", "-flto=full", "-flto=thin"])
@pytest.mark.parametrize("linking", ["clang", "mlcc"])
def test_objects_of_both_compilers_link_with_either(pair: Pair, kind: str, linking: str) -> None:
    pair.write(FILES)
    first = pair.clangs(f"{{O}} {kind} -c main.c -o main.o")
    second = pair.mlccs(f"{{O}} {kind} -c two.c -o two.o", "change")
    for made in (first, second):
        assert (made.code, made.stderr) == (0, b"")
        for name, contents in made.files.items():
            pair.folder.joinpath(name).write_bytes(contents)
    line = f"{{O}} {kind} -fuse-ld=lld main.o two.o -o out"
    linked = pair.clangs(line) if linking == "clang" else pair.check(line)
    assert (linked.code, linked.stderr) == (0, b"")
    assert pair.run(linked).code == 0


@pytest.mark.parametrize("more", ["", "-g", "-Wl,-Map=out.map", "-save-temps", "-ffat-lto-objects", "-Wl,--lto-O3"])
@pytest.mark.parametrize("kind", ["-flto", "-flto=thin"])
def test_a_link_in_one_step_leaves_the_files_that_clang_leaves(pair: Pair, kind: str, more: str) -> None:
    pair.write(FILES)
    line = f"{{O}} {kind} {more} -fuse-ld=lld main.c two.c -o out"
    expected, made = pair.clangs(line), pair.mlccs(line, "change")
    assert (made.code, made.stderr, set(made.files)) == (expected.code, expected.stderr, set(expected.files))
    assert pair.run(made).code == 0


def test_an_archive_of_bitcode_links(pair: Pair) -> None:
    pair.write(FILES)
    made = pair.mlccs("{O} -flto -c main.c two.c", "change")
    for name, contents in made.files.items():
        pair.folder.joinpath(name).write_bytes(contents)
    subprocess.run(shlex.split("llvm-ar-19 rcs libtwo.a two.o"), cwd=pair.folder, check=True)
    pair.check_program("{O} -flto -fuse-ld=lld main.o -L. -ltwo -o out")


def test_where_lld_is_the_default_the_policy_optimises_at_the_link(pair: Pair, tmp_path: Path) -> None:
    flags = "--target=riscv32-unknown-elf -march=rv32imc -mabi=ilp32 -flto"
    pair.write(FILES)
    made = pair.mlccs(f"{{O}} {flags} -c main.c two.c", "change")
    for name, contents in made.files.items():
        pair.folder.joinpath(name).write_bytes(contents)
    link = f"{flags} -nostdlib -Wl,-e,main main.o two.o -o out"
    log = tmp_path / "log"
    by_default = pair.mlccs(f"{{O}} {link}", "change", MLCC_LOG=str(log))
    assert (by_default.code, by_default.stderr) == (0, b"")
    assert by_default == pair.mlccs(f"{{O}} {link} -fuse-ld=lld", "change")
    assert log.read_text().count("\n") == 1
