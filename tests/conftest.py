"""What all tests share: a clean environment, and the tools of the machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test depends on what the user has set for the compiler."""
    for name in [n for n in os.environ if n.startswith(("MLCC_", "MLCOMP_TRACEBACK"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "1")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


@pytest.fixture(scope="session")
def clang() -> str:
    """The real clang."""
    path = shutil.which("clang-19")
    if not path:
        pytest.skip("clang-19 is not installed")
    return path


@pytest.fixture(scope="session")
def plugin() -> str:
    """The built plugin."""
    from mlcomp.driver.learned import PLUGIN

    if not Path(PLUGIN).is_file():
        pytest.skip("the plugin is not built")
    return PLUGIN


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    yield folder
