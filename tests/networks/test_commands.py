"""`mlcomp network` on the made-up platform, as a user calls it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from made_up import NAME, small_model

from mlcomp.cli.main import main
from mlcomp.cli.network import network as command
from mlcomp.estimator.networks import store
from mlcomp.estimator.networks.store import Measured


def test_fit_then_estimate_with_plots(measured: list[Measured], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    store.append(tmp_path / "store", measured[:40])
    model = str(tmp_path / "model")
    run = CliRunner()
    result = run.invoke(command, ["fit", "--platform", NAME, "--store", str(tmp_path / "store"), "--model", model])
    assert result.exit_code == 0, result.output
    assert "mixed" in result.output
    small_model(tmp_path / "small.onnx")
    arguments = ["estimate", "--platform", NAME, "--model", model, str(tmp_path / "small.onnx")]
    result = run.invoke(command, [*arguments, "--plots", str(tmp_path / "plots")])
    assert f"small on {NAME}:" in result.output
    assert sorted(p.name for p in (tmp_path / "plots").iterdir()) == ["small-layers.png", "small-roofline.png"]
    found = json.loads(run.invoke(command, [*arguments, "--json"]).output)
    assert found["low"] < found["seconds"] < found["high"]
    assert sum(layer["seconds"] for layer in found["layers"]) == pytest.approx(found["seconds"], rel=0.05)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["estimate", "--platform", "nowhere", "x.onnx"], "there is no fitted platform at"),
        (["bench", "--platform", "toaster"], "no way to run networks on 'toaster'"),
        (["fit", "--platform", "p", "--store", "nothing"], "there are no measured networks at 'nothing'"),
        (["evaluate", "--platform", "toaster", "x.onnx"], "there is no fitted platform at"),
        (["estimate", "--platform", "p", "--axis", "N", "x.onnx"], "'N' is not NAME=SIZE"),
    ],
)
def test_mistakes_are_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["network", *arguments]) != 0
    assert message in capsys.readouterr().err


def test_a_file_that_is_no_network_is_one_line(
    platform: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.onnx").write_text("no network")
    arguments = ["estimate", "--platform", NAME, "--model", str(platform)]
    for path, message in ((tmp_path / "x.onnx", "not an ONNX model"), (tmp_path / "y.onnx", "No such file")):
        assert main(["network", *arguments, str(path)]) == 1
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1


def test_a_platform_of_another_name_is_one_line(
    platform: Path, measured: list[Measured], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small_model(tmp_path / "small.onnx")
    arguments = ["--platform", "ort-cpu", "--model", str(platform), str(tmp_path / "small.onnx")]
    for command_ in ("estimate", "evaluate"):
        assert main(["network", command_, *arguments]) == 1
        assert f"was fitted for platform {NAME}, not ort-cpu" in capsys.readouterr().err
    store.append(tmp_path / "store", measured[:2])
    assert main(["network", "bench", "--platform", "ort-cpu", "--store", str(tmp_path / "store")]) == 1
    assert f"has measurements of platform {NAME}" in capsys.readouterr().err


def test_a_platform_with_a_model_of_another_is_one_line(
    platform: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small_model(tmp_path / "small.onnx")
    damaged = shutil.copytree(platform, tmp_path / "damaged")
    for path in damaged.glob("*-mixed.onnx"):
        shutil.copy(path.with_name(path.name.replace("mixed", "statistical")), path)
    arguments = ["--platform", NAME, "--kind", "mixed", "--model", str(damaged), str(tmp_path / "small.onnx")]
    assert main(["network", "estimate", *arguments]) == 1
    assert "is no platform model" in capsys.readouterr().err
