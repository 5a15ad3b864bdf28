"""What takes the place of the policies that ship."""

from __future__ import annotations

from pathlib import Path

import pytest
from policy_folder import write_policy

from mlcomp.policies import registry


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that takes the place of that of the policies that ship, with one in it."""
    folder = tmp_path / "policies"
    write_policy(folder / "thumb-size")
    monkeypatch.setattr(registry, "shipped_folder", lambda: folder)
    return folder
