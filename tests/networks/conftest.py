"""What tests of networks share: a fitted model of the made-up platform."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_up import NAME, measure

from mlcomp.estimator.networks import stack
from mlcomp.estimator.networks.bench import names
from mlcomp.estimator.networks.store import Measured


@pytest.fixture(scope="session")
def measured() -> list[Measured]:
    """Benchmarks on the made-up platform."""
    return [measure(name) for name in names(0, 60)]


@pytest.fixture(scope="session")
def platform(measured: list[Measured], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of its model."""
    folder = tmp_path_factory.mktemp("platform") / NAME
    stack.save(stack.fit(NAME, measured, 0), folder)
    return folder
