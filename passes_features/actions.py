"""The action space of `actions.toml`, and the check that the core makes too: is an action's text allowed?"""

from __future__ import annotations

import functools
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

KINDS = ("pass", "pipeline", "attribute", "option")
PLACES = ("pipeline", "pass", "attribute", "ir-option", "codegen-option")


class ActionTableError(Exception):
    """`actions.toml` is inconsistent; the message is one line."""


@dataclass(frozen=True)
class Action:
    """One action: what is applied, and where the search may put it."""

    text: str
    kind: str
    place: str
    adaptor: str  # module, cgscc, function, loop, loop-mssa; empty for attributes and options
    targets: tuple[str, ...]  # empty: all
    objectives: tuple[str, ...]  # empty: all
    why: str


@dataclass(frozen=True)
class Ban:
    """What no action may contain: a pass (unless it has what it `needs`) or an option."""

    name: str  # of the pass, or of the option with its dash
    needs: str  # a parameter of the pass or an adaptor around it; empty: banned always
    reason: str

    @property
    def is_option(self) -> bool:
        """Whether it names an option."""
        return self.name.startswith("-")


def parse(text: str) -> tuple[tuple[Action, ...], tuple[Ban, ...]]:
    """The tables of an `actions.toml`; raises `ActionTableError` where they are inconsistent."""
    table = tomllib.loads(text)
    actions: list[Action] = []
    for group in table["group"]:
        if group["kind"] not in KINDS or group["place"] not in PLACES:
            raise ActionTableError(f"group '{group['title']}' has an unknown kind or place")
        for action, why in group["actions"].items():
            targets, objectives = tuple(group["targets"]), tuple(group.get("objectives", ()))
            actions.append(
                Action(action, group["kind"], group["place"], group.get("adaptor", ""), targets, objectives, why)
            )
    seen: set[str] = set()
    for a in actions:
        if a.text in seen:
            raise ActionTableError(f"action '{a.text}' stands twice")
        seen.add(a.text)
    bans = []
    for ban in table["ban"]:
        if ("pass" in ban) == ("option" in ban):
            raise ActionTableError(f"ban '{ban}' must name either a pass or an option")
        bans.append(Ban(ban.get("pass") or ban["option"], ban.get("needs", ""), ban["reason"]))
    return tuple(actions), tuple(bans)


@functools.cache
def _table() -> tuple[tuple[Action, ...], tuple[Ban, ...]]:
    return parse(Path(__file__).with_name("actions.toml").read_text())


def all_actions() -> tuple[Action, ...]:
    """Every action, in the table's order."""
    return _table()[0]


def bans() -> tuple[Ban, ...]:
    """The ban list."""
    return _table()[1]


def actions_for(target: str) -> list[Action]:
    """The actions for a target of `platforms/targets.toml`."""
    return [a for a in all_actions() if not a.targets or target in a.targets]


_PASS = re.compile(r"([a-z0-9-]+)(?:<([^>]*)>)?")


def refusal(text: str) -> str | None:
    """Why an action's text is banned, or None. Whether LLVM knows it is for `Session.check` to say."""
    if text.startswith("-"):
        name = "-" + text.lstrip("-").split("=")[0]
        return next((b.reason for b in bans() if b.name == name), None)
    words = {match[1]: match[2] or "" for match in _PASS.finditer(text)}
    for ban in bans():
        if ban.name in words and not (ban.needs and (ban.needs in words[ban.name].split(";") or ban.needs in words)):
            return ban.reason
    return None
