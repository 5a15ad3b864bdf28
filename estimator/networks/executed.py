"""What a runtime executes of a network: layers alone or fused, and what it inserts, each with its time if measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mlcomp.estimator.networks.graph import Layer, Network


@dataclass(frozen=True)
class Executed:
    """A piece of work of the runtime.

    `kind` is what the runtime calls it, with `@` and the layout if that is none of ONNX's, and with `+` between the
    operators that a layer was split into. `layers` are indices in the order of execution: the first is the root,
    others are fused into it. What is inserted has no layers, but a `tensor` that it works on.
    """

    kind: str
    layers: tuple[int, ...] = ()
    tensor: str = ""
    seconds: float = 0.0

    @property
    def layout(self) -> str:
        return self.kind.partition("@")[2]


@dataclass(frozen=True)
class Mapping:
    """All that is executed for a network; layers that are nowhere in it were removed."""

    network: Network
    executed: tuple[Executed, ...]

    @cached_property
    def place(self) -> dict[int, int]:
        """Which piece of work has a layer."""
        return {layer: i for i, piece in enumerate(self.executed) for layer in piece.layers}

    def members(self, piece: Executed) -> list[Layer]:
        return [self.network.layers[i] for i in piece.layers]

    def inputs(self, piece: Executed) -> list[str]:
        """Data that it reads: tensors that it does not make itself, constants aside, each once."""
        if piece.tensor:
            return [piece.tensor]
        made = {name for layer in self.members(piece) for name in layer.outputs}
        read = (name for layer in self.members(piece) for name in self.network.data_inputs(layer))
        return list(dict.fromkeys(name for name in read if name not in made))

    def outputs(self, piece: Executed) -> list[str]:
        """Data that it leaves for others."""
        if piece.tensor:
            return [piece.tensor]
        mine = set(piece.layers)
        outside = [
            name
            for layer in self.members(piece)
            for name in layer.outputs
            if name and (name in self.network.outputs or any(i not in mine for i in self.network.consumers[name]))
        ]
        return outside or [name for name in self.members(piece)[-1].outputs if name]

    def to_json(self) -> list[list[Any]]:
        return [[x.kind, x.layers, x.tensor, x.seconds] for x in self.executed]

    @classmethod
    def from_json(cls, network: Network, value: Sequence[Sequence[Any]]) -> Mapping:
        return cls(network, tuple(Executed(k, tuple(layers), tensor, s) for k, layers, tensor, s in value))


MOVERS = frozenset("Identity Dropout Cast Reshape Flatten Squeeze Unsqueeze Transpose Pad".split())


def agreement(predicted: Mapping, actual: Mapping) -> tuple[int, int]:
    """How many decisions agree, of how many: the fate of each layer, and each insertion."""
    right = total = 0
    for i in range(len(actual.network.layers)):
        total += 1
        right += _fate(predicted, i) == _fate(actual, i)
    inserted = [{(x.kind, x.tensor) for x in m.executed if x.tensor} for m in (predicted, actual)]
    total += len(inserted[0] | inserted[1])
    return right + len(inserted[0] & inserted[1]), total


def _fate(mapping: Mapping, layer: int) -> tuple[str, int]:
    """The piece of work that has a layer, by what it is and its root."""
    if layer not in mapping.place:
        return "removed", -1
    piece = mapping.executed[mapping.place[layer]]
    return piece.kind, piece.layers[0]
