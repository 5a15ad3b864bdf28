"""Downloads and unpacks the packages of the manifest through the machine's own package sources.

A private copy of apt's source list, with `deb` turned into `deb-src`, and private apt state folders keep the
machine's apt as it is; no host is named here. Every tarball is checked against the manifest before it is
unpacked. Whatever is complete already is left alone, so an interrupted fetch goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

from mlcomp.training.corpus.manifest import CorpusError, Package, cache_folder

APT_FOLDER = Path("/etc/apt")

Report = Callable[[str], None]
Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


def run_command(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run `command` in the C locale and return what it wrote."""
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    except FileNotFoundError as error:
        raise CorpusError(f"'{command[0]}' is not installed; the corpus is fetched with Debian's apt") from error


def deb822_to_source(text: str) -> str:
    """The stanzas of a `.sources` file that offer binary or source packages, as source stanzas."""
    stanzas = []
    for stanza in re.split(r"\n[ \t]*\n", text):
        lines = [line for line in stanza.splitlines() if line.strip() and not line.startswith("#")]
        fields = {line.split(":", 1)[0].lower(): line.split(":", 1)[1].split() for line in lines if ":" in line}
        types = fields.get("types", [])
        if "no" in fields.get("enabled", []) or not {"deb", "deb-src"} & set(types):
            continue
        stanzas.append("\n".join("Types: deb-src" if line.lower().startswith("types:") else line for line in lines))
    return "".join(stanza + "\n\n" for stanza in stanzas)


def list_to_source(text: str) -> str:
    """The `deb` and `deb-src` lines of a `.list` file, as `deb-src` lines."""
    lines = [re.match(r"\s*deb(?:-src)?\s+(.*)", line) for line in text.splitlines()]
    return "".join(dict.fromkeys(f"deb-src {line.group(1)}\n" for line in lines if line))


def write_sources(apt: Path, parts: Path) -> None:
    """Write the source-package form of every package source in the folder `apt` into the folder `parts`."""
    shutil.rmtree(parts, ignore_errors=True)
    parts.mkdir(parents=True)
    found = [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]
    for number, file in enumerate(file for file in found if file.is_file()):
        if file.suffix not in (".list", ".sources"):
            continue
        convert = deb822_to_source if file.suffix == ".sources" else list_to_source
        if text := convert(file.read_text()):
            (parts / f"{number:02}-{file.stem}{file.suffix}").write_text(text)
    if not any(parts.iterdir()):
        raise CorpusError(f"no package source found in {apt}; the corpus needs a Debian 12 source")


class Apt:
    """apt with private state: its own source list, package lists and archives below `folder`."""

    def __init__(self, folder: Path, run: Run = run_command, settings: Path = APT_FOLDER) -> None:
        self.folder = folder
        self.run = run
        self.settings = settings

    def options(self) -> list[str]:
        """The `-o` options that keep apt in its private folders."""
        values = {
            "Dir::Etc::sourcelist": "/dev/null",
            "Dir::Etc::sourceparts": str(self.folder / "sources"),
            "Dir::State": str(self.folder / "state"),
            "Dir::Cache": str(self.folder / "cache"),
            "APT::Sandbox::User": "",
        }
        return [word for key, value in values.items() for word in ("-o", f"{key}={value}")]

    def update(self) -> None:
        """Fetch the lists of source packages."""
        for part in ("state/lists/partial", "cache/archives/partial"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        write_sources(self.settings, self.folder / "sources")
        result = self.run(["apt-get", "update", "-q", *self.options()])
        if result.returncode:
            raise CorpusError(f"apt-get update: {last_line(result.stderr)}; check the machine's package sources")

    def offers(self, package: Package) -> dict[str, tuple[str, str]]:
        """Tarball name -> (address, SHA-256), of the pinned version or, where it is gone, the current one."""
        known: dict[str, tuple[str, str]] = {}
        for name in (f"{package.name}={package.version}", package.name):
            command = ["apt-get", "source", "-qq", "--print-uris", "--tar-only", *self.options(), name]
            for address, file, digest in re.findall(r"'([^']+)' (\S+) \d+ SHA256:(\w+)", self.run(command).stdout):
                if package.tarballs.get(file) == digest:
                    known.setdefault(file, (address, digest))
        return known

    def download(self, address: str, digest: str, to: Path) -> str:
        """Download one file with apt's own transport; returns an error text, empty on success."""
        helper = ["/usr/lib/apt/apt-helper", *self.options(), "-qq", "download-file"]
        result = self.run([*helper, address, str(to), f"SHA256:{digest}"])
        return last_line(result.stderr) or "download failed" if result.returncode else ""


def last_line(text: str) -> str:
    """The first error that apt wrote, or else its last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("E:")] or lines[-1:]
    return errors[0].removeprefix("E: ") if errors else ""


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(package: Package, archives: Path) -> None:
    """Check the tarballs of `package` in `archives`; removes and reports the first that differs."""
    for file, digest in package.tarballs.items():
        if not (archives / file).is_file():
            raise CorpusError(f"{package.name}: {file} is missing; run `mlcomp corpus fetch`")
        if file_digest(archives / file) != digest:
            (archives / file).unlink()
            raise CorpusError(
                f"{package.name}: checksum of {file} differs from the manifest; it was removed, fetch again"
            )


def unpack(package: Package, archives: Path, root: Path) -> None:
    """Unpack the tarballs of `package` to the folder `root`, without their common top folder."""
    scratch = root.with_name(root.name + ".partial")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    for file in package.tarballs:
        try:
            with tarfile.open(archives / file) as tar:
                members = [member for member in tar.getmembers() if member.isfile() or member.isdir()]
                # Debian 12's Python has no filters yet; what is extracted has its checksum in the manifest.
                if hasattr(tarfile, "data_filter"):
                    tar.extraction_filter = tarfile.data_filter
                tar.extractall(scratch, members=members)
        except (tarfile.TarError, OSError) as error:
            raise CorpusError(f"{package.name}: cannot unpack {file}: {error}") from error
    entries = list(scratch.iterdir())
    top = entries[0] if len(entries) == 1 and entries[0].is_dir() else scratch
    shutil.rmtree(root, ignore_errors=True)
    top.rename(root)
    shutil.rmtree(scratch, ignore_errors=True)


def fetch_packages(
    packages: Sequence[Package],
    cache: Path | None = None,
    *,
    apt: Apt | None = None,
    report: Report = lambda name: None,
) -> list[str]:
    """Download, verify and unpack `packages`.

    Returns
    -------
    list of str
        One line for each package that could not be had; the others are complete.
    """
    cache = cache or cache_folder()
    apt = apt or Apt(cache / "apt")
    updated = False
    problems = []
    for package in packages:
        archives, root = cache / "sources" / package.name, cache / "unpacked" / package.folder
        try:
            missing = [file for file in package.tarballs if not (archives / file).is_file()]
            if missing and not updated:
                apt.update()
                updated = True
            if missing:
                download(package, missing, archives, apt)
            # The mark holds the checksums, so that a changed manifest unpacks anew.
            mark, wanted = root.with_name(root.name + ".unpacked"), "".join(sorted(package.tarballs.values()))
            if missing or not root.is_dir() or not mark.is_file() or mark.read_text() != wanted:
                verify(package, archives)
                unpack(package, archives, root)
                mark.write_text(wanted)
        except CorpusError as error:
            problems.append(str(error))
        report(package.name)
    return problems


def download(package: Package, files: Sequence[str], archives: Path, apt: Apt) -> None:
    """Download `files` of `package` into the folder `archives`."""
    offers = apt.offers(package)
    archives.mkdir(parents=True, exist_ok=True)
    for file in files:
        if file not in offers:
            raise CorpusError(
                f"{package.name}: no package source offers {file} with its checksum; update manifest.toml"
            )
        partial = archives / f"{file}.partial"
        if problem := apt.download(*offers[file], partial):
            raise CorpusError(f"{package.name}: cannot download {file}: {problem}")
        partial.rename(archives / file)
