"""Profiles modules in process: sizes under every sequence of a coreset, and the baseline's code under option sets.

One line of JSON per module is written as soon as it is known; a run that was interrupted measures what is missing.
"""

from __future__ import annotations

import json
import math
import multiprocessing
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

    `features` (n, f) of the module as it comes, `set_features` (n, f) of the baseline's code; `sequence_ratios`
    (n, a) and `set_ratios` (n, s) are ln(size / baseline's size).
    """

    features: Floats
    sequence_ratios: Floats
    set_features: Floats
    set_ratios: Floats
    projects: list[str]


def _profile(job: tuple[str, str, bool, Sequence[Actions], Sequence[Actions]]) -> dict[str, Any] | None:
    """Sizes of one module: the baseline's with each option set, and each sequence's."""
    sha, path, sections, sequences, option_sets = job
    with Session.from_file(path, "Oz", sections) as session:
        sets = session.try_sequence(["default<Oz>"], option_sets)
        if sets.sizes[0] is None or sets.sizes[0].flash == 0 or np.isnan(sets.features).any():
            return None
        sizes = [session.try_sequence(s).sizes[0] for s in sequences]
        return {
            "sha256": sha,
            "features": [float(f) for f in session.features()],
            "sizes": [s.flash if s else None for s in sizes],
            "set_features": [float(f) for f in sets.features],
            "set_sizes": [s.flash if s else None for s in sets.sizes],
        }


def profile(
    target: str,
    modules: Sequence[ModuleRecord],
    sequences: Sequence[Actions],
    option_sets: Sequence[Actions],
    store: Path,
    jobs: int,
    report: Callable[[str], None],
) -> Profile:
    """Measures what `store` lacks and returns everything as arrays."""
    heading = json.dumps({"sequences": [list(s) for s in sequences], "option_sets": [list(s) for s in option_sets]})
    known = _read(store, heading)
    sections = targets()[target].sections
    work = [(m.sha256, str(m.path), sections, sequences, option_sets) for m in modules if m.sha256 not in known]
    report(f"profiling {len(work)} of {len(modules)} modules")
    with store.open("a") as out, multiprocessing.get_context("fork").Pool(jobs) as pool:
        for done, (job, row) in enumerate(zip(work, pool.imap(_profile, work), strict=True)):
            known[job[0]] = row
            out.write(json.dumps({"sha256": job[0], "row": row}) + "\n")
            out.flush()
            if done % 100 == 99:
                report(f"{done + 1} modules profiled")
    return _arrays([(m.project, known[m.sha256]) for m in modules])


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


def _arrays(rows: list[tuple[str, dict[str, Any] | None]]) -> Profile:
    measured = [(project, row) for project, row in rows if row]
    baselines = [row["set_sizes"][0] for _, row in measured]

    def ratios(key: str) -> Floats:
        table = zip(measured, baselines, strict=True)
        return np.array([[_ratio(size, baseline) for size in row[key]] for (_, row), baseline in table], np.float32)

    return Profile(
        np.array([row["features"] for _, row in measured], np.float32),
        np.hstack([np.zeros((len(measured), 1), np.float32), ratios("sizes")]),
        np.array([row["set_features"] for _, row in measured], np.float32),
        ratios("set_sizes"),
        [project for project, _ in measured],
    )
