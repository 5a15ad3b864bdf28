"""`mlcomp train`: from the corpus to a run folder with everything that a policy is made of.

Steps, each resumable: grow a coreset of sequences on a sample of training modules; find the single edits that help
on top of it; grow a coreset of option sets for the baseline's code; profile training and validation modules; fit the
value models. Test projects are never opened.
The run folder holds `run.json` (settings and results), measurements as JSON lines, and two ONNX models.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mlcomp.passes_features.session import feature_names
from mlcomp.training import corpus
from mlcomp.training.candidates import Space, action_space
from mlcomp.training.coreset import Point, Search, complementary, toggle
from mlcomp.training.corpus import ModuleRecord
from mlcomp.training.measure import Bench, Candidate, ModuleBench, Ratios
from mlcomp.training.profile import Profile, profile
from mlcomp.training.ranking import MARGINS, Fitted, fit
from mlcomp.training.run import finish

Report = Callable[[str], None]


@dataclass(frozen=True)
class Settings:
    """What decides a run's result; the same settings and corpus give the same policy."""

    target: str
    objective: str = "size"
    seed: int = 0
    search_modules: int = 120
    coreset: int = 6
    grown: int = 6  # sequences that are searched; what is kept may come from the pool too
    option_modules: int = 140
    option_sets: int = 7
    edit_modules: int = 60
    profile_modules: int = 900
    candidates: int = 3  # that effort 1 measures beside the baseline; a sequence counts twice
    max_instructions: int = 1600  # of modules that are searched on
    max_profiled: int = 3000  # instructions of modules that are profiled


@dataclass(frozen=True)
class Edit:
    """A single change, with its mean gain in ln(size) as an addition to the best candidate of each module."""

    where: str  # front, back or options
    action: str
    gain: float


def sample(modules: Sequence[ModuleRecord], count: int, seed: int) -> list[ModuleRecord]:
    """A seeded sample that takes from every project in turn."""
    random_ = random.Random(seed)
    projects: dict[str, list[ModuleRecord]] = {}
    for module in modules:
        projects.setdefault(module.project, []).append(module)
    for members in projects.values():
        random_.shuffle(members)
    chosen: list[ModuleRecord] = []
    while len(chosen) < count and any(projects.values()):
        for name in sorted(projects):
            if projects[name] and len(chosen) < count:
                chosen.append(projects[name].pop())
    random_.shuffle(chosen)
    return chosen


def pinned(
    run: Path, role: str, known: Sequence[ModuleRecord], choose: Callable[[], list[ModuleRecord]]
) -> list[ModuleRecord]:
    """The modules that a run uses for `role`: chosen once, then kept in `modules.json` even if the corpus grows."""
    path = run / "modules.json"
    table: dict[str, list[str]] = json.loads(path.read_text()) if path.exists() else {}
    if role not in table:
        table[role] = [m.sha256 for m in choose()]
        path.write_text(json.dumps(table, indent=1) + "\n")
    by_hash = {m.sha256: m for m in known}
    missing = [h for h in table[role] if h not in by_hash]
    if missing:
        raise corpus.CorpusError(
            f"{len(missing)} modules of run {run} are no longer in the corpus; rebuild it or start another run"
        )
    return [by_hash[h] for h in table[role]]


@dataclass(frozen=True)
class OnTop:
    """The best coreset point of each module, and what changes of it bring."""

    bench: Bench
    points: Sequence[Point]
    rows: range

    def best(self) -> tuple[npt.NDArray[np.int64], Ratios]:
        """For each row, the index of its best point and ln(size) with it, the baseline included."""
        table = np.vstack([self.bench.ratios([p.candidate()], self.rows)[0] for p in self.points])
        return table.argmin(0), np.minimum(table.min(0), 0)

    def ratios(self, changes: Callable[[Point], list[Candidate]], count: int) -> Ratios:
        """ln(size) of `count` changes of each row's best point; those of one point must share a sequence."""
        choice, _ = self.best()
        out = np.zeros((count, len(self.rows)))
        for k, point in enumerate(self.points):
            members = [row for i, row in enumerate(self.rows) if choice[i] == k]
            if members:
                out[:, choice == k] = self.bench.ratios(changes(point), members)
        return out


def find_edits(on_top: OnTop, space: Space, report: Report) -> list[Edit]:
    """Every single change of the action space, tried on each module's best point; those that help, best first."""
    _, base = on_top.best()
    options = space.codegen_options
    table = on_top.ratios(lambda p: [_with_codegen(p, (o,)) for o in options], len(options))
    edits = [Edit("options", o, _improvement(base, row)) for o, row in zip(options, table, strict=True)]
    for where, texts in (("front", space.ir_options), ("back", space.passes)):
        for text in texts:
            row = on_top.ratios(lambda p, w=where, t=text: [_with_action(p, w, t)], 1)[0]  # type: ignore[misc]
            edits.append(Edit(where, text, _improvement(base, row)))
    edits = sorted((e for e in edits if e.gain < -5e-5), key=lambda e: (e.gain, e.action))
    report(f"{len(edits)} single edits help on top of the coreset")
    return edits


def _improvement(base: Ratios, ratios: Ratios) -> float:
    return float((np.minimum(base, ratios) - base).mean())


def _with_codegen(point: Point, options: Sequence[str]) -> Candidate:
    codegen = point.codegen
    for option in options:
        codegen = toggle(codegen, option)
    return Candidate(point.candidate().sequence, codegen)


def _with_action(point: Point, where: str, text: str) -> Candidate:
    sequence = point.candidate().sequence
    return Candidate((text, *sequence) if where == "front" else (*sequence, text), point.codegen)


def train(settings: Settings, run: Path, jobs: int, report: Report) -> None:
    """Runs all steps into folder `run`; raises `CorpusError` if the corpus is not built."""
    run.mkdir(parents=True, exist_ok=True)
    space = action_space(settings.target)
    everything = corpus.load(settings.target, None)
    training = [m for m in everything if m.split == "train"]
    small = [m for m in training if 40 < m.instructions < settings.max_instructions]
    validation = [m for m in everything if m.split == "validation"]
    usable = [*training, *validation]
    searched = pinned(run, "search", usable, lambda: sample(small, settings.search_modules, settings.seed))
    with ModuleBench(settings.target, searched, run / "search.jsonl", jobs) as bench:
        search = Search(bench, space, report=report)
        points = search.grow(settings.grown)
        on_top = OnTop(bench, points, range(min(settings.edit_modules, len(searched))))
        edits = find_edits(on_top, space, report)
    more = pinned(run, "options", usable, lambda: sample(small, settings.option_modules, settings.seed + 2))
    with ModuleBench(settings.target, more, run / "options.jsonl", jobs) as bench:
        search = Search(bench, space, prefix=20, report=report)
        option_sets = [(), *search.grow_options(settings.option_sets)]
    report(f"{len(points)} sequences, {len(option_sets)} option sets")

    sequences = [(*p.candidate().sequence, *p.codegen) for p in points]
    sequences += [s for s in pooled(run, space) if s not in sequences]

    def measurable(modules: Sequence[ModuleRecord]) -> list[ModuleRecord]:
        return [m for m in modules if m.instructions < settings.max_profiled]

    profiled = pinned(
        run,
        "profile",
        usable,
        lambda: (
            sample(measurable(training), settings.profile_modules, settings.seed + 1)
            + sample(measurable(validation), settings.profile_modules // 4, settings.seed)
        ),
    )
    data = profile(settings.target, profiled, sequences, option_sets, run / "profile.jsonl", jobs, report)
    kept = [0, *complementary(data.sequence_ratios, settings.coreset)]
    report(f"sequences kept of {len(sequences)}: {kept[1:]}")
    sequences = [sequences[k - 1] for k in kept[1:]]
    data = replace(data, sequence_ratios=data.sequence_ratios[:, kept])
    models = fit_models(data, settings.seed, report)
    write_run(run, settings, sequences, option_sets, edits, data, models)


def pooled(run: Path, space: Space) -> list[tuple[str, ...]]:
    """Sequences of `pool.json` in the run folder, from earlier runs: they compete with what was found."""
    path = run / "pool.json"
    known = {*space.pipelines, *space.passes, *space.ir_options, *space.codegen_options}
    sequences = [tuple(s) for s in json.loads(path.read_text())] if path.exists() else []
    for action in (a for s in sequences for a in s if a not in known):
        raise corpus.CorpusError(f"{path} has '{action}', which is no action of actions.toml")
    return sequences


def fit_models(data: Profile, seed: int, report: Report) -> dict[str, Fitted]:
    """The two value models, for sequences and for option sets."""
    column = feature_names().index("instructions")
    report("value model of sequences:")
    sequence = fit(data.features, data.sequence_ratios, data.projects, column, 3, seed, report)
    report("value model of option sets:")
    options = fit(data.set_features, data.set_ratios, data.projects, column, 3, seed, report)
    return {"sequence": settle_margin(sequence, options, data), "options": options}


def settle_margin(sequence: Fitted, options: Fitted, data: Profile) -> Fitted:
    """Unmeasured, the compiler takes a sequence only if it promises more than the best option set gives."""
    rows = np.arange(len(data.projects))

    def taken(model: Fitted, ratios: npt.NDArray[Any], margin: float) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        best = model.held_out.argmin(1)
        keep = model.held_out[rows, best] < model.held_out[:, 0] - margin
        return keep, np.where(keep, ratios[rows, best], 0)

    _, with_set = taken(options, data.set_ratios, options.margin)

    def value(margin: float) -> float:
        keep, with_sequence = taken(sequence, data.sequence_ratios, margin)
        return float(np.where(keep, with_sequence, with_set).mean())

    return replace(sequence, margin=min(MARGINS, key=value))


def usual_plan(models: dict[str, Fitted], data: Profile, candidates: int) -> dict[str, int]:
    """What effort 1 measures beside the baseline: as many option sets, or sequences in place of two each.

    All take about the same time, as optimising again costs as much as generating code.
    """

    def ranked_first(model: Fitted, ratios: npt.NDArray[Any], count: int) -> npt.NDArray[Any]:
        order = model.held_out[:, 1:].argsort(1, kind="stable")[:, :count] + 1
        return np.take_along_axis(ratios, order, 1)

    def value(plan: dict[str, int]) -> float:
        measured = [
            np.zeros((len(data.projects), 1)),
            ranked_first(models["sequence"], data.sequence_ratios, plan["sequences"]),
            ranked_first(models["options"], data.set_ratios, plan["option_sets"]),
        ]
        return float(np.hstack(measured).min(1).mean())

    plans = [{"sequences": s, "option_sets": candidates - 2 * s} for s in range((candidates + 1) // 2)]
    return min(reversed(plans), key=value)


def write_run(
    run: Path,
    settings: Settings,
    sequences: Sequence[Sequence[str]],
    option_sets: Sequence[Sequence[str]],
    edits: Sequence[Edit],
    data: Profile,
    models: dict[str, Fitted],
) -> None:
    """`run.json`, the models, and inputs on which an export must prove parity."""
    for name, model in models.items():
        (run / f"{name}.onnx").write_bytes(model.export(len(feature_names())))
    content = {
        "sequences": [["default<Oz>"], *[list(s) for s in sequences]],
        "option_sets": [list(s) for s in option_sets],
        "edits": [asdict(e) for e in edits],
        "models": {n: {"chosen": m.name, "margin": m.margin, "cross_validation": m.table} for n, m in models.items()},
        "usual": usual_plan(models, data, settings.candidates),
        "profiled": {"modules": len(data.projects), "projects": sorted(set(data.projects))},
    }
    finish(run, asdict(settings), content, {"sequence": data.features, "options": data.set_features})
