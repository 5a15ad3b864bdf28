"""Lists, loads and checks policies: folders with `manifest.json`, models, and vectors that prove them.

Only the standard library. The compiler reads the same manifest (`cpp_shim/core/Policy.cpp`) and checks what
only it can: that the features and actions exist in this build.

Beside what the compiler reads, a manifest has `files`, the SHA-256 of every other file in the folder.
`CARD.md` tells people what the policy was made from and what it reached. `parity.json` maps a model's name,
its file's without `.onnx`, to rows of `inputs` and the `outputs` that every engine must give for them.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlcomp.policies.archive import MANIFEST

FORMAT = 1
PARITY = "parity.json"
CARD = "CARD.md"
OBJECTIVES = ("balanced", "size", "time", "energy")

# What every manifest must have, and of which type.
_FIELDS: dict[str, type | tuple[type, ...]] = {
    "format": int,
    "name": str,
    "objective": str,
    "architectures": list,
    "llvm_min": int,
    "llvm_max": int,
    "baseline": str,
    "sequence_margin": (int, float),
    "option_margin": (int, float),
    "max_instructions": int,
    "features": list,
    "sequences": list,
    "option_sets": list,
    "option_edits": list,
    "sequence_edits": list,
    "efforts": list,
    "sequence_model": str,
    "option_model": str,
    "files": dict,
}


class PolicyError(Exception):
    """A policy that is missing or broken; the message is one line."""


@dataclass(frozen=True)
class Vectors:
    """Rows of inputs of one model, and the outputs that belong to them."""

    inputs: list[list[float]]
    outputs: list[list[float]]


@dataclass(frozen=True)
class Policy:
    """A policy whose manifest is in order."""

    name: str
    arch: str  # as in the folder's name: riscv32, thumb, x86_64
    objective: str
    path: Path
    card: str
    manifest: dict[str, Any] = field(repr=False)

    @property
    def models(self) -> list[str]:
        """File names of the models."""
        return model_files(self.manifest)


def model_files(manifest: dict[str, Any]) -> list[str]:
    """File names of all models that a manifest names: those that rank, and those of the judge."""
    files = [manifest["sequence_model"], manifest["option_model"]]
    for metric in manifest.get("judge", {}).get("metrics", []):
        files += [metric.get("model", ""), metric.get("difficulty", "")]
    return [file for file in files if file]


def shipped_folder() -> Path:
    """Where the policies that ship are."""
    return Path(__file__).parent


def names() -> list[str]:
    """Names of the policies that ship."""
    return sorted(path.parent.name for path in shipped_folder().glob(f"*/{MANIFEST}"))


def find(name: str) -> Path:
    """The folder of a policy, by its path or the name under which it ships; raises `PolicyError`."""
    for folder in (Path(name), shipped_folder() / name):
        if (folder / MANIFEST).is_file():
            return folder
    raise PolicyError(f"policy '{name}' was not found; there are: {', '.join(names()) or 'none'}")


def load(folder: Path) -> Policy:
    """Read and check a policy's manifest; raises `PolicyError`."""
    manifest = _read_json(folder / MANIFEST)
    problems = manifest_problems(manifest)
    if problems:
        raise PolicyError(f"policy '{folder.name}': {problems[0]}")
    card = folder / CARD
    return Policy(
        name=manifest["name"],
        arch=manifest["architectures"][0].rstrip("*"),
        objective=manifest["objective"],
        path=folder,
        card=card.read_text(errors="replace") if card.is_file() else "",
        manifest=manifest,
    )


def manifest_problems(manifest: object) -> list[str]:
    """All that is wrong with a manifest, a line each."""
    if not isinstance(manifest, dict):
        return [f"{MANIFEST} is not a JSON object"]
    problems = [f"{MANIFEST} has no '{name}'" for name in _FIELDS if name not in manifest]
    problems += [
        f"'{name}' in {MANIFEST} has the wrong type"
        for name, kind in _FIELDS.items()
        if name in manifest and (not isinstance(manifest[name], kind) or isinstance(manifest[name], bool))
    ]
    if problems:
        return problems
    if manifest["format"] != FORMAT:
        return [f"manifest format {manifest['format']} is not known, this is a reader of format {FORMAT}"]
    if manifest["objective"] not in OBJECTIVES:
        problems.append(f"objective '{manifest['objective']}' is not one of {', '.join(OBJECTIVES)}")
    if not all(isinstance(a, str) and a for a in manifest["architectures"]) or not manifest["architectures"]:
        problems.append("'architectures' names none")
    if len(set(manifest["features"])) != len(manifest["features"]):
        problems.append("a feature is named twice")
    for kind in ("sequences", "option_sets"):
        alternatives = manifest[kind]
        if not alternatives or not all(_is_alternative(a) for a in alternatives):
            problems.append(f"'{kind}' must be a list of objects with a name and actions")
        elif len({a["name"] for a in alternatives}) != len(alternatives):
            problems.append(f"'{kind}' has a name twice")
    if len(manifest["efforts"]) != 4:
        problems.append("'efforts' must have four entries, for efforts 0 to 3")
    files = manifest["files"]
    for name in (*files, *model_files(manifest)):
        if "/" in name or "\\" in name or name in ("", ".", ".."):
            problems.append(f"file name '{name}' leaves the policy's folder")
    for name in model_files(manifest):
        if name not in files:
            problems.append(f"'files' has no checksum of {name}")
    return problems


def file_problems(policy: Policy) -> list[str]:
    """All files that are missing or not those that the manifest was written for, a line each."""
    problems = []
    for name, expected in policy.manifest["files"].items():
        try:
            contents = (policy.path / name).read_bytes()
        except OSError as problem:
            problems.append(f"{name}: {problem.strerror}")
            continue
        if hashlib.sha256(contents).hexdigest() != expected:
            problems.append(f"{name}: the checksum differs from the manifest's")
    return problems


def checksums(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file in a policy's folder but the manifest: what belongs in the manifest's
    `files`."""
    files = sorted(f for f in folder.iterdir() if f.is_file() and f.name != MANIFEST)
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def parity_vectors(policy: Policy) -> dict[str, Vectors]:
    """The vectors of every model, by its file name; raises `PolicyError` if they are missing or malformed."""
    table = _read_json(policy.path / PARITY)
    vectors = {}
    for model in policy.models:
        rows = table.get(Path(model).stem) if isinstance(table, dict) else None
        if not isinstance(rows, dict) or not _is_matrix(rows.get("inputs")) or not _is_matrix(rows.get("outputs")):
            raise PolicyError(f"policy '{policy.name}': {PARITY} has no vectors for {model}")
        if len(rows["inputs"]) != len(rows["outputs"]):
            raise PolicyError(f"policy '{policy.name}': {PARITY} has unequal numbers of inputs and outputs for {model}")
        vectors[model] = Vectors(rows["inputs"], rows["outputs"])
    return vectors


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except OSError as problem:
        raise PolicyError(f"cannot read {path}: {problem.strerror}") from problem
    except (ValueError, RecursionError) as problem:
        raise PolicyError(f"{path} is not JSON: {problem}") from problem


def _is_alternative(entry: object) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        return False
    actions = entry.get("actions")
    return isinstance(actions, list) and all(isinstance(a, str) for a in actions)


def _is_matrix(rows: object) -> bool:
    return (
        isinstance(rows, list)
        and bool(rows)
        and all(
            isinstance(row, list) and all(isinstance(x, (int, float)) and math.isfinite(x) for x in row) for row in rows
        )
    )
