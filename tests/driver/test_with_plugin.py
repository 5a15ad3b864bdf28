"""-O=ml-size with the real clang and the real plugin: it optimises, and nobody else notices."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from installation import Installation

SOURCES = {
    "prog.c": "int twice(int);\nint main(void) { return twice(21) - 42; }\n",
    "twice.c": "int twice(int x) { return 2 * x; }\n",
    "twice.cc": 'extern "C" int twice(int x) { return 2 * x; }\n',
    "asm.S": ".globl nothing\nnothing: ret\n.section .note.GNU-stack\n",
    "head.h": "#define X 1\n",
}
LINES = [
    "-c prog.c",
    "-c prog.c twice.c asm.S",
    "-S prog.c -o -",
    "-S -emit-llvm prog.c -o -",
    "-E prog.c -o out.i",
    "-M prog.c",
    "-MD -MF out.d -c prog.c",
    "-fsyntax-only prog.c",
    "-c asm.S",
    "head.h -o head.pch",
    "-g -c prog.c -o out.o",
    "-g -gsplit-dwarf -c prog.c",
    "-pthread -c prog.c",
    "-fno-integrated-cc1 -c prog.c",
    "-x c prog.c -x none twice.c -o out",
    "prog.c twice.c -o out",
    "-flto prog.c twice.c -fuse-ld=lld -o out",
    "-flto=thin prog.c twice.c -fuse-ld=lld -o out",
    "-fprofile-instr-generate -fcoverage-mapping prog.c twice.c -o out",
]


@pytest.fixture
def sources(in_folder: Path) -> Path:
    for name, text in SOURCES.items():
        in_folder.joinpath(name).write_text(text)
    return in_folder


@pytest.mark.parametrize("line", LINES)
def test_warnings_as_errors_find_nothing_and_the_same_files_are_made(
    built_mlcc: Installation, clang: str, sources: Path, line: str
) -> None:
    def made(*command: str | Path) -> set[str]:
        done = subprocess.run(
            [*command, "-Werror", "-Wall", "-Wextra", *line.split()],
            env=built_mlcc.environment,
            cwd=sources,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        names = {file.name for file in sources.iterdir()} - set(SOURCES)
        if "out" in names:
            assert subprocess.run([sources / "out"], check=False, cwd=sources).returncode == 0
        for file in sources.iterdir():
            if file.name not in SOURCES:
                file.unlink()
        return names

    assert made(built_mlcc.bin / "mlcc", "-O=ml-size") == made(clang, "-Oz")


def test_the_policy_is_used_and_told_about(built_mlcc: Installation, sources: Path) -> None:
    done = built_mlcc.run("-O=ml", "--ml-explain=json:why.json", "-c", "twice.c", cwd=sources)
    assert (done.returncode, done.stderr) == (0, "")
    why = json.loads(sources.joinpath("why.json").read_text())
    assert (why["policy"], why["objective"], why["effort"]) == ("x86_64-size", "balanced", 1)
    text = built_mlcc.run("-O=ml", "--ml-explain", "-c", "twice.c", cwd=sources).stderr
    assert "there is no balanced policy for this target, the size policy is used" in text


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["-fprofile-generate"], "a profile is made or used"),
        (["-fsanitize=address"], "others take part"),
        (["-flto"], "at the link"),
        (["-flto=thin"], "-flto=thin is clang's"),
        (["-include", "nothing.h"], ""),
        (["-x", "c", "nothing.h"], "no function to optimise"),
    ],
)
def test_what_is_left_to_clang_is_told_to_who_asks(
    built_mlcc: Installation, sources: Path, arguments: list[str], why: str
) -> None:
    sources.joinpath("nothing.h").write_text("int nothing;\n")
    line = ["-O=ml-size", *arguments, "-c", *([] if "-x" in arguments else ["twice.c"]), "-o", "a.o"]
    assert built_mlcc.run(*line, cwd=sources).stderr == ""
    told = built_mlcc.run(*line, "--ml-explain", cwd=sources).stderr
    assert told.count("left to clang") == bool(why) and why in told
    built_mlcc.run(*line, "--ml-explain=json:why.json", cwd=sources)
    assert why in json.loads(sources.joinpath("why.json").read_text()).get("left_to_clang", "")


def test_the_log_has_a_line_for_every_module(built_mlcc: Installation, sources: Path) -> None:
    for name in ("prog.c", "twice.c"):
        built_mlcc.run("-O=ml-size", "--ml-effort=0", "-c", name, cwd=sources, MLCC_LOG="log")
    lines = [json.loads(line) for line in sources.joinpath("log").read_text().splitlines()]
    assert [(line["module"], line["effort"]) for line in lines] == [("prog.c", 0), ("twice.c", 0)]


def test_at_a_full_lto_link_the_policy_chooses_for_the_whole_program(built_mlcc: Installation, sources: Path) -> None:
    for name in ("prog.c", "twice.c"):
        built_mlcc.run("-O=ml-size", "-flto", "-c", name, cwd=sources, MLCC_STRICT="1")
    line = ["-O=ml-size", "--ml-effort=2", "-flto", "-fuse-ld=lld", "prog.o", "twice.o", "-o", "out"]
    done = built_mlcc.run(*line, cwd=sources, MLCC_LOG="log", MLCC_STRICT="1")
    assert (done.returncode, done.stderr) == (0, "")
    (entry,) = [json.loads(entry) for entry in sources.joinpath("log").read_text().splitlines()]
    assert (entry["policy"], entry["effort"]) == ("x86_64-size", 2)


def test_the_same_input_gives_the_same_object(built_mlcc: Installation, sources: Path) -> None:
    objects = set()
    for name in ("a.o", "b.o"):
        built_mlcc.run("-O=ml-size", "-g", "-c", "prog.c", "-o", name, cwd=sources)
        objects.add(sources.joinpath(name).read_bytes())
    assert len(objects) == 1


def test_switched_off_the_object_is_clangs(built_mlcc: Installation, clang: str, sources: Path) -> None:
    built_mlcc.run("-O=ml-size", "-c", "prog.c", "-o", "a.o", cwd=sources, MLCC_DISABLE="1")
    subprocess.run([clang, "-Oz", "-c", "prog.c", "-o", "b.o"], check=True, cwd=sources)
    assert sources.joinpath("a.o").read_bytes() == sources.joinpath("b.o").read_bytes()
