"""Writes a policy folder: manifest, models, card and parity vectors.

The manifest names features, actions by their text, targets, LLVM versions, efforts and how it was trained. Before
anything is written, every action is checked against this build, and the native evaluator and ONNX Runtime must
rank the alternatives of every recorded input in the same order.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mlcomp.passes_features.native import NativeError
from mlcomp.passes_features.native_model import Model
from mlcomp.passes_features.session import Session
from mlcomp.platforms.targets import targets
from mlcomp.policies.archive import pack

Floats = npt.NDArray[np.float32]

FORMAT = 1
MOST_DIFFERENT = 1e-3  # of a score, between engines
PARITY_ROWS = 64  # recorded in the policy; the proof itself uses all inputs of the run

# What is measured at each effort: the baseline's code with so many option sets, then so many sequences, each with so
# many candidates; then single edits of the best, so many rounds over. Effort 1 is the run's own.
# The same by effort for policies with a judge; where 0 are measured, the first choice is taken. Judging takes as long
# as three more compilations, too long for time and energy at the usual effort, which make much code.
JUDGED_SEQUENCES = {"time": (0, 0, 1, 99), "energy": (0, 0, 1, 99)}
JUDGED_OTHERS = (0, 1, 4, 99)
EFFORTS: list[dict[str, Any]] = [
    {"sequences": 0, "option_sets": [1], "option_edits": 0, "sequence_edits": 0, "rounds": 0},
    {"sequences": 1, "option_sets": [1], "option_edits": 0, "sequence_edits": 0, "rounds": 0},
    {"sequences": 4, "option_sets": [4, 1], "option_edits": 12, "sequence_edits": 4, "rounds": 1},
    {"sequences": 99, "option_sets": [99, 3, 2, 1], "option_edits": 99, "sequence_edits": 60, "rounds": 3},
]
MAX_INSTRUCTIONS = 100_000


class ExportError(Exception):
    """The run cannot become a policy; the message is one line."""


@dataclass(frozen=True)
class Parity:
    """How two engines agreed: rows compared, and the largest difference of any score."""

    rows: int
    largest_difference: float


def read_run(run: Path) -> dict[str, Any]:
    """A run's `run.json`; raises `ExportError` if it is missing or broken."""
    try:
        content = json.loads((run / "run.json").read_text())
    except OSError as problem:
        raise ExportError(f"'{run}' is no training run: {problem.strerror} (run.json)") from problem
    except ValueError as problem:
        raise ExportError(f"run.json in '{run}' is broken: {problem}") from problem
    if not isinstance(content, dict) or "sequences" not in content or "settings" not in content:
        raise ExportError(f"run.json in '{run}' is not one that `mlcomp train` has finished")
    return content


def check_actions(target: str, actions: Sequence[str]) -> None:
    """Raises `ExportError` unless this build knows every action and none is banned."""
    triple = targets()[target].flags[0].split("=", 1)[1]
    with Session.from_bitcode(f'target triple = "{triple}"\ndefine void @f() {{ ret void }}\n'.encode()) as session:
        for action in sorted(set(actions)):
            try:
                session.check(action)
            except NativeError as problem:
                raise ExportError(str(problem)) from problem


def prove_parity(model: Path, inputs: Floats) -> tuple[Parity, Floats]:
    """Runs both engines on all inputs; raises `ExportError` where they rank alternatives differently."""
    with Model(model, "native") as native, Model(model, "ort") as reference:
        ours = np.stack([native.run(row) for row in inputs])
        theirs = np.stack([reference.run(row) for row in inputs])
    if not np.array_equal(ours.argsort(1, kind="stable"), theirs.argsort(1, kind="stable")):
        raise ExportError(f"{model.name}: the native evaluator and ONNX Runtime rank alternatives differently")
    difference = float(np.abs(ours - theirs).max())
    if difference > MOST_DIFFERENT:
        raise ExportError(f"{model.name}: the native evaluator and ONNX Runtime differ by {difference:.2g}")
    return Parity(len(inputs), difference), theirs


def _alternatives(lists: Sequence[Sequence[str]], prefix: str, first: str) -> list[dict[str, Any]]:
    return [{"name": first if i == 0 else f"{prefix}{i}", "actions": list(actions)} for i, actions in enumerate(lists)]


def export(run: Path, out: Path, name: str | None = None) -> dict[str, Parity]:
    """Writes the policy of a run to folder `out`, or to one file if `out` ends in `.mlpolicy`.

    Returns the parity of each model. The output appears whole or not at all.
    """
    content = read_run(run)
    settings = content["settings"]
    name = name or f"{settings['target']}-{settings['objective']}"
    option_edits = [e["action"] for e in content["edits"] if e["where"] == "options"]
    sequence_edits = [{"where": e["where"], "action": e["action"]} for e in content["edits"] if e["where"] != "options"]
    actions = [a for s in (*content["sequences"], *content["option_sets"]) for a in s]
    actions += option_edits + [e["action"] for e in sequence_edits]
    check_actions(settings["target"], actions)
    if not (run / "parity.npz").exists():
        raise ExportError(f"run '{run}' has no parity.npz, with which engines are compared; mlcomp train writes it")

    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".export-") as temporary:
        folder = Path(temporary) / name
        folder.mkdir()
        inputs = np.load(run / "parity.npz")
        parities: dict[str, Parity] = {}
        recorded: dict[str, Any] = {}
        for model in inputs.files:
            file = folder / f"{model}.onnx"
            shutil.copyfile(run / file.name, file)
            rows = np.ascontiguousarray(inputs[model], np.float32)
            parities[model], scores = prove_parity(file, rows)
            step = max(1, len(rows) // PARITY_ROWS)
            recorded[model] = {"inputs": rows[::step].tolist(), "outputs": scores[::step].tolist()}
        (folder / "parity.json").write_text(json.dumps(recorded) + "\n")
        (folder / "CARD.md").write_text(card(name, content, parities))
        files = {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in sorted(folder.iterdir())}
        manifest = {
            "format": FORMAT,
            "name": name,
            "objective": settings["objective"],
            "architectures": content["architectures"],
            "llvm_min": 19,
            "llvm_max": 19,
            "baseline": content["sequences"][0][0],
            "max_instructions": MAX_INSTRUCTIONS,
            "sequence_margin": content["models"]["sequence"]["margin"],
            "option_margin": content["models"].get("options", {}).get("margin", 0.0),
            "features": content["features"],
            "sequences": _alternatives(content["sequences"], "s", "baseline"),
            "option_sets": _alternatives(content["option_sets"], "o", "none"),
            "option_edits": option_edits,
            "sequence_edits": sequence_edits,
            "efforts": efforts(content),
            "sequence_model": "sequence.onnx",
            "option_model": "options.onnx" if "options" in content["models"] else "",
            "files": files,
            "training": {
                "settings": settings,
                "profiled": content["profiled"],
                "models": {m: table["chosen"] for m, table in content["models"].items()},
            },
        }
        if judge := content.get("judge"):
            manifest["judge"] = judge
        (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
        _install(folder, out)
    return parities


def efforts(content: dict[str, Any]) -> list[dict[str, Any]]:
    """The four plans, with what the run found best for effort 1."""
    if "judge" in content:
        counts = JUDGED_SEQUENCES.get(content["settings"]["objective"], JUDGED_OTHERS)
        return [{"sequences": count, "option_sets": [0, 1]} for count in counts]
    plans = [dict(plan) for plan in EFFORTS]
    if usual := content.get("usual"):
        plans[1] |= {"sequences": usual["sequences"], "option_sets": [usual["option_sets"], 1]}
    return plans


def _install(folder: Path, out: Path) -> None:
    """Puts the finished policy in its place."""
    if out.suffix == ".mlpolicy":
        packed = folder.parent / "packed"
        pack(folder, packed)
        packed.replace(out)
        return
    if out.exists():
        if not (out / "manifest.json").exists() and any(out.iterdir()):
            raise ExportError(f"'{out}' exists and is no policy; it is left as it is")
        shutil.rmtree(out)
    folder.replace(out)


def card(name: str, content: dict[str, Any], parities: dict[str, Parity]) -> str:
    """A page for people: what the policy is for, what it was trained on, how its models did."""
    settings = content["settings"]
    profiled = content["profiled"]
    lines = [
        f"# {name}",
        "",
        f"Objective: {settings['objective']}. Architectures: {', '.join(content['architectures'])}.",
        f"{content['llvm']}.",
        "",
        f"{len(content['sequences'])} sequences and {len(content['option_sets'])} option sets, ranked by models that",
        f"were fitted on {profiled['modules']} modules of {len(profiled['projects'])} projects,",
        f"seed {settings['seed']}:",
        ", ".join(profiled["projects"]) + ".",
        "",
        f"Cross-validation over projects, mean {settings['objective']} relative to {content['sequences'][0][0]}:",
        "of the first choice, unmeasured, and of the best of those that are ranked first.",
        "",
        "| model of | regressor | first choice | best of first |",
        "|---|---|---|---|",
    ]
    for model in content["models"]:
        for row in content["models"][model]["cross_validation"]:
            mark = " (chosen)" if row["model"] == content["models"][model]["chosen"] else ""
            lines.append(
                f"| {model} | {row['model']}{mark} | {np.exp(row['first']):.4f} | {np.exp(row['best_of']):.4f} |"
            )
    lines += ["", "Native evaluator against ONNX Runtime, same order of alternatives on every recorded input:", ""]
    for model, parity in parities.items():
        lines.append(f"- {model}: {parity.rows} inputs, largest difference of a score {parity.largest_difference:.2g}")
    return "\n".join(lines) + "\n"
