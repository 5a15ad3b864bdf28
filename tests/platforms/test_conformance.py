"""What any platform must do. A new platform is tried by being in the list; nothing is added here for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import LIMITS, PROGRAMS, Run

from mlcomp.platforms.measurement import PlatformError
from mlcomp.platforms.platform import Platform
from mlcomp.platforms.program import Source, build

WORK = "-DCASE=0"


def exact(counts: dict[str, float] | None) -> dict[str, float]:
    """What must be the same in every run: all but times."""
    assert counts is not None
    return {name: value for name, value in counts.items() if name != "cpu_time"}


def test_every_figure_is_a_declared_metric(platform: Platform, run: Run) -> None:
    declared = {m.name for m in platform.metrics}
    result = run(platform, "behaviour.c", WORK, "-DROUNDS=100")
    assert result.problem == ""
    assert set(result.main) == declared
    assert result.region is not None
    assert set(result.region) <= declared
    assert {"instructions"} <= declared
    assert all(m.source in ("measured", "modelled") for m in platform.metrics)


def test_two_runs_give_identical_counts(platform: Platform, run: Run) -> None:
    first = run(platform, "behaviour.c", WORK, "-DROUNDS=500")
    second = run(platform, "behaviour.c", WORK, "-DROUNDS=500")
    assert exact(first.main) == exact(second.main)
    assert exact(first.region) == exact(second.region)
    assert first.output == second.output == first.output


def test_counts_follow_the_work_in_the_region(platform: Platform, run: Run) -> None:
    counts = [exact(run(platform, "behaviour.c", WORK, f"-DROUNDS={n}").region) for n in (500, 1000, 1500)]
    for name in ("instructions", "cycles", "loads", "stores"):
        if name in counts[0]:
            steps = [counts[1][name] - counts[0][name], counts[2][name] - counts[1][name]]
            assert steps[0] == pytest.approx(steps[1], rel=0.001)
            assert steps[0] >= 500


def test_the_region_lies_in_main(platform: Platform, run: Run) -> None:
    result = run(platform, "behaviour.c", WORK, "-DROUNDS=50")
    assert all(value <= result.main[name] for name, value in exact(result.region).items())
    assert result.main["instructions"] > exact(result.region)["instructions"] + 100  # printf is outside


def test_output_and_size_are_the_programs_own(platform: Platform, run: Run) -> None:
    result = run(platform, "behaviour.c", WORK, "-DROUNDS=3")
    assert result.output.startswith(b"working\n")
    assert result.code == 0
    assert 40 < result.size.flash < 1000  # not the C library's


def test_levels_agree_on_the_result(platform: Platform, run: Run) -> None:
    outputs = {run(platform, "behaviour.c", WORK, "-DROUNDS=77", level=f"-O{x}").output for x in "023z"}
    assert len(outputs) == 1


@pytest.mark.parametrize(
    ("case", "problem"),
    [(1, "ran for more than"), (4, "printed more than|ran for more than"), (5, "returned 3")],
)
def test_a_bad_end_is_named(platform: Platform, run: Run, case: int, problem: str) -> None:
    result = run(platform, "behaviour.c", f"-DCASE={case}")
    assert any(result.problem.startswith(text) for text in problem.split("|")), result.problem
    assert len(result.output) <= LIMITS.output


@pytest.mark.parametrize("case", [3, 6, 7, 10])
def test_a_fault_is_named_and_is_no_result(platform: Platform, run: Run, case: int) -> None:
    assert run(platform, "behaviour.c", f"-DCASE={case}").problem.startswith(("fault", "returned 134"))


def test_a_stack_overflow_is_named(platform: Platform, run: Run) -> None:
    problem = run(platform, "behaviour.c", "-DCASE=2").problem
    assert problem == ("fault: SIGSEGV" if platform.name == "host" else "overflowed its stack")


def test_heap_and_exit_inside_main_work(platform: Platform, run: Run) -> None:
    result = run(platform, "behaviour.c", "-DCASE=8")
    assert (result.problem, result.output) == ("", b"from the heap\n")
    assert result.main["instructions"] > 0


def test_what_does_not_fit_is_refused_in_one_line(platform: Platform, tmp_path: Path) -> None:
    source = Source(PROGRAMS / "behaviour.c", ("-w", "-DCASE=9"))
    if platform.name == "host":
        build(platform, ["clang-19", "-O1"], [source], tmp_path)
        return
    with pytest.raises(PlatformError, match=r"^linking: .*will not fit[^\n]*$"):
        build(platform, ["clang-19", "-O1"], [source], tmp_path)


def test_fingerprints_tell_platforms_apart(platform: Platform) -> None:
    assert platform.fingerprint().startswith(platform.name + " ")
    assert platform.fingerprint() == platform.fingerprint()
