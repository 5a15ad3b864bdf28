"""What tests of networks share: a fitted model of the made-up platform."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from made_up import NAME, measure

from mlcomp.estimator.networks import stack
from mlcomp.estimator.networks.bench import names
from mlcomp.estimator.networks.store import Measured

COUNT, LARGEST = 48, 16  # networks, and layers of one


@pytest.fixture(scope="session")
def measured() -> list[Measured]:
    """Small benchmarks on the made-up platform."""
    rows = (measure(name) for name in names(0, 400))
    return list(itertools.islice((row for row in rows if len(row.mapping.network.layers) <= LARGEST), COUNT))


@pytest.fixture(scope="session")
def platform(measured: list[Measured], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of its model."""
    folder = tmp_path_factory.mktemp("platform") / NAME
    stack.save(stack.fit(NAME, measured, 0), folder)
    return folder
