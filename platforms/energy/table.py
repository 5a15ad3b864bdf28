"""A core's calibration data: one row a program, with its energy on gates and what its platforms counted."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlcomp.platforms.measurement import Counts

KEYS = ("kernel", "split", "level")


@dataclass(frozen=True)
class Row:
    """One program between two cycles: its region of interest, or what of it ran within the limit.

    `gates` has cycles and energy (nJ) of the core at gate level; `counts` what each platform counted.
    """

    kernel: str
    split: str
    level: str
    gates: Counts
    counts: dict[str, Counts]


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Writes rows as compressed CSV, always the same bytes for the same rows."""
    columns = [f"gates.{n}" for n in rows[0].gates]
    columns += [f"{platform}.{n}" for platform, counts in rows[0].counts.items() for n in counts]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*KEYS, *columns])
    for row in rows:
        values = {"gates": row.gates, **row.counts}
        cells = [values[c.split(".")[0]][c.split(".")[1]] for c in columns]
        writer.writerow([row.kernel, row.split, row.level, *(f"{v:.10g}" for v in cells)])
    path.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))


def data_of(core: str) -> Path:
    """Where a core's data are."""
    return Path(__file__).with_name(f"calibration-{core}.csv.gz")


def read_rows(path: Path) -> list[Row]:
    """The rows of a table that `write_rows` wrote."""
    rows = []
    with gzip.open(path, "rt") as file:
        for line in csv.DictReader(file):
            values: dict[str, Counts] = {}
            for column, value in line.items():
                if column not in KEYS:
                    group, name = column.split(".")
                    values.setdefault(group, {})[name] = float(value)
            gates = values.pop("gates")
            rows.append(Row(line["kernel"], line["split"], line["level"], gates, values))
    return rows
