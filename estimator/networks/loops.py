"""How often the loops of a layer's plain C run: what a layer costs on a core without caches and parallel units.

Taps of a window that lie in the padding are skipped, so they are told from the others. Floating point is done by
functions that are faster if an operand is zero: the share of zeros is what rectifiers leave of normal values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from mlcomp.estimator.networks.executed import Executed, Mapping
from mlcomp.estimator.networks.graph import Layer, Network

COLUMNS = (
    *("loop outputs", "loop rows", "loop planes", "loop filters"),
    *("loop channels", "loop kernel rows", "loop taps", "loop row taps", "loop inside", "loop zeros", "loop others"),
    *("loop made zeros", "loop made others", "loop unsigned"),
)
FLAGS = (
    *("kernel rows", "kernel columns", "padded rows", "padded columns"),
    *("per channel", "bias", "zeros", "made zeros", "real"),
)
PADDED = ("padded rows", "padded columns")
WINDOWS = ("Conv", "QLinearConv", "MaxPool", "AveragePool", "LpPool", "com.microsoft.QLinearAveragePool")
PRODUCTS = ("Gemm", "MatMul", "QLinearMatMul", "com.microsoft.QGemm")
KEEPING = frozenset(
    "DequantizeLinear Identity Dropout Reshape Flatten Transpose Squeeze Unsqueeze Slice Split Neg Abs".split()
)
RECTIFIERS = frozenset(["Relu", "Clip"])
NORMAL = 0.5  # of normal values are negative
# Quantised layers that rectify if their zero point, an input by this index, is the least value.
ZERO_POINTS = {"QLinearConv": 7, "QLinearMatMul": 7, "com.microsoft.QGemm": 8, "com.microsoft.QLinearAdd": 7}


def zero_shares(network: Network) -> dict[str, float]:
    """The share of zeros in each tensor, if inputs and what weights make of tensors are normal."""
    zeros: dict[str, float] = {}
    below: dict[str, float] = {}  # shares of negative values
    for layer in network.layers:
        data = network.data_inputs(layer)
        mine = [(zeros.get(name, 0.0), below.get(name, NORMAL)) for name in data]
        zero, negative = mine[0] if mine else (0.0, NORMAL)
        if layer.type not in KEEPING:
            zero, negative = _mixture(network, layer, data, mine)
        if layer.type in RECTIFIERS or _rectifies(network, layer):
            zero, negative = min(1.0, zero + negative), 0.0
        zeros |= {name: zero for name in layer.outputs if name}
        below |= {name: negative for name in layer.outputs if name}
    return zeros


def _mixture(
    network: Network, layer: Layer, data: Sequence[str], mine: Sequence[tuple[float, float]]
) -> tuple[float, float]:
    """Shares of zeros and negative values in what a layer makes, before a rectifier in it."""
    if layer.type in RECTIFIERS:
        return mine[0]
    if layer.type in ("MaxPool", "AveragePool"):
        count = math.prod(layer.attributes.get("kernel_shape", [1]))
        zero, negative = mine[0]
        if negative and layer.type == "AveragePool":
            return 0.0, NORMAL
        return (zero + negative) ** count - negative**count, negative**count
    if layer.type == "Concat":
        sizes = [network.tensors[name].elements for name in data]
        zero, negative = (sum(m[k] * n for m, n in zip(mine, sizes, strict=True)) / sum(sizes) for k in (0, 1))
        return zero, negative
    if layer.type.endswith("Add") and len(mine) == 2:
        zero = mine[0][0] * mine[1][0]
        if not mine[0][1] and not mine[1][1]:
            return zero, 0.0
        if mine[0][1] and mine[1][1]:
            return zero, NORMAL
        rectified = max(mine)[0]  # of the operand that is never negative
        return zero, rectified * NORMAL + (1 - rectified) * NORMAL / 2
    if layer.type == "Mul" and mine:
        return 1 - math.prod(1 - zero for zero, _ in mine), 0.0 if not any(n for _, n in mine) else NORMAL
    return 0.0, NORMAL


def _rectifies(network: Network, layer: Layer) -> bool:
    """Whether a quantised layer's zero point is the least value."""
    least = {"int8": -128, "uint8": 0}.get(network.tensors[layer.outputs[0]].dtype)
    return layer.type in ZERO_POINTS and layer.values.get(ZERO_POINTS[layer.type]) == [least]


def type_of(mapping: Mapping, piece: Executed) -> str:
    """What a piece is to layer models: kinds by number format, convolutions by the loops they have."""
    row, members = describe(mapping, piece, {}), mapping.members(piece)
    notes = []
    if members and members[0].type.endswith("Conv"):
        taps = row["loop taps"] / row["loop channels"]
        if taps == 1:
            notes.append("pointwise")
        elif int(members[0].attributes.get("group", 1)) > 1:
            notes.append("depthwise" if row["loop channels"] == row["loop outputs"] else "grouped")
        if taps > 1 and not any(row[flag] for flag in PADDED):
            notes.append("unpadded")
        if len(members[0].attributes.get("strides", ())) == 1:
            notes.append("1-D")
    elif not row["real"] and "QLinear" not in piece.kind and "QGemm" not in piece.kind:
        notes.append("integers")
    return ", ".join([piece.kind, *notes])


def describe(mapping: Mapping, piece: Executed, shares: dict[str, float]) -> dict[str, float]:
    """Columns of a piece of work whose first layer sets its loops."""
    network, made = mapping.network, mapping.outputs(piece)
    result = network.tensors[made[0]]
    shape = result.shape
    row = {
        "loop outputs": float(sum(network.tensors[name].elements for name in made)),
        "loop rows": result.elements / max(1, shape[-1] if shape else 1),
        "loop planes": result.elements / max(1, math.prod(shape[-2:])),
        "loop filters": float(math.prod(shape[:2])),
    }
    data = mapping.inputs(piece)
    share = shares.get(data[0], 0.0) if data else 0.0
    row["loop inside"] = float(sum(network.tensors[name].elements for name in data))
    row["real"] = float(bool(data) and network.tensors[data[0]].dtype.startswith("float"))
    if piece.layers:
        layer = network.layers[piece.layers[0]]
        if layer.type in WINDOWS:
            _window(network, layer, row)
        elif layer.type in PRODUCTS:
            _product(network, layer, row)
        row["bias"] = float(len(layer.inputs))
    row["zeros"], row["made zeros"] = share, shares.get(made[0], 0.0)
    row["loop made zeros"] = row["made zeros"] * row["loop outputs"]
    row["loop made others"] = row["loop outputs"] - row["loop made zeros"]
    row["loop unsigned"] = row["loop outputs"] * (result.dtype == "uint8")
    row["loop zeros"] = share * row["loop inside"]
    row["loop others"] = row["loop inside"] - row["loop zeros"]
    return row


def _window(network: Network, layer: Layer, row: dict[str, float]) -> None:
    convolution = layer.type.endswith("Conv")
    image = network.tensors[layer.inputs[0]].shape
    result = network.tensors[layer.outputs[0]].shape
    weights = network.tensors[layer.inputs[1 if layer.type == "Conv" else 3]] if convolution else None
    kernel = list(weights.shape[2:] if weights else layer.attributes.get("kernel_shape", [1]))
    rank = len(kernel)
    strides, dilations = (layer.attributes.get(name) or [1] * rank for name in ("strides", "dilations"))
    pads = layer.attributes.get("pads") or [0] * (2 * rank)
    inside = [
        taps_inside(out, size, k, stride, dilation, pad)
        for out, size, k, stride, dilation, pad in zip(
            result[2:], image[2:], kernel, strides, dilations, pads, strict=False
        )
    ]
    filters, channels = math.prod(result[:2]), weights.shape[1] if weights else 1
    outputs = math.prod(result)
    row["loop channels"] = float(outputs * channels)
    row["loop kernel rows"] = float(outputs * channels * kernel[0])
    row["loop taps"] = float(outputs * channels * math.prod(kernel))
    row["loop row taps"] = float(filters * channels * inside[0] * math.prod(result[3:]) * math.prod(kernel[1:]))
    row["loop inside"] = float(filters * channels * math.prod(inside))
    row["kernel rows"], row["kernel columns"] = kernel[0], kernel[-1]
    row["padded rows"], row["padded columns"] = (
        float(out * k > count)
        for out, k, count in ((result[2], kernel[0], inside[0]), (result[-1], kernel[-1], inside[-1]))
    )
    if layer.type == "QLinearConv":
        row["per channel"] = float(network.tensors[layer.inputs[4]].elements > 1)


def taps_inside(outputs: int, size: int, kernel: int, stride: int, dilation: int, pad: int) -> int:
    """Taps of all positions of a window along a dimension that lie inside of the image."""
    places: Sequence[int] = [o * stride + k * dilation - pad for o in range(outputs) for k in range(kernel)]
    return sum(0 <= place < size for place in places)


def _product(network: Network, layer: Layer, row: dict[str, float]) -> None:
    shape = network.tensors[layer.inputs[0]].shape
    depth = shape[0] if layer.attributes.get("transA") else shape[-1]
    row["loop taps"] = row["loop inside"] = row["loop outputs"] * depth
