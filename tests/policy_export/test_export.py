"""From a run folder to a policy: what is written, what is refused, and that both engines choose the same."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from mlcomp.passes_features.native_model import Model
from mlcomp.passes_features.session import Session, feature_names
from mlcomp.policies.inference import PolicyError, RankedPolicy
from mlcomp.policy_export.export import ExportError, export
from mlcomp.training.ranking import Densities, fit

SOURCE = "int a[8]; int f(int n) { int s = 0; for (int i = 0; i < n; i++) s += a[i & 7] * i; return s; }"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training run on made-up measurements: the second alternative wins on modules with many blocks."""
    folder = tmp_path_factory.mktemp("run")
    random = np.random.default_rng(0)
    names = feature_names()
    x = random.integers(0, 200, (120, len(names))).astype(np.float32)
    gain = np.where(x[:, names.index("blocks")] > 100, -0.1, 0.1)
    y = np.stack([np.zeros(120), gain, -gain + random.normal(0, 0.01, 120)], 1).astype(np.float32)
    groups = [f"project{i % 6}" for i in range(120)]
    fitted = fit(x, y, groups, names.index("instructions"), 2)
    for model in ("sequence", "options"):
        (folder / f"{model}.onnx").write_bytes(fitted.export(len(names)))
    content = {
        "settings": {"target": "riscv32", "objective": "size", "seed": 0},
        "architectures": ["riscv32"],
        "llvm": "clang 19",
        "features": names,
        "sequences": [["default<Oz>"], ["default<Oz>", "-disable-lsr"], ["default<Os>"]],
        "option_sets": [[], ["-disable-machine-licm"], ["-disable-block-placement"]],
        "edits": [
            {"where": "options", "action": "-disable-lsr", "gain": -0.01},
            {"where": "front", "action": "-inline-threshold=0", "gain": -0.01},
        ],
        "models": {
            m: {"chosen": fitted.name, "margin": fitted.margin, "cross_validation": fitted.table}
            for m in ("sequence", "options")
        },
        "profiled": {"modules": 120, "projects": sorted(set(groups))},
    }
    (folder / "run.json").write_text(json.dumps(content))
    np.savez_compressed(folder / "parity.npz", sequence=x, options=x)
    return folder


def changed(run: Path, folder: Path, **changes: Any) -> Path:
    """A copy of the run with parts of run.json replaced."""
    folder.mkdir()
    for file in run.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    content = json.loads((run / "run.json").read_text()) | changes
    (folder / "run.json").write_text(json.dumps(content))
    return folder


def test_every_recorded_input_is_ranked_alike_by_both_engines(run: Path, tmp_path: Path) -> None:
    parities = export(run, tmp_path / "policy")
    assert {m: p.rows for m, p in parities.items()} == {"sequence": 120, "options": 120}
    recorded = json.loads((tmp_path / "policy" / "parity.json").read_text())
    for model, rows in recorded.items():
        with Model(tmp_path / "policy" / f"{model}.onnx", "native") as native:
            for features, scores in zip(rows["inputs"], rows["outputs"], strict=True):
                np.testing.assert_allclose(native.run(np.array(features, np.float32)), scores, rtol=1e-5)


def test_export_twice_gives_the_same_bytes(run: Path, tmp_path: Path) -> None:
    for name in ("a.mlpolicy", "b.mlpolicy"):
        export(run, tmp_path / name)
    assert (tmp_path / "a.mlpolicy").read_bytes() == (tmp_path / "b.mlpolicy").read_bytes()


def test_manifest_has_the_checksum_of_every_other_file(run: Path, tmp_path: Path) -> None:
    export(run, tmp_path / "policy")
    manifest = json.loads((tmp_path / "policy" / "manifest.json").read_text())
    files = {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in (tmp_path / "policy").iterdir()}
    del files["manifest.json"]
    assert manifest["files"] == files


def test_python_and_the_compiler_take_the_same_first_choice(run: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy"
    export(run, policy)
    source = tmp_path / "program.c"
    source.write_text(SOURCE)
    ranked = RankedPolicy(policy, feature_names())
    flags = ["--target=riscv32-unknown-elf", "-march=rv32imc", "-mabi=ilp32"]
    with Session.from_source(source, flags) as session:
        expected = ranked.sequences[ranked.choose_sequence(session.features())].name
    report = tmp_path / "report.json"
    mlcc = Path(sys.executable).with_name("mlcc")
    command = [mlcc, *flags, "-O=ml-size", "--ml-effort=0", f"--ml-policy={policy}", f"--ml-explain=json:{report}"]
    subprocess.run([*command, "-c", source, "-o", tmp_path / "program.o"], check=True)
    assert json.loads(report.read_text())["sequence"] == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sequences": [["default<Oz>"], ["no-such-pass"]]}, "no-such-pass"),
        ({"option_sets": [[], ["-no-such-option"]]}, "no-such-option"),
        ({"sequences": [["default<Oz>"], ["attributor"]]}, "banned"),
    ],
)
def test_actions_that_this_build_refuses_are_not_exported(
    run: Path, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ExportError, match=message):
        export(changed(run, tmp_path / "run", **changes), tmp_path / "policy")
    assert not (tmp_path / "policy").exists()


def test_what_is_no_run_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="is no training run"):
        export(tmp_path, tmp_path / "policy")
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(ExportError, match="is broken"):
        export(tmp_path, tmp_path / "policy")


def test_a_run_without_what_engines_are_compared_with_is_one_clear_line(run: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(run, tmp_path / "run"))
    (copy / "parity.npz").unlink()
    with pytest.raises(ExportError, match=r"has no parity\.npz"):
        export(copy, tmp_path / "policy")
    assert not (tmp_path / "policy").exists()


def test_a_folder_that_is_no_policy_is_not_overwritten(run: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("kept")
    with pytest.raises(ExportError, match="left as it is"):
        export(run, tmp_path / "mine")
    assert (tmp_path / "mine" / "file").read_text() == "kept"


def test_a_policy_with_an_unknown_feature_is_refused(run: Path, tmp_path: Path) -> None:
    export(run, tmp_path / "policy")
    with pytest.raises(PolicyError, match="names feature"):
        RankedPolicy(tmp_path / "policy", feature_names()[1:])


def test_densities_in_onnx_are_those_in_python() -> None:
    densities = Densities(0)
    x = np.array([[0, 3, 5], [7, 2, 1]], np.float32)
    session = onnxruntime.InferenceSession(densities.graph(3).SerializeToString())
    exported = np.vstack([session.run(None, {"features": row[None]})[0] for row in x])
    np.testing.assert_array_equal(exported, densities.transform(x))
