"""Programs for the platforms, built once a session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mlcomp.platforms.measurement import Limits, Measurement
from mlcomp.platforms.platform import Platform, find_platform, platforms
from mlcomp.platforms.program import Source, build

PROGRAMS = Path(__file__).parent / "programs"
LIMITS = Limits(cycles=3_000_000, output=20_000)

Run = Callable[..., Measurement]


@pytest.fixture(scope="session", params=list(platforms()))
def platform(request: pytest.FixtureRequest) -> Platform:
    """Each platform in turn, ready to run."""
    found = find_platform(request.param)
    found.prepare()
    return found


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Builds a program of this folder with clang and runs it."""

    def run_program(
        platform: Platform, name: str, *flags: str, level: str = "-O1", limits: Limits = LIMITS
    ) -> Measurement:
        source = Source(PROGRAMS / name, ("-w", "-fno-optimize-sibling-calls", *flags))
        program, size = build(platform, ["clang-19", level], [source], tmp_path)
        return platform.run(program, limits, size)

    return run_program
