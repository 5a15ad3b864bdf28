"""What one program is compiled with: everything that the policies of a target may choose, and a share of the rest.

The share rotates with the seed, so that a few programs in a row meet every action of the action space.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mlcomp.passes_features.actions import Action, actions_for
from mlcomp.platforms.targets import targets
from mlcomp.policies.registry import Policy
from mlcomp.training.candidates import builds

SHARES = 6
OURS = "-mlcomp-"  # options of passes of our own, which nobody else has tested: every program meets them
EDITS = 8  # variants of a policy's sequences, as its search makes them
MIXTURES = 6  # samples of the whole action space, as the estimator's profiles make them
LEVELS = {"size": "Oz", "time": "O3", "energy": "O3", "balanced": "O3"}


@dataclass(frozen=True)
class Configuration:
    """A way to compile: the front end's level, a sequence (none: clang's own pipeline), options, and why."""

    kind: str  # level, sequence, options, edit, action or mixture
    name: str  # of the policy and its part, or the action
    level: str
    sequence: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


def configurations(target: str, policies: Sequence[Policy], seed: int) -> list[Configuration]:
    """What the program of a seed is compiled with, without repetition."""
    random_ = random.Random(seed)
    chosen = [Configuration("level", f"default<{level}>", level) for level in ("O3", "Oz", "O2", "Os", "O1")]
    for policy in policies:
        if fits(policy, target):
            chosen += _of_policy(policy, random_)
    actions = actions_for(target)
    ours = [a for a in actions if a.text.startswith(OURS)]
    together = tuple({a.text.split("=")[0]: a.text for a in ours}.values())
    for level in ("Oz", "O3"):
        share = [a for number, a in enumerate(actions) if (number + seed) % SHARES == 0 or a in ours]
        chosen += [single(action, level, random_.random() < 0.5) for action in share]
        if ours:
            chosen.append(Configuration("action", f"all {OURS}", level, (f"default<{level}>",), together))
    mixtures = builds(target, 11 + MIXTURES, seed)[11:]
    chosen += [Configuration("mixture", f"{seed}", b.level, b.sequence, b.options) for b in mixtures]
    return list({(c.level, c.sequence, c.options): c for c in reversed(chosen)}.values())[::-1]


def fits(policy: Policy, target: str) -> bool:
    """Whether a policy is for a target of `targets.toml`."""
    return bool(set(policy.manifest["architectures"]) & set(targets()[target].architectures))


def _of_policy(policy: Policy, random_: random.Random) -> Iterable[Configuration]:
    """All sequences and option sets of a policy, and some of the edits that its search may make."""
    manifest = policy.manifest
    level = LEVELS[manifest["objective"]]
    name = manifest["name"]
    sequences = {s["name"]: tuple(s["actions"]) for s in manifest["sequences"]}
    for part, actions in sequences.items():
        yield Configuration("sequence", f"{name}/{part}", level, actions)
    for options in manifest["option_sets"]:
        yield Configuration("options", f"{name}/{options['name']}", level, (), tuple(options["actions"]))
    edits, more = manifest["sequence_edits"], manifest["option_edits"]
    for _ in range(EDITS if edits or more else 0):
        part, sequence = random_.choice(sorted(sequences.items()))
        for edit in random_.sample(edits, min(len(edits), random_.randint(0, 2))):
            front = edit["where"] == "front"
            sequence = (edit["action"], *sequence) if front else (*sequence, edit["action"])
        options = tuple(random_.sample(more, min(len(more), random_.randint(0, 3))))
        yield Configuration("edit", f"{name}/{part}", level, sequence, options)


def single(action: Action, level: str, front: bool) -> Configuration:
    """One action with the default pipeline; a pass stands before or behind it."""
    pipeline = f"default<{level}>"
    if action.place == "codegen-option":
        return Configuration("action", action.text, level, (pipeline,), (action.text,))
    if action.place == "pipeline":
        return Configuration("action", action.text, level, (action.text,))
    before = front or action.place == "ir-option"
    return Configuration("action", action.text, level, (action.text, pipeline) if before else (pipeline, action.text))
