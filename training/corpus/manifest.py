"""Reads `manifest.toml`: which packages the corpus is made of, and how each is compiled.

A manifest that breaks a rule (a family that is torn between splits, a missing checksum, an unknown split) is
refused here, so that the other modules need no checks of their own.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mlcomp.platforms.targets import Target, targets

SPLITS = ("train", "validation", "test")
MANIFEST = Path(__file__).with_name("manifest.toml")
COMMON_MARK = "@common\n"


class CorpusError(Exception):
    """What is wrong with the corpus and what to do, in one line."""


@dataclass(frozen=True)
class Template:
    """A file of the package and the words to replace in it."""

    source: str
    replace: Mapping[str, str]


@dataclass(frozen=True)
class Package:
    """One Debian source package and what the corpus takes of it.

    Attributes
    ----------
    family : str
        Projects that share code have the same family, and thereby the same split.
    tarballs : mapping of file name to SHA-256
        The upstream tarballs. Debian's patches are not applied, so a newer Debian revision serves as well.
    files, exclude : tuple of str
        Globs relative to the unpacked folder (`**` allowed).
    include : tuple of str
        Include folders relative to the unpacked folder.
    config : mapping of file name to text
        Headers that the package's own configure step would write, relative to a generated include folder (up
        to two `../`). Text that starts with `@common` gets the manifest's common definitions first.
    links : mapping of folder to globs
        Headers that the package's build gathers in one folder (`gsl/gsl_math.h`, `asm/io.h`); `.` is the
        include root.
    templates : mapping of file name to template
        Headers that the package's build makes from a file of its own by replacing words.
    """

    name: str
    version: str
    split: str
    family: str
    tarballs: Mapping[str, str]
    files: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    defines: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    config: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    templates: Mapping[str, Template] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """Name of the unpacked folder: the package and its upstream version."""
        upstream = re.sub(r"-[^-]*$", "", self.version.split(":")[-1])
        return f"{self.name}_{upstream}"

    def digest(self) -> str:
        """A key that changes whenever the package would be compiled in another way."""
        # The split is no part of it: moving a project to another split needs no compilation.
        entry = {key: value for key, value in asdict(self).items() if key not in ("split", "family")}
        return hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Manifest:
    """The packages in the order of the file, and the corpus-wide rules."""

    packages: tuple[Package, ...]
    share_limit: float
    seed: int

    def package(self, name: str) -> Package:
        """The package called `name`."""
        for package in self.packages:
            if package.name == name:
                return package
        raise CorpusError(f"package '{name}' is not in the corpus manifest; see manifest.toml for those that are")

    def select(self, names: tuple[str, ...]) -> tuple[Package, ...]:
        """The named packages, or all of them where no name is given."""
        return tuple(self.package(name) for name in names) or self.packages


def cache_folder() -> Path:
    """`$MLCOMP_CACHE`, or `mlcomp` in the user's cache folder."""
    if own := os.environ.get("MLCOMP_CACHE"):
        return Path(own)
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "mlcomp"


def find_target(name: str) -> Target:
    """The target called `name`; raises CorpusError where there is none."""
    if name not in targets():
        raise CorpusError(f"unknown target '{name}'; choose one of {', '.join(targets())}")
    return targets()[name]


def parse_package(name: str, entry: Mapping[str, Any], common: str) -> Package:
    """One `[package.NAME]` table; raises CorpusError where it is malformed."""
    known = set(Package.__dataclass_fields__) - {"name"}
    if unknown := sorted(set(entry) - known):
        raise CorpusError(
            f"manifest: package '{name}' has unknown key '{unknown[0]}'; known: {', '.join(sorted(known))}"
        )
    for key in ("version", "split", "tarballs", "files"):
        if not entry.get(key):
            raise CorpusError(f"manifest: package '{name}' lacks '{key}'")
    if entry["split"] not in SPLITS:
        raise CorpusError(f"manifest: package '{name}' has split '{entry['split']}'; choose one of {', '.join(SPLITS)}")
    for file, digest in entry["tarballs"].items():
        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise CorpusError(f"manifest: package '{name}': '{file}' needs a SHA-256 of 64 hexadecimal digits")
    config = {
        file: common + text.removeprefix(COMMON_MARK) if text.startswith(COMMON_MARK) else text
        for file, text in entry.get("config", {}).items()
    }
    if leaving := [file for file in config if file.count("../") > 2 or file.startswith("/")]:
        raise CorpusError(f"manifest: package '{name}': '{leaving[0]}' lies outside of its generated folder")
    return Package(
        name=name,
        version=entry["version"],
        split=entry["split"],
        family=entry.get("family", name),
        tarballs=dict(entry["tarballs"]),
        files=tuple(entry["files"]),
        exclude=tuple(entry.get("exclude", ())),
        include=tuple(entry.get("include", ())),
        defines=tuple(entry.get("defines", ())),
        flags=tuple(entry.get("flags", ())),
        targets=tuple(entry.get("targets", ())),
        config=config,
        links={folder: tuple(globs) for folder, globs in entry.get("links", {}).items()},
        templates={
            file: Template(template["source"], template["replace"])
            for file, template in entry.get("templates", {}).items()
        },
    )


def read_manifest(path: Path = MANIFEST) -> Manifest:
    """Read and check a manifest; raises CorpusError with the first rule that it breaks."""
    try:
        data = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise CorpusError(f"cannot read the corpus manifest {path.name}: {error}") from error
    common = data.get("common_config", "")
    packages = tuple(parse_package(name, entry, common) for name, entry in data.get("package", {}).items())
    splits: dict[str, str] = {}
    for package in packages:
        if splits.setdefault(package.family, package.split) != package.split:
            raise CorpusError(
                f"manifest: family '{package.family}' is torn between splits; give its packages one split"
            )
    for package in packages:
        if unknown := [name for name in package.targets if name not in targets()]:
            raise CorpusError(f"manifest: package '{package.name}' names unknown target '{unknown[0]}'")
    return Manifest(packages, float(data.get("share_limit", 1.0)), int(data.get("seed", 0)))
