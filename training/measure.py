"""Sizes of many modules under many candidates, in worker processes, remembered on disk.

In: modules of the corpus and candidates. Out: logarithms of size relative to clang's own result. Every measurement
is appended to a file as soon as it is known, so an interrupted run continues where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import math
import multiprocessing
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mlcomp.passes_features.session import Session
from mlcomp.platforms.targets import targets
from mlcomp.training.corpus import ModuleRecord

Ratios = npt.NDArray[np.float64]

FAILED = math.log(4.0)  # a candidate that crashes counts as four times the baseline's size


@dataclass(frozen=True)
class Candidate:
    """A sequence of actions, then options that concern code generation only."""

    sequence: tuple[str, ...]
    options: tuple[str, ...] = ()

    def key(self) -> str:
        """One line that tells candidates apart."""
        return json.dumps([self.sequence, self.options])


_sessions: dict[str, Session] = {}


def _measure(job: tuple[str, str, bool, list[Candidate]]) -> list[int | None]:
    """Flash bytes of one module under candidates that share a sequence; None where one failed."""
    path, level, sections, candidates = job
    session = _sessions.get(path)
    if session is None:
        session = _sessions[path] = Session.from_file(path, level, sections)
    trial = session.try_sequence(candidates[0].sequence, [c.options for c in candidates])
    return [size.flash if size else None for size in trial.sizes]


class Bench:
    """Measures candidates on a fixed list of modules.

    Parameters
    ----------
    target : str
        Name of a target in `platforms/targets.toml`.
    modules : list of ModuleRecord
        In a fixed order; results come in the same order.
    store : Path
        File that remembers measurements; may exist already.
    jobs : int
        Worker processes.
    """

    def __init__(self, target: str, modules: Sequence[ModuleRecord], store: Path, jobs: int = 2) -> None:
        self.modules = list(modules)
        self._sections = targets()[target].sections
        self._known: dict[str, dict[str, int | None]] = {}
        self._names = [hashlib.sha256(Path(m.path).read_bytes()).hexdigest()[:16] for m in self.modules]
        self._read(store)
        store.parent.mkdir(parents=True, exist_ok=True)
        self._store = store.open("a")
        self._pool = multiprocessing.get_context("fork").Pool(jobs)
        self.baseline = np.ones(len(self.modules))
        self.baseline = np.exp(self.ratios([Candidate(())], range(len(self.modules)))[0])

    def _read(self, store: Path) -> None:
        if not store.exists():
            return
        text = store.read_text()
        complete = text[: text.rfind("\n") + 1]
        if complete != text:  # cut off while writing
            store.write_text(complete)
        for line in complete.splitlines():
            key, sizes = json.loads(line)
            self._known.setdefault(key, {}).update(sizes)

    def close(self) -> None:
        """Ends the workers."""
        self._pool.terminate()
        self._store.close()

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ratios(self, candidates: Sequence[Candidate], rows: Iterable[int]) -> Ratios:
        """ln(size / baseline), shape (candidates, rows). All candidates must share one sequence."""
        rows = list(rows)
        jobs, places = [], []
        for row in rows:
            missing = [c for c in candidates if self._names[row] not in self._known.get(c.key(), {})]
            if missing:
                jobs.append((str(self.modules[row].path), "Oz", self._sections, missing))
                places.append((row, missing))
        for (row, missing), sizes in zip(places, self._pool.imap(_measure, jobs, chunksize=4), strict=True):
            for candidate, size in zip(missing, sizes, strict=True):
                self._known.setdefault(candidate.key(), {})[self._names[row]] = size
        if jobs:
            for candidate in candidates:
                new = {self._names[row]: self._known[candidate.key()][self._names[row]] for row, _ in places}
                self._store.write(json.dumps([candidate.key(), new]) + "\n")
            self._store.flush()
        out = np.full((len(candidates), len(rows)), FAILED)
        for i, candidate in enumerate(candidates):
            known = self._known[candidate.key()]
            for j, row in enumerate(rows):
                size = known[self._names[row]]
                if size:
                    out[i, j] = math.log(size / self.baseline[row])
        return out
