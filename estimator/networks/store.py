"""Measured networks in Parquet: what was executed of each, with times. It grows in parts that are written whole."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mlcomp.estimator.networks.executed import Mapping
from mlcomp.estimator.networks.graph import Network, NetworkError

FORMAT = 1
MARK = b"mlcomp_network_store"
SCHEMA = pa.schema(
    [
        ("platform", pa.string()),
        ("name", pa.string()),  # of the benchmark
        ("network", pa.string()),  # JSON of `Network`
        ("executed", pa.string()),  # JSON of `Mapping`, with the seconds of each piece
        ("total", pa.float64()),  # seconds of the network; null if only pieces were measured
        ("reference", pa.float64()),  # seconds of the reference kernel meanwhile; null where there is none
        ("spread", pa.float64()),  # median over 25th percentile of the total, minus 1
        ("wall", pa.float64()),  # seconds that measuring took
    ],
    metadata={MARK: str(FORMAT)},
)


@dataclass(frozen=True)
class Measured:
    """A network that was measured on a platform."""

    platform: str
    name: str
    mapping: Mapping
    total: float | None
    reference: float | None
    spread: float | None = None
    wall: float = 0.0


def append(folder: Path, rows: Iterable[Measured]) -> None:
    """Adds a part to a store."""
    folder.mkdir(parents=True, exist_ok=True)
    pack(rows, folder / f"{len(list(folder.glob('*.parquet'))):05}.parquet")


def pack(rows: Iterable[Measured], out: Path) -> None:
    """Writes rows as one file, whole or not at all."""
    records = [
        {
            **{k: getattr(row, k) for k in ("platform", "name", "total", "reference", "spread", "wall")},
            "network": json.dumps(row.mapping.network.to_json()),
            "executed": json.dumps(row.mapping.to_json()),
        }
        for row in rows
    ]
    handle, scratch = tempfile.mkstemp(dir=out.parent, prefix=".writing-")
    os.close(handle)
    pq.write_table(pa.Table.from_pylist(records, SCHEMA), scratch, compression="zstd", compression_level=19)
    Path(scratch).replace(out)


def read(store: Path) -> list[Measured]:
    """All rows in the order in which they were measured; raises `NetworkError`."""
    parts = sorted(store.glob("*.parquet")) if store.is_dir() else [store]
    if not parts or not all(part.is_file() for part in parts):
        raise NetworkError(f"there are no measured networks at '{store}'; mlcomp network bench makes them")
    rows = []
    for part in parts:
        try:
            table = pq.read_table(part)
        except (OSError, pa.ArrowException) as problem:
            raise NetworkError(f"'{part}' is damaged: {str(problem).splitlines()[0]}") from problem
        if (table.schema.metadata or {}).get(MARK) != SCHEMA.metadata[MARK]:
            raise NetworkError(f"'{part}' is not a store of measured networks of this version")
        for record in table.to_pylist():
            network = Network.from_json(json.loads(record.pop("network")))
            mapping = Mapping.from_json(network, json.loads(record.pop("executed")))
            rows.append(Measured(mapping=mapping, **record))
    return rows
