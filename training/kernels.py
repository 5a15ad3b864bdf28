"""The kernels of `kernels/kernels.toml`, as sources with the flags that each needs.

Kernels around a library need its package of the training corpus: `mlcomp corpus fetch` and `build` bring it. They are
warned about nothing; our own sources are compiled with warnings in the tests.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlcomp.platforms.program import Source
from mlcomp.training.corpus.build import generated_folder
from mlcomp.training.corpus.manifest import CorpusError, cache_folder, read_manifest

FOLDER = Path(__file__).parent.parent / "kernels"


@dataclass(frozen=True)
class Kernel:
    """One runnable program; paths as in the table."""

    name: str
    project: str
    split: str
    about: str
    sources: tuple[str, ...]
    package: str = ""
    package_sources: tuple[str, ...] = ()
    includes: tuple[str, ...] = ()
    generated_includes: tuple[str, ...] = ()
    own_includes: tuple[str, ...] = ()
    defines: tuple[str, ...] = ()

    def files(self) -> list[Source]:
        """The sources with their flags; raises `CorpusError` where the package has not been fetched."""
        flags = ["-w", f"-I{FOLDER}", *(f"-I{FOLDER / i}" for i in self.own_includes)]
        flags += [f"-D{d}" for d in self.defines]
        paths = [FOLDER / s for s in self.sources]
        if self.package:
            package = read_manifest().package(self.package)
            root = cache_folder() / "unpacked" / package.folder
            generated = generated_folder(cache_folder(), package)
            if not root.is_dir():
                raise CorpusError(f"kernel '{self.name}' needs package {self.package}; run mlcomp corpus fetch")
            flags += [f"-I{FOLDER / 'lib'}", *(f"-I{generated / i}" for i in self.generated_includes)]
            flags += [f"-I{root / i}" for i in self.includes]
            paths += [root / s for s in self.package_sources]
        return [Source(path, tuple(flags)) for path in paths]


def _kernel(row: dict[str, Any]) -> Kernel:
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
    return Kernel(**values)


def kernels(split: str | None = None) -> list[Kernel]:
    """All kernels of a split, or all, by name."""
    table: list[dict[str, Any]] = tomllib.loads((FOLDER / "kernels.toml").read_text())["kernel"]
    rows = [_kernel(row) for row in table]
    return sorted((k for k in rows if split in (None, k.split)), key=lambda k: k.name)
