"""The training corpus: embedded C from Debian source packages, compiled to bitcode that is not optimised yet.

`manifest.toml` names the packages, their checksums, their split and what to compile of each. `fetch_packages`
downloads and unpacks them, `build_corpus` compiles them for one target, `load` returns the resulting modules.
The code itself stays in a cache folder and is never part of this repository.
"""

from mlcomp.training.corpus.build import build_corpus
from mlcomp.training.corpus.fetch import fetch_packages
from mlcomp.training.corpus.manifest import (
    SPLITS,
    CorpusError,
    Manifest,
    Package,
    cache_folder,
    find_target,
    read_manifest,
)
from mlcomp.training.corpus.records import ModuleRecord, load

__all__ = [
    "SPLITS",
    "CorpusError",
    "Manifest",
    "ModuleRecord",
    "Package",
    "build_corpus",
    "cache_folder",
    "fetch_packages",
    "find_target",
    "load",
    "read_manifest",
]
