"""Costs of many modules, or programs, under many candidates, in worker processes, remembered on disk.

In: modules of the corpus, or kernels, and candidates. Out: logarithms of cost relative to clang's own result. Every
measurement is appended to a file as soon as it is known, so an interrupted run continues where it stopped.
"""

from __future__ import annotations

import json
import math
import multiprocessing
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mlcomp.estimator.store import METRICS
from mlcomp.passes_features.native import object_size
from mlcomp.passes_features.session import ObjectSize, Session
from mlcomp.platforms.measurement import Measurement, PlatformError
from mlcomp.platforms.platform import digest, find_platform
from mlcomp.platforms.program import measure
from mlcomp.platforms.targets import targets
from mlcomp.training.corpus import ModuleRecord
from mlcomp.training.kernels import Kernel
from mlcomp.training.programs import LIMITS, Program

Ratios = npt.NDArray[np.float64]

WRITE_SECONDS = 20.0  # of work that may be lost
FAILED = math.log(4.0)  # a candidate that fails counts as four times the baseline's cost


@dataclass(frozen=True)
class Candidate:
    """A sequence of actions, then options that concern code generation only."""

    sequence: tuple[str, ...]
    options: tuple[str, ...] = ()

    def key(self) -> str:
        """One line that tells candidates apart."""
        return json.dumps([self.sequence, self.options])


BASELINE = Candidate(())


class Bench(ABC):
    """Measures candidates on a fixed list of modules, or of programs.

    Parameters
    ----------
    modules : sequence
        In a fixed order; results come in the same order.
    names : sequence of str
        What tells the modules' contents apart.
    store : Path
        File that remembers measurements; may exist already.
    jobs : int
        Worker processes.
    """

    _chunk = 4  # jobs that a worker takes at once
    report: Callable[[str], None] = staticmethod(lambda _: None)  # is told how far long measurements are

    def __init__(self, modules: Sequence[Any], names: Sequence[str], store: Path, jobs: int = 2) -> None:
        self.modules = list(modules)
        self._names = names
        self._known: dict[str, dict[str, Any]] = {}
        self._read(store)
        store.parent.mkdir(parents=True, exist_ok=True)
        self._store = store.open("a")
        self._pool = multiprocessing.get_context("fork").Pool(jobs)
        self._measure([BASELINE], range(len(self.modules)))

    @abstractmethod
    def _work(self, row: int, candidates: list[Candidate]) -> tuple[Callable[[Any], list[Any]], Any]:
        """A function for a worker, and its argument: gives one result for each candidate, None where one failed."""

    @abstractmethod
    def _log_ratio(self, result: Any, baseline: Any) -> float:
        """ln(cost / baseline's) of what is minimised."""

    def _read(self, store: Path) -> None:
        if not store.exists():
            return
        text = store.read_text()
        complete = text[: text.rfind("\n") + 1]
        if complete != text:  # cut off while writing
            store.write_text(complete)
        for line in complete.splitlines():
            key, results = json.loads(line)
            self._known.setdefault(key, {}).update(results)

    def close(self) -> None:
        """Ends the workers."""
        self._pool.terminate()
        self._store.close()

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ratios(self, candidates: Sequence[Candidate], rows: Iterable[int]) -> Ratios:
        """ln(cost / baseline's), shape (candidates, rows). All candidates must share one sequence."""
        rows = list(rows)
        self._measure(candidates, rows)
        out = np.full((len(candidates), len(rows)), FAILED)
        baselines = self._known[BASELINE.key()]
        for i, candidate in enumerate(candidates):
            results = self._known[candidate.key()]
            for j, name in enumerate(self._names[row] for row in rows):
                if results[name] and baselines[name]:
                    out[i, j] = self._log_ratio(results[name], baselines[name])
        return out

    def _measure(self, candidates: Sequence[Candidate], rows: Iterable[int]) -> None:
        """Makes results known, and remembers them in the store."""
        jobs, places = [], []
        fresh: dict[str, dict[str, Any]] = {}  # not in the store yet
        written = time.monotonic()
        for row in rows:
            missing = [c for c in candidates if self._names[row] not in self._known.get(c.key(), {})]
            if missing:
                jobs.append(self._work(row, missing))
                places.append((row, missing))
        answers = self._pool.imap(_call, jobs, chunksize=self._chunk)
        for done, ((row, missing), results) in enumerate(zip(places, answers, strict=True), 1):
            for candidate, result in zip(missing, results, strict=True):
                fresh.setdefault(candidate.key(), {})[self._names[row]] = result
            if done == len(jobs) or time.monotonic() - written > WRITE_SECONDS:
                for key, new in fresh.items():
                    self._known.setdefault(key, {}).update(new)
                    self._store.write(json.dumps([key, new]) + "\n")
                self._store.flush()
                fresh, written = {}, time.monotonic()
                if done < len(jobs):
                    self.report(f"{done} of {len(jobs)} measured")


def _call(work: tuple[Callable[[Any], list[Any]], Any]) -> list[Any]:
    function, argument = work
    return function(argument)


class ModuleBench(Bench):
    """Flash bytes of modules of the corpus, for a target of `platforms/targets.toml`."""

    def __init__(self, target: str, modules: Sequence[ModuleRecord], store: Path, jobs: int = 2) -> None:
        self._sections = targets()[target].sections
        super().__init__(modules, [digest([Path(m.path).read_bytes()])[:16] for m in modules], store, jobs)

    def _work(self, row: int, candidates: list[Candidate]) -> tuple[Callable[[Any], list[Any]], Any]:
        return _sizes, (str(self.modules[row].path), "Oz", self._sections, candidates)

    def _log_ratio(self, result: Any, baseline: Any) -> float:
        return math.log(result / baseline)


_sessions: dict[str, Session] = {}


def _sizes(job: tuple[str, str, bool, list[Candidate]]) -> list[int | None]:
    """Flash bytes of one module under candidates that share a sequence."""
    path, level, sections, candidates = job
    session = _sessions.get(path)
    if session is None:
        session = _sessions[path] = Session.from_file(path, level, sections)
    trial = session.try_sequence(candidates[0].sequence, [c.options for c in candidates])
    return [size.flash if size else None for size in trial.sizes]


class ProgramBench(Bench):
    """What programs cost on a platform: the weighted mean of the logarithms of metrics.

    Beside the platform's they are `flash`, bytes in the linked program, and `code`, bytes in all object files, whether
    the program needs them or not: the time to compile follows it.
    """

    _chunk = 1

    def __init__(
        self,
        platform: str,
        kernels: Sequence[Kernel],
        weights: Mapping[str, float],
        store: Path,
        jobs: int = 2,
        losses: float = 0.0,
    ) -> None:
        self._platform = platform
        self._weights = weights
        self._losses = losses
        place = find_platform(platform).fingerprint().encode()
        names = [digest([place, *(s.path.read_bytes() for s in k.files())])[:16] for k in kernels]
        super().__init__(kernels, names, store, jobs)

    def _work(self, row: int, candidates: list[Candidate]) -> tuple[Callable[[Any], list[Any]], Any]:
        return _costs, (self.modules[row], self._platform, candidates)

    def _log_ratio(self, result: Any, baseline: Any) -> float:
        logs = {metric: math.log(result[metric] / baseline[metric]) for metric in self._weights}

        def mean(metrics: Iterable[str]) -> float:
            weights = {m: self._weights[m] for m in metrics}
            return sum(w * logs[m] for m, w in weights.items()) / sum(weights.values())

        loss = max(0.0, mean(m for m in METRICS if m in logs)) if self._losses else 0.0
        return mean(logs) + self._losses * loss


_programs: dict[Kernel, tuple[Program, bytes]] = {}  # with what the baseline prints
_runs: dict[tuple[Kernel, str], Measurement] = {}  # by the digest of object files


def _costs(job: tuple[Kernel, str, list[Candidate]]) -> list[dict[str, float] | None]:
    """Metrics of one program under candidates; none of those whose output is not the baseline's."""
    kernel, platform, candidates = job
    if kernel not in _programs:
        fresh = Program(kernel, find_platform(platform))
        baseline = _run(fresh, fresh.objects((), [()])[0])
        if baseline is None or baseline.problem:
            raise PlatformError(f"{kernel.name}: {baseline.problem if baseline else 'the baseline does not compile'}")
        _programs[kernel] = (fresh, baseline.output)
    program, expected = _programs[kernel]
    results: list[dict[str, float] | None] = []
    for objects in program.objects(candidates[0].sequence, [c.options for c in candidates]):
        found = _run(program, objects)
        if found is None or found.problem or found.output != expected:
            results.append(None)
            continue
        counts = found.region or found.main
        code = sum(ObjectSize.of(object_size(contents)).flash for contents in objects or ())
        sizes = {"flash": float(found.size.flash), "code": float(code)}
        results.append(sizes | {m: float(counts[m]) for m in METRICS if m in counts})
    return results


def _run(program: Program, objects: list[bytes] | None) -> Measurement | None:
    """The run of a program of these object files; None if there are none, or they cannot be linked."""
    if objects is None:
        return None
    key = (program.kernel, digest(objects))
    if key not in _runs:
        with tempfile.TemporaryDirectory(prefix="mlcomp-") as name:
            folder = Path(name)
            paths = [folder / f"{i}.o" for i in range(len(objects))]
            for path, contents in zip(paths, objects, strict=True):
                path.write_bytes(contents)
            try:
                size = program.platform.link(paths, folder / "program.elf")
                _runs[key] = measure(program.platform, folder / "program.elf", size, LIMITS)
            except PlatformError:
                return None
    return _runs[key]
