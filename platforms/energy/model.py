"""Energy of a run from what a simulator counted, by the coefficients of energy.toml.

The core's part was fitted to gate-level simulation (`fit.py`); the table also has the error that the fit had on
programs that it had not seen. Memory accesses have a stated energy each, in memory.toml.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlcomp.platforms.measurement import Counts

TABLE = Path(__file__).with_name("energy.toml")
MEMORY = Path(__file__).with_name("memory.toml")


@dataclass(frozen=True)
class EnergyModel:
    """A platform's model: coefficients in pJ for each count, energies of accesses, and its error.

    `fetches` predicts fetches from counts, where a platform does not count them. `error` has mean and largest relative
    error of the core's energy: `left_out_*` on programs left out of the fit in turn, `test_*` on the test programs.
    """

    core: Mapping[str, float]
    memory: Mapping[str, float]
    fetches: Mapping[str, float]
    error: Mapping[str, float]

    def core_energy(self, counts: Counts) -> float:
        """Energy of the core in nJ."""
        return 1e-3 * sum(c * counts[name] for name, c in self.core.items())

    def memory_energy(self, counts: Counts) -> float:
        """Energy of fetches, loads and stores in nJ."""
        fetches = sum(c * counts[name] for name, c in self.fetches.items()) if self.fetches else counts["fetches"]
        m = self.memory
        return 1e-3 * (m["fetch"] * fetches + m["load"] * counts["loads"] + m["store"] * counts["stores"])

    def energy(self, counts: Counts) -> float:
        """All of it in nJ."""
        return self.core_energy(counts) + self.memory_energy(counts)


@functools.cache
def energy_models() -> dict[str, EnergyModel]:
    """The models by platform."""
    table, memory = (tomllib.loads(path.read_text()) for path in (TABLE, MEMORY))
    return {
        name: EnergyModel(entry["core"], memory, entry.get("fetches", {}), entry["error"])
        for name, entry in table["platform"].items()
    }
