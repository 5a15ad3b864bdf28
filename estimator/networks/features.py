"""What layer models know of a piece of work: operations, bytes, dimensions, access patterns, activation, cache state.

Every piece has the same columns; where a dimension has no meaning for a piece it is 0. Bytes that are touched since
a piece's data was last used tell which cache can still hold it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mlcomp.estimator.networks import loops
from mlcomp.estimator.networks.executed import Executed, Mapping
from mlcomp.estimator.networks.graph import Layer, Network

Floats = npt.NDArray[np.float64]

ACTIVATIONS = (
    *("Relu", "Clip", "LeakyRelu", "Sigmoid", "Tanh", "HardSigmoid", "HardSwish", "Elu"),
    *("Softplus", "PRelu", "Erf", "Mul", "Exp", "Gelu"),
)
MODES = {"nearest": 1, "linear": 2, "cubic": 3, "constant": 4, "reflect": 5, "edge": 6, "wrap": 7}
COLUMNS = (
    *("ops", "in bytes", "out bytes", "weight bytes", "bytes"),  # totals
    *("n", "c", "f", "h", "w", "ih", "iw"),  # batch, channels in a group, filters in a group, output, input
    *("kh", "kw", "stride", "dilation", "groups", "padding"),
    *("m", "k", "inputs", "outputs", "in elements", "out elements", "smallest input"),
    *("run", "outer", "reduced", "rank", "moved", "axis"),  # access patterns
    *("c % 16", "f % 16", "f % 64", "w % 6", "plane % 4", "c x groups", "f x groups"),
    *("sum", "mode", "ceil", "count pad", "members"),
    *(f"activation {a}" for a in ACTIVATIONS),
    *("reuse in", "reuse weights"),  # bytes touched meanwhile
    "result bytes",  # of what is made, those in fresh memory: the network's results
    *("live", "most live"),  # bytes of tensors that are still needed, and the most that ever are
)
LOOPED = (*COLUMNS, *loops.COLUMNS, *loops.FLAGS)  # of platforms that run plain C
LOGARITHMIC = frozenset(loops.COLUMNS) | frozenset(
    "ops,in bytes,out bytes,weight bytes,bytes,c,f,h,w,ih,iw,m,k,in elements,out elements,smallest input,run,outer,"
    "reduced,c x groups,f x groups,groups,reuse in,reuse weights,result bytes,live,most live".split(",")
)
PLACES = {name: i for i, name in enumerate(LOOPED)}
CONVOLUTIONS = {"Conv": 1, "QLinearConv": 3}  # and which input has the weights


def columns(x: Floats) -> tuple[str, ...]:
    """Names of the columns of a table."""
    return LOOPED if x.shape[1] == len(LOOPED) else COLUMNS


def operator(name: str) -> str:
    """A type without layout, without what the runtime's name says of fusion, and without subtype."""
    return name.partition(",")[0].partition("@")[0].removeprefix("Fused")


def is_blocked_convolution(name: str) -> bool:
    """Whether a type's kernels are those that `blocks` counts."""
    return name.startswith("Conv@nchwc")


def types(mapping: Mapping, x: Floats) -> list[str]:
    """What each piece is to layer models: its kind, convolutions by what makes their loops different."""
    if columns(x) is LOOPED:
        return [loops.type_of(mapping, piece) for piece in mapping.executed]
    sizes = {name: natural(x, name) for name in ("c", "f", "groups", "kh", "kw", "stride")}
    found = []
    for i, piece in enumerate(mapping.executed):
        name = piece.kind
        members = mapping.members(piece)
        if members and operator(name) == "Conv" and members[0].type != "Conv":
            name = f"{members[0].type} as {name}"
        elif members and members[0].type == "Conv":
            c, f, groups, kh, kw, stride = (values[i] for values in sizes.values())
            if groups > 1 and c == 1 and f == 1:
                name += ", depthwise"
            elif groups > 1 and not is_blocked_convolution(name):  # whose kernels are the same for every group
                name += ", grouped"
            elif c < 16:
                name += ", few channels"
            elif kh * kw == 1:
                name += ", pointwise" if stride == 1 else ", pointwise with stride"
        found.append(name)
    return found


def table(mapping: Mapping, looped: bool = False) -> Floats:
    """Inputs of layer models for all pieces of work, shape (pieces, columns); `looped` adds those of `loops`."""
    rows = [_describe(mapping, piece) for piece in mapping.executed]
    _cache(mapping, rows)
    if looped:
        shares = loops.zero_shares(mapping.network)
        for row, piece in zip(rows, mapping.executed, strict=True):
            row |= loops.describe(mapping, piece, shares)
    names = LOOPED if looped else COLUMNS
    x = np.array([[row.get(name, 0.0) for name in names] for row in rows], np.float64).reshape(-1, len(names))
    logs = [i for i, name in enumerate(names) if name in LOGARITHMIC]
    x[:, logs] = np.log2(1 + np.maximum(x[:, logs], 0))
    return x.astype(np.float32).astype(np.float64)  # what ONNX models will see


def natural(x: Floats, name: str) -> Floats:
    """A column as it was before taking logarithms, shape (n,)."""
    values = x[:, PLACES[name]]
    return np.asarray(np.exp2(values) - 1 if name in LOGARITHMIC else values)


def _describe(mapping: Mapping, piece: Executed) -> dict[str, float]:
    network = mapping.network
    data = [network.tensors[name] for name in mapping.inputs(piece)]
    made = [network.tensors[name] for name in mapping.outputs(piece)]
    members = mapping.members(piece)
    weights = {n for layer in members for n in layer.inputs if n and network.tensors[n].constant}
    row: dict[str, float] = {
        "in bytes": sum(t.bytes for t in data),
        "out bytes": sum(t.bytes for t in made),
        "weight bytes": sum(network.tensors[n].bytes for n in weights),
        "inputs": len(data),
        "outputs": len(made),
        "in elements": max((t.elements for t in data), default=0),
        "out elements": sum(t.elements for t in made),
        "members": len(members),
    }
    row["bytes"] = row["in bytes"] + row["out bytes"] + row["weight bytes"]
    row["ops"] = max(row["out elements"], row["in elements"])
    shape, result = data[0].shape if data else (), made[0].shape
    row["rank"] = len(shape)
    for sizes, names in ((shape, ("n", "c", "ih", "iw")), (result, ("n", "f", "h", "w"))):
        row |= dict(zip(names, map(float, sizes), strict=False))
    if members:
        _root(network, members[0], row)
        for layer in members[1:]:
            if layer.type in ("Add", "Sum") and members[0].type == "Conv":
                row["sum"] = 1
        for layer in members:
            if layer.type in ACTIVATIONS:
                row[f"activation {layer.type}"] = 1
    for name, size in (("c", 16), ("f", 16), ("f", 64), ("w", 6)):
        row[f"{name} % {size}"] = row.get(name, 0) % size
    row["plane % 4"] = row.get("h", 0) * row.get("w", 0) % 4
    row.setdefault("groups", 1)
    row["c x groups"], row["f x groups"] = (row.get(k, 0) * row["groups"] for k in "cf")
    return row


def _root(network: Network, layer: Layer, row: dict[str, float]) -> None:
    """Dimensions and access patterns by the type of the layer that others are fused into."""
    shapes = [network.tensors[name].shape if name else () for name in layer.inputs]
    result = network.tensors[layer.outputs[0]].shape
    if not shapes:
        return
    attributes = layer.attributes
    row["mode"] = MODES.get(str(attributes.get("mode", "")), 0)
    row["ceil"], row["count pad"] = (float(attributes.get(k, 0)) for k in ("ceil_mode", "count_include_pad"))
    if layer.type in CONVOLUTIONS:
        _convolution(layer, shapes[CONVOLUTIONS[layer.type]], result, row)
    elif layer.type in ("MaxPool", "AveragePool", "LpPool"):
        _window(attributes, attributes.get("kernel_shape", [1]), row)
        row["ops"] = row["kh"] * row["kw"] * math.prod(result)
    elif layer.type in loops.PRODUCTS:
        _product(layer, shapes, result, row)
    elif layer.type == "Transpose":
        _transpose(shapes[0], attributes.get("perm") or list(range(len(shapes[0])))[::-1], row)
    elif layer.type in ("Concat", "Split", "Softmax", "LogSoftmax", "LayerNormalization", "Gather", "Flatten"):
        shape = result if layer.type == "Concat" else shapes[0]
        usual = {"Flatten": 1, "Concat": 1, "Split": 0, "Gather": 0}.get(layer.type, -1)
        axis = int(attributes.get("axis", usual))
        axis = axis % max(1, len(shape))
        inner = math.prod(shape[axis + 1 :])
        row["axis"], row["outer"], row["reduced"] = axis, math.prod(shape[:axis]), shape[axis] if shape else 1
        parts = max(len(network.data_inputs(layer)), len(layer.outputs))
        row["run"] = inner * (shape[axis] / parts if layer.type in ("Concat", "Split") and shape else 1)
    elif layer.type.startswith("Reduce"):
        axes = layer.values.get(1) or attributes.get("axes") or list(range(len(shapes[0])))
        axes = sorted(int(a) % len(shapes[0]) for a in axes)
        row["reduced"] = math.prod(shapes[0][a] for a in axes)
        row["run"] = math.prod(shapes[0][axes[-1] + 1 :]) if axes else 1
        row["outer"], row["axis"] = math.prod(shapes[0][: axes[0]]) if axes else 1, len(axes)
    elif layer.type in ("Slice", "Pad") and len(shapes[0]) == len(result):
        run = 1
        for before, after in zip(reversed(shapes[0]), reversed(result), strict=True):
            run *= min(before, after)
            if before != after:
                break
        row["run"] = run
        steps = layer.values.get(4, [1]) if layer.type == "Slice" else [1]
        row["stride"] = max((abs(s) for s in steps), default=1)
    else:
        _elementwise(shapes, result, row)


def _window(attributes: Any, kernel: Sequence[int], row: dict[str, float]) -> None:
    row["kh"], row["kw"] = kernel[0], math.prod(kernel[1:])
    row["stride"] = max(attributes.get("strides", [1]))
    row["dilation"] = max(attributes.get("dilations", [1]))
    row["padding"] = sum(attributes.get("pads", [0])) / 4


def _convolution(layer: Layer, weights: Sequence[int], result: tuple[int, ...], row: dict[str, float]) -> None:
    filters, channels, *kernel = weights
    _window(layer.attributes, kernel, row)
    groups = int(layer.attributes.get("group", 1))
    row |= {"groups": groups, "c": channels, "f": filters / groups}
    row["ops"] = 2 * channels * math.prod(kernel) * math.prod(result)


def _product(layer: Layer, shapes: Sequence[tuple[int, ...]], result: tuple[int, ...], row: dict[str, float]) -> None:
    k = shapes[0][0] if layer.attributes.get("transA") else shapes[0][-1]
    n = result[-1] if result else 1
    row |= {"k": k, "m": result[-2] if len(result) > 1 else 1, "f": n, "c": k}
    row["ops"] = 2 * k * math.prod(result)
    row["outer"] = math.prod(result[:-2])
    row["mode"] = float(layer.attributes.get("transB", 0))


def _transpose(shape: tuple[int, ...], perm: Sequence[int], row: dict[str, float]) -> None:
    kept = [p for p in perm if shape[p] != 1]
    merged: list[list[int]] = []
    for axis in kept:  # neighbours that stay neighbours move as one
        between = range(merged[-1][-1] + 1, axis) if merged else range(0)
        if merged and axis > merged[-1][-1] and all(shape[b] == 1 for b in between):
            merged[-1].append(axis)
        else:
            merged.append([axis])
    last = max((a for group in merged for a in group), default=-1)
    stays = bool(merged) and merged[-1][-1] == last
    row["moved"] = len(merged)
    row["run"] = math.prod(shape[a] for a in merged[-1]) if stays else 1
    row["reduced"] = math.prod(shape[a] for a in merged[-1]) if merged else 1  # innermost of the result
    row["outer"] = next((math.prod(shape[a] for a in group) for group in merged if last in group), 1)
    row["axis"] = float(stays)


def _elementwise(shapes: Sequence[tuple[int, ...]], result: tuple[int, ...], row: dict[str, float]) -> None:
    """With broadcasting: how many elements of the smaller side there are, and how long a run without change is."""
    sizes = [math.prod(shape) for shape in shapes if shape is not None]
    row["smallest input"] = min(sizes, default=1)
    small = min((s for s in shapes), key=math.prod, default=())
    run = 1
    for axis in range(1, len(result) + 1):
        if axis <= len(small) and small[-axis] != 1:
            break
        run *= result[-axis]
    row["run"] = run
    row["moved"] = float(math.prod(shapes[0]) < math.prod(result))  # the first input is the smaller one


def _cache(mapping: Mapping, rows: list[dict[str, float]]) -> None:
    """Adds bytes that were touched since inputs were made, and between two uses of the weights, and fresh bytes."""
    for name in mapping.network.outputs:
        makers = [i for i, piece in enumerate(mapping.executed) if name in mapping.outputs(piece)]
        if makers:
            size = mapping.network.tensors[name].bytes
            rows[makers[-1]]["result bytes"] = rows[makers[-1]].get("result bytes", 0.0) + size
    touched = 0.0
    after: dict[str, float] = {}
    total = sum(row["bytes"] for row in rows)
    for piece, row in zip(mapping.executed, rows, strict=True):
        inputs = mapping.inputs(piece)
        since = [touched - after[name] if name in after else total for name in inputs]
        sizes = [mapping.network.tensors[name].bytes for name in inputs]
        row["reuse in"] = float(np.average(since, weights=sizes)) if inputs and sum(sizes) else 0.0
        row["reuse weights"] = total if row["weight bytes"] else 0.0
        touched += row["bytes"]
        for name in (*inputs, *mapping.outputs(piece)):
            after[name] = touched
    _live(mapping, rows)


def _live(mapping: Mapping, rows: list[dict[str, float]]) -> None:
    """Adds the memory that tensors take while a piece works, which decides whether a cache has their buffers."""
    tensors, end = mapping.network.tensors, len(rows)
    last = {name: i for i, piece in enumerate(mapping.executed) for name in mapping.inputs(piece)}
    last |= dict.fromkeys(mapping.network.outputs, end)
    change = [0.0] * (end + 2)
    begun = set()
    for i, piece in enumerate(mapping.executed):
        for name in (*mapping.inputs(piece), *mapping.outputs(piece)):
            if name not in begun:
                begun.add(name)
                change[i] += tensors[name].bytes
                change[last.get(name, i) + 1] -= tensors[name].bytes
    live = np.cumsum(change)[:end]
    for row, bytes_ in zip(rows, live, strict=True):
        row["live"], row["most live"] = float(bytes_), float(live.max())
