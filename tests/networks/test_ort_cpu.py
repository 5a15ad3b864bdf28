"""ONNX Runtime on this machine: what it executes is understood, and benchmarks go on where they stopped."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import onnx
import pytest
from click.testing import CliRunner
from made_up import small_model, small_net

from mlcomp.cli.network import network as command
from mlcomp.estimator.networks import bench, store
from mlcomp.estimator.networks.benchmarks import build
from mlcomp.estimator.networks.builder import Builder
from mlcomp.estimator.networks.executed import Mapping, agreement
from mlcomp.estimator.networks.graph import Network, NetworkError, describe
from mlcomp.estimator.networks.mapping import learn
from mlcomp.estimator.networks.ort_cpu import OrtCpu, align
from mlcomp.estimator.networks.ort_worker import open_session
from mlcomp.estimator.networks.stack import MANIFEST

SECONDS = 0.02


def executed(net: onnx.ModelProto, folder: Path) -> Mapping:
    """The mapping without times."""
    model, network = describe(net, "test")
    onnx.save(model, folder / "model.onnx")
    open_session(folder / "model.onnx", folder / "optimised.onnx")
    graph = onnx.load(folder / "optimised.onnx").graph
    return align(network, graph, [0.0] * len(graph.node))


def roots(mapping: Mapping) -> list[tuple[str, list[str]]]:
    return [(p.kind.partition("@")[0], [x.type for x in mapping.members(p)]) for p in mapping.executed if p.layers]


def test_times_of_pieces_add_up_to_the_whole() -> None:
    net = Builder("sum", 0)
    x = net.input(1, 32, 40, 40)
    for _ in range(4):
        x = net.activation(net.conv(x, 32, 3), "Relu")
    model, network = describe(net.model(x), "sum")
    with OrtCpu() as platform:
        timed = platform.measure(model, network, 0.1)
    pieces = sum(piece.seconds for piece in timed.mapping.executed)
    assert 0.5 < pieces / timed.total < 2
    assert timed.reference > 0


def test_fused_layers_are_found(tmp_path: Path) -> None:
    net = Builder("fused", 0)
    y = net.batch_norm(net.conv(net.input(1, 16, 8, 8), 16, 3, bias=False))
    x = net.activation(y, "Relu")
    z = net.activation(net.op("Add", net.conv(x, 16, 1), x), "Relu")
    found = roots(executed(net.model(net.op("Softplus", z)), tmp_path))
    assert found == [
        ("Conv", ["Conv", "BatchNormalization", "Relu"]),
        ("Conv", ["Conv", "Add", "Relu"]),
        ("Softplus", ["Softplus"]),
    ]


def test_twins_are_executed_once(tmp_path: Path) -> None:
    net = Builder("twins", 0)
    x = net.input(1, 16, 8, 8)
    y = net.op("Add", net.pool(x, "MaxPool", 3, 1, 1), net.pool(x, "MaxPool", 3, 1, 1))
    assert [kind for kind, _ in roots(executed(net.model(y), tmp_path))] == ["MaxPool", "Add"]


def test_every_layer_of_random_networks_is_accounted_for(tmp_path: Path) -> None:
    mappings = [executed(build(f"random:{seed}"), tmp_path) for seed in range(30)]
    for mapping in mappings:
        counted = [i for piece in mapping.executed for i in piece.layers]
        assert len(counted) == len(set(counted))
        gone = [mapping.network.layers[i] for i in set(range(len(mapping.network.layers))) - set(counted)]
        assert all(layer.type != "Conv" or twin(mapping.network, layer.name) for layer in gone)
    model = learn(mappings)
    counts = [agreement(model.apply(mapping.network), mapping) for mapping in mappings]
    assert sum(right for right, _ in counts) / sum(total for _, total in counts) > 0.97


def twin(network: Network, name: str) -> bool:
    return any(network.layers[i].name == name for i in network.twins)


def test_a_network_that_the_runtime_refuses_is_one_line() -> None:
    net = small_net()
    model, network = describe(net.model(net.nodes[-1].output[0]), "bad")
    model.graph.node[0].op_type = "NoSuchOperator"
    with OrtCpu() as platform, pytest.raises(NetworkError, match="refuses the network"):
        platform.measure(model, network, SECONDS)


def test_one_network_is_evaluated(platform: Path, tmp_path: Path) -> None:
    small_model(tmp_path / "small.onnx")
    fitted = shutil.copytree(platform, tmp_path / "fitted")
    manifest = json.loads((fitted / MANIFEST).read_text())
    (fitted / MANIFEST).write_text(json.dumps(manifest | {"platform": "ort-cpu"}))
    arguments = ["evaluate", "--platform", "ort-cpu", "--model", str(fitted), "--seconds", str(SECONDS)]
    result = CliRunner().invoke(command, [*arguments, str(tmp_path / "small.onnx")])
    assert result.exit_code == 0, result.output
    assert "mean absolute error" in result.output


def test_an_interrupted_bench_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "CPU_SECONDS", SECONDS)
    monkeypatch.setattr(bench, "PART", 2)
    monkeypatch.setattr(bench, "names", lambda start, count: [f"micro:{i}" for i in range(start, start + count)])

    def stop(text: str, _: float) -> None:
        if text.startswith("4 "):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.run("ort-cpu", tmp_path, 1000, stop)
    assert [row.name for row in store.read(tmp_path)] == ["micro:0", "micro:1"]

    def stop_later(text: str, _: float) -> None:
        if text.startswith("6 "):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.run("ort-cpu", tmp_path, 1000, stop_later)
    assert [row.name for row in store.read(tmp_path)] == [f"micro:{i}" for i in range(4)]


def test_the_least_sure_are_chosen_from_candidates(tmp_path: Path) -> None:
    names = [f"random:{seed}" for seed in range(8)]
    rows = [store.Measured("ort-cpu", n, executed(build(n), tmp_path), None, None) for n in names[:4]]
    chosen = bench.least_sure(OrtCpu(), rows, names[4:], 2)
    assert len(chosen) == 2
    assert set(chosen) <= set(names[4:])
