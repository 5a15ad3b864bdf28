"""The mapping model: which layers a runtime removes, fuses, splits, lays out anew, and what it inserts.

Rules of four actions, in this order for each layer: `remove` it, `fuse` it into a group that it reads from (or that
reads the same), choose the `kind` that executes a group, `insert` work between groups. Each rule applies to layers of
given types and has a decision tree as its guard; all are learned from networks whose mapping is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.tree import DecisionTreeClassifier

from mlcomp.estimator.networks.executed import Executed
from mlcomp.estimator.networks.executed import Mapping as Mapped
from mlcomp.estimator.networks.graph import Layer, Network

Features = dict[str, float]
DEPTH = 10
OUTPUT = "output"  # consumer of a network's results
BLOCKS = (2, 4, 8, 16, 32)  # that numbers of channels may be multiples of


@dataclass(frozen=True)
class Tree:
    """A decision tree as plain data: a label, or a feature with a threshold and two trees."""

    label: str = ""
    feature: str = ""
    threshold: float = 0.0
    low: Tree | None = None
    high: Tree | None = None

    def decide(self, features: Mapping[str, float]) -> str:
        node = self
        while node.low and node.high:
            node = node.low if features.get(node.feature, 0.0) <= node.threshold else node.high
        return node.label

    def to_json(self) -> Any:
        if not (self.low and self.high):
            return self.label
        return [self.feature, self.threshold, self.low.to_json(), self.high.to_json()]

    @classmethod
    def from_json(cls, value: Any) -> Tree:
        if isinstance(value, str):
            return cls(value)
        feature, threshold, low, high = value
        return cls("", feature, threshold, cls.from_json(low), cls.from_json(high))

    @classmethod
    def learn(cls, rows: Sequence[Features], labels: Sequence[str]) -> Tree:
        """The tree for examples."""
        if len(set(labels)) == 1:
            return cls(labels[0])
        names = sorted({name for row in rows for name in row})
        x = np.array([[row.get(name, 0.0) for name in names] for row in rows])
        fitted = DecisionTreeClassifier(max_depth=DEPTH, random_state=0).fit(x, labels)
        inner = fitted.tree_

        def convert(node: int) -> Tree:
            if inner.children_left[node] < 0:
                return cls(str(fitted.classes_[inner.value[node][0].argmax()]))
            low, high = convert(inner.children_left[node]), convert(inner.children_right[node])
            if not low.low and not high.low and low.label == high.label:
                return low
            return cls("", names[inner.feature[node]], float(inner.threshold[node]), low, high)

        return convert(0)


class View:
    """Features of the layers of one network, whose mapping is known so far."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.removed: set[int] = set()
        self._basic: dict[int, Features] = {}

    def source(self, tensor: str) -> int | None:
        """The layer that makes a tensor, behind layers that are removed."""
        while True:
            layer = self.network.producer.get(tensor)
            if layer is None or layer not in self.removed:
                return layer
            tensor = self.before(tensor)

    def before(self, tensor: str) -> str:
        """The tensor that takes the place of one whose layer is removed."""
        layer = self.network.producer[tensor]
        if tensor in self.network.same:
            return self.network.same[tensor]
        return self.network.data_inputs(self.network.layers[layer])[0]

    def basic(self, index: int) -> Features:
        """What does not depend on the mapping."""
        if index not in self._basic:
            self._basic[index] = dict(_basic(self.network, self.network.layers[index]))
            self._basic[index]["twin"] = float(index in self.network.twins)
        return self._basic[index]


def _basic(network: Network, layer: Layer) -> Iterator[tuple[str, float]]:
    data = network.data_inputs(layer)
    shapes = [network.tensors[name].shape for name in data]
    made = network.tensors[layer.outputs[0]]
    yield "data inputs", len(data)
    yield "inputs", len(layer.inputs)
    yield "outputs", len(layer.outputs)
    yield "consumers", sum(len(network.consumers[name]) for name in layer.outputs if name)
    yield "is output", float(any(name in network.outputs for name in layer.outputs))
    yield "reads input", float(any(name in network.inputs for name in data))
    yield "equal shapes", float(len(set(shapes)) == 1)
    yield "keeps shape", float(bool(shapes) and shapes[0] == made.shape)
    for role, shape in (("in", shapes[0] if shapes else ()), ("out", made.shape)):
        yield f"{role} rank", len(shape)
        for axis, size in enumerate(shape[1:4], 1):
            yield f"{role} {axis}", size
        if len(shape) > 1:
            for block in BLOCKS:
                yield f"{role} channels % {block}", shape[1] % block
    for i, name in enumerate(layer.inputs):
        tensor = network.tensors.get(name)
        if tensor and tensor.constant:
            yield f"constant {i} rank", len(tensor.shape)
            yield f"constant {i} elements", tensor.elements
            for axis, size in enumerate(tensor.shape[:4]):
                yield f"constant {i} axis {axis}", size
        if i in layer.values:
            for k, value in enumerate(layer.values[i][:4]):
                if isinstance(value, (int, float)):
                    yield f"value {i}.{k}", value
    for key, value in layer.attributes.items():
        if isinstance(value, (int, float)):
            yield f"attribute {key}", value
        elif isinstance(value, str):
            yield f"attribute {key}={value}", 1.0
        elif isinstance(value, list):
            for k, item in enumerate(value[:6]):
                if isinstance(item, (int, float)):
                    yield f"attribute {key}.{k}", item
    if layer.type == "Conv" and len(network.tensors[layer.inputs[0]].shape) > 1:
        group = int(layer.attributes.get("group", 1))
        channels = network.tensors[layer.inputs[0]].shape[1] // group
        filters = made.shape[1] // group
        yield "depthwise", float(group > 1 and channels == 1 and filters == 1)
        for block in BLOCKS:
            yield f"group channels % {block}", channels % block
            yield f"group filters % {block}", filters % block
    for name in data:
        producer = network.producer.get(name)
        if producer is not None:
            yield f"reads {network.layers[producer].type}", 1.0
    for name in layer.outputs:
        for i in network.consumers.get(name, []):
            yield f"read by {network.layers[i].type}", 1.0


@dataclass
class _Group:
    members: list[int]
    kind: str = ""


@dataclass
class _Work:
    """A network in the course of being mapped; the same decisions are asked for when learning and when applying."""

    view: View
    groups: dict[int, _Group] = field(default_factory=dict)  # by each of their members

    def layout(self, tensor: str) -> str:
        source = self.view.source(tensor)
        if source is None or source not in self.groups:
            return ""
        return self.groups[source].kind.partition("@")[2]

    def layouts(self, index: int) -> Features:
        """How what a layer reads is laid out."""
        data = self.view.network.data_inputs(self.view.network.layers[index])
        found: Features = {}
        for i, name in enumerate(data):
            layout = self.layout(name)
            found[f"reads layout {layout}"] = found.get(f"reads layout {layout}", 0.0) + 1 / len(data)
            found[f"reads {i} in layout {layout}"] = 1.0
        return found

    def removal(self, index: int) -> Features:
        return {**self.view.basic(index), **self.layouts(index)}

    def partners(self, index: int) -> Iterator[tuple[str, _Group, Features]]:
        """Groups that a layer may be fused into: the rule's key, the group, features."""
        network = self.view.network
        layer = network.layers[index]
        data = network.data_inputs(layer)
        seen: list[_Group] = []
        siblings = [i for name in data[:1] for i in network.consumers[name] if i < index]
        candidates = [("reads", self.view.source(name), name) for name in data]
        candidates += [("beside", i, data[0]) for i in siblings if network.layers[i].type == layer.type]
        for relation, source, name in candidates:
            if source is None or source not in self.groups or any(self.groups[source] is g for g in seen):
                continue
            group = self.groups[source]
            seen.append(group)
            root = network.layers[group.members[0]]
            last = network.layers[group.members[-1]]
            features = {**self.view.basic(index), **self.layouts(index)}
            features |= {f"root {k}": v for k, v in self.view.basic(group.members[0]).items()}
            features |= {f"group has {network.layers[i].type}": 1.0 for i in group.members}
            features[f"last {last.type}"] = 1.0
            features["members"] = len(group.members)
            features["is last"] = float(source == group.members[-1])
            features["consumers of it"] = len(network.consumers[name])
            features["it is output"] = float(any(n in network.outputs for n in last.outputs))
            features["place"] = data.index(name)
            features[f"group is {group.kind.partition('@')[0]}"] = 1.0
            features[f"group in layout {group.kind.partition('@')[2]}"] = 1.0
            for other in data:
                if other != name:
                    features[f"other in layout {self.layout(other)}"] = 1.0
                    maker = self.view.source(other)
                    if maker is not None and maker in self.groups:
                        features["other members"] = len(self.groups[maker].members)
                        features[f"other root {network.layers[self.groups[maker].members[0]].type}"] = 1.0
                        features["other consumers"] = len(network.consumers[other])
                        features["other later"] = float(maker > source)
                    features["other is root's input"] = float(other in root.inputs)
            yield f"{relation} {root.type} {layer.type}", group, features

    def kind(self, group: _Group) -> tuple[str, Features]:
        network = self.view.network
        root = network.layers[group.members[0]]
        features = {**self.view.basic(group.members[0]), **self.layouts(group.members[0])}
        features |= {f"group has {network.layers[i].type}": 1.0 for i in group.members}
        last = network.layers[group.members[-1]]
        features["members"] = len(group.members)
        features["result is output"] = float(any(n in network.outputs for n in last.outputs))
        features["result consumers"] = sum(len(network.consumers[n]) for n in last.outputs if n)
        return root.type, features

    def finished(self) -> list[_Group]:
        """Groups in the order of execution."""
        unique = {id(g): g for g in self.groups.values()}
        return sorted(unique.values(), key=lambda g: g.members[-1])

    def edges(self) -> Iterator[tuple[str, str, Features, _Group | None]]:
        """Places where work may be inserted: the rule's key, the tensor, features, and the group before which."""
        network = self.view.network
        for group in self.finished():
            layout = group.kind.partition("@")[2]
            made = {n for i in group.members for n in network.layers[i].outputs}
            root = self.view.basic(group.members[0])
            for name in dict.fromkeys(n for i in group.members for n in network.data_inputs(network.layers[i])):
                tensor = self.resolve(name)
                if tensor not in made:
                    features = {**root, **_of_tensor(network, tensor), f"read by kind {group.kind}": 1.0}
                    yield f"{self.layout(tensor)}>{layout}", tensor, features, group
        for name in network.outputs:
            tensor = self.resolve(name)
            features = {**_of_tensor(network, tensor), "is result": 1.0}
            yield f"{self.layout(tensor)}>", tensor, features, None

    def resolve(self, tensor: str) -> str:
        """The tensor that is left of one, if layers in between are removed."""
        source = self.view.source(tensor)
        layer = self.view.network.producer.get(tensor)
        while layer is not None and layer != source:
            tensor = self.view.before(tensor)
            layer = self.view.network.producer.get(tensor)
        return tensor


def _of_tensor(network: Network, tensor: str) -> Features:
    shape = network.tensors[tensor].shape
    found: Features = {"rank": len(shape), **{f"size {i}": float(v) for i, v in enumerate(shape[:4])}}
    if len(shape) > 1:
        found |= {f"channels % {block}": float(shape[1] % block) for block in BLOCKS}
    return found


@dataclass(frozen=True)
class MappingModel:
    """Ordered rules: (action, key) and a guard for each."""

    rules: Mapping[tuple[str, str], Tree]

    @cached_property
    def actions(self) -> dict[str, int]:
        """How many rules there are of each action."""
        found: dict[str, int] = {}
        for action, _ in self.rules:
            found[action] = found.get(action, 0) + 1
        return found

    def decide(self, action: str, key: str, features: Features, otherwise: str = "no") -> str:
        tree = self.rules.get((action, key))
        return tree.decide(features) if tree else otherwise

    def apply(self, network: Network) -> Mapped:
        """What the runtime executes of a network, by the rules."""
        work = _Work(View(network))
        for index, layer in enumerate(network.layers):
            if self.decide("remove", layer.type, work.removal(index)) == "yes":
                work.view.removed.add(index)
                continue
            for key, group, features in work.partners(index):
                if self.decide("fuse", key, features) == "yes":
                    group.members.append(index)
                    break
            else:
                group = _Group([index])
            work.groups[index] = group
            key, features = work.kind(group)
            group.kind = self.decide("kind", key, features, otherwise=layer.type if len(group.members) == 1 else key)
        before: dict[int, list[Executed]] = {}
        inserted: set[tuple[str, str]] = set()
        for key, tensor, features, reader in work.edges():
            what = self.decide("insert", key, features)
            if what != "no" and (what, tensor) not in inserted:
                inserted.add((what, tensor))
                before.setdefault(id(reader), []).append(Executed(what, (), tensor))
        pieces: list[Executed] = []
        for group in work.finished():
            pieces += before.get(id(group), [])
            pieces.append(Executed(group.kind, tuple(group.members)))
        return Mapped(network, (*pieces, *before.get(id(None), [])))

    def to_json(self) -> list[Any]:
        return [[action, key, tree.to_json()] for (action, key), tree in self.rules.items()]

    @classmethod
    def from_json(cls, value: Sequence[Any]) -> MappingModel:
        return cls({(action, key): Tree.from_json(tree) for action, key, tree in value})


def examples(mapped: Mapped) -> Iterator[tuple[str, str, Features, str]]:
    """Decisions that a known mapping shows: action, key, features, what was decided."""
    work = _Work(View(mapped.network))
    place = mapped.place
    by_piece: dict[int, _Group] = {}
    for index, layer in enumerate(mapped.network.layers):
        removed = index not in place
        yield "remove", layer.type, work.removal(index), "yes" if removed else "no"
        if removed:
            work.view.removed.add(index)
            continue
        mine = by_piece.get(place[index])
        for key, group, features in work.partners(index):
            yield "fuse", key, features, "yes" if group is mine else "no"
            if group is mine:
                break
        piece = mapped.executed[place[index]]
        group = by_piece.setdefault(place[index], _Group([], piece.kind))
        group.members.append(index)
        work.groups[index] = group
        if len(group.members) == len(piece.layers):
            yield "kind", *work.kind(group), piece.kind
    inserted: dict[str, set[str]] = {}
    for piece in mapped.executed:
        if piece.tensor:
            inserted.setdefault(piece.tensor, set()).add(piece.kind)
    edges = list(work.edges())
    crossed = {tensor for key, tensor, _, _ in edges if not _same_layout(key)}  # where other consumers explain it
    for key, tensor, features, _ in edges:
        explained = _same_layout(key) and tensor in crossed
        for kind in ("no",) if explained else sorted(inserted.get(tensor, {"no"})):
            yield "insert", key, features, kind


def _same_layout(key: str) -> bool:
    before, _, after = key.partition(">")
    return before == after


def learn(mappings: Iterable[Mapped]) -> MappingModel:
    """Rules from known mappings; those that never decide anything are left out."""
    rows: dict[tuple[str, str], tuple[list[Features], list[str]]] = {}
    for mapped in mappings:
        for action, key, features, label in examples(mapped):
            mine = rows.setdefault((action, key), ([], []))
            mine[0].append(features)
            mine[1].append(label)
    order = ("remove", "fuse", "kind", "insert")
    rules = {}
    for action, key in sorted(rows, key=lambda rule: (order.index(rule[0]), rule[1])):
        examples_, labels = rows[action, key]
        if set(labels) != {"no"} and not (action == "kind" and set(labels) == {key}):
            rules[action, key] = Tree.learn(examples_, labels)
    return MappingModel(rules)
