"""Makes a finding small: leaves out what it does not need, action by action."""

from __future__ import annotations

from dataclasses import replace

from mlcomp.fuzzing.configurations import Configuration
from mlcomp.fuzzing.execution import Bench


def reduced(bench: Bench, found: Configuration, verdict: str) -> Configuration:
    """A configuration with the same verdict, from which no single action can be left out."""
    smaller = True
    while smaller:
        smaller = False
        for candidate in _without_one(found):
            (result,) = bench.results([candidate])
            if result.verdict == verdict:
                found, smaller = candidate, True
                break
    return found


def _without_one(c: Configuration) -> list[Configuration]:
    """Every configuration that has one action less."""
    by_option = [replace(c, options=c.options[:i] + c.options[i + 1 :]) for i in range(len(c.options))]
    by_action = [replace(c, sequence=c.sequence[:i] + c.sequence[i + 1 :]) for i in range(len(c.sequence))]
    return [*by_option, *by_action]
