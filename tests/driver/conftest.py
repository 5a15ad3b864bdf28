"""Installations of the driver for its tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from installation import Installation
from make_policy import make_policy


@pytest.fixture
def mlcc(tmp_path: Path) -> Installation:
    """An installation with a size policy for every target that has one, and clang 19."""
    installation = Installation(tmp_path)
    for arch in ("riscv32", "thumb", "x86_64"):
        installation.add_policy(f"{arch}-size")
    return installation


@pytest.fixture
def real_mlcc(tmp_path: Path, clang: str) -> Installation:
    """An installation that executes the real clang, and has neither plugin nor policies."""
    installation = Installation(tmp_path)
    installation.plugin.unlink()
    installation.environment = {**os.environ, "PYTHONPATH": installation.environment["PYTHONPATH"]}
    return installation


@pytest.fixture
def built_mlcc(real_mlcc: Installation, plugin: str) -> Installation:
    """An installation that executes the real clang with the real plugin; `x86_64-size` ships with it."""
    real_mlcc.plugin.symlink_to(plugin)
    make_policy(real_mlcc.package / "policies" / "x86_64-size")
    return real_mlcc
