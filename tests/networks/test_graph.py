"""Any ONNX model becomes a layer graph, or one line says why not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from made_up import small_model, small_net
from onnx import TensorProto, helper, numpy_helper

from mlcomp.estimator.networks.graph import Network, NetworkError, describe, read_model


def model(
    nodes: list[onnx.NodeProto], shape: list[int | str], opset: int = 18, **initials: np.ndarray
) -> onnx.ModelProto:
    """A model with one input `x` and one output `y` of unknown shape."""
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in initials.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid("my", 1)])


def test_layers_have_shapes_attributes_and_small_constants(tmp_path: Path) -> None:
    small_model(tmp_path / "small.onnx")
    _, network = read_model(tmp_path / "small.onnx")
    assert [layer.type for layer in network.layers] == [
        *("Conv", "Relu", "Conv", "Add", "GlobalAveragePool", "Flatten", "Gemm")
    ]
    assert network.tensors[network.layers[0].outputs[0]].shape == (1, 8, 8, 8)
    assert network.layers[0].attributes["strides"] == [2, 2]
    assert network.data_inputs(network.layers[3]) == [network.layers[1].outputs[0], network.layers[2].outputs[0]]


def test_a_description_survives_json(tmp_path: Path) -> None:
    small_model(tmp_path / "small.onnx")
    _, network = read_model(tmp_path / "small.onnx")
    assert Network.from_json(network.to_json()) == network


@pytest.mark.parametrize("opset", [9, 13, 18, 21])
def test_opsets_from_9_on_are_read(opset: int) -> None:
    _, network = describe(model([helper.make_node("Relu", ["x"], ["y"])], [1, 4], opset), "test")
    assert network.tensors["y"].shape == (1, 4)


def test_constants_are_no_layers() -> None:
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Constant", [], ["two"], value=numpy_helper.from_array(np.array(2.0, np.float32))),
        helper.make_node("Mul", ["two", "two"], ["four"]),
        helper.make_node("Reshape", ["x", "shape"], ["same"]),
        helper.make_node("Mul", ["same", "four"], ["y"]),
    ]
    _, network = describe(model(nodes, [2, 3]), "test")
    assert [layer.type for layer in network.layers] == ["Reshape", "Mul"]
    assert network.tensors["four"].constant


def test_shapes_that_follow_from_computed_constants_are_found() -> None:
    nodes = [
        helper.make_node("Transpose", ["pairs"], ["turned"]),
        helper.make_node("Reshape", ["turned", "flat"], ["pads"]),
        helper.make_node("Pad", ["x", "pads"], ["y"]),
    ]
    _, network = describe(model(nodes, [2, 3], pairs=np.array([[1, 0], [0, 4]]), flat=_ints(-1)), "test")
    assert network.tensors["y"].shape == (3, 7)


def test_dynamic_axes_need_sizes_and_take_them() -> None:
    dynamic = model([helper.make_node("Relu", ["x"], ["y"])], ["batch", 4])
    with pytest.raises(NetworkError, match="--axis batch=1"):
        describe(dynamic, "test")
    with pytest.raises(NetworkError, match="no dynamic axis 'height'"):
        describe(model([helper.make_node("Relu", ["x"], ["y"])], [2, 4]), "test", {"height": 3})
    _, network = describe(dynamic, "test", {"batch": 3})
    assert network.tensors["y"].shape == (3, 4)


def test_twins_are_known() -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Relu", ["x"], ["b"]),
        helper.make_node("Abs", ["b"], ["c"]),
        helper.make_node("Abs", ["a"], ["d"]),
        helper.make_node("Add", ["c", "d"], ["y"]),
    ]
    _, network = describe(model(nodes, [2, 4]), "test")
    assert network.twins == {1: 0, 3: 2}


def nothing() -> onnx.ModelProto:
    return model([helper.make_node("Slice", ["x", "s", "e", "a"], ["y"])], [2, 4], s=_ints(0), e=_ints(0), a=_ints(0))


def _ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def branch() -> onnx.ModelProto:
    body = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["z"])],
        "body",
        [],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)],
    )
    condition = np.array(True)
    return model([helper.make_node("If", ["c"], ["y"], then_branch=body, else_branch=body)], [2], c=condition)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda: model([helper.make_node("Relu", ["x"], ["y"])], [1], opset=8), "opset 8; the oldest .* is 9"),
        (lambda: model([helper.make_node("Odd", ["x"], ["y"], domain="my")], [1]), "'y', made by .* .my.Odd., cannot"),
        (nothing, "'y' at layer .* has no elements"),
        (branch, "has a subgraph"),
        (
            lambda: model([helper.make_node("Odd", ["x"], ["y"], domain="his")], [1]),
            "of 'test' cannot be inferred",
        ),
    ],
)
def test_what_cannot_be_described_says_why(broken: object, message: str) -> None:
    assert callable(broken)
    with pytest.raises(NetworkError, match=message):
        describe(broken(), "test")


@pytest.mark.parametrize("content", [b"", b"not a model", bytes(range(256)) * 9])
def test_files_that_are_no_models_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(NetworkError, match="not an ONNX model"):
        read_model(path)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.onnx"
    small_model(path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(NetworkError, match="not a"):
        read_model(path)


def test_missing_external_weights_are_named(tmp_path: Path) -> None:
    net = small_net()
    path = tmp_path / "big.onnx"
    onnx.save(net.model(net.nodes[-1].output[0]), path, save_as_external_data=True, location="w.bin", size_threshold=16)
    assert read_model(path)[1].layers
    (tmp_path / "w.bin").unlink()
    with pytest.raises(NetworkError, match=r"keeps weights in 'w\.bin', which is not beside it"):
        read_model(path)


def test_unknown_operators_with_a_shape_are_layers() -> None:
    odd = model([helper.make_node("Odd", ["x"], ["h"], domain="my"), helper.make_node("Relu", ["h"], ["y"])], [1, 4])
    odd.graph.value_info.append(helper.make_tensor_value_info("h", TensorProto.FLOAT, [1, 8]))
    _, network = describe(odd, "test")
    assert [layer.type for layer in network.layers] == ["my.Odd", "Relu"]
    assert network.tensors["y"].shape == (1, 8)
