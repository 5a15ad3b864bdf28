"""Compiles the fetched packages to bitcode modules and indexes them.

In: the unpacked packages. Out: `<cache>/corpus/<target>/<sha256>.bc`, one file per distinct module, as clang
emits it at -Oz before any pass has run, and the index `<cache>/corpus/<target>.parquet`. A file that does not
compile for a target is skipped and counted. The results of every package are kept, so a later run compiles
only what has changed.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache as memoise
from pathlib import Path

from mlcomp.platforms.targets import Target
from mlcomp.training.corpus.manifest import CorpusError, Manifest, Package, cache_folder, find_target
from mlcomp.training.corpus.records import index_path, write_index

CLANG = "clang-19"
ASSEMBLER = "llvm-as-19"
BASELINE = ("-Oz", "-w")
UNOPTIMISED = ("-Xclang", "-disable-llvm-passes", "-S", "-emit-llvm", "-o", "-")
SMALLEST = 20
TIME_LIMIT = 600  # seconds of wall time, generous for a busy machine
# A hosted target gets the C library's headers only: what else lies in /usr/include differs between machines.
HOST_HEADERS = ("libc6-dev", "linux-libc-dev", "libcrypt-dev")

Report = Callable[[str], None]
Row = dict[str, object]


@dataclass
class Outcome:
    """What a build did: modules in the index, files left out by reason, and packages not fetched."""

    modules: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


def sources(package: Package, root: Path) -> list[str]:
    """The files that the package's globs select below `root`, sorted."""
    chosen = {path for glob in package.files for path in root.glob(glob) if path.is_file()}
    dropped = {path for glob in package.exclude for path in root.glob(glob)}
    return sorted(path.relative_to(root).as_posix() for path in chosen - dropped)


def generated_folder(cache: Path, package: Package) -> Path:
    """Where generated headers lie; two levels deep, for sources that include `../../config.h`."""
    return cache / "generated" / package.name / "build" / "include"


def write_config(package: Package, root: Path, folder: Path) -> None:
    """Write to `folder` the headers that the package's own build would have generated or gathered."""
    for place, globs in package.links.items():
        for source in sorted(path for glob in globs for path in root.glob(glob)):
            link = folder / place / source.name
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.is_symlink():
                link.symlink_to(source)
    texts = dict(package.config)
    for name, template in package.templates.items():
        texts[name] = (root / template.source).read_text()
        for word, value in template.replace.items():
            texts[name] = texts[name].replace(word, value)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        file = folder / name
        if not file.is_file() or file.read_text() != text:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)


def compile_flags(package: Package, target: Target, root: Path, config: Path) -> list[str]:
    """The complete flags of `package` for `target`; include folders are absolute."""
    flags = [*target.compile_flags, *BASELINE]
    if target.libc:
        flags += ["-nostdlibinc"]
    flags += ["-I", str(config)]
    flags += [word for folder in package.include for word in ("-I", str(root / folder))]
    flags += [f"-D{define}" for define in package.defines]
    # Names of files end up in assertions; they must not depend on where the cache lies.
    return [*flags, *package.flags, f"-fmacro-prefix-map={root}/=", f"-fmacro-prefix-map={config}/="]


@memoise
def host_headers() -> frozenset[str] | None:
    """Every header that the host's C library provides, or None where dpkg cannot tell."""
    if not shutil.which("dpkg"):
        return None
    listed = [
        subprocess.run(["dpkg", "-L", name], capture_output=True, text=True, check=False) for name in HOST_HEADERS
    ]
    return frozenset(line for result in listed for line in result.stdout.splitlines())


def foreign_header(dependencies: str) -> bool:
    """Whether a make rule names a system header that belongs to no package of the C library."""
    known = host_headers()
    if known is None:
        return False
    return any(word.startswith("/usr/include/") and word not in known for word in dependencies.split())


def canonical(ir: str) -> str:
    """Textual IR without the lines that name the source file or the compiler."""
    body = re.sub(r"^(?:; ModuleID = |source_filename = ).*\n", "", ir, flags=re.MULTILINE)
    return re.sub(
        r"^!llvm\.ident = .*\n|^![0-9]+ = !\{!\"[^\"]*clang version [^\"]*\"\}\n",
        "",
        body,
        flags=re.MULTILINE,
    )


def count(ir: str) -> tuple[int, int]:
    """Instructions and function definitions of textual IR."""
    functions = instructions = 0
    inside = False
    for line in ir.splitlines():
        if line.startswith("define "):
            functions, inside = functions + 1, True
        elif line.startswith("}"):
            inside = False
        # Deeper indentation continues an instruction (the cases of a switch), as does its closing bracket.
        elif inside and line.startswith("  ") and line[2:3] not in (" ", "]", ""):
            instructions += 1
    return instructions, functions


def compile_module(source: str, flags: Sequence[str], root: Path, modules: Path) -> Row | str:
    """Compile one file; returns its row of the index, or the reason why it has none."""
    with tempfile.TemporaryDirectory() as scratch:
        dependencies = Path(scratch) / "dependencies"
        command = [CLANG, *flags, *UNOPTIMISED, "-MD", "-MF", str(dependencies), source]
        try:
            result = subprocess.run(command, cwd=root, capture_output=True, check=False, timeout=TIME_LIMIT)
        except FileNotFoundError as error:
            raise CorpusError(f"{CLANG} is not installed; install it to build the corpus") from error
        except subprocess.TimeoutExpired:
            return "compiler took too long"
        if result.returncode:
            return "does not compile"
        if foreign_header(dependencies.read_text(errors="replace").replace("\\\n", " ")):
            return "needs another library"
        # Embedded bytes that are not UTF-8 are escaped by LLVM, so text is safe to decode.
        ir = canonical(result.stdout.decode(errors="surrogateescape"))
        instructions, functions = count(ir)
        if not functions or instructions < SMALLEST:
            return "too small"
        text = ir.encode(errors="surrogateescape")
        digest = hashlib.sha256(text).hexdigest()
        path = modules / f"{digest}.bc"
        if not path.is_file():
            partial = Path(scratch) / "module.bc"
            done = subprocess.run([ASSEMBLER, "-o", str(partial)], input=text, capture_output=True, check=False)
            if done.returncode:
                return "is refused by the assembler"
            # The scratch folder may lie on another file system, where a rename would not be atomic.
            beside = path.with_name(f".{digest}.partial")
            shutil.copyfile(partial, beside)
            beside.replace(path)
    return {
        "source": source,
        "sha256": digest,
        "instructions": instructions,
        "functions": functions,
        "bytes": path.stat().st_size,
    }


def compiler_version() -> str:
    """First line of the compiler's version."""
    try:
        result = subprocess.run([CLANG, "--version"], capture_output=True, text=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        raise CorpusError(f"{CLANG} is not installed; install it to build the corpus") from error
    return result.stdout.splitlines()[0]


def build_package(
    package: Package, target: Target, cache: Path, jobs: int, version: str
) -> tuple[list[Row], Counter[str]]:
    """Compile one package, or take the kept results where nothing has changed since."""
    root, config = cache / "unpacked" / package.folder, generated_folder(cache, package)
    modules = cache / "corpus" / target.name
    if not root.is_dir():
        raise CorpusError(f"{package.name} is not fetched; run `mlcomp corpus fetch`")
    if package.targets and target.name not in package.targets:
        return [], Counter()
    flags = compile_flags(package, target, root, config)
    key = hashlib.sha256(json.dumps([package.digest(), flags, version]).encode()).hexdigest()
    kept = modules / "packages" / f"{package.name}.json"
    if kept.is_file():
        result = json.loads(kept.read_text())
        if result["key"] == key:
            return [{**row, "flags": flags} for row in result["rows"]], Counter(result["skipped"])
    write_config(package, root, config)
    kept.parent.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(jobs) as pool:
        results = list(pool.map(lambda source: compile_module(source, flags, root, modules), sources(package, root)))
    rows = [row for row in results if isinstance(row, dict)]
    skipped = Counter(reason for reason in results if isinstance(reason, str))
    partial = kept.with_suffix(".partial")
    partial.write_text(json.dumps({"key": key, "rows": rows, "skipped": skipped}))
    partial.replace(kept)
    return [{**row, "flags": flags} for row in rows], skipped


def distinct(rows: Sequence[Row]) -> Iterator[Row]:
    """The rows without repeated modules; of modules in several splits, the one that is tested on stays."""
    order = {"test": 0, "validation": 1, "train": 2}
    seen: set[object] = set()
    for row in sorted(rows, key=lambda row: (order[str(row["split"])], str(row["project"]), str(row["source"]))):
        if row["sha256"] not in seen:
            seen.add(row["sha256"])
            yield row


def largest_share(counts: Sequence[int], limit: float) -> int:
    """The most modules a project may give so that none has more than the share `limit` of all."""
    for most in range(max(counts, default=0), 0, -1):
        if most <= limit * sum(min(count, most) for count in counts):
            return most
    return max(counts, default=0)


def cap_projects(rows: Sequence[Row], limit: float, seed: int) -> list[Row]:
    """A sample in which no project has more than the share `limit` of the modules.

    The choice depends on seed, project and file name only, so every target keeps the same files.
    """
    projects: dict[str, list[Row]] = {}
    for row in rows:
        projects.setdefault(str(row["project"]), []).append(row)
    most = largest_share([len(members) for members in projects.values()], limit)

    def rank(row: Row) -> bytes:
        return hashlib.sha256(f"{seed}/{row['project']}/{row['source']}".encode()).digest()

    return [row for members in projects.values() for row in sorted(members, key=rank)[:most]]


def build_corpus(
    manifest: Manifest,
    target_name: str,
    cache: Path | None = None,
    *,
    packages: Sequence[Package] | None = None,
    jobs: int = 1,
    report: Report = lambda name: None,
) -> Outcome:
    """Compile `packages` (default: all) for one target and write the index.

    Packages that are not fetched are named in the outcome's problems; the index holds all others.
    """
    cache = cache or cache_folder()
    target = find_target(target_name)
    if target.libc and not Path(target.libc).is_dir():
        raise CorpusError(f"no C library headers in {target.libc}; install picolibc for target '{target_name}'")
    version = compiler_version()
    outcome = Outcome()
    rows: list[Row] = []
    for package in manifest.packages if packages is None else packages:
        try:
            found, skipped = build_package(package, target, cache, jobs, version)
        except CorpusError as error:
            outcome.problems.append(str(error))
        else:
            place = {"project": package.name, "split": package.split, "folder": package.folder}
            rows += [{**row, **place} for row in found]
            outcome.skipped += skipped
        report(package.name)
    single = list(distinct(rows))
    outcome.skipped["is a duplicate"] += len(rows) - len(single)
    chosen = cap_projects(single, manifest.share_limit, manifest.seed)
    outcome.skipped["is beyond its project's share"] += len(single) - len(chosen)
    outcome.modules = len(chosen)
    write_index(index_path(cache, target.name), chosen)
    return outcome
