"""The index of the corpus: one row per module, one Parquet file per target.

`write_index` replaces the file in one step, so readers always see a complete index; `load` reads it back.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mlcomp.training.corpus.manifest import SPLITS, CorpusError, cache_folder

SCHEMA = pa.schema([
    ("project", pa.string()),
    ("folder", pa.string()),
    ("split", pa.string()),
    ("source", pa.string()),
    ("sha256", pa.string()),
    ("instructions", pa.int32()),
    ("functions", pa.int32()),
    ("bytes", pa.int32()),
    ("flags", pa.list_(pa.string())),
])  # fmt: skip


@dataclass(frozen=True)
class ModuleRecord:
    """One module of the corpus.

    Attributes
    ----------
    path : Path
        Bitcode as clang emits it at -Oz before any pass.
    source : str
        C file, relative to the project's unpacked folder.
    flags : tuple of str
        The complete flags of the compilation, include folders absolute; `clang-19 FLAGS -c SOURCE`, run in
        `root`, gives the baseline object.
    instructions, functions : int
        LLVM instructions and function definitions in the module.
    """

    path: Path
    root: Path
    project: str
    split: str
    source: str
    sha256: str
    flags: tuple[str, ...]
    instructions: int
    functions: int


def index_path(cache: Path, target: str) -> Path:
    """Where the index of `target` lies."""
    return cache / "corpus" / f"{target}.parquet"


def write_index(path: Path, rows: Iterable[dict[str, object]]) -> None:
    """Write `rows` sorted by project and source, atomically."""
    ordered = sorted(rows, key=lambda row: (str(row["project"]), str(row["source"])))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    pq.write_table(pa.Table.from_pylist(ordered, SCHEMA), partial)
    partial.replace(path)


def load(target: str, split: str | None = None, cache: Path | None = None) -> list[ModuleRecord]:
    """The modules of one target, of one split or of all, sorted by project and source.

    Raises
    ------
    CorpusError
        If the corpus has not been built for `target`, or `split` is not one of train, validation, test.
    """
    if split is not None and split not in SPLITS:
        raise CorpusError(f"unknown split '{split}'; choose one of {', '.join(SPLITS)}")
    cache = cache or cache_folder()
    index = index_path(cache, target)
    if not index.is_file():
        raise CorpusError(f"no corpus for target '{target}'; run `mlcomp corpus build {target}`")
    modules = index.parent / target
    return [
        ModuleRecord(
            path=modules / f"{row['sha256']}.bc",
            root=cache / "unpacked" / row["folder"],
            project=row["project"],
            split=row["split"],
            source=row["source"],
            sha256=row["sha256"],
            flags=tuple(row["flags"]),
            instructions=row["instructions"],
            functions=row["functions"],
        )
        for row in pq.read_table(index).to_pylist()
        if split in (None, row["split"])
    ]
