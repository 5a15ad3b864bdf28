"""Benchmarks a platform within a time budget: sweeps and random networks first, then where models are least sure.

Rounds double. Before each but the first, models are fitted to what is known, and of twice as many candidates those
networks are measured whose layers a committee of trees disagrees about most. An interrupted run goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import ExtraTreesRegressor

from mlcomp.estimator.networks.executed import Mapping
from mlcomp.estimator.networks.features import Floats, table, types
from mlcomp.estimator.networks.graph import NetworkError, describe
from mlcomp.estimator.networks.mapping import learn
from mlcomp.estimator.networks.runtime import CLOCKS, Runtime, open_runtime
from mlcomp.estimator.networks.store import Measured, append, read

FIRST = 48  # networks of the first round
PART = 8  # networks that are kept at once
CPU_SECONDS = 0.1  # for a network
COMMITTEE = 20
LONGEST = 1500  # rows of a type that the committee sees
MAPPED = 120  # networks that the mapping is learned from between rounds
STRANGE = 0.5  # disagreement about a type that is hardly known
Report = Callable[[str, float], None]  # what was done, and the share of the budget that is used


def names(start: int, count: int) -> list[str]:
    """Benchmarks in a fixed order: three random networks, then a step of a sweep."""
    found = []
    for index in range(start, start + count):
        quotient, place = divmod(index, 4)
        found.append(f"random:{3 * quotient + place}" if place < 3 else f"micro:{quotient}")
    return found


def run(runtime: str, folder: Path, seconds: float, report: Report) -> None:
    """Measures until the budget of wall-clock seconds is used; what was measured before counts."""
    rows = read(folder) if list(folder.glob("*.parquet")) else []
    if rows and rows[0].platform != runtime:
        raise NetworkError(f"'{folder}' has measurements of platform {rows[0].platform}")
    known = {row.name for row in rows}
    before, begun = sum(row.wall for row in rows), time.monotonic()

    def used() -> float:
        return before + time.monotonic() - begun

    begin, size = 0, FIRST
    kept: list[Measured] = []
    with open_runtime(runtime) as platform:
        while used() < seconds:
            start = time.monotonic()  # a network's time has that of choosing it and of those that failed before it
            if begin == 0:
                chosen = names(0, size)
            else:
                chosen = least_sure(platform, rows, [n for n in names(begin, 2 * size) if n not in known], size)
            begin += size if begin == 0 else 2 * size
            for name in (n for n in chosen if n not in known):
                row = measure(platform, name, start)
                known.add(name)
                if row:
                    start = time.monotonic()
                    rows.append(row)
                    kept.append(row)
                report(f"{len(rows)} networks, {sum(len(r.mapping.executed) for r in rows)} layers", used() / seconds)
                if len(kept) == PART or used() >= seconds:
                    append(folder, kept)
                    kept = []
                if used() >= seconds:
                    break
            size = begin


def measure(platform: Runtime, name: str, start: float) -> Measured | None:
    """One benchmark; None if the runtime refuses it or hides what it does."""
    try:
        model, network = describe(platform.benchmark(name), name)
        timed = platform.measure(model, network, CPU_SECONDS)
    except NetworkError:
        return None
    wall = time.monotonic() - start
    return Measured(platform.name, name, timed.mapping, timed.total, timed.reference, timed.spread, wall)


def least_sure(platform: Runtime, rows: Sequence[Measured], candidates: Sequence[str], count: int) -> list[str]:
    """The candidates whose time models are least sure of, relative to that time."""
    if not rows:
        return list(candidates[:count])
    mapping = learn(row.mapping for row in rows[-MAPPED:])
    looped = platform.name in CLOCKS
    committees = _committees([row.mapping for row in rows], looped)
    doubts = []
    for name in candidates:
        try:
            _, network = describe(platform.benchmark(name), name)
        except NetworkError:  # a benchmark without layers
            doubts.append(0.0)
            continue
        doubts.append(doubt(mapping.apply(network), committees, looped))
    order = np.argsort(-np.array(doubts), kind="stable")[:count]
    return [candidates[i] for i in sorted(order)]


def doubt(mapping: Mapping, committees: dict[str, ExtraTreesRegressor], looped: bool) -> float:
    """Standard deviation of a network's time over its time, by committees of trees for each kind of work."""
    if not mapping.executed:  # all layers are removed, as far as is known
        return 0.0
    x = table(mapping, looped)
    kinds = np.array(types(mapping, x))
    seconds, deviation = np.full(len(x), 1e-5), np.full(len(x), STRANGE)
    for kind in np.unique(kinds):
        if kind in committees:
            mine = kinds == kind
            votes = np.array([tree.predict(x[mine]) for tree in committees[kind].estimators_])
            seconds[mine], deviation[mine] = np.exp(votes.mean(0)), votes.std(0)
    return float(np.sqrt(((seconds * deviation) ** 2).sum()) / seconds.sum())


def _committees(mappings: Sequence[Mapping], looped: bool) -> dict[str, ExtraTreesRegressor]:
    x, y, kinds = samples(mappings, looped)
    found = {}
    for kind in np.unique(kinds):
        mine = np.flatnonzero(kinds == kind)[-LONGEST:]
        if len(mine) >= 10:
            found[str(kind)] = ExtraTreesRegressor(COMMITTEE, min_samples_leaf=2, random_state=0).fit(x[mine], y[mine])
    return found


def samples(mappings: Sequence[Mapping], looped: bool) -> tuple[Floats, Floats, npt.NDArray[np.str_]]:
    """Inputs, ln(seconds) and types of all measured pieces."""
    tables = [table(m, looped) for m in mappings]
    y = np.log(np.maximum([p.seconds for m in mappings for p in m.executed], 1e-8))
    names = [name for m, x in zip(mappings, tables, strict=True) for name in types(m, x)]
    return np.concatenate(tables), y, np.array(names)
