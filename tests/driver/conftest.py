"""Installations of the driver for its tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from behaviour import POLICIES, Pair
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
    installation.environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return installation


@pytest.fixture
def built_mlcc(real_mlcc: Installation, plugin: str) -> Installation:
    """An installation that executes the real clang with the real plugin; `x86_64-size` ships with it."""
    real_mlcc.plugin.symlink_to(plugin)
    make_policy(real_mlcc.package / "policies" / "x86_64-size")
    return real_mlcc


@pytest.fixture(scope="session")
def shared_mlcc(tmp_path_factory: pytest.TempPathFactory, clang: str, plugin: str) -> Installation:
    """An installation with the real clang and plugin that tests share; `behaviour` says what its policies do."""
    installation = Installation(tmp_path_factory.mktemp("shared"))
    installation.plugin.unlink()
    installation.plugin.symlink_to(plugin)
    keep, change = (installation.root / name for name in POLICIES)
    baseline = {"sequences": [{"name": "baseline", "actions": ["default<Oz>"]}], "sequence_scores": [0.0]}
    nothing = {"option_sets": [{"name": "none", "actions": []}], "option_scores": [0.0], "option_edits": []}
    make_policy(keep, **baseline, **nothing, sequence_edits=[])
    other = {"name": "other", "actions": ["default<Oz>", "function(reg2mem)"]}
    make_policy(change, sequences=[*baseline["sequences"], other], sequence_scores=[0.0, -0.5])
    for arch in ("riscv32", "x86_64"):
        make_policy(installation.package / "policies" / f"{arch}-size")
    installation.environment = {"PATH": os.environ["PATH"], "HOME": str(installation.root), "LC_ALL": "C.UTF-8"}
    return installation


@pytest.fixture
def pair(shared_mlcc: Installation, clang: str, in_folder: Path) -> Pair:
    """clang and mlcc in an empty folder."""
    return Pair(shared_mlcc, clang, in_folder)
