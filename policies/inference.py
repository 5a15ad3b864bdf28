"""A policy in Python: the manifest's alternatives, ranked by ONNX Runtime.

The same decisions as the compiler takes with its native evaluator; used by `mlcomp explain`, exports and evaluation.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


class PolicyError(Exception):
    """The policy is missing or broken; the message is one line."""


@dataclass(frozen=True)
class Alternative:
    """A sequence, or a set of options, that a policy may choose."""

    name: str
    actions: tuple[str, ...]


class RankedPolicy:
    """A policy folder opened for inference.

    Parameters
    ----------
    folder : Path
        Holds `manifest.json` and the two models.
    features : list of str
        Names of the features that will be given, in order.

    Raises
    ------
    PolicyError
        If the folder is no policy, or it names a feature that is not among `features`.
    """

    def __init__(self, folder: Path, features: list[str]) -> None:
        try:
            self.manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
            manifest = self.manifest
            self.sequences = [Alternative(a["name"], tuple(a["actions"])) for a in manifest["sequences"]]
            self.option_sets = [Alternative(a["name"], tuple(a["actions"])) for a in manifest["option_sets"]]
            missing = [name for name in manifest["features"] if name not in features]
            if missing:
                raise PolicyError(f"policy '{folder.name}' names feature '{missing[0]}', which this build lacks")
            self._columns = [features.index(name) for name in manifest["features"]]
            files = {"sequence": manifest["sequence_model"], "options": manifest["option_model"]}
            self._models = {name: open_model(folder / file) for name, file in files.items() if file}
        except OSError as problem:
            raise PolicyError(f"cannot read policy '{folder}': {problem.strerror}") from problem
        except (ValueError, KeyError, TypeError) as problem:
            raise PolicyError(f"policy '{folder.name}' is broken: {problem}") from problem

    def _score(self, model: str, features: Floats) -> Floats:
        session = self._models[model]
        row = features[self._columns][None, :]
        (scores,) = session.run(None, {session.get_inputs()[0].name: row})
        return np.asarray(scores, np.float32).reshape(-1)

    def score_sequences(self, features: Floats) -> Floats:
        """Predicted ln(size / baseline) of every sequence, from the features of the unoptimised module."""
        return self._score("sequence", features)

    def score_option_sets(self, features: Floats) -> Floats:
        """Predicted ln(size / baseline) of every option set, from the features of the baseline's code; 0 if none
        ranks them."""
        if "options" not in self._models:
            return np.zeros(len(self.option_sets), np.float32)
        return self._score("options", features)

    def choose_sequence(self, features: Floats) -> int:
        """What effort 0 takes: the best-ranked sequence if it promises more than the margin, else the baseline."""
        return _confident(self.score_sequences(features), self.manifest["sequence_margin"])

    def choose_option_set(self, features: Floats) -> int:
        """What effort 0 takes if it takes the baseline's sequence: the best-ranked option set, or none."""
        return _confident(self.score_option_sets(features), self.manifest["option_margin"])


def _confident(scores: Floats, margin: float) -> int:
    best = int(scores.argmin())
    return best if scores[best] < scores[0] - np.float32(margin) else 0


def open_model(path: Path) -> Any:
    """ONNX Runtime's session of a model; raises `PolicyError`."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as problem:  # onnxruntime has no common base class for its errors
        raise PolicyError(f"ONNX Runtime refuses {path.name}: {str(problem).splitlines()[0]}") from problem
