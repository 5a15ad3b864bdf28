"""Mapping and layer models learn a made-up platform, and estimates say how sure they are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from made_up import NAME, execute, measure
from onnx import TensorProto, helper

from mlcomp.estimator.networks import stack, store
from mlcomp.estimator.networks.benchmarks import build
from mlcomp.estimator.networks.builder import Builder
from mlcomp.estimator.networks.executed import Executed, Mapping, agreement
from mlcomp.estimator.networks.features import COLUMNS, natural, table
from mlcomp.estimator.networks.graph import NetworkError, describe
from mlcomp.estimator.networks.layers import KINDS, Refined, Roofline
from mlcomp.estimator.networks.mapping import MappingModel, Tree, learn
from mlcomp.estimator.networks.stack import NetworkPlatform
from mlcomp.estimator.networks.store import Measured

UNSEEN = [f"random:{seed}" for seed in range(9000, 9012)]


def test_fusion_and_removal_are_learned(measured: list[Measured]) -> None:
    model = learn(row.mapping for row in measured)
    right = total = 0
    for name in UNSEEN:
        actual = measure(name).mapping
        counts = agreement(model.apply(actual.network), actual)
        right, total = right + counts[0], total + counts[1]
    assert right / total > 0.98
    assert {"remove", "fuse"} <= {action for action, _ in model.rules}


def test_rules_survive_json(measured: list[Measured]) -> None:
    model = learn(row.mapping for row in measured[:40])
    again = MappingModel.from_json(json.loads(json.dumps(model.to_json())))
    network = measured[-1].mapping.network
    assert again.apply(network) == model.apply(network)


def test_insertions_and_splits_are_learned() -> None:
    def run(seed: int, channels: int) -> Mapping:
        net = Builder("n", seed)
        x = net.op("HardSwish", net.conv(net.input(1, 4, 8, 8), channels, 3))
        _, network = describe(net.model(x), "n")
        if channels % 16:
            return Mapping(network, (Executed("Conv", (0,)), Executed("HardSigmoid+Mul", (1,))))
        pieces = [Executed("Conv@blocked", (0,)), Executed("Reorder", (), network.layers[0].outputs[0])]
        return Mapping(network, (*pieces, Executed("HardSigmoid+Mul", (1,))))

    model = learn(run(seed, 8 * (1 + seed % 6)) for seed in range(24))
    for channels in (24, 32, 64):
        actual = run(0, channels)
        assert agreement(model.apply(actual.network), actual) == (len(actual.executed), len(actual.executed))


def test_a_tree_decides_as_its_examples() -> None:
    rows = [{"a": float(i), "b": float(i % 3)} for i in range(30)]
    labels = ["yes" if row["a"] > 12 and row["b"] == 0 else "no" for row in rows]
    tree = Tree.learn(rows, labels)
    assert [tree.decide(row) for row in rows] == labels
    assert Tree.from_json(tree.to_json()) == tree


def test_all_kinds_estimate_unseen_networks(platform: Path) -> None:
    fitted = NetworkPlatform(platform)
    errors: dict[str, list[float]] = {kind: [] for kind in KINDS}
    covered = []
    for name in UNSEEN:
        _, network = describe(build(name), name)
        truth = sum(piece.seconds for piece in execute(network).executed)
        for kind in KINDS:
            errors[kind].append(abs(fitted.estimate(network, kind).seconds / truth - 1))
        estimate = fitted.estimate(network)
        covered.append(estimate.low <= truth <= estimate.high)
        assert estimate.low < estimate.seconds < estimate.high
    assert np.mean(errors["refined"]) < 0.1
    assert np.mean(errors["mixed"]) < 0.1
    assert np.mean(covered) > 0.6


def test_the_refined_roofline_finds_what_kernels_are_unrolled_by() -> None:
    random = np.random.default_rng(0)
    x = np.zeros((600, len(COLUMNS)))
    filters = random.integers(1, 200, 600).astype(float)
    ops = 10 ** random.uniform(6, 9, 600)
    for name, values in (("f x groups", filters), ("ops", ops), ("in bytes", ops / 1e4), ("bytes", ops / 1e4)):
        x[:, COLUMNS.index(name)] = np.log2(1 + values)
    seconds = 1e-6 + ops / 1e11 * np.ceil(filters / 16) * 16 / filters
    model = Refined().fit(x, np.log(seconds))
    assert model.steps_[3] == 16
    assert np.abs(model.predict(x) - np.log(seconds)).mean() < 0.03
    assert np.abs(Roofline().fit(x, np.log(seconds)).predict(x) - np.log(seconds)).mean() > 0.05


def test_unknown_operators_are_estimated_by_bytes_with_a_wide_interval(platform: Path) -> None:
    node = helper.make_node("Odd", ["x"], ["h"], domain="my", name="odd")
    graph = helper.make_graph(
        [node, helper.make_node("Relu", ["h"], ["y"], name="relu")],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 16, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 16, 8, 8])],
        value_info=[helper.make_tensor_value_info("h", TensorProto.FLOAT, [1, 16, 8, 8])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid("my", 1)])
    _, network = describe(model, "odd")
    fitted = NetworkPlatform(platform)
    odd = fitted.estimate(network).rows[0]
    known = [row for row in fitted.estimate(describe(build("random:0"), "known")[1]).rows if not row.unknown]
    assert odd.unknown
    assert odd.width > 2 * np.median([row.width for row in known])


def test_a_store_gives_back_what_was_measured(measured: list[Measured], tmp_path: Path) -> None:
    store.append(tmp_path / "s", measured[:3])
    store.append(tmp_path / "s", measured[3:5])
    again = store.read(tmp_path / "s")
    assert [(r.name, r.total, r.mapping) for r in again] == [(r.name, r.total, r.mapping) for r in measured[:5]]
    (tmp_path / "s" / "00001.parquet").write_bytes(b"damaged")
    with pytest.raises(NetworkError, match="damaged"):
        store.read(tmp_path / "s")


def test_drift_of_the_machine_is_taken_out(measured: list[Measured]) -> None:
    def slowed(row: Measured, factor: float) -> Measured:
        pieces = tuple(Executed(p.kind, p.layers, p.tensor, p.seconds * factor) for p in row.mapping.executed)
        assert row.total
        return Measured(NAME, row.name, Mapping(row.mapping.network, pieces), row.total * factor, 1e-3 * factor)

    rows = stack.without_drift([slowed(row, f) for row, f in zip(measured[:3], (1.0, 1.3, 0.8), strict=True)])
    for row, original in zip(rows, measured, strict=False):
        assert row.total == pytest.approx(original.total)


def test_what_the_profiler_adds_is_found(measured: list[Measured]) -> None:
    rows = [
        Measured(NAME, r.name, r.mapping, r.total - 1e-6 * len(r.mapping.executed) + 3e-6, None)
        for r in measured
        if r.total
    ]
    total = stack.Total.of(rows)
    assert (total.scale, total.profiled, total.constant) == pytest.approx((1.0, 1e-6, 3e-6), rel=0.05)


def test_a_broken_platform_model_is_one_line(tmp_path: Path, platform: Path) -> None:
    with pytest.raises(NetworkError, match="there is no fitted platform"):
        NetworkPlatform(tmp_path)
    manifest = json.loads((platform / stack.MANIFEST).read_text())
    (tmp_path / stack.MANIFEST).write_text(json.dumps({**manifest, "format": 0}))
    with pytest.raises(NetworkError, match="another version"):
        NetworkPlatform(tmp_path)
    (tmp_path / stack.MANIFEST).write_text("{")
    with pytest.raises(NetworkError, match="no platform model"):
        NetworkPlatform(tmp_path)


def test_transposes_that_move_nothing_are_known_as_such() -> None:
    def transposed(shape: tuple[int, ...], perm: list[int]) -> tuple[float, float]:
        net = Builder("t", 0)
        _, network = describe(net.model(net.op("Transpose", net.input(*shape), perm=perm)), "t")
        x = table(Mapping(network, (Executed("Transpose", (0,)),)))
        return float(natural(x, "moved")[0]), float(natural(x, "run")[0])

    assert transposed((1, 4, 5, 6), [1, 0, 2, 3]) == (1, pytest.approx(120))
    assert transposed((2, 4, 5, 6), [0, 2, 1, 3]) == (4, pytest.approx(6))
    assert transposed((2, 4, 5, 6), [0, 2, 3, 1]) == (3, pytest.approx(1))


def test_results_of_networks_are_known_to_be_in_fresh_memory() -> None:
    net = Builder("t", 0)
    x = net.op("Relu", net.input(1, 8))
    _, network = describe(net.model(net.op("Abs", x)), "t")
    found = natural(table(Mapping(network, (Executed("Relu", (0,)), Executed("Abs", (1,))))), "result bytes")
    assert found.tolist() == pytest.approx([0, 32])


def test_the_same_seed_gives_the_same_benchmark() -> None:
    for name in ("random:7", "micro:31"):
        assert build(name).SerializeToString() == build(name).SerializeToString()
        onnx.checker.check_model(build(name))
