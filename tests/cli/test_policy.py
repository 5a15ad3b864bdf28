"""`mlcomp policy`: list, show and verify."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from policy_folder import write_policy

from mlcomp.cli.main import main
from mlcomp.passes_features import native_model
from mlcomp.policies import registry
from mlcomp.policies.archive import pack


class FakeModel:
    """Answers 0 to everything, whatever the file says."""

    def __init__(self, path: Path, engine: str) -> None:
        self.engine = engine

    def __enter__(self) -> FakeModel:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def run(self, features: list[float]) -> Any:
        return np.zeros(1, np.float32)


@pytest.fixture(autouse=True)
def engines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native_model, "Model", FakeModel)


def output(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert main(["policy", *arguments]) == code
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def test_list_names_the_policies_that_ship(shipped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert output(capsys, "list").splitlines()[1].split() == ["thumb-size", "thumb", "size"]
    (entry,) = json.loads(output(capsys, "list", "--json"))
    assert entry == {
        "name": "thumb-size",
        "arch": "thumb",
        "objective": "size",
        "path": str(shipped / "thumb-size"),
    }


def test_show_prints_facts_and_card(shipped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = output(capsys, "show", "thumb-size")
    assert "thumb*" in text and text.endswith("\n\nbaseline: default<Oz>\n\n# A card\n")
    facts = json.loads(output(capsys, "show", str(shipped / "thumb-size"), "--json"))
    assert (facts["features"], facts["card"]) == (1, "# A card\n")
    assert facts["actions"] == {"baseline": ["default<Oz>"]}


def test_an_archive_is_shown_and_verified_as_its_folder_is(
    shipped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    archive = tmp_path / "mine.mlpolicy"
    pack(shipped / "thumb-size", archive)
    assert output(capsys, "show", str(archive)) == output(capsys, "show", "thumb-size")
    assert output(capsys, "verify", str(archive)) == f"{archive}: ok\n"
    archive.write_bytes(archive.read_bytes()[:-30])
    assert main(["policy", "show", str(archive)]) == 1
    assert f"policy '{archive}': is broken or no policy archive" in capsys.readouterr().err


def test_show_of_an_unknown_policy_names_those_that_there_are(
    shipped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["policy", "show", "thumb"]) == 1
    message = "mlcomp: error: policy 'thumb' was not found; there are: thumb-size\n"
    assert capsys.readouterr().err == message


def test_verify_accepts_a_policy_in_order(shipped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert output(capsys, "verify") == "thumb-size: ok\n"
    assert json.loads(output(capsys, "verify", "--json")) == [{"policy": "thumb-size", "ok": True, "problems": []}]


def test_verify_finds_changed_and_missing_files(shipped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shipped.joinpath("thumb-size", "sequence.onnx").write_bytes(b"changed")
    shipped.joinpath("thumb-size", "options.onnx").unlink()
    text = output(capsys, "verify", "thumb-size", code=1)
    assert "sequence.onnx: the checksum differs from the manifest's" in text
    assert "options.onnx: No such file or directory" in text


def test_verify_finds_an_engine_that_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_policy(tmp_path / "p")
    rows = {"inputs": [[1.0], [2.0]], "outputs": [[0.0], [0.5]]}
    folder.joinpath("parity.json").write_text(json.dumps({"sequence": rows, "options": rows}))
    manifest = json.loads(folder.joinpath("manifest.json").read_text())
    manifest["files"] = registry.checksums(folder)
    folder.joinpath("manifest.json").write_text(json.dumps(manifest))
    text = output(capsys, "verify", str(folder), code=1)
    assert "sequence.onnx: native differs from the stored outputs in row 1" in text
    assert "options.onnx: ort differs from the stored outputs in row 1" in text


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"format": 2}, "manifest format 2 is not known"),
        ({"features": None}, "manifest.json has no 'features'"),
        ({"llvm_min": "19"}, "'llvm_min' in manifest.json has the wrong type"),
        ({"llvm_min": True}, "'llvm_min' in manifest.json has the wrong type"),
        ({"objective": "speed"}, "objective 'speed' is not one of"),
        ({"architectures": []}, "'architectures' names none"),
        ({"features": ["a", "a"]}, "a feature is named twice"),
        ({"sequences": []}, "'sequences' must be a list of objects"),
        ({"sequences": [{"name": "x", "actions": "y"}]}, "'sequences' must be a list of objects"),
        ({"option_sets": [{"name": "x", "actions": []}] * 2}, "'option_sets' has a name twice"),
        ({"efforts": [{}]}, "'efforts' must have four entries"),
        ({"sequence_model": "../x.onnx"}, "file name '../x.onnx' leaves the policy's folder"),
        ({"option_model": "other.onnx"}, "'files' has no checksum of other.onnx"),
    ],
)
def test_a_wrong_manifest_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], problem: str
) -> None:
    folder = write_policy(tmp_path / "p", **changes)
    assert f"  policy 'p': {problem}" in output(capsys, "verify", str(folder), code=1)
    assert main(["policy", "show", str(folder)]) == 1
    assert capsys.readouterr().err.startswith(f"mlcomp: error: policy 'p': {problem}")


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, "\x00\xff"])
def test_a_manifest_that_is_no_json_object_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    folder = write_policy(tmp_path / "p")
    folder.joinpath("manifest.json").write_text(text)
    assert main(["policy", "show", str(folder)]) == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("table", [[], {}, {"sequence": {"inputs": [], "outputs": []}}, {"sequence": 1}])
def test_malformed_vectors_are_refused(tmp_path: Path, table: Any) -> None:
    folder = write_policy(tmp_path / "p", files={"sequence.onnx": "", "options.onnx": ""})
    folder.joinpath("parity.json").write_text(json.dumps(table))
    with pytest.raises(registry.PolicyError, match=r"parity.json has no vectors for sequence.onnx"):
        registry.parity_vectors(registry.load(folder))
