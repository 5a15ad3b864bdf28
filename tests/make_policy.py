"""Writes small policies for tests: constant scores, so that a test decides what is ranked first.

    python tests/make_policy.py FOLDER [KEY=VALUE …]

Values are JSON and replace parts of the manifest; `sequence_scores` and `option_scores` are the models' outputs.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from mlcomp.passes_features.session import feature_names


def constant_model(features: int, scores: list[float]) -> bytes:
    """ONNX that gives the same scores for every input."""
    weights = numpy_helper.from_array(np.zeros((features, len(scores)), np.float32), "weights")
    bias = numpy_helper.from_array(np.array(scores, np.float32), "bias")
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["features", "weights", "bias"], ["scores"])],
        "constant",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [1, features])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, len(scores)])],
        [weights, bias],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def make_policy(folder: Path, **changes: Any) -> Path:
    """A policy with three sequences and two option sets in `folder`; `changes` replace parts of the manifest."""
    plan = {"sequences": 3, "option_sets": [2], "option_edits": 1, "sequence_edits": 1, "rounds": 1}
    manifest: dict[str, Any] = {
        "format": 1,
        "name": folder.name,
        "objective": "size",
        "architectures": ["riscv32", "x86_64", "thumb*"],
        "llvm_min": 19,
        "llvm_max": 19,
        "baseline": "default<Oz>",
        "max_instructions": 100_000,
        "sequence_margin": 0.0,
        "option_margin": 0.0,
        "features": ["instructions", "blocks"],
        "sequences": [
            {"name": "baseline", "actions": ["default<Oz>"]},
            {"name": "small", "actions": ["default<Oz>", "mergefunc"]},
            {"name": "raw", "actions": ["function(sroa)"]},
        ],
        "option_sets": [{"name": "none", "actions": []}, {"name": "lsr", "actions": ["-disable-lsr"]}],
        "option_edits": ["-disable-machine-licm"],
        "sequence_edits": [{"where": "back", "action": "globaldce"}],
        "efforts": [plan, plan, plan, plan],
        "sequence_model": "sequence.onnx",
        "option_model": "options.onnx",
    }
    scores = {
        "sequence": changes.pop("sequence_scores", [0.0, -0.02, 0.5]),
        "options": changes.pop("option_scores", [0.0, -0.01]),
    }
    manifest |= changes
    unknown = [name for name in manifest["features"] if name not in feature_names()]
    width = len(manifest["features"]) - len(unknown)
    folder.mkdir(parents=True, exist_ok=True)
    for model, values in scores.items():
        (folder / f"{model}.onnx").write_bytes(constant_model(width, values))
    manifest["files"] = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("options.onnx", "sequence.onnx")
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1))
    return folder


if __name__ == "__main__":
    make_policy(Path(sys.argv[1]), **{k: json.loads(v) for k, v in (a.split("=", 1) for a in sys.argv[2:])})
