"""Ways to compile a program that the Performance Estimator learns from: the standard levels, and seeded mixtures."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from mlcomp.passes_features.actions import actions_for


@dataclass(frozen=True)
class Space:
    """What the search may combine: action texts by the place they take."""

    pipelines: tuple[str, ...]
    passes: tuple[str, ...]
    ir_options: tuple[str, ...]
    codegen_options: tuple[str, ...]


# Metrics and their weights: the weighted mean of logarithms is minimised. Flash has a price everywhere: to double it,
# code must become 1.4 % faster.
OBJECTIVES: dict[str, dict[str, float]] = {
    "size": {"flash": 1.0},
    "time": {"cycles": 1.0, "flash": 0.02},
    "energy": {"energy": 1.0, "flash": 0.02},
    "balanced": {"flash": 1.0, "cycles": 2.0, "energy": 1.0},
}


def action_space(target: str, objective: str = "size") -> Space:
    """The action space of `actions.toml` for a target and an objective, as the search combines it."""

    def texts(*places: str) -> tuple[str, ...]:
        return tuple(
            a.text for a in actions_for(target) if a.place in places and (not a.objectives or objective in a.objectives)
        )

    return Space(texts("pipeline"), texts("pass", "attribute"), texts("ir-option"), texts("codegen-option"))


LEVELS = ("O3", "O2", "Oz", "Os", "O1")  # the first is what the others are compared with
SAMPLED_LEVELS = ("O3", "O3", "O3", "O2", "Oz")  # the front end's level under sampled sequences
PIPELINES = ("default<O3>", "default<O3>", "default<O2>", "default<Oz>", "default<Os>", "default<O1>")


@dataclass(frozen=True)
class Build:
    """How a program is compiled: the level that the front end sees, a sequence (none: clang's own), options."""

    level: str
    sequence: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


def builds(target: str, count: int, seed: int) -> list[Build]:
    """`count` different builds: every level, every level's pipeline on -O3 code, then samples of the action space."""
    random_ = random.Random(seed)
    space = action_space(target)
    chosen = [Build(level) for level in LEVELS]
    chosen += [Build("O3", (pipeline,)) for pipeline in dict.fromkeys(PIPELINES)]
    known = set(chosen)
    while len(chosen) < count:
        build = _sample(space, random_)
        if build not in known:
            known.add(build)
            chosen.append(build)
    return chosen[:count]


def _sample(space: Space, random_: random.Random) -> Build:
    def some(texts: Sequence[str], most: int) -> tuple[str, ...]:
        picked = random_.sample(texts, random_.randint(0, most))
        return tuple({text.split("=")[0]: text for text in picked}.values())  # one value of each option

    level = random_.choice(SAMPLED_LEVELS)
    pipeline = random_.choice(PIPELINES)
    before, after = some(space.passes, 2), some(space.passes, 4)
    sequence = (*some(space.ir_options, 6), *before, pipeline, *after)
    return Build(level, sequence, some(space.codegen_options, 8))
