"""A coreset: a few candidates that complement each other, found by search over the action space.

The objective of the k-th candidate is the mean over modules of ln(size), where each module takes the best of
the baseline and the first k candidates: what a compiler gains that measures all of them. Candidates are found one
after the other by sweeps over a structured space: options and passes before a whole pipeline, passes after it, and
code-generation options. Nothing is random, and measurements are remembered, so an interrupted search repeats its
steps from the store.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mlcomp.training.candidates import Space
from mlcomp.training.measure import Bench, Candidate, Ratios


@dataclass(frozen=True)
class Point:
    """One structured candidate."""

    ir_options: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    pipeline: str = "default<Oz>"
    after: tuple[str, ...] = ()
    codegen: tuple[str, ...] = ()

    def candidate(self) -> Candidate:
        """As the bench measures it."""
        return Candidate((*self.ir_options, *self.before, self.pipeline, *self.after), self.codegen)


def toggle(options: Sequence[str], option: str) -> tuple[str, ...]:
    """`options` with `option` set, in place of another value of the same option, or without it if it was set."""
    name = option.split("=")[0]
    rest = tuple(o for o in options if o.split("=")[0] != name)
    return rest if option in options else tuple(sorted((*rest, option)))


def codegen_neighbours(point: Point, options: Sequence[str]) -> list[Point]:
    """`point` with each option in turn changed."""
    return [replace(point, codegen=toggle(point.codegen, option)) for option in options]


def ir_edits(space: Space) -> list[Callable[[Point], Point]]:
    """Every single change of a sequence: an option, a pass before or after the pipeline, another pipeline."""
    edits: list[Callable[[Point], Point]] = []
    for text in space.ir_options:
        edits.append(lambda p, t=text: replace(p, ir_options=toggle(p.ir_options, t)))  # type: ignore[misc]
    for text in space.passes:
        edits.append(lambda p, t=text: replace(p, after=(*p.after, t)))  # type: ignore[misc]
        edits.append(lambda p, t=text: replace(p, before=(*p.before, t)))  # type: ignore[misc]
    for text in space.pipelines:
        edits.append(lambda p, t=text: replace(p, pipeline=t))  # type: ignore[misc]
    return edits


@dataclass
class Search:
    """Grows a coreset on a bench's modules.

    A sweep measures every single edit, sorts them by what they bring, and then measures the edits taken together:
    the best, the best two, … and keeps the best such prefix. Edits of options share one optimised module and are
    measured on all modules; edits of the sequence are sorted on a part of the modules first.

    Parameters
    ----------
    bench : Bench
        Where candidates are measured.
    space : Space
        What may be combined.
    prefix : int
        How many edits at most are taken together in one sweep.
    part : int
        Sequence edits are sorted on every `part`-th module.
    trust : float
        How far the compiler is trusted to tell where a candidate helps: 1 if it measures, 0 if it takes it blindly.
    start : Point
        The baseline, which the search starts from.
    again : bool
        Whether options are swept once more after the sequence.
    options, changes : int
        After the first candidate only so many options, and sequence edits, are swept: those that helped most where
        they helped.
    """

    bench: Bench
    space: Space
    prefix: int = 16
    part: int = 4
    trust: float = 1.0
    start: Point = Point()
    again: bool = True
    options: int = 32
    changes: int = 60
    report: Callable[[str], None] = lambda _: None

    def __post_init__(self) -> None:
        self._all = range(len(self.bench.modules))
        self._part = range(0, len(self.bench.modules), self.part)
        self._options: Sequence[str] = self.space.codegen_options
        self._edits = ir_edits(self.space)
        self._swept = self.start

    def _objective(self, reference: Ratios, ratios: Ratios) -> float:
        chosen = float(np.minimum(reference, ratios).mean())
        return self.trust * chosen + (1 - self.trust) * float(ratios.mean()) if self.trust < 1 else chosen

    def _gains(self, best: Ratios, points: Sequence[Point], rows: range) -> list[float]:
        """Mean of ln(size) with each point beside what was chosen before; lower is better."""
        reference = best[rows.start : rows.stop : rows.step]
        by_sequence: dict[tuple[str, ...], list[int]] = {}
        for i, point in enumerate(points):
            by_sequence.setdefault(point.candidate().sequence, []).append(i)
        gains = [0.0] * len(points)
        for members in by_sequence.values():
            measured = self.bench.ratios([points[i].candidate() for i in members], rows)
            for i, ratios in zip(members, measured, strict=True):
                gains[i] = self._objective(reference, ratios)
        return gains

    def _best_prefix(
        self, point: Point, score: float, best: Ratios, edits: Sequence[Callable[[Point], Point]]
    ) -> tuple[Point, float]:
        prefixes, current = [], point
        for edit in edits:
            current = edit(current)
            prefixes.append(current)
        if not prefixes:
            return point, score
        gains = self._gains(best, prefixes, self._all)
        k = int(np.argmin(gains))
        return (prefixes[k], gains[k]) if gains[k] < score else (point, score)

    def sweep_codegen(self, point: Point, score: float, best: Ratios, options: Sequence[str]) -> tuple[Point, float]:
        """One sweep over code-generation options."""
        gains = self._gains(best, codegen_neighbours(point, options), self._all)
        helping = [o for g, o in sorted(zip(gains, options, strict=True)) if g < score - 1e-5]
        taken: dict[str, str] = {}
        for option in helping:  # one value of each option
            taken.setdefault(option.split("=")[0], option)
        edits = [
            lambda p, o=option: replace(p, codegen=toggle(p.codegen, o))
            for option in list(taken.values())[: self.prefix]
        ]
        return self._best_prefix(point, score, best, edits)

    def sweep_ir(self, point: Point, score: float, best: Ratios) -> tuple[Point, float]:
        """One sweep over changes of the sequence."""
        edits, self._swept = self._edits, point
        known = self._gains(best, [point], self._part)[0]
        gains = self._gains(best, [edit(point) for edit in edits], self._part)
        order = sorted(range(len(edits)), key=lambda i: gains[i])
        helping = [edits[i] for i in order if gains[i] < known - 1e-4]
        point, score = self._best_prefix(point, score, best, helping[: self.prefix // 2])
        # What does not go together with the first may still help in its place.
        return self._best_prefix(point, score, best, helping[1 : self.prefix // 2 : 2])

    def _helpfulness(self, point: Point, edited: Point, rows: range) -> float:
        both = self.bench.ratios([point.candidate()], rows)[0]
        return float((np.minimum(self.bench.ratios([edited.candidate()], rows)[0], both) - both).mean())

    def _helpful_options(self, point: Point) -> list[str]:
        """The options that help most where they help, beside `point`."""
        options = self.space.codegen_options
        value = [self._helpfulness(point, p, self._all) for p in codegen_neighbours(point, options)]
        order = sorted(range(len(options)), key=lambda i: value[i])[: self.options]
        return [options[i] for i in sorted(order)]

    def _narrow(self, point: Point) -> None:
        """Keeps what helps most where it helps: options beside `point`, changes beside what was swept last."""
        self._options = self._helpful_options(point)
        point = self._swept
        value = [self._helpfulness(point, edit(point), self._part) for edit in self._edits]
        order = sorted(range(len(value)), key=lambda i: value[i])[: self.changes]
        self._edits = [self._edits[i] for i in sorted(order)]

    def grow_options(self, count: int) -> list[tuple[str, ...]]:
        """Option sets for the code that the plain pipeline makes, in the order in which they help most."""
        best = np.zeros(len(self.bench.modules))
        chosen: list[Point] = []
        options: Sequence[str] = self.space.codegen_options
        for k in range(count):
            start = chosen[-1] if chosen and k % 2 else self.start
            score = self._gains(best, [start], self._all)[0]
            point, score = self.sweep_codegen(start, score, best, options)
            point, score = self.sweep_codegen(point, score, best, options)
            if not point.codegen or point in chosen:
                break
            chosen.append(point)
            best = np.minimum(best, self.bench.ratios([point.candidate()], self._all)[0])
            self.report(f"option set {k + 1}: mean ratio {np.exp(score):.4f} {' '.join(point.codegen)}")
            if k == 0:
                options = self._helpful_options(self.start)
        return [point.codegen for point in chosen]

    def climb(self, start: Point, best: Ratios) -> tuple[Point, float]:
        """Sweeps from `start`; returns the best point found and its objective."""
        point, score = start, self._gains(best, [start], self._all)[0]
        point, score = self.sweep_codegen(point, score, best, self._options)
        point, score = self.sweep_ir(point, score, best)
        return self.sweep_codegen(point, score, best, self._options) if self.again else (point, score)

    def settle(self) -> Point:
        """The start after one sweep over options of code generation, with no other candidates beside it."""
        best = np.zeros(len(self.bench.modules))
        score = self._gains(best, [self.start], self._all)[0]
        point, score = self.sweep_codegen(self.start, score, best, self._options)
        self.report(f"settled: mean ratio {np.exp(score):.4f} {' '.join(point.codegen)}")
        return point

    def grow(self, count: int) -> list[Point]:
        """The coreset's points, in the order in which they help most."""
        best = np.zeros(len(self.bench.modules))
        chosen: list[Point] = []
        for k in range(count):
            # From the plain pipeline and from what was found last in turn: both lead to something new.
            start = chosen[-1] if chosen and k % 2 else self.start
            point, score = self.climb(start, best)
            chosen.append(point)
            best = np.minimum(best, self.bench.ratios([point.candidate()], self._all)[0])
            self.report(f"candidate {k + 1}: mean ratio {np.exp(score):.4f} {point}")
            if k == 0:
                self._narrow(self.start)
        return chosen


def complementary(ratios: npt.NDArray[np.floating[Any]], count: int) -> list[int]:
    """The columns that a compiler gains most by when it measures them all beside column 0, the best first."""
    best = np.minimum(ratios[:, 0], 0)
    chosen: list[int] = []
    while len(chosen) < min(count, ratios.shape[1] - 1):
        gains = np.minimum(best[:, None], ratios).mean(0)
        gains[chosen] = np.inf
        gains[0] = np.inf
        chosen.append(int(gains.argmin()))
        best = np.minimum(best, ratios[:, chosen[-1]])
    return chosen
