"""From rows of a profile store to what models are fitted on.

Every row of a program is related to the program's baseline build: targets are logarithms of the ratio of a metric to
the baseline's, inputs describe how the code differs from the baseline's.

Columns, by prefix, with counts of machine events in units of the baseline's executed instructions:

Events are machine counts, and crossings where they are known.

- `work:` events that the candidate executes, `base:` those of the baseline;
- `change:` logarithm of their ratio, `share:` the candidate's events per instruction;
- `code:` logarithm of the ratio of instructions that there are, `flash:` of bytes that the linker keeps;
- `ir:` change of the features of the optimised IR;
- `anchor:METRIC` the baseline's measured metric per estimated instruction, if one run of the baseline is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mlcomp.estimator.intervals import ByAmounts
from mlcomp.estimator.store import FLASH

Floats = npt.NDArray[np.float64]
Names = npt.NDArray[np.str_]

TARGETS = ("cycles", "energy", "instructions", "flash")
# Columns of the store by setting: machine counts, and crossings.
COUNTS = {"static": ("executed", "crossings"), "profiled": ("executed_profiled", "crossings_profiled")}
BASELINE = 0  # the build that others are related to
SMALL = 1e-4  # events per instruction of the baseline, beside which none are told from few
WIDEST = 4.0  # of logarithms


class DataError(Exception):
    """Rows that nothing can be fitted on or predicted for; the message is one line."""


@dataclass(frozen=True)
class Design:
    """Inputs `x` (n, d) with names of columns, targets ln(metric / baseline's) (n,), and where rows come from."""

    columns: tuple[str, ...]
    x: Floats
    targets: dict[str, Floats]
    programs: Names
    projects: Names
    splits: Names
    builds: npt.NDArray[np.int64]
    contents: Names

    def __len__(self) -> int:
        return len(self.x)

    def rows(self, chosen: npt.NDArray[Any]) -> Design:
        """The chosen rows, by mask or index."""
        return replace(
            self,
            x=self.x[chosen],
            targets={name: y[chosen] for name, y in self.targets.items()},
            programs=self.programs[chosen],
            projects=self.projects[chosen],
            splits=self.splits[chosen],
            builds=self.builds[chosen],
            contents=self.contents[chosen],
        )

    def indices(self, *prefixes: str) -> list[int]:
        """Columns with one of the prefixes, in order."""
        return [i for i, name in enumerate(self.columns) if name.startswith(prefixes)]

    def difficulty(self, seed: int) -> ByAmounts:
        """What learns how large errors are: from how much work, mix, code and IR change, and the predicted change."""
        size_of_prediction = len(self.columns) + 1
        amounts = [
            (self.indices("work:"), self.indices("base:")),
            (self.indices("change:"), []),
            (self.indices("code:", "flash:"), []),
            (self.indices("ir:"), []),
            ([size_of_prediction], []),
        ]
        return ByAmounts(amounts, seed)


def log_ratio(over: Floats, under: Floats, small: float) -> Floats:
    """ln(over / under), both raised by `small`, within what models can use."""
    return np.clip(np.log((over + small) / (under + small)), -WIDEST, WIDEST)


@dataclass(frozen=True)
class Described:
    """One way to compile a program: events (e,), instructions that there are (k,), bytes in flash, IR features."""

    executed: Floats
    code: Floats
    flash: float
    features: npt.NDArray[np.floating[Any]]


def inputs(new: Described, base: Described) -> Floats:
    """The inputs of one row, shape (d,), but for anchors."""
    unit = max(base.executed[0], 1.0)
    work, old = new.executed / unit, base.executed / unit
    return np.concatenate(
        [
            work,
            old,
            log_ratio(work, old, SMALL),
            work[1:] / max(work[0], SMALL),
            log_ratio(new.code, base.code, 1),
            [np.log(max(new.flash, 1.0) / max(base.flash, 1.0))],
            _compressed(new.features) - _compressed(base.features),
        ]
    )


def _compressed(features: npt.NDArray[np.floating[Any]]) -> Floats:
    values = np.asarray(features, np.float64)
    return np.asarray(np.sign(values) * np.log1p(np.abs(values)))


def column_names(kinds: Iterable[str], features: Iterable[str], crossings: Iterable[str] = ()) -> tuple[str, ...]:
    """Names of what `inputs` gives, where `crossings` are known or not."""
    kinds = list(kinds)
    events = [*kinds, *crossings]
    return (
        *(f"work:{k}" for k in events),
        *(f"base:{k}" for k in events),
        *(f"change:{k}" for k in events),
        *(f"share:{k}" for k in events[1:]),
        *(f"code:{k}" for k in kinds),
        "flash:",
        *(f"ir:{f}" for f in features),
    )


def design(
    rows: list[dict[str, Any]], setting: str, kinds: list[str], features: list[str], crossings: Sequence[str] = ()
) -> Design:
    """The design of one platform's rows in a setting of `COUNTS`; programs without a good baseline are left out.

    Raises `DataError` if nothing is left.
    """
    good = [row for row in rows if not row["problem"]]
    baselines = {row["program"]: row for row in good if row["build"] == BASELINE}
    used = [row for row in good if row["program"] in baselines and row["build"] != BASELINE]
    if not used:
        raise DataError("the profile store has no programs with a baseline for this platform")
    counts, crossed = COUNTS[setting]
    if any(row[crossed] is None for row in [*used, *baselines.values()]):
        crossings = ()
    columns = column_names(kinds, features, crossings)

    def flash(row: dict[str, Any]) -> float:
        return float(sum(row[name] for name in FLASH))

    def array(row: dict[str, Any], name: str, length: int) -> Floats:
        values = np.asarray(row[name], np.float64)
        if values.shape != (length,):
            raise DataError(f"{row['program']}, build {row['build']}: {len(values)} {name} where {length} are known")
        return values

    def described(row: dict[str, Any]) -> Described:
        executed = array(row, counts, len(kinds))
        if crossings:
            executed = np.concatenate([executed, array(row, crossed, len(crossings))])
        return Described(
            executed,
            array(row, "code", len(kinds)),
            float(row["object_text"] + row["object_rodata"] + row["object_data"]),
            array(row, "features", len(features)),
        )

    bases = {program: described(row) for program, row in baselines.items()}
    x = np.array([inputs(described(row), bases[row["program"]]) for row in used])
    targets, anchors = {}, []
    for name in TARGETS:
        values = [
            (flash(r), flash(baselines[r["program"]])) if name == "flash" else (r[name], baselines[r["program"]][name])
            for r in used
        ]
        if any(value is None or base is None for value, base in values):
            continue
        table = np.array(values, np.float64)
        if not (np.isfinite(table) & (table > 0)).all():
            row = used[int((~(np.isfinite(table) & (table > 0))).any(1).argmax())]
            raise DataError(f"{row['program']}, build {row['build']} or its baseline: {name} is no positive number")
        targets[name] = np.log(table[:, 0] / table[:, 1])
        if setting == "profiled" and name != "flash":
            own = np.array([max(baselines[r["program"]][counts][0], 1.0) for r in used])
            anchors.append((f"anchor:{name}", table[:, 1] / own))
    if not np.isfinite(x).all():
        raise DataError("the profile store has inputs that are no numbers")
    return Design(
        (*columns, *(name for name, _ in anchors)),
        np.column_stack([x, *(values for _, values in anchors)]),
        targets,
        np.array([r["program"] for r in used]),
        np.array([r["project"] for r in used]),
        np.array([r["split"] for r in used]),
        np.array([r["build"] for r in used]),
        np.array([r["contents"] for r in used]),
    )
