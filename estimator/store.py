"""The profile store: what programs cost under many ways to compile them, in Parquet.

A row is one program, compiled in one way, on one platform. While it grows, a store is a folder of parts, each written
whole or not at all; `pack` makes one file of it. Both are read alike.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

FORMAT = 2
MARK = b"mlcomp_profile_store"
SIZES = ("text", "rodata", "data", "bss")  # of the linked program's own code, in bytes
FLASH = SIZES[:3]
OBJECT_SIZES = ("object_text", "object_rodata", "object_data")  # of what the linker keeps of its object files
METRICS = ("cycles", "energy", "instructions", "cpu_time")  # a platform has some of them

_floats = pa.list_(pa.float32())
_texts = pa.list_(pa.string())
SCHEMA = pa.schema(
    [
        ("platform", pa.string()),
        ("program", pa.string()),
        ("project", pa.string()),
        ("split", pa.string()),  # train, validation or test
        ("build", pa.int32()),  # its index among the builds
        ("level", pa.string()),
        ("sequence", _texts),
        ("options", _texts),
        ("problem", pa.string()),  # why the row has no figures; empty if it has
        ("output", pa.string()),  # digest of what the program printed
        ("contents", pa.string()),  # digest of the program
        *((name, pa.int64()) for name in (*SIZES, *OBJECT_SIZES)),
        *((name, pa.float64()) for name in METRICS),  # units as the platform's; null where it has none
        ("counts", pa.map_(pa.string(), pa.float64())),  # all that the platform counted
        ("features", _floats),  # of the optimised IR, by feature_names()
        ("executed", _floats),  # machine counts by machine_kinds(), by static estimates
        ("executed_profiled", _floats),  # by a profile of the source's blocks
        ("code", _floats),  # machine instructions that there are, by machine_kinds()
        ("crossings", _floats),  # by crossing_kinds() as the program is linked, and static estimates; null where it
        ("crossings_profiled", _floats),  # does not matter, or what runs is not what is described; by a profile
    ],
    metadata={MARK: str(FORMAT)},
)


class StoreError(Exception):
    """A store that is missing, damaged or of another version; the message is one line."""


def _part(folder: Path, key: str) -> Path:
    return folder / f"{hashlib.sha256(key.encode()).hexdigest()[:20]}.parquet"


def has_part(folder: Path, key: str) -> bool:
    """Whether the part `key` has been written."""
    return _part(folder, key).exists()


def write_part(folder: Path, key: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Adds a part to a growing store: all of its rows or, if interrupted, none."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(pa.Table.from_pylist(list(rows), SCHEMA), _part(folder, key))


def _write(table: pa.Table, path: Path) -> None:
    scratch = path.with_name(f".writing-{os.getpid()}-{path.stem}")
    try:
        pq.write_table(table, scratch, compression="zstd", compression_level=12)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def read(store: Path) -> pa.Table:
    """All rows, in the order of platform, program and build; raises `StoreError`.

    Of a build that was measured more than once the last row counts.
    """
    parts = sorted(store.glob("*.parquet"), key=lambda p: (p.stat().st_mtime_ns, p)) if store.is_dir() else [store]
    if not parts or not all(part.exists() for part in parts):
        raise StoreError(f"there is no profile store at '{store}'")
    tables = []
    for part in parts:
        try:
            tables.append(pq.read_table(part))
        except pa.ArrowInvalid as problem:
            raise StoreError(f"'{part}' is damaged or no Parquet file") from problem
        except (OSError, pa.ArrowException) as problem:
            raise StoreError(f"'{part}' cannot be read: {str(problem).splitlines()[0]}") from problem
        schema = tables[-1].schema
        if not schema.equals(SCHEMA) or (schema.metadata or {}).get(MARK) != SCHEMA.metadata[MARK]:
            raise StoreError(f"'{part}' is not a profile store of this version")
    table = pa.concat_tables(tables)
    names = ("platform", "program", "build", "level", "sequence", "options")
    last = {key: i for i, key in enumerate(map(repr, table.select(names).to_pylist()))}
    return table.take(sorted(last.values())).sort_by([(name, "ascending") for name in ("platform", "program", "build")])


def pack(store: Path, out: Path) -> int:
    """Writes a store as one file; returns the number of rows."""
    table = read(store)
    _write(table, out)
    return int(table.num_rows)
