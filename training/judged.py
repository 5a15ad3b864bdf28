"""`mlcomp train` for objectives that cannot be measured while compiling: time, energy, and all at once.

Steps, each resumable: grow a coreset of sequences by what programs cost on a platform; profile programs under it, under
variants of it and at the standard levels; fit the judge, which is the part of the Performance Estimator that needs no
run of the program; fit the value model; and learn how much to trust either. Test programs are never built.
The run folder holds `run.json`, measurements, a profile store, and ONNX models.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

from mlcomp.estimator import store
from mlcomp.estimator.design import DataError, Design, design
from mlcomp.estimator.fit import Fitted, fit_metric
from mlcomp.estimator.fit import Settings as FitSettings
from mlcomp.estimator.onnx_export import export
from mlcomp.passes_features.session import feature_names, machine_kinds
from mlcomp.platforms.platform import find_platform
from mlcomp.training import ranking
from mlcomp.training.candidates import LEVELS, OBJECTIVES, Build, Space, action_space
from mlcomp.training.coreset import Point, Search, complementary
from mlcomp.training.kernels import Kernel, kernels
from mlcomp.training.measure import ProgramBench
from mlcomp.training.programs import Program, combined_features, jobs_for, profile_programs, usable_kernels
from mlcomp.training.run import finish, sequences_of

Report = Callable[[str], None]
Floats = npt.NDArray[np.float64]

BASELINE = "default<O3>"
PLAIN = ("default<O2>", "default<Os>", "default<Oz>", "default<O1>")
TRUST = 0.5  # see Search
JUDGE_KINDS = ("roofline", "refined")  # every compilation reads the judge: others have megabytes
JUDGE_MARGINS = (0.0, 0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.07, 0.1)  # of scores
CAUTIONS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 100.0)  # of half widths of intervals
SHARES = (
    (1.0, 0.0),
    (0.75, 0.25),
    (0.5, 0.5),
    (0.25, 0.75),
    (0.1, 0.9),
)  # of judge and value model, beside the fitted ones
CODE_WEIGHT = 0.08  # of all code that is generated, in the choice of sequences: the time to compile follows it
LITTLE_GROWTH = {"-unroll-threshold": 500}  # in place of larger values
SPARED = {"-disable-loop-idiom-all", "-disable-loop-idiom-memset"}  # tried without, too: libtommath needs its memset
LOSS = 8.0  # how much more a slower program counts than a faster one: few may be
WORSE = 0.01  # of what must not grow: a program that is worse by more than that
WORSE_SHARE = 0.05  # of programs that may be


@dataclass(frozen=True)
class Settings:
    """What decides a run's result."""

    target: str
    objective: str
    platform: str
    seed: int = 0
    search_programs: int = 24
    coreset: int = 6
    grown: int = 6  # sequences to search
    profile_programs: int = 40
    variants: int = 20
    settled: bool = False  # the pool's first sequence has its options of code generation swept on what is profiled
    seconds: float = 3600.0  # for the choice of each metric's model: all are tried, whatever the machine

    @property
    def weights(self) -> dict[str, float]:
        """Metrics whose weighted mean of logarithms is minimised."""
        return OBJECTIVES[self.objective]

    @property
    def costs(self) -> dict[str, float]:
        """The same, and `code`: what sequences are searched and chosen by."""
        return {**self.weights, "code": CODE_WEIGHT}


def train(
    settings: Settings,
    run: Path,
    jobs: int,
    report: Report,
    pool: Sequence[Path] = (),
    measured: Path | None = None,
) -> None:
    """Runs all steps into folder `run`.

    A `pool` of finished runs adds their sequences to those that are searched, from the first of them on; the profile
    store `measured` of one stands in for new measurements. Raises `CorpusError`, `PlatformError`, `RunError` or
    `DataError` where something is missing.
    """
    run.mkdir(parents=True, exist_ok=True)
    find_platform(settings.platform).prepare(report)
    space = action_space(settings.target, settings.objective)
    programs = usable_kernels([k for k in kernels() if k.split != "test"], report)
    pooled = [s for other in pool for s in sequences_of(other)]
    start = point_of(pooled[0]) if pooled else None
    found = search(settings, programs, space, start, run / "search.jsonl", jobs, report) if settings.grown else []
    fitted = cheapest(programs, settings.profile_programs)
    if settings.settled and start:
        found.append(settle(settings, fitted, space, start, run, jobs, report))
    found += pooled
    sequences = list(dict.fromkeys([*mended(found), *((pipeline,) for pipeline in PLAIN)]))
    builds = [Build(LEVELS[0]), *(Build(LEVELS[0], s) for s in sequences)]
    builds += variants(sequences, space, settings.variants, settings.seed)
    if measured:
        rows = [row for row in store.read(measured).to_pylist() if row["split"] != "test"]
        known = {row["program"] for row in rows}
        profiled = [k for k in programs if k.name in known]
    else:
        profiled = fitted
        rows = profile(settings, profiled, builds, run / "profile", jobs, report)
    report(f"{len(rows)} rows in the profile store")
    fit_and_write(settings, run, rows, sequences, profiled, report)


def search(
    settings: Settings,
    programs: Sequence[Kernel],
    space: Space,
    start: Point | None,
    known: Path,
    jobs: int,
    report: Report,
) -> list[tuple[str, ...]]:
    """A coreset of sequences for the objective, by measuring training programs.

    It starts from the best plain pipeline; or, where a sequence is known, from that, and for one that can be taken
    without judging.
    """
    searched = cheapest([k for k in programs if k.split == "train"], settings.search_programs)
    report(f"searching on {len(searched)} programs")
    with ProgramBench(settings.platform, searched, settings.costs, known, jobs, LOSS) as bench:
        bench.report = report
        plain = [Point(pipeline=pipeline) for pipeline in (BASELINE, *PLAIN)]
        begin = start or min(plain, key=lambda p: bench.ratios([p.candidate()], range(len(searched)))[0].mean())
        grown = Search(bench, space, trust=0.0 if start else TRUST, start=begin, part=3, again=not start, report=report)
        points = grown.grow(settings.grown)
    return [sequence_of(point) for point in points]


def settle(
    settings: Settings,
    programs: Sequence[Kernel],
    space: Space,
    start: Point,
    run: Path,
    jobs: int,
    report: Report,
) -> tuple[str, ...]:
    """A sequence that is taken without judging, with options of code generation that suit most of all `programs`."""
    report(f"settling options on {len(programs)} programs")
    with ProgramBench(settings.platform, programs, settings.costs, run / "settle.jsonl", jobs, LOSS) as bench:
        bench.report = report
        return sequence_of(Search(bench, space, trust=0.0, start=start, report=report).settle())


def sequence_of(point: Point) -> tuple[str, ...]:
    """All actions of a point of the search."""
    return (*point.candidate().sequence, *point.codegen)


def point_of(sequence: Sequence[str]) -> Point:
    """A sequence in the search's space: options, passes, a pipeline, passes, options of code generation."""
    at = next(i for i, action in enumerate(sequence) if action.startswith("default<"))
    before, after = sequence[:at], sequence[at + 1 :]

    def options(actions: Sequence[str]) -> tuple[str, ...]:
        return tuple(a for a in actions if a.startswith("-"))

    def passes(actions: Sequence[str]) -> tuple[str, ...]:
        return tuple(a for a in actions if not a.startswith("-"))

    return Point(options(before), passes(before), sequence[at], passes(after), options(after))


def mended(sequences: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """`sequences` with milder values of the options that make code grow most; then the same without `SPARED`."""

    def milder(action: str) -> str:
        name, _, value = action.partition("=")
        return f"{name}={min(int(value), LITTLE_GROWTH[name])}" if name in LITTLE_GROWTH else action

    mild = [tuple(map(milder, sequence)) for sequence in sequences]
    return [*mild, *(tuple(a for a in sequence if a not in SPARED) for sequence in mild)]


def cheapest(programs: Sequence[Kernel], count: int) -> list[Kernel]:
    """Those with the least source, as they compile fastest."""
    return sorted(programs, key=lambda k: (sum(s.path.stat().st_size for s in k.files()), k.name))[:count]


def variants(sequences: Sequence[Sequence[str]], space: Space, count: int, seed: int) -> list[Build]:
    """Seeded changes of sequences: so that the judge knows their surroundings."""
    random_ = random.Random(seed)
    found: list[Build] = []
    while len(found) < count:
        actions = list(random_.choice(sequences))
        for _ in range(random_.randint(1, 3)):
            kind = random_.random()
            options = [a for a in actions if a.startswith("-")]
            if kind < 0.3 and options:
                actions.remove(random_.choice(options))
            elif kind < 0.65:
                actions = list(toggle_option(actions, random_.choice((*space.ir_options, *space.codegen_options))))
            else:
                actions.insert(random_.choice((0, len(actions))), random_.choice(space.passes))
        found.append(Build(LEVELS[0], tuple(actions)))
    return found


def toggle_option(actions: Sequence[str], option: str) -> tuple[str, ...]:
    """`actions` with an option set in front, in place of another value of it."""
    name = option.split("=")[0]
    return (option, *(a for a in actions if a.split("=")[0] != name))


def profile(
    settings: Settings, programs: Sequence[Kernel], builds: Sequence[Build], folder: Path, jobs: int, report: Report
) -> list[dict[str, Any]]:
    """Rows of programs under builds, the first of them the baseline: costs are those of code without probes."""
    work = jobs_for(programs, [settings.platform], list(dict.fromkeys(builds)), without_probes=True)
    report(f"profiling {len(work)} jobs")
    done = 0

    def count(_: object) -> None:
        nonlocal done
        done += 1
        if done % 20 == 0:
            report(f"{done} jobs profiled")

    profile_programs(work, folder, jobs, count)
    rows: list[dict[str, Any]] = store.read(folder).to_pylist()
    return rows


@dataclass(frozen=True)
class Judged:
    """Programs (n) under alternatives (a), the baseline first, as logarithms against the baseline.

    `actual`, `estimated` and `half_widths` are (n, a): the objective as measured, and as models estimate it that have
    not seen the program's project; `costs` are what sequences are ranked by: losses and generated code count too;
    `guarded` is what must not grow, as measured: of time and energy the objective but for flash. `features` (n, f) are
    of the source.
    """

    projects: list[str]
    features: npt.NDArray[np.float32]
    actual: Floats
    costs: Floats
    guarded: Floats
    estimated: Floats
    half_widths: Floats

    def columns(self, kept: Sequence[int]) -> Judged:
        """Some of the alternatives."""
        tables = {
            name: getattr(self, name)[:, kept] for name in ("actual", "costs", "guarded", "estimated", "half_widths")
        }
        return replace(self, **tables)


def fit_and_write(
    settings: Settings,
    run: Path,
    rows: list[dict[str, Any]],
    sequences: Sequence[tuple[str, ...]],
    programs: Sequence[Kernel],
    report: Report,
) -> None:
    """The judge's models, the value model, their shares and caution; then everything as files."""
    alternatives = numbers_of(rows, [Build(LEVELS[0], s) for s in sequences])
    data = design(rows, "static", machine_kinds(), feature_names())
    metrics = [m for m in settings.weights if m != "flash"]
    fit_settings = FitSettings(settings.platform, settings.seconds, settings.seed)
    judge = {metric: fit_metric(data, "static", metric, fit_settings, report, JUDGE_KINDS) for metric in metrics}
    judged = judged_table(settings, data, judge, alternatives, programs)
    # The one that is best for all that have no choice, then what goes together best.
    best = int(judged.costs.mean(0).argmin())
    kept = list(dict.fromkeys([0, best, *complementary(judged.costs, settings.coreset)]))[: settings.coreset + 1]
    report(f"sequences kept of {len(sequences)}: {kept[1:]}")
    judged = judged.columns(kept)
    value = ranking.fit(
        judged.features,
        judged.costs.astype(np.float32),
        judged.projects,
        feature_names().index("instructions"),
        1,
        settings.seed,
        report,
    )
    valued = np.asarray(value.held_out, np.float64)
    tried = [(shares, choose_rule(judged, valued, shares)) for shares in (blend(judged, valued), *SHARES)]
    shares, rule = min(tried, key=lambda t: (t[1].worse > WORSE_SHARE, t[1].mean))
    report(f"shares {shares[0]:.3f} of the judge, {shares[1]:.3f} of the value model; {rule}")
    files = {"sequence": value.export(len(feature_names()))}
    parity = {"sequence": judged.features}
    entries = []
    for metric, weight in settings.weights.items():
        entry: dict[str, Any] = {"metric": metric, "weight": weight}
        if metric in judge:
            entry |= judge_entry(judge[metric], data)
            x = data.x.astype(np.float32)
            files[metric] = export(judge[metric].model, x.shape[1]).SerializeToString()
            files[f"{metric}-difficulty"] = export(
                judge[metric].intervals.difficulty, x.shape[1] + 2
            ).SerializeToString()
            predicted = judge[metric].model.predict(data.x)
            parity[metric] = x
            parity[f"{metric}-difficulty"] = np.column_stack([x, predicted, np.abs(predicted)]).astype(np.float32)
        entries.append(entry)
    for name, contents in files.items():
        (run / f"{name}.onnx").write_bytes(contents)
    content = {
        "sequences": [[BASELINE], *[list(sequences[k - 1]) for k in kept[1:]]],
        "option_sets": [[]],
        "edits": [],
        "models": {"sequence": {"chosen": value.name, "margin": value.margin, "cross_validation": value.table}},
        "judge": {
            "estimate_share": shares[0],
            "policy_share": shares[1],
            "caution": rule.caution,
            "margin": rule.margin,
            "metrics": entries,
        },
        "rule": asdict(rule),
        "profiled": {"modules": len(judged.projects), "projects": sorted(set(judged.projects))},
    }
    finish(run, asdict(settings), content, parity)


def judge_entry(fitted: Fitted, data: Design) -> dict[str, Any]:
    """What the manifest says of a metric's models."""
    return {
        "model": f"{fitted.metric}.onnx",
        "difficulty": f"{fitted.metric}-difficulty.onnx",
        "columns": list(data.columns),
        "low": fitted.range.low.tolist(),
        "high": fitted.range.high.tolist(),
        "factor": fitted.intervals.factor,
        "tried": [{"kind": t.candidate.kind, "model": t.candidate.name, "mean_error": t.error} for t in fitted.tried],
    }


def numbers_of(rows: Sequence[dict[str, Any]], builds: Sequence[Build]) -> list[int]:
    """The numbers that builds have in a profile store, where they are the same for all programs."""
    numbers = {(row["level"], tuple(row["sequence"]), tuple(row["options"])): row["build"] for row in rows}
    if missing := [b for b in builds if (b.level, b.sequence, b.options) not in numbers]:
        raise DataError(f"the profile store lacks the sequence {' '.join(missing[0].sequence)}")
    return [numbers[b.level, b.sequence, b.options] for b in builds]


def judged_table(
    settings: Settings,
    data: Design,
    judge: dict[str, Fitted],
    builds: Sequence[int],
    programs: Sequence[Kernel],
) -> Judged:
    """Programs that have been measured under the baseline and every alternative of `builds`."""
    place = {(p, b): i for i, (p, b) in enumerate(zip(data.programs, data.builds, strict=True))}
    total = sum(settings.weights.values())
    weighted = {m: w / total for m, w in settings.weights.items()}

    def measured(metrics: Collection[str]) -> Floats:
        """Their weighted mean."""
        return np.average([data.targets[m] for m in metrics], axis=0, weights=[weighted[m] for m in metrics])

    actual = measured(weighted)
    guarded = measured(weighted if settings.objective == "balanced" else judge)
    costs = actual + LOSS * np.maximum(guarded, 0)
    costs += CODE_WEIGHT / total * data.x[:, data.columns.index("code:bytes")]
    flash = data.x[:, data.columns.index("flash:")]
    estimated = sum(w * (judge[m].tried[0].predicted if m in judge else flash) for m, w in weighted.items())
    half = sum(
        weighted[m] * fitted.intervals.half_widths(data.x, fitted.tried[0].predicted, fitted.range.outside(data.x))
        for m, fitted in judge.items()
    )
    usable = [k for k in programs if all((k.name, b) in place for b in builds)]
    index = np.array([[place[k.name, b] for b in builds] for k in usable])

    def with_baseline(values: Any) -> Floats:
        return np.column_stack([np.zeros(len(usable)), np.asarray(values)[index]])

    return Judged(
        [k.project for k in usable],
        np.stack([source_features(k, settings.platform) for k in usable]),
        with_baseline(actual),
        with_baseline(costs),
        with_baseline(guarded),
        with_baseline(estimated),
        with_baseline(half),
    )


def source_features(kernel: Kernel, platform: str) -> npt.NDArray[np.float32]:
    """Features (f,) of a program before it is optimised."""
    return combined_features(Program(kernel, find_platform(platform)).source_features(LEVELS[0]))


def blend(judged: Judged, valued: Floats) -> tuple[float, float]:
    """Shares of judge and value model that estimate the objective best; neither is negative."""
    x = np.column_stack([judged.estimated[:, 1:].ravel(), valued[:, 1:].ravel()])
    shares, _ = nnls(x, judged.actual[:, 1:].ravel())
    return float(shares[0]), float(shares[1])


@dataclass(frozen=True)
class Rule:
    """When a candidate is taken: if score + caution * half width < -margin; and what that gave in cross-validation.

    `mean` of the objective, and the share of programs that are `worse`.
    """

    caution: float
    margin: float
    mean: float
    worse: float


def choose_rule(judged: Judged, valued: Floats, shares: tuple[float, float]) -> Rule:
    """The best rule that makes few enough programs worse."""
    score = shares[0] * judged.estimated + shares[1] * valued
    half = shares[0] * judged.half_widths
    rows = np.arange(len(score))
    rules = []
    for caution, margin in itertools.product(CAUTIONS, JUDGE_MARGINS):
        allowed = np.where(score + caution * half < -margin, score, 0.0)
        allowed[:, 0] = 0.0
        choice = allowed.argmin(1)
        worse = judged.guarded[rows, choice] > np.log1p(WORSE)
        rules.append(Rule(caution, margin, float(judged.actual[rows, choice].mean()), float(worse.mean())))
    good = [rule for rule in rules if rule.worse <= WORSE_SHARE] or [min(rules, key=lambda rule: rule.worse)]
    return min(good, key=lambda rule: rule.mean)
