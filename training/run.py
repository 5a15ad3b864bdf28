"""What every training run's folder ends with: `run.json`, and inputs on which an export must prove parity."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mlcomp.passes_features.session import feature_names
from mlcomp.platforms.targets import targets


class RunError(Exception):
    """A run folder that lacks something; the message is one line."""


def sequences_of(run: Path) -> list[tuple[str, ...]]:
    """The sequences of a finished run, but for the baseline; raises `RunError`."""
    try:
        return [tuple(s) for s in json.loads((run / "run.json").read_text())["sequences"][1:]]
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise RunError(f"'{run}' is no finished training run: {problem}") from problem


def finish(
    run: Path, settings: dict[str, Any], content: dict[str, Any], inputs: Mapping[str, npt.NDArray[np.float32]]
) -> None:
    """Writes them; `inputs` (n, d) are by the model's name."""
    clang = subprocess.run(["clang-19", "--version"], capture_output=True, text=True, check=False).stdout
    common = {
        "settings": settings,
        "architectures": targets()[settings["target"]].architectures,
        "llvm": clang.splitlines()[0] if clang else "",
        "features": feature_names(),
    }
    np.savez_compressed(run / "parity.npz", allow_pickle=False, **inputs)
    (run / "run.json").write_text(json.dumps(common | content, indent=1) + "\n")
