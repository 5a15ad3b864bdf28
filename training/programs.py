"""Profiles runnable programs: each compiled in many ways, measured on platforms, into a profile store.

A job is one program and a few builds. What it finds becomes one part of the store, so a run that is killed at any
moment loses only its unfinished jobs. Programs that come out equal are run once (`platforms.program.measure`).
"""

from __future__ import annotations

import functools
import hashlib
import multiprocessing
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from mlcomp.estimator import store
from mlcomp.estimator.design import Described, column_names, inputs
from mlcomp.passes_features import schema
from mlcomp.passes_features.native import NativeError, object_size
from mlcomp.passes_features.session import (
    Compiled,
    ObjectSize,
    Session,
    crossing_kinds,
    feature_names,
    machine_counts,
    machine_kinds,
)
from mlcomp.platforms.measurement import Limits, Measurement, PlatformError, Size
from mlcomp.platforms.platform import Platform, digest, execute, find_platform, find_program
from mlcomp.platforms.program import NOTHING, Source, compile_source, contents, failed, measure
from mlcomp.training.candidates import LEVELS, Build
from mlcomp.training.corpus.manifest import CorpusError
from mlcomp.training.kernels import Kernel

BUILDS_PER_JOB = 10
CPU_MILLISECONDS = 30_000  # for one module: far more than is needed, so that no machine is too slow
LIMITS = Limits(cycles=60_000_000)
COUNTER_LIMITS = Limits(cycles=400_000_000, output=1 << 24)
MARK = "\x01"

# What counters need beside the program; see Session.insert_counters.
COUNTER_WRITER = """
#include <stdio.h>
static void write_counts(unsigned unit, unsigned *counts, unsigned size) {
  for (unsigned i = 0; i < size; i++) {
    if (counts[i])
      printf("\\001%u %u %u\\n", unit, i, counts[i]);
    counts[i] = 0;
  }
}
static void clear(unsigned *counts, unsigned size) {
  for (unsigned i = 0; i < size; i++)
    counts[i] = 0;
}
static int has_region;
void mlcomp_end_counts(void) { WRITE }
void mlcomp_begin_counts(void) { has_region = 1; CLEAR }
void mlcomp_end_main(void) { if (!has_region) mlcomp_end_counts(); }
"""


class ProfileError(Exception):
    """A program that cannot be profiled; the message is one line."""


@dataclass(frozen=True)
class Made:
    """What is known of a build: machine profiles, the program, IR features (f,), with probes; without, flash bytes."""

    functions: list[str]  # for each module
    program: bytes  # linked, if it can be
    link_problem: str  # why not
    flash: float  # of what the linker keeps
    features: npt.NDArray[np.float32]


class Program:
    """A program's modules for one target, at every level that builds ask for."""

    def __init__(self, kernel: Kernel, platform: Platform) -> None:
        self.kernel = kernel
        self.sources = kernel.files()
        self.platform = platform
        self._sessions: dict[str, list[tuple[Session, Session]]] = {}

    def _at(self, level: str) -> list[tuple[Session, Session]]:
        """For each source, a session without probes and one with."""
        if level not in self._sessions:
            pairs = []
            for source in self.sources:
                session = self._session(source, level)
                probed = session.clone()
                probed.insert_probes()
                pairs.append((session, probed))
            self._sessions[level] = pairs
        return self._sessions[level]

    def _session(self, source: Source, level: str) -> Session:
        return Session.from_source(source.path, [*self.platform.compile_flags, *source.flags], level)

    def compile(self, build: Build, folder: Path, probed: bool = True) -> tuple[list[Path], list[Compiled]]:
        """Object files in `folder`, and what is known of them; raises `NativeError`.

        Probed code is what the compiler judges: probes are no instructions, but some passes treat blocks that have one
        a little differently.
        """
        objects, compiled = [], []
        for i, pair in enumerate(self._at(build.level)):
            compiled.append(pair[probed].compile(build.sequence, build.options, CPU_MILLISECONDS))
            objects.append(folder / f"{i}.o")
            objects[-1].write_bytes(compiled[-1].contents)
        return objects, compiled

    def source_features(self, level: str) -> list[npt.NDArray[np.float32]]:
        """Features (f,) of each module as the front end makes it."""
        return [plain.features() for plain, _ in self._at(level)]

    def objects(self, sequence: Sequence[str], option_sets: Sequence[Sequence[str]]) -> list[list[bytes] | None]:
        """Object files by set of options, on top of a sequence at the first level; None where compiling fails."""
        by_source = [plain.compile_all(sequence, option_sets, CPU_MILLISECONDS) for plain, _ in self._at(LEVELS[0])]
        return [
            [c.contents for c in made if c] if all(made) else None  # one list for each set
            for made in zip(*by_source, strict=True)
        ]

    def inputs(self, builds: Sequence[Build], known: str) -> npt.NDArray[np.float64]:
        """Inputs of an estimator (n, d) for builds of the program, with `columns`.

        `known` are source counts. Raises `NativeError` if a build fails.
        """
        base = self._described(Build(LEVELS[0]), known)
        return np.array([inputs(self._described(build, known), base) for build in builds])

    @functools.cached_property
    def columns(self) -> tuple[str, ...]:
        """Names of `inputs`."""
        base = self._made(Build(LEVELS[0]))
        crossings = machine_counts(base.functions, "", base.program).crossings
        return column_names(machine_kinds(), feature_names(), () if crossings is None else crossing_kinds())

    @property
    def link_problem(self) -> str:
        """Why it is no whole program, of which it is known where its code lies; empty if it is one."""
        return self._made(Build(LEVELS[0])).link_problem

    def anchors(self, known: str) -> dict[str, float]:
        """Each metric of the baseline per instruction that it is estimated to execute, by column name."""
        own = max(float(machine_counts(self._made(Build(LEVELS[0])).functions, known).executed[0]), 1.0)
        costs = self.baseline_costs(True)
        return {f"anchor:{metric}": costs[metric] / own for metric in store.METRICS if metric in costs}

    @functools.cache  # noqa: B019
    def baseline_costs(self, probed: bool) -> dict[str, float]:
        """Metrics of one run of the baseline, with probes or without: the platform's, and flash without libraries.

        Raises `ProfileError` if the run fails.
        """
        build = Build(LEVELS[0])
        with tempfile.TemporaryDirectory(prefix="mlcomp-") as name:
            objects, _ = self.compile(build, Path(name), probed)
            row = measured(self.platform, objects, Path(name), None)
        if row["problem"]:
            raise ProfileError(f"{self.kernel.name}: {row['problem']}")
        costs = {metric: row[metric] for metric in store.METRICS if row[metric] is not None}
        return {**costs, "flash": float(sum(row[name] for name in store.FLASH))}

    @functools.cache  # noqa: B019
    def _made(self, build: Build) -> Made:
        with tempfile.TemporaryDirectory(prefix="mlcomp-") as name:
            try:
                objects, compiled = self.compile(build, Path(name))
            except NativeError as failure:
                words = (f"-{build.level}", *build.sequence, *build.options)
                raise NativeError(f"{' '.join(words)}: {failure}") from failure
            program, problem = b"", ""
            try:
                self.platform.link(objects, Path(name, "program.elf"))
                program = Path(name, "program.elf").read_bytes()
            except PlatformError as unlinked:
                problem = str(unlinked)
            objects, _ = self.compile(build, Path(name), probed=False)
            flash = float(sum(object_sizes(objects, self.platform).values()))
        features = combined_features([c.features for c in compiled])
        return Made([c.functions for c in compiled], program, problem, flash, features)

    def _described(self, build: Build, known: str) -> Described:
        made = self._made(build)
        counts = machine_counts(made.functions, known, made.program)
        events = counts.executed if counts.crossings is None else np.concatenate([counts.executed, counts.crossings])
        return Described(events, counts.code, made.flash, made.features)

    @functools.cached_property
    def static_counts(self) -> str:
        """How often the source's blocks run, as LLVM estimates for the first level."""
        probed = [session.compile().functions for _, session in self._at(LEVELS[0])]
        return machine_counts(probed).source

    @functools.cached_property
    def profiled_counts(self) -> str:
        """How often they do, by one run with counters; raises `ProfileError` if that run fails."""
        return self.count_blocks()

    def count_blocks(self) -> str:
        """Runs the program with a counter in every block of the source; gives source counts."""
        with tempfile.TemporaryDirectory(prefix="mlcomp-") as name:
            folder = Path(name)
            cells: list[list[str]] = []
            objects = []
            for unit, source in enumerate(self.sources):
                with self._session(source, "O1") as session:
                    cells.append(session.insert_counters(unit))
                    objects.append(folder / f"{unit}.o")
                    objects[-1].write_bytes(session.compile().contents)
            names = "".join(f"extern unsigned mlcomp_counts_{u}[];\n" for u in range(len(cells)))
            calls = {
                "WRITE": "".join(f"write_counts({u}, mlcomp_counts_{u}, {len(c)});" for u, c in enumerate(cells)),
                "CLEAR": "".join(f"clear(mlcomp_counts_{u}, {len(c)});" for u, c in enumerate(cells)),
            }
            text = names + COUNTER_WRITER
            for word, code in calls.items():
                text = text.replace(word, code)
            writer = folder / "counters.c"
            writer.write_text(text)
            objects.append(folder / "counters.o")
            compile_source(self.platform, ["clang-19", "-Os"], Source(writer), objects[-1])
            program = folder / "program.elf"
            self.platform.link(objects, program)
            result = self.platform.run(program, COUNTER_LIMITS, NOTHING)
        if result.problem:
            raise ProfileError(f"{self.kernel.name} with counters: {result.problem}")
        return _source_counts(result.output.decode(errors="replace"), cells)


def _source_counts(output: str, cells: Sequence[Sequence[str]]) -> str:
    """Lines of source counts from what the counters wrote; blocks that never ran are counted as 0."""
    total = {cell: 0 for unit in cells for cell in unit}
    for line in output.splitlines():
        if line.startswith(MARK):
            unit, index, count = map(int, line[1:].split())
            total[cells[unit][index]] += count
    return "".join(f"{cell} {count}\n" for cell, count in total.items())


def combined_features(modules: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    """Features of a program, shape (f,), from those of its modules.

    Added up as the schema says for functions; what is looked up in a module is the largest of them.
    """
    table = np.asarray(modules, np.float64)
    features = schema.load()
    out = np.empty(len(features))
    for i, feature in enumerate(features.features):
        column = table[:, i]
        if feature.aggregate == "sum":
            out[i] = column.sum()
        elif feature.aggregate == "log":
            out[i] = np.log2(1 + (np.exp2(column) - 1).sum())
        elif feature.of:
            over, under = (out[features.names.index(name)] for name in feature.of)
            out[i] = over / under if under else 0
        else:
            out[i] = column.max()
    return out.astype(np.float32)


def object_sizes(objects: Sequence[Path], platform: Platform) -> dict[str, int]:
    """Bytes of a program's object files by section: what the linker reaches from main, calls as it relaxes them.

    Without a main, all of them. Raises `PlatformError` if they do not fit together.
    """
    command = [find_program("ld.lld-19", "ld.lld"), "-m", platform.target.emulation, "-r"]
    if any(map(_has_main, objects)):
        command += ["--gc-sections", "-e", "main"]
    with tempfile.NamedTemporaryFile(suffix=".o") as file:
        execute([*command, "-o", file.name, *objects], "linking")
        size = ObjectSize.of(object_size(Path(file.name).read_bytes()))
    return {name: getattr(size, name.removeprefix("object_")) for name in store.OBJECT_SIZES}


def _has_main(path: Path) -> bool:
    with path.open("rb") as file:
        tables = (s for s in ELFFile(file).iter_sections() if isinstance(s, SymbolTableSection))
        found = (symbol for table in tables for symbol in table.get_symbol_by_name("main") or ())
        return any(symbol["st_shndx"] != "SHN_UNDEF" for symbol in found)


@dataclass(frozen=True)
class Job:
    """Some builds of a program for platforms that share a target; `version` is that of sources and platforms.

    What runs, and has the sizes, is the code that is described; or, `without_probes`, what the compiler hands over
    after judging that.
    """

    kernel: Kernel
    platforms: tuple[str, ...]
    builds: tuple[tuple[int, Build], ...]
    version: str
    without_probes: bool = False
    kept: Path | None = field(default=None, repr=False)  # where programs are kept

    @property
    def key(self) -> str:
        """Names the job's part of the store: another program, build or platform is another part."""
        return repr(self)


@functools.lru_cache(maxsize=1)
def _program(kernel: Kernel, platform: str) -> Program:
    return Program(kernel, find_platform(platform))


def run_job(job: Job) -> list[dict[str, Any]]:
    """The job's rows, a build that fails with its problem."""
    program = _program(job.kernel, job.platforms[0])
    rows = []
    for index, build in job.builds:
        with tempfile.TemporaryDirectory(prefix="mlcomp-") as name:
            folder = Path(name)
            common: dict[str, Any] = {
                "program": job.kernel.name,
                "project": job.kernel.project,
                "split": job.kernel.split,
                "build": index,
                **asdict(build),
            }
            try:
                objects, compiled = program.compile(build, folder)
                profiles = [c.functions for c in compiled]
                known = (program.static_counts, program.profiled_counts)
                if job.without_probes:
                    objects, _ = program.compile(build, folder, probed=False)
                sizes = object_sizes(objects, program.platform)
            except (NativeError, PlatformError, ProfileError) as problem:
                rows += [{**common, "platform": p, "problem": str(problem)} for p in job.platforms]
                continue
            common |= {"features": combined_features([c.features for c in compiled]), **sizes}
            descriptions: dict[bytes, dict[str, Any]] = {}  # by the linked program
            for platform in job.platforms:
                figures = measured(find_platform(platform), objects, folder, job.kept)
                linked = b"" if figures["problem"] or job.without_probes else _executable(folder, platform).read_bytes()
                if linked not in descriptions:
                    descriptions[linked] = described(profiles, known, linked)
                rows.append(common | figures | descriptions[linked])
    return rows


def described(profiles: Sequence[str], known: tuple[str, str], linked: bytes) -> dict[str, Any]:
    """What a row says about code: counts by both of the `known` source counts, crossings of the linked program."""
    static, profiled = (machine_counts(profiles, counts, linked) for counts in known)
    return {
        "executed": static.executed,
        "executed_profiled": profiled.executed,
        "code": static.code,
        "crossings": static.crossings if linked else None,
        "crossings_profiled": profiled.crossings if linked else None,
    }


def _executable(folder: Path, platform: str) -> Path:
    return folder / f"{platform}.elf"


def kept_program(kept: Path, name: str) -> Path:
    """Where the linked program with contents `name` is kept."""
    return kept / name[:2] / f"{name}.elf"


def measured(platform: Platform, objects: Sequence[Path], folder: Path, kept: Path | None) -> dict[str, Any]:
    """What a row says about one run of linked object files; the program is kept in `kept`."""
    executable = _executable(folder, platform.name)
    name = ""
    try:
        size = platform.link(objects, executable)
        name = contents(executable)
        result = measure(platform, executable, size, LIMITS)
    except PlatformError as problem:
        result = failed(str(problem))
    if kept and name and not kept_program(kept, name).exists():
        place = kept_program(kept, name)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(executable, place.with_suffix(f".{os.getpid()}"))
        place.with_suffix(f".{os.getpid()}").replace(place)
    return {"platform": platform.name, "contents": name, **_figures(result)}


def run_again(row: dict[str, Any], platform: Platform, kept: Path) -> dict[str, Any]:
    """A row of another platform of the same target, for a program that was kept."""
    program = kept_program(kept, row["contents"])
    if row["problem"] or not program.exists():
        result = failed(row["problem"] or "the program was not kept")
    else:
        result = measure(platform, program, Size(*(row[name] for name in store.SIZES)), LIMITS)
    return {**row, "platform": platform.name, **_figures(result)}


def _figures(result: Measurement) -> dict[str, Any]:
    counts = result.region or result.main
    return {
        "problem": result.problem,
        "output": hashlib.sha256(result.output).hexdigest()[:16],
        **{name: getattr(result.size, name) for name in store.SIZES},
        **{name: counts.get(name) for name in store.METRICS},
        "counts": list(counts.items()),
    }


def jobs_for(
    kernels: Sequence[Kernel],
    platforms: Sequence[str],
    builds: Sequence[Build],
    kept: Path | None = None,
    without_probes: bool = False,
) -> list[Job]:
    """All jobs, those of a program together; platforms of one target share what is compiled."""
    by_target: dict[str, list[str]] = {}
    for platform in platforms:
        by_target.setdefault(find_platform(platform).target_name, []).append(platform)
    numbered = list(enumerate(builds))
    jobs = []
    for kernel in kernels:
        sources = [source.path.read_bytes() for source in kernel.files()]
        for names in by_target.values():
            version = digest([*sources, *(find_platform(name).fingerprint().encode() for name in names)])
            for start in range(0, len(numbered), BUILDS_PER_JOB):
                part = tuple(numbered[start : start + BUILDS_PER_JOB])
                jobs.append(Job(kernel, tuple(names), part, version, without_probes, kept))
    return jobs


def _worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends the workers


def _profile(task: tuple[Path, Sequence[Job]]) -> Sequence[Job]:
    folder, jobs = task
    for job in jobs:
        store.write_part(folder, job.key, run_job(job))
    return jobs


def profile_programs(jobs: Sequence[Job], folder: Path, workers: int, done: Callable[[Job], None]) -> None:
    """Runs the jobs that the store in `folder` lacks; calls `done` for every job, those it has included.

    With programs enough, a worker does all jobs of one, which share what its front end makes.
    """
    todo: dict[str, list[Job]] = {}
    for job in jobs:
        if store.has_part(folder, job.key):
            done(job)
        else:
            todo.setdefault(job.kernel.name, []).append(job)
    shares = list(todo.values())
    if len(shares) < 2 * workers:
        shares = [[job] for share in shares for job in share]
    with multiprocessing.get_context("fork").Pool(workers, _worker) as pool:
        for share in pool.imap_unordered(_profile, [(folder, share) for share in shares]):
            for job in share:
                done(job)


def _again(task: tuple[str, list[dict[str, Any]], str, Path]) -> tuple[str, list[dict[str, Any]]]:
    key, rows, platform, kept = task
    return key, [run_again(row, find_platform(platform), kept) for row in rows]


def profile_again(
    rows: Sequence[dict[str, Any]],
    platform: Platform,
    kept: Path,
    folder: Path,
    workers: int,
    done: Callable[[int], None],
) -> None:
    """Measures kept programs on another platform of their target, into the same store; resumable likewise."""
    tasks: list[tuple[str, list[dict[str, Any]], str, Path]] = []
    for start in range(0, len(rows), BUILDS_PER_JOB):
        part = list(rows[start : start + BUILDS_PER_JOB])
        key = repr((platform.name, platform.fingerprint(), [(r["program"], r["build"], r["contents"]) for r in part]))
        if store.has_part(folder, key):
            done(len(part))
        else:
            tasks.append((key, part, platform.name, kept))
    with multiprocessing.get_context("fork").Pool(workers, _worker) as pool:
        for key, found in pool.imap_unordered(_again, tasks):
            store.write_part(folder, key, found)
            done(len(found))


def usable_kernels(kernels: Sequence[Kernel], report: Callable[[str], None] = lambda _: None) -> list[Kernel]:
    """Those whose packages have been fetched; says how many are not, and raises `CorpusError` if none are."""
    usable, problem = [], CorpusError("there are no programs")
    for kernel in kernels:
        try:
            kernel.files()
            usable.append(kernel)
        except CorpusError as missing:
            problem = missing
    if not usable:
        raise problem
    if absent := len(kernels) - len(usable):
        report(f"{absent} programs are left out: run mlcomp corpus fetch for their packages")
    return usable
