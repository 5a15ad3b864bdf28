"""NASBench-101 cells (Ying et al., 2019) as networks: what `mlcomp network search` ranks.

A cell is a directed graph of up to 7 vertices and 9 edges: the input, operations, the output. The network is a
3 x 3 convolution, three stacks of three cells with a pooling before the second and third, and a classifier, on
32 x 32 images. Channels of what meets in the output are split between the vertices that feed it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import onnx

from mlcomp.estimator.networks.builder import Builder
from mlcomp.estimator.networks.graph import NetworkError

OPERATIONS = ("conv1x1-bn-relu", "conv3x3-bn-relu", "maxpool3x3")
MOST_VERTICES = 7
MOST_EDGES = 9
STACKS = 3
CELLS = 3
STEM = 128
CLASSES = 10
IMAGE = (3, 32, 32)


@dataclass(frozen=True)
class Cell:
    """Edges from lower to higher vertices; `operations` are those of the vertices between the first and the last."""

    matrix: tuple[tuple[int, ...], ...]
    operations: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {"matrix": self.matrix, "operations": self.operations}


def cell_from_json(value: Any) -> Cell:
    """A cell from a file; raises `NetworkError` if it is none."""
    try:
        cell = Cell(tuple(tuple(map(int, row)) for row in value["matrix"]), tuple(value["operations"]))
    except (KeyError, TypeError, ValueError) as problem:
        raise NetworkError(f"a cell needs 'matrix' and 'operations': {problem!r}") from problem
    size = len(cell.matrix)
    if size < 2 or any(len(row) != size for row in cell.matrix) or len(cell.operations) != size - 2:
        raise NetworkError("a cell's matrix must be square, with an operation for each vertex but first and last")
    if unknown := sorted(set(cell.operations) - set(OPERATIONS)):
        raise NetworkError(f"unknown operation '{unknown[0]}' in a cell; there are {', '.join(OPERATIONS)}")
    if any(cell.matrix[i][j] for i in range(size) for j in range(i + 1)):
        raise NetworkError("a cell's edges must go from lower to higher vertices")
    if prune(cell) is None:
        raise NetworkError("a cell's output must depend on its input")
    return cell


def prune(cell: Cell) -> Cell | None:
    """Without vertices that the input does not reach or that do not reach the output; None if nothing is left."""
    size = len(cell.matrix)
    forward, backward = {0}, {size - 1}
    for j in range(size):
        if any(cell.matrix[i][j] and i in forward for i in range(j)):
            forward.add(j)
    for i in reversed(range(size)):
        if any(cell.matrix[i][j] and j in backward for j in range(i + 1, size)):
            backward.add(i)
    kept = sorted(forward & backward)
    if size - 1 not in forward:
        return None
    matrix = tuple(tuple(cell.matrix[i][j] for j in kept) for i in kept)
    return Cell(matrix, tuple(cell.operations[i - 1] for i in kept[1:-1]))


def random_cells(count: int, seed: int) -> list[Cell]:
    """Different valid cells, drawn as NASBench draws them: a random matrix, random operations."""
    generator = random.Random(seed)
    found: list[Cell] = []
    while len(found) < count:
        upper = [[generator.randint(0, 1) if j > i else 0 for j in range(MOST_VERTICES)] for i in range(MOST_VERTICES)]
        operations = tuple(generator.choice(OPERATIONS) for _ in range(MOST_VERTICES - 2))
        cell = prune(Cell(tuple(map(tuple, upper)), operations))
        if cell and cell not in found and sum(map(sum, cell.matrix)) <= MOST_EDGES and len(cell.matrix) > 2:
            found.append(cell)
    return found


def vertex_channels(cell: Cell, before: int, after: int) -> list[int]:
    """Channels of each vertex: the output's are shared by what feeds it, others have the most of what they feed."""
    size = len(cell.matrix)
    channels = [before, *(0,) * (size - 2), after]
    feeding = [i for i in range(1, size) if cell.matrix[i][size - 1]]
    for place, i in enumerate(feeding):
        channels[i] = after // len(feeding) + (place < after % len(feeding))
    for i in range(size - 3, 0, -1):
        if not cell.matrix[i][size - 1]:
            channels[i] = max(channels[j] for j in range(i + 1, size - 1) if cell.matrix[i][j])
    return channels


def network(cell: Cell, name: str, seed: int = 0) -> onnx.ModelProto:
    """The whole network of a cell."""
    pruned = prune(cell)
    assert pruned is not None
    net = Builder(name, seed)
    x = _block(net, net.input(1, *IMAGE), STEM, 3)
    channels = STEM
    for stack in range(STACKS):
        if stack:
            x = net.pool(x, "MaxPool", 2, 2)
            channels *= 2
        for _ in range(CELLS):
            x = _cell(net, pruned, x, channels)
    x = net.op("Flatten", net.op("GlobalAveragePool", x))
    return net.model(net.linear(x, CLASSES))


def _block(net: Builder, x: str, filters: int, kernel: int) -> str:
    return net.activation(net.batch_norm(net.conv(x, filters, kernel, bias=False)), "Relu")


def _sum(net: Builder, tensors: Sequence[str]) -> str:
    total = tensors[0]
    for tensor in tensors[1:]:
        total = net.op("Add", total, tensor)
    return total


def _cell(net: Builder, cell: Cell, x: str, filters: int) -> str:
    size = len(cell.matrix)
    channels = vertex_channels(cell, net.channels(x), filters)
    made: list[str] = [x]
    for j in range(1, size - 1):
        inputs = [_slice(net, made[i], channels[j]) for i in range(1, j) if cell.matrix[i][j]]
        if cell.matrix[0][j]:
            inputs.append(_block(net, x, channels[j], 1))
        y = _sum(net, inputs)
        kind = cell.operations[j - 1]
        made.append(
            net.pool(y, "MaxPool", 3, 1, 1) if kind == "maxpool3x3" else _block(net, y, channels[j], int(kind[4]))
        )
    feeding = [made[i] for i in range(1, size - 1) if cell.matrix[i][size - 1]]
    if not feeding:
        return _block(net, x, filters, 1)
    joined = net.op("Concat", *feeding, axis=1) if len(feeding) > 1 else feeding[0]
    return _sum(net, [joined, _block(net, x, filters, 1)]) if cell.matrix[0][size - 1] else joined


def _slice(net: Builder, x: str, channels: int) -> str:
    """The first channels of a tensor."""
    if net.channels(x) == channels:
        return x
    return net.op("Slice", x, *(net.constant([v], "int64") for v in (0, channels, 1)))
