"""Policy folders in order, which tests then break."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mlcomp.policies import registry


def write_policy(folder: Path, **changes: Any) -> Path:
    """A policy folder; `changes` replace fields of the manifest, and take out those that are None."""
    folder.mkdir(parents=True)
    for model in ("sequence", "options"):
        folder.joinpath(f"{model}.onnx").write_bytes(model.encode())
    rows = {"inputs": [[1.0]], "outputs": [[0.0]]}
    folder.joinpath("parity.json").write_text(json.dumps({"sequence": rows, "options": rows}))
    folder.joinpath("CARD.md").write_text("# A card\n")
    manifest = {
        "format": 1,
        "name": folder.name,
        "objective": "size",
        "architectures": ["thumb*"],
        "llvm_min": 19,
        "llvm_max": 19,
        "baseline": "default<Oz>",
        "sequence_margin": 0.01,
        "option_margin": 0,
        "max_instructions": 100,
        "features": ["instructions"],
        "sequences": [{"name": "baseline", "actions": ["default<Oz>"]}],
        "option_sets": [{"name": "none", "actions": []}],
        "option_edits": [],
        "sequence_edits": [],
        "efforts": [{}, {}, {}, {}],
        "sequence_model": "sequence.onnx",
        "option_model": "options.onnx",
        "files": registry.checksums(folder),
    }
    manifest = {name: value for name, value in (manifest | changes).items() if value is not None}
    folder.joinpath("manifest.json").write_text(json.dumps(manifest))
    return folder
