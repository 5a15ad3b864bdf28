"""Profiles modules in process: sizes under every sequence of a coreset, and under option sets on top of some.

One line of JSON per module is written as soon as it is known; a run that was interrupted measures what is missing.
"""

from __future__ import annotations

import json
import math
import multiprocessing
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mlcomp.passes_features.session import Session
from mlcomp.platforms.targets import targets
from mlcomp.training.corpus import ModuleRecord
from mlcomp.training.measure import FAILED

Floats = npt.NDArray[np.float32]
Actions = Sequence[str]


@dataclass(frozen=True)
class Profile:
    """Measurements as arrays; sequence 0 is the baseline, option set 0 is empty.

    `features` (n, f) and `sequence_ratios` (n, a) have a row per module; `set_features` (m, f) and `set_ratios`
    (m, s) a row per module and sequence that option sets were tried on. Ratios are ln(size / reference): the
    baseline's size for sequences, the size without options for option sets.
    """

    features: Floats
    sequence_ratios: Floats
    projects: list[str]
    set_features: Floats
    set_ratios: Floats
    set_projects: list[str]


def _profile(job: tuple[str, str, bool, Sequence[Actions], Sequence[Actions], list[int]]) -> dict[str, Any] | None:
    """Sizes of one module: the baseline's, each sequence's, and option sets on the best sequence and on `extra`."""
    sha, path, sections, sequences, option_sets, extra = job
    with Session.from_file(path, "Oz", sections) as session:
        baseline = session.try_sequence([]).sizes[0]
        if baseline is None or baseline.flash == 0:
            return None
        sizes = [t.sizes[0] for t in (session.try_sequence(s) for s in sequences)]
        flash = [s.flash if s else None for s in sizes]
        best = min(range(len(flash)), key=lambda k: flash[k] or 1 << 60)
        sets = {}
        for k in sorted({best, *extra}):
            trial = session.try_sequence(sequences[k], option_sets)
            if not np.isnan(trial.features).any():
                sets[str(k)] = {
                    "features": [float(f) for f in trial.features],
                    "sizes": [s.flash if s else None for s in trial.sizes],
                }
        return {
            "sha256": sha,
            "features": [float(f) for f in session.features()],
            "baseline": baseline.flash,
            "sizes": flash,
            "sets": sets,
        }


def profile(
    target: str,
    modules: Sequence[ModuleRecord],
    sequences: Sequence[Actions],
    option_sets: Sequence[Actions],
    store: Path,
    jobs: int,
    seed: int,
    report: Callable[[str], None],
) -> Profile:
    """Measures what `store` lacks and returns everything as arrays."""
    heading = json.dumps({"sequences": [list(s) for s in sequences], "option_sets": [list(s) for s in option_sets]})
    known = _read(store, heading)
    sections = targets()[target].sections
    random_ = random.Random(seed)
    work = []
    for module in modules:
        extra = random_.sample(range(len(sequences)), min(1, len(sequences)))
        if module.sha256 not in known:
            work.append((module.sha256, str(module.path), sections, sequences, option_sets, extra))
    report(f"profiling {len(work)} of {len(modules)} modules")
    with store.open("a") as out, multiprocessing.get_context("fork").Pool(jobs) as pool:
        for done, (job, row) in enumerate(zip(work, pool.imap(_profile, work), strict=True)):
            known[job[0]] = row
            out.write(json.dumps({"sha256": job[0], "row": row}) + "\n")
            out.flush()
            if done % 100 == 99:
                report(f"{done + 1} modules profiled")
    return _arrays([(m.project, known[m.sha256]) for m in modules], len(option_sets))


def _read(store: Path, heading: str) -> dict[str, Any]:
    """What the store holds for these sequences and option sets; other contents are set aside."""
    if store.exists():
        lines = store.read_text().splitlines(keepends=True)
        if lines and lines[0].rstrip("\n") == heading:
            complete = [line for line in lines[1:] if line.endswith("\n")]
            if len(complete) != len(lines) - 1:  # cut off while writing
                store.write_text(heading + "\n" + "".join(complete))
            return {row["sha256"]: row["row"] for row in map(json.loads, complete)}
        store.rename(store.with_suffix(".old"))
    store.write_text(heading + "\n")
    return {}


def _ratio(size: int | None, reference: int | None) -> float:
    return math.log(size / reference) if size and reference else FAILED


def _arrays(rows: list[tuple[str, dict[str, Any] | None]], set_count: int) -> Profile:
    features, ratios, projects = [], [], []
    set_features, set_ratios, set_projects = [], [], []
    for project, row in rows:
        if row is None:
            continue
        features.append(row["features"])
        ratios.append([0.0, *[_ratio(s, row["baseline"]) for s in row["sizes"]]])
        projects.append(project)
        for tried in row["sets"].values():
            plain = tried["sizes"][0]
            if plain and len(tried["sizes"]) == set_count:
                set_features.append(tried["features"])
                set_ratios.append([_ratio(s, plain) for s in tried["sizes"]])
                set_projects.append(project)
    return Profile(
        np.array(features, np.float32),
        np.array(ratios, np.float32),
        projects,
        np.array(set_features, np.float32),
        np.array(set_ratios, np.float32),
        set_projects,
    )
