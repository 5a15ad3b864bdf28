"""Measurements from any device, as a CSV file with a line for each layer; docs/networks.md has the columns.

Lines with the same `network` are one network. What the device fused shares an `executed` name, of which one line has
the time; a layer that the device removed says so. Micro-kernels are networks of one layer.
"""

from __future__ import annotations

import csv
import difflib
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mlcomp.estimator.networks.executed import Executed, Mapping
from mlcomp.estimator.networks.graph import Layer, Network, NetworkError, Tensor
from mlcomp.estimator.networks.store import Measured

UNITS = {"time_s": 1.0, "time_ms": 1e-3, "time_us": 1e-6, "time_ns": 1e-9}
REQUIRED = ("network", "layer", "type", "input_shape", "output_shape")
OPTIONAL = ("inputs", "kernel", "stride", "pad", "group", "dilation", "axis", "attributes", "executed", "kind", "dtype")
REMOVED = "removed"
TOTAL = "total"  # in `type`: the line has the time of the whole network
DIMENSIONED = ("Conv", "MaxPool", "AveragePool")  # types that need a kernel

Line = dict[str, str]


def read_csv(path: Path, platform: str) -> list[Measured]:
    """Measured networks from a file; raises `NetworkError` with the line that is wrong."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            unit = check_columns(path, list(reader.fieldnames or []))
            networks: dict[str, list[tuple[int, Line]]] = {}
            for record in reader:
                if None in record or None in record.values():
                    raise _wrong(path, reader.line_num, "has another number of columns than the first line")
                line = {key: value.strip() for key, value in record.items()}
                networks.setdefault(line["network"], []).append((reader.line_num, line))
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise NetworkError(f"'{path}' cannot be read as CSV: {problem}") from problem
    if not networks:
        raise NetworkError(f"'{path}' has no measurements")
    return [_network(path, platform, name, lines, unit) for name, lines in networks.items()]


def check_columns(path: Path, columns: Sequence[str]) -> str:
    """The column with times; raises `NetworkError` if columns are missing, unknown or ambiguous."""
    known = (*REQUIRED, *OPTIONAL, *UNITS)
    for column in columns:
        if column not in known:
            close = difflib.get_close_matches(column, known, n=1)
            hint = f"did you mean '{close[0]}'?" if close else f"there are {', '.join(known)}"
            if column.startswith("time"):
                hint = f"times are in {', '.join(UNITS)}"
            raise NetworkError(f"'{path}' has an unknown column '{column}'; {hint}")
    if missing := [column for column in REQUIRED if column not in columns]:
        raise NetworkError(f"'{path}' lacks the column '{missing[0]}'")
    times = [column for column in columns if column in UNITS]
    if len(times) != 1:
        raise NetworkError(f"'{path}' needs one column with times: {', '.join(UNITS)}; it has {len(times)}")
    return times[0]


def _wrong(path: Path, number: int, text: str) -> NetworkError:
    return NetworkError(f"'{path}', line {number}: {text}")


def _network(path: Path, platform: str, name: str, lines: Sequence[tuple[int, Line]], unit: str) -> Measured:
    tensors: dict[str, Tensor] = {}
    layers: list[Layer] = []
    pieces: dict[str, tuple[str, list[int], float]] = {}
    inputs: list[str] = []
    total = None
    for number, line in lines:
        try:
            time = float(line[unit]) * UNITS[unit] if line[unit] else 0.0
            if not math.isfinite(time) or time < 0:
                raise ValueError(f"a time of {line[unit]}")
            if line["type"].lower() == TOTAL:
                total = time
                continue
            index = len(layers)
            layers.append(_layer(line, tensors, inputs))
        except (ValueError, KeyError) as problem:
            raise _wrong(path, number, str(problem).strip("'\"")) from problem
        executed = line.get("executed") or line["layer"]
        if executed.lower() != REMOVED:
            kind, members, before = pieces.get(executed, ("", [], 0.0))
            pieces[executed] = (kind or line.get("kind", ""), [*members, index], before + time)
    for executed, (_, members, time) in pieces.items():
        if time <= 0:
            raise _wrong(path, lines[members[0]][0], f"'{executed}' has no time")
    used = {tensor for layer in layers for tensor in layer.inputs}
    results = tuple(layer.outputs[0] for layer in layers if layer.outputs[0] not in used)
    network = Network(name, tuple(inputs), results, tuple(layers), tensors)
    work = sorted(pieces.values(), key=lambda piece: piece[1][-1])
    mapping = Mapping(network, tuple(Executed(k or layers[m[0]].type, tuple(m), "", t) for k, m, t in work))
    return Measured(platform, name, mapping, total, None)


def _layer(line: Line, tensors: dict[str, Tensor], network_inputs: list[str]) -> Layer:
    """A layer as a line describes it; its tensors are added. Raises `ValueError`."""
    name, type_ = line["layer"], line["type"]
    if not name or not type_:
        raise ValueError("a layer needs a name and a type")
    if name in tensors:
        raise ValueError(f"layer '{name}' was there before")
    dtype = line.get("dtype") or "float32"
    shape, result = _sizes("input_shape", line["input_shape"]), _sizes("output_shape", line["output_shape"])
    inputs = [text.strip() for text in line.get("inputs", "").split(";") if text.strip()]
    for other in inputs:
        if other not in tensors:
            raise ValueError(f"input '{other}' is no earlier layer")
    if not inputs:
        inputs = [f"input of {name}"]
        network_inputs.append(inputs[0])
        tensors[inputs[0]] = Tensor(shape, dtype)
    attributes = dict(_attributes(line))
    if type_ in DIMENSIONED and "kernel_shape" not in attributes:
        raise ValueError(f"{type_} needs a kernel")
    for i, weight in enumerate(_weights(type_, shape, result, attributes, len(inputs))):
        tensors[f"{name} weight {i}"] = Tensor(weight, dtype, constant=True)
        inputs.append(f"{name} weight {i}")
    tensors[name] = Tensor(result, dtype)
    return Layer(name, type_, tuple(inputs), (name,), attributes)


def _weights(
    type_: str, shape: tuple[int, ...], result: tuple[int, ...], attributes: dict[str, Any], inputs: int
) -> Iterator[tuple[int, ...]]:
    """Shapes of the constants that a layer of a type has."""
    if type_ == "Conv":
        group = int(attributes.get("group", 1))
        if len(shape) != 4 or len(result) != 4 or shape[1] % group or result[1] % group:
            raise ValueError("Conv needs shapes NxCxHxW, with channels that its groups divide")
        yield (result[1], shape[1] // group, *attributes["kernel_shape"])
        yield (result[1],)
    elif type_ in ("Gemm", "MatMul") and inputs == 1:
        yield (shape[-1], result[-1])
    elif type_ == "BatchNormalization":
        yield from [(shape[1],)] * 4


def _attributes(line: Line) -> Iterator[tuple[str, Any]]:
    if line.get("kernel"):
        yield "kernel_shape", list(_pair("kernel", line["kernel"]))
    if line.get("stride"):
        yield "strides", list(_pair("stride", line["stride"]))
    if line.get("dilation"):
        yield "dilations", list(_pair("dilation", line["dilation"]))
    if line.get("pad"):
        pad = _sizes("pad", line["pad"], least=0)
        yield "pads", list(pad if len(pad) == 4 else (pad * 4)[:4])
    for name in ("group", "axis"):
        if line.get(name):
            yield name, int(line[name])
    if line.get("attributes"):
        try:
            yield from json.loads(line["attributes"]).items()
        except (ValueError, AttributeError) as problem:
            raise ValueError("'attributes' is not a JSON object") from problem


def _pair(name: str, text: str) -> tuple[int, ...]:
    sizes = _sizes(name, text)
    return sizes * 2 if len(sizes) == 1 else sizes


def _sizes(name: str, text: str, least: int = 1) -> tuple[int, ...]:
    parts = text.lower().split("x")
    if not all(part.strip().isdigit() and int(part) >= least for part in parts):
        raise ValueError(f"{name} '{text}' is not of the form 1x3x224x224")
    return tuple(map(int, parts))
