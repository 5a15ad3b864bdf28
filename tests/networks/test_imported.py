"""A CSV of measurements is enough to fit a platform; what is wrong in one is named."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from mlcomp.cli.network import network as command
from mlcomp.estimator.networks.graph import NetworkError
from mlcomp.estimator.networks.imported import read_csv
from mlcomp.estimator.networks.stack import NetworkPlatform, fit, save

HEAD = "network,layer,type,inputs,input_shape,output_shape,kernel,stride,pad,executed,time_us"
CONV = "n,c,Conv,,1x8x10x10,1x16x10x10,3x3,1,1,c,120"


def table(path: Path, *lines: str, head: str = HEAD) -> Path:
    path.write_text("\n".join([head, *lines]) + "\n")
    return path


def device(path: Path) -> Path:
    """Micro-kernels and fused pairs of a device with 1 GFLOP/s that fuses `Relu` and copies at 1 byte/ns."""
    random = np.random.default_rng(0)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEAD.split(","))
        for i in range(60):
            c, f, h = (int(v) for v in random.integers(2, 40, 3))
            time = 5 + 2 * 9 * c * f * h * h / 1e3
            shapes = (f"1x{c}x{h}x{h}", f"1x{f}x{h}x{h}")
            writer.writerow([f"n{i}", "c", "Conv", "", *shapes, 3, 1, 1, "c", f"{time:.3f}"])
            writer.writerow([f"n{i}", "r", "Relu", "c", shapes[1], shapes[1], "", "", "", "c", ""])
            writer.writerow([f"n{i}", "d", "Dropout", "r", shapes[1], shapes[1], "", "", "", "removed", ""])
            copy = 5 + 2 * 4 * f * h * h / 1e3
            writer.writerow([f"n{i}", "m", "MaxPool", "d", shapes[1], shapes[1], 1, 1, 0, "m", f"{copy:.3f}"])
    return path


def test_a_platform_is_fitted_from_a_file(tmp_path: Path) -> None:
    rows = read_csv(device(tmp_path / "d.csv"), "device")
    save(fit("device", rows, 0), tmp_path / "model")
    fitted = NetworkPlatform(tmp_path / "model")
    for row in rows[:10]:
        found = fitted.estimate(row.mapping.network)
        assert [piece.kind for piece in found.mapping.executed] == ["Conv", "MaxPool"]
        assert found.seconds == pytest.approx(sum(p.seconds for p in row.mapping.executed), rel=0.25)


def test_layers_shapes_and_fusion_are_read(tmp_path: Path) -> None:
    relu = "n,r,Relu,c,1x16x10x10,1x16x10x10,,,,c,"
    (row,) = read_csv(table(tmp_path / "t.csv", CONV, relu, "n,,total,,,,,,,,130"), "device")
    assert row.total == pytest.approx(130e-6)
    (piece,) = row.mapping.executed
    assert (piece.layers, piece.seconds) == ((0, 1), pytest.approx(120e-6))
    network = row.mapping.network
    assert network.tensors[network.layers[0].inputs[1]].shape == (16, 8, 3, 3)
    assert network.layers[0].attributes["pads"] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("head", "line", "message"),
    [
        (HEAD.replace("time_us", "time_min"), CONV, "unknown column 'time_min'; times are in time_s, time_ms"),
        (HEAD.replace("time_us", "pads"), CONV, "unknown column 'pads'; did you mean 'pad'"),
        (HEAD.replace("kernel", "time_ms"), CONV, "needs one column with times: .* it has 2"),
        (HEAD.replace("type,", ""), CONV, "lacks the column 'type'"),
        (HEAD, CONV + ",7", "line 2: has another number of columns"),
        (HEAD, CONV.replace("120", "fast"), "line 2: could not convert"),
        (HEAD, CONV.replace("120", "-1"), "line 2: a time of -1"),
        (HEAD, CONV.replace("c,120", "c,"), "line 2: 'c' has no time"),
        (HEAD, CONV.replace("1x8x10x10", "8*10*10"), "line 2: input_shape '8.10.10' is not of the form"),
        (HEAD, CONV.replace("3x3", ""), "line 2: Conv needs a kernel"),
        (HEAD, CONV.replace("Conv,", "Conv,z"), "line 2: input 'z' is no earlier layer"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, head: str, line: str, message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        read_csv(table(tmp_path / "t.csv", line, head=head), "device")


def test_fit_takes_the_file_and_ends_with_one_line_if_it_is_wrong(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", CONV)
    result = CliRunner().invoke(command, ["fit", "--platform", "d", "--csv", str(path), "--model", str(tmp_path / "m")])
    assert isinstance(result.exception, NetworkError)
    assert "too few measurements" in str(result.exception)
