"""`mlcomp measure` and what is behind it: comparing compilers, remembering, refusing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import PROGRAMS

from mlcomp.cli.measure import measure, split_arguments
from mlcomp.platforms.cortex_m4 import block_cycles, classify
from mlcomp.platforms.measurement import Limits
from mlcomp.platforms.platform import find_platform, find_program
from mlcomp.platforms.program import Source, compare

SOURCE = str(PROGRAMS / "behaviour.c")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder with the simulators of the machine's, and nothing measured."""
    from mlcomp.platforms.platform import cache_folder

    find_platform("ibex-fast").prepare()
    (tmp_path / "platforms").symlink_to(cache_folder() / "platforms")
    monkeypatch.setenv("MLCOMP_CACHE", str(tmp_path))
    return tmp_path


def command(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(measure, list(words))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_compilers_are_compared_in_one_json(cache: Path) -> None:
    optimised = f"{find_program('clang-19')} -O2"
    code, output = command(
        "--json", "--platform", "ibex-fast", "--compiler", "clang-19 -O0", "--compiler", optimised, SOURCE,
        "--", "-DCASE=0", "-DROUNDS=9",
    )  # fmt: skip
    assert code == 0
    results = json.loads(output[output.index("{") :])["ibex-fast"]["results"]
    assert results["clang-19 -O0"]["output"] == results[optimised]["output"]
    assert results["clang-19 -O0"]["flash"] > results[optimised]["flash"]
    assert results["clang-19 -O0"]["region"]["cycles"] > results[optimised]["region"]["cycles"]


def test_a_result_that_differs_between_compilers_fails(cache: Path, tmp_path: Path) -> None:
    source = tmp_path / "level.c"
    source.write_text(
        '#include <stdio.h>\nint main(void) {\n#ifdef __OPTIMIZE__\nputs("1");\n#else\nputs("2");\n#endif\n}\n'
    )
    code, output = command(
        "--platform", "ibex-fast", "--compiler", "clang-19 -O0", "--compiler", "clang-19 -O2", str(source)
    )
    assert code == 1
    assert "differs" in output


def test_an_example_runs_with_its_input_taken_in(cache: Path) -> None:
    examples = Path(__file__).parents[2] / "examples"
    sources = [str(examples / name) for name in ("filter.c", "board/measured.c")]
    flags = ['-DINPUT="../inputs/filter.txt"', "-Wall", "-Wextra", "-Werror", "-Wno-c23-extensions"]
    code, output = command("--platform", "ibex-fast", "--json", "--compiler", "clang-19 -O3", *sources, "--", *flags)
    assert code == 0, output
    result = json.loads(output[output.index("{") :])["ibex-fast"]["results"]["clang-19 -O3"]
    assert len(result["output"].splitlines()) > 5


def test_one_bad_program_does_not_stop_the_others(cache: Path, tmp_path: Path) -> None:
    source = tmp_path / "some.c"
    source.write_text("int main(void) {\n#ifdef BAD\nsyntax error\n#endif\nreturn 0;\n}\n")
    compilers = [["clang-19", "-O1", "-DBAD"], ["clang-19", "-O1"]]
    results = compare(find_platform("ibex-fast"), compilers, [Source(source)], Limits(), jobs=2)
    assert results[0].problem.startswith("cannot be built: ")
    assert "\n" not in results[0].problem
    assert results[1].problem == ""


def test_equal_programs_are_run_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    platform = find_platform("ibex-fast")
    runs = []
    original = type(platform).run
    monkeypatch.setattr(type(platform), "run", lambda *a: runs.append(1) or original(*a))
    source = Source(PROGRAMS / "behaviour.c", ("-DCASE=5",))
    first = compare(platform, [["clang-19", "-O2"]], [source], Limits(), jobs=1)
    again = compare(platform, [["clang-19", "-O2"], ["clang-19", "-O3"]], [source], Limits(), jobs=1)
    assert len(runs) == 1
    assert first[0] == again[0]


def test_a_broken_memory_is_measured_again(cache: Path) -> None:
    platform, source = find_platform("ibex-fast"), Source(PROGRAMS / "behaviour.c", ("-DCASE=5",))
    first = compare(platform, [["clang-19", "-O2"]], [source], Limits(), jobs=1)
    (file,) = (cache / "measurements").rglob("*.json")
    file.write_text(file.read_text()[:20])
    assert compare(platform, [["clang-19", "-O2"]], [source], Limits(), jobs=1) == first


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--platform", "abacus", SOURCE], "unknown platform 'abacus'"),
        (["--compiler", "no-such-cc -O2", SOURCE], "no compiler 'no-such-cc'"),
        (["no-such-file.c"], "no file"),
        ([], "at least one source"),
        (["--compiler", "", SOURCE], "a compiler is empty"),
        (["--compiler", "clang '", SOURCE], "No closing quotation"),
    ],
)
def test_bad_arguments_get_one_clear_line(words: list[str], message: str) -> None:
    code, output = command(*words)
    assert code in (1, 2)
    assert message in output
    assert "Traceback" not in output


def test_flags_follow_the_sources() -> None:
    sources, flags = split_arguments((SOURCE, "-DCASE=0", "-I", "here"))
    assert ([s.name for s in sources], flags) == (["behaviour.c"], ("-DCASE=0", "-I", "here"))


@pytest.mark.parametrize(
    ("mnemonic", "operands", "kind", "cycles"),
    [
        ("adds", "r0, r1, r2", "alu", 1),
        ("ldr.w", "r0, [r1, #4]", "load", 2),
        ("push", "{r4, r5, r7, lr}", "multiple", 5),
        ("pop.w", "{r4-r8, pc}", "multiple", 7),
        ("ldrd", "r0, r1, [sp]", "multiple", 3),
        ("mla", "r0, r1, r2, r3", "accumulate", 2),
        ("muls", "r0, r1, r0", "multiply", 1),
        ("smull", "r0, r1, r2, r3", "multiply", 1),
        ("udiv", "r0, r0, r1", "divide", 7),
        ("bne", "0x20 <f>", "branch", 1),
        ("bl", "0x20 <f>", "branch", 1),
        ("bic", "r0, r0, #1", "alu", 1),
        ("blt.w", "0x20", "branch", 1),
        ("cbnz", "r0, 0x20", "branch", 1),
        ("tbb", "[pc, r0]", "table", 2),
        ("strb", "r0, [r1]", "store", 2),
    ],
)
def test_cortex_m4_latencies(mnemonic: str, operands: str, kind: str, cycles: int) -> None:
    instruction = classify(mnemonic, operands)
    assert instruction.kind == kind
    assert block_cycles([instruction]) == cycles
