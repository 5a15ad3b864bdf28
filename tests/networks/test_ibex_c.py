"""Networks as C on Ibex: cycles of each layer in one run, what is refused, and the whole way from bench to estimate."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from made_up import small_model

from mlcomp.cli.main import main
from mlcomp.cli.network import network as command
from mlcomp.estimator.networks import bench, loops, stack, store
from mlcomp.estimator.networks.builder import Builder
from mlcomp.estimator.networks.c_code import generate
from mlcomp.estimator.networks.executed import Executed, Mapping
from mlcomp.estimator.networks.features import LOOPED
from mlcomp.estimator.networks.graph import Network, NetworkError, describe, without_constant_nodes
from mlcomp.estimator.networks.ibex_c import CLOCK, IbexC
from mlcomp.estimator.networks.layers import Loops
from mlcomp.estimator.networks.quantized import Quantized
from mlcomp.estimator.networks.runtime import Timed

pytest.importorskip("emx_onnx_cgen")


def network(net: Builder) -> tuple[onnx.ModelProto, Network]:
    """Convolutions, a pooling, a classifier."""
    x = net.activation(net.conv(net.input(1, 2, 8, 8), 4, 3), "Relu")
    x = net.op("Add", x, net.conv(x, 4, 1))
    x = net.op("Flatten", net.pool(x, "MaxPool", 2, 2))
    return describe(net.model(net.op("Softmax", net.linear(x, 3))), net.name)


@pytest.fixture(scope="module")
def real() -> tuple[Network, Timed]:
    """A network in float32 and its cycles."""
    model, described = network(Builder("real", 0))
    with IbexC() as platform:
        return described, platform.measure(model, described, 0)


def test_layers_in_order_with_cycles_that_add_up(real: tuple[Network, Timed]) -> None:
    described, timed = real
    types = [x.type for x in described.layers]
    assert [piece.kind for piece in timed.mapping.executed] == types
    pieces = sum(piece.seconds for piece in timed.mapping.executed)
    assert pieces < timed.total < 1.01 * pieces + 1000 / CLOCK


def test_a_layer_costs_the_same_in_another_network(real: tuple[Network, Timed]) -> None:
    net = Builder("real", 0)
    x = net.activation(net.conv(net.input(1, 2, 8, 8), 4, 3), "Relu")
    model, described = describe(net.model(net.op("Exp", x)), "shorter")
    with IbexC() as platform:
        timed = platform.measure(model, described, 0)
    first = [[piece.seconds for piece in t.mapping.executed[:2]] for t in (real[1], timed)]
    assert first[0] == pytest.approx(first[1], abs=4 / CLOCK)  # what the call costs depends on where it is


def test_quantised_layers_are_executed_as_such() -> None:
    model, described = network(Quantized("int8", 0, per_channel=True))
    with IbexC() as platform:
        timed = platform.measure(model, described, 0)
    kinds = [piece.kind for piece in timed.mapping.executed]
    assert kinds == [
        *("QuantizeLinear", "QLinearConv", "QLinearConv", "com.microsoft.QLinearAdd", "MaxPool", "Flatten"),
        *("com.microsoft.QGemm", "DequantizeLinear", "Softmax"),
    ]


def test_what_is_constant_is_computed_beforehand() -> None:
    net = Builder("constant", 0)
    x = net.input(1, 2, 4, 4)
    weights = net.op("DequantizeLinear", net.constant(np.ones((3, 2, 1, 1)), "int8"), net.constant(0.5))
    model, described = describe(net.model(net.op("Conv", x, weights)), "constant")
    assert [layer.type for layer in described.layers] == ["Conv"]
    with IbexC() as platform:
        timed = platform.measure(model, described, 0)
    assert [piece.kind for piece in timed.mapping.executed] == ["Conv"]
    folded = without_constant_nodes(model, described)
    found = {t.name: onnx.numpy_helper.to_array(t) for t in folded.graph.initializer}
    assert [node.op_type for node in folded.graph.node] == ["Conv"]
    assert (found[weights] == 0.5).all() and found[weights].shape == (3, 2, 1, 1)


def test_taps_in_the_padding_do_not_count() -> None:
    assert loops.taps_inside(outputs=4, size=4, kernel=3, stride=1, dilation=1, pad=1) == 10
    net = Builder("taps", 0)
    _, described = describe(net.model(net.conv(net.input(1, 2, 4, 4), 3, 3)), "taps")
    row = loops.describe(Mapping(described, (Executed("Conv", (0,)),)), Executed("Conv", (0,)), {})
    assert row["loop inside"] == 2 * 3 * 10 * 10
    assert row["loop taps"] == 2 * 3 * 16 * 9


def test_zeros_of_rectifiers_are_followed() -> None:
    net = Builder("zeros", 0)
    x = net.activation(net.input(1, 2, 4, 4), "Relu")
    y = net.op("Flatten", net.pool(x, "MaxPool", 2, 2))
    _, described = describe(net.model(y), "zeros")
    shares = loops.zero_shares(described)
    assert [shares[layer.outputs[0]] for layer in described.layers] == [0.5, 0.5**4, 0.5**4]


def test_loops_recover_what_each_run_costs() -> None:
    random = np.random.default_rng(0)
    x = np.zeros((40, len(LOOPED)))
    counts = {name: np.round(10 ** random.uniform(1, 5, 40)) for name in ("loop outputs", "loop inside")}
    for name, values in counts.items():
        x[:, LOOPED.index(name)] = np.log2(1 + values)
    y = np.log((100 + 30 * counts["loop outputs"] + 9 * counts["loop inside"]) / CLOCK)
    assert np.abs(Loops().fit(x, y).predict(x) - y).max() < 1e-6


def refused(make: Builder, output: str) -> str:
    model, described = describe(make.model(output), "refused")
    with IbexC() as platform, pytest.raises(NetworkError) as caught:
        platform.measure(model, described, 0)
    return str(caught.value)


def test_an_operator_that_cannot_be_generated_is_named() -> None:
    net = Builder("bad", 0)
    model, described = describe(net.model(net.op("Relu", net.input(1, 4))), "bad")
    model.graph.node[0].op_type = "NoSuchOperator"
    with pytest.raises(NetworkError, match=r"refuses the network: .*NoSuchOperator"):
        generate(model, described)


def test_what_does_not_fit_in_memory_is_too_large() -> None:
    net = Builder("tensors", 0)
    assert "too large" in refused(net, net.op("Abs", net.op("Neg", net.input(1, 400_000))))
    net = Builder("weights", 0)
    assert "too large" in refused(net, net.linear(net.input(1, 1200), 1200))


def test_an_interrupted_bench_keeps_what_it_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "PART", 1)
    monkeypatch.setattr(bench, "names", lambda start, count: [f"micro:{i}" for i in range(start, start + count)])

    def stop(text: str, _: float) -> None:
        if text.startswith("2 "):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.run("ibex-c", tmp_path, 1000, stop)
    (row,) = store.read(tmp_path)
    assert (row.platform, row.name) == ("ibex-c", "micro:0")
    assert row.total and row.total * CLOCK == pytest.approx(round(row.total * CLOCK))


def test_fitted_models_know_loops(measured: list[store.Measured], tmp_path: Path) -> None:
    rows = [replace(row, platform="ibex-c") for row in measured]
    stack.save(stack.fit("ibex-c", rows, 0), tmp_path / "model")
    fitted = stack.NetworkPlatform(tmp_path / "model")
    assert fitted.columns == LOOPED
    assert fitted.clock == CLOCK
    for kind in ("refined", "mixed"):
        estimates = [fitted.estimate(row.mapping.network, kind).seconds for row in rows]
        errors = [abs(e / row.total - 1) for e, row in zip(estimates, rows, strict=True) if row.total]
        assert np.mean(errors) < 0.25


def test_what_ships_estimates_a_very_small_network_to_a_tenth(tmp_path: Path) -> None:
    net = Quantized("other", 99)
    x = net.activation(net.conv(net.input(1, 3, 9, 9), 7, 3), "Relu")
    onnx.save(net.model(net.activation(net.conv(x, 5, 1), "Relu")), tmp_path / "other.onnx")
    shipped = Path(stack.__file__).parent / "fitted" / "ibex-c"
    arguments = ["--platform", "ibex-c", "--model", str(shipped), str(tmp_path / "other.onnx")]
    result = CliRunner().invoke(command, ["estimate", *arguments])
    assert result.exit_code == 0, result.output
    assert "cycles" in result.output
    result = CliRunner().invoke(command, ["evaluate", *arguments, "--json"])
    assert result.exit_code == 0, result.output
    (found,) = json.loads(result.stdout)["networks"]
    assert abs(found["auto"]["error"]) < 0.1
    assert found["mapping"] == 1


def test_mistakes_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small_model(tmp_path / "small.onnx")
    arguments = ["--model", str(tmp_path / "nowhere"), str(tmp_path / "small.onnx")]
    assert main(["network", "evaluate", "--platform", "ibex-c", *arguments]) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("mlcomp: error: there is no fitted platform")
