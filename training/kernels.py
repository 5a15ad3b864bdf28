"""The kernels of `kernels/kernels.toml`, as sources with the flags that each needs.

Kernels around a library need its package of the training corpus: `mlcomp corpus fetch` and `build` bring it. They are
warned about nothing; our own sources are compiled with warnings in the tests.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
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
    flags: tuple[str, ...] = ()  # of the compiler, beside these
    folder: Path = field(default=FOLDER, repr=False)  # of the table

    def files(self) -> list[Source]:
        """The sources with their flags; raises `CorpusError` where the package has not been fetched."""
        flags = ["-w", f"-I{self.folder}", *(f"-I{self.folder / i}" for i in self.own_includes)]
        flags += [*(f"-D{d}" for d in self.defines), *self.flags]
        paths = [self.folder / s for s in self.sources]
        if self.package:
            package = read_manifest().package(self.package)
            root = cache_folder() / "unpacked" / package.folder
            generated = generated_folder(cache_folder(), package)
            if not root.is_dir():
                raise CorpusError(f"kernel '{self.name}' needs package {self.package}; run mlcomp corpus fetch")
            flags += [f"-I{self.folder / 'lib'}", *(f"-I{generated / i}" for i in self.generated_includes)]
            flags += [f"-I{root / i}" for i in self.includes]
            paths += [root / s for s in self.package_sources]
        return [Source(path, tuple(flags)) for path in paths]


def _kernel(row: dict[str, Any], folder: Path) -> Kernel:
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
    return Kernel(**values, folder=folder)


def kernels(split: str | None = None, table: Path | None = None) -> list[Kernel]:
    """All kernels of a split, or all, by name; of another table if one is given. Raises `CorpusError`."""
    path = table or FOLDER / "kernels.toml"
    try:
        rows = [_kernel(row, path.parent) for row in tomllib.loads(path.read_text())["kernel"]]
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise CorpusError(f"'{path}' is no table of kernels: {problem}") from problem
    return sorted((k for k in rows if split in (None, k.split)), key=lambda k: k.name)
