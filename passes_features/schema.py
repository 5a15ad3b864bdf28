"""The feature schema: names, documentation and aggregation of the features, read from features.toml.

The order of :attr:`Schema.features` is the order of every feature vector in the project.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

Aggregate = Literal["sum", "max", "log", "module", "ratio"]

PATH = Path(__file__).with_name("features.toml")


@dataclass(frozen=True)
class Feature:
    """One feature: how a module's value comes about, and what it means."""

    name: str
    group: str
    doc: str
    aggregate: Aggregate
    reference: bool = True
    of: tuple[str, str] | None = None


@dataclass(frozen=True)
class Schema:
    """All features, in the order of the feature vector."""

    features: tuple[Feature, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f.name for f in self.features)

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, name: str) -> Feature:
        for feature in self.features:
            if feature.name == name:
                return feature
        raise KeyError(name)


class SchemaError(ValueError):
    """features.toml breaks its own rules."""


def _feature(group: dict[str, Any], name: str, entry: str | dict[str, Any]) -> Feature:
    fields: dict[str, Any] = {"doc": entry} if isinstance(entry, str) else dict(entry)
    aggregate = fields.pop("aggregate", group["aggregate"])
    of = fields.pop("of", None)
    feature = Feature(
        name=name,
        group=group["title"],
        doc=fields.pop("doc"),
        aggregate=aggregate,
        reference=fields.pop("reference", True),
        of=tuple(of) if of else None,
    )
    if fields:
        raise SchemaError(f"{name}: unknown fields {sorted(fields)}")
    if not name.isidentifier() or name != name.lower():
        raise SchemaError(f"{name}: a name is lower case letters, digits and underscores")
    if aggregate not in get_args(Aggregate):
        raise SchemaError(f"{name}: unknown aggregate '{aggregate}'")
    if (aggregate == "ratio") != (of is not None):
        raise SchemaError(f"{name}: 'of' belongs to ratios, and ratios need it")
    return feature


def parse(text: str) -> Schema:
    """Parse the text of a features.toml and check it; raises SchemaError."""
    features = tuple(
        _feature(group, name, entry)
        for group in tomllib.loads(text)["group"]
        for name, entry in group["features"].items()
    )
    seen: set[str] = set()
    for feature in features:
        if feature.name in seen:
            raise SchemaError(f"{feature.name}: defined twice")
        if not seen.issuperset(feature.of or ()):
            raise SchemaError(f"{feature.name}: a ratio's parts are defined before it")
        seen.add(feature.name)
    return Schema(features)


@cache
def load() -> Schema:
    """The schema of this installation."""
    return parse(PATH.read_text(encoding="utf-8"))
