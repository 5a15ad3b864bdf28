"""The Performance Estimator on a made-up platform whose costs are known."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast, get_args

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import VotingRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlcomp.cli.estimator import PROFILES, predicted_rows
from mlcomp.cli.estimator import estimator as command
from mlcomp.estimator import selection, store
from mlcomp.estimator.design import COUNTS, DataError, Design, design
from mlcomp.estimator.fit import (
    Estimator,
    Settings,
    evaluate,
    evaluate_choice,
    evaluate_metric,
    evaluate_seen,
    fit,
    fit_metric,
    save,
)
from mlcomp.estimator.intervals import ByAmounts, Range, by_all_inputs, calibrate, left_out_coverage
from mlcomp.estimator.kinds import Mixed, Proportional, Refined, Roofline
from mlcomp.estimator.metrics import mean_regret, mean_spearman, relative_errors
from mlcomp.estimator.onnx_export import export
from mlcomp.estimator.selection import Candidate, Tried, priors, regressors, select, unseen_builds, unseen_programs
from mlcomp.passes_features.native_model import Engine, Model
from mlcomp.passes_features.session import crossing_kinds, feature_names, machine_kinds
from mlcomp.platforms.platform import find_platform

KINDS, FEATURES, CROSSINGS = machine_kinds(), feature_names(), crossing_kinds()
COSTS = {"instructions": 1.0, "loads": 1.2, "branches_taken": 2.1, "divisions": 34.0, "outside_calls": 90.0}
PROGRAMS, BUILDS = 16, 8


def made_up_rows(programs: int = PROGRAMS, seed: int = 0, noise: float = 0.004) -> list[dict[str, Any]]:
    """Rows of programs whose cycles are the sum of `COSTS`."""
    random = np.random.default_rng(seed)
    weights = np.array([COSTS.get(kind, 0.0) for kind in KINDS])
    rows = []
    for p in range(programs):
        mix = np.zeros(len(KINDS))
        for kind, low, high in (
            ("instructions", 1e5, 1e6),
            ("loads", 1e4, 2e5),
            ("stores", 1e4, 1e5),
            ("branches_taken", 1e4, 1e5),
            ("divisions", 0, 2000),
            ("outside_calls", 0, 500),
        ):
            mix[KINDS.index(kind)] = random.uniform(low, high)
        mix[KINDS.index("bytes")] = 3 * mix[0]
        code = random.uniform(50, 500, len(KINDS))
        features = random.uniform(0, 100, len(FEATURES))
        for build in range(BUILDS):
            executed = mix * random.uniform(0.8, 1.3, len(KINDS)) if build else mix
            size = int(1000 + 50 * build * random.uniform(0.5, 1.5))
            rows.append(
                {
                    "platform": "made-up",
                    "program": f"p{p:02}",
                    "project": f"p{p:02}",
                    "split": ("train", "train", "validation", "test")[p % 4],
                    "build": build,
                    "level": "O3",
                    "problem": "",
                    "contents": f"{p} {build}",
                    "text": size,
                    "rodata": 100,
                    "data": 10,
                    "object_text": size + 40,
                    "object_rodata": 100,
                    "object_data": 10,
                    "cycles": float(executed @ weights * np.exp(random.normal(0, noise)) + 5000),
                    "instructions": float(executed[0] + 2000),
                    "energy": None,
                    "features": features * random.uniform(0.9, 1.1, len(FEATURES)),
                    "executed": executed * random.uniform(0.99, 1.01, len(KINDS)),
                    "executed_profiled": executed,
                    "code": code * random.uniform(0.9, 1.1, len(KINDS)),
                    "crossings": None,
                    "crossings_profiled": None,
                }
            )
    return rows


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return made_up_rows()


@pytest.fixture(scope="module")
def designs(rows: list[dict[str, Any]]) -> dict[str, Design]:
    return {setting: design(rows, setting, KINDS, FEATURES) for setting in COUNTS}


@pytest.fixture(scope="module")
def saved(designs: dict[str, Design], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an estimator of platform "made-up"."""
    settings, folder = Settings("made-up", seconds=0, seed=1), tmp_path_factory.mktemp("saved") / "made-up"
    save(fit(designs, settings), designs, settings, folder)
    return folder


def test_a_design_relates_rows_to_their_baseline(rows: list[dict[str, Any]], designs: dict[str, Design]) -> None:
    data = designs["profiled"]
    assert len(data) == PROGRAMS * (BUILDS - 1) and set(data.targets) == {"cycles", "instructions", "flash"}
    row, base = rows[5], rows[0]
    place = int(np.flatnonzero((data.programs == "p00") & (data.builds == 5))[0])
    assert data.targets["cycles"][place] == pytest.approx(np.log(row["cycles"] / base["cycles"]))
    work = data.x[place, data.columns.index("work:loads")]
    assert work == pytest.approx(row["executed_profiled"][KINDS.index("loads")] / base["executed_profiled"][0])
    anchor = data.x[place, data.columns.index("anchor:cycles")]
    assert anchor == pytest.approx(base["cycles"] / base["executed_profiled"][0])


@pytest.mark.parametrize("path", sorted(PROFILES.glob("*.parquet")), ids=lambda path: path.stem)
def test_stores_that_ship_know_crossings_of_cores_that_fetch_words(path: Path) -> None:
    names = ("crossings", "crossings_profiled")
    rows = pq.read_table(path, columns=["problem", *names]).to_pylist()
    known = {row[name] is not None for row in rows if not row["problem"] for name in names}
    assert known == {find_platform(path.stem).target_name == "riscv32"}


def test_crossings_are_inputs_where_all_rows_have_them(rows: list[dict[str, Any]], designs: dict[str, Design]) -> None:
    known = [{**row, "crossings": np.full(len(CROSSINGS), 7.0), "crossings_profiled": None} for row in rows]
    static = design(known, "static", KINDS, FEATURES, CROSSINGS)
    assert len(static.columns) == len(designs["static"].columns) + 4 * len(CROSSINGS)
    base = static.x[0, static.columns.index("base:crossings")]
    assert base == pytest.approx(7.0 / rows[0]["executed"][0])
    assert priors("ibex", "cycles", ["instructions", "wide_starts", "crossings"]) == [1.0, 0.0, 1.0]
    assert priors("ibex", "cycles", ["instructions", "wide_starts"])[1] > 0
    for some in (known[:-1] + rows[-1:], rows):
        assert design(some, "static", KINDS, FEATURES, CROSSINGS).columns == designs["static"].columns
    assert design(known, "profiled", KINDS, FEATURES, CROSSINGS).columns == designs["profiled"].columns
    with pytest.raises(DataError, match="2 crossings where"):
        design([{**row, "crossings": [1.0, 2.0]} for row in known], "static", KINDS, FEATURES, CROSSINGS)


def test_what_cannot_be_fitted_on_is_refused(rows: list[dict[str, Any]]) -> None:
    with pytest.raises(DataError, match="no programs with a baseline"):
        design([r for r in rows if r["build"]], "static", KINDS, FEATURES)
    with pytest.raises(DataError, match="5 features where"):
        design([{**r, "features": [1.0] * 5} for r in rows], "static", KINDS, FEATURES)
    broken = [{**r, "executed": r["executed"] * np.nan} for r in rows]
    with pytest.raises(DataError, match="no numbers"):
        design(broken, "static", KINDS, FEATURES)


def refined(data: Design, metric: str = "cycles", **options: Any) -> Refined:
    anchor = data.indices(f"anchor:{metric}")
    prior = [{"instructions": 1.0, "divisions": 25.0, "outside_calls": 60.0}.get(k, 0.5) for k in KINDS]
    return Refined(
        data.indices("work:"), data.indices("base:"), prior, anchor[0] if anchor else None, stiffness=1e-5, **options
    )


def test_the_refined_model_finds_the_costs(designs: dict[str, Design]) -> None:
    data = designs["profiled"]
    model = refined(data).fit(data.x, data.targets["cycles"])
    found = dict(zip(KINDS, model.parameters_[1:], strict=True))
    for kind in ("loads", "branches_taken", "divisions"):
        assert found[kind] / found["instructions"] == pytest.approx(COSTS[kind], rel=0.15), kind
    assert relative_errors(model.predict(data.x), data.targets["cycles"]).mean() < 0.006


def models(data: Design) -> dict[str, Any]:
    work = [data.columns.index(f"work:{k}") for k in ("instructions", "loads", "stores", "bytes")]
    base = [data.columns.index(f"base:{k}") for k in ("instructions", "loads", "stores", "bytes")]
    trees = regressors(0)["extra trees, 1/3 of columns"]
    return {
        "roofline": Roofline(work, base, (1.0, 1.0, 0.25)),
        "refined": refined(data),
        "proportional": Proportional(data.columns.index("flash:")),
        "mixed": Mixed(refined(data), trees),
        "voting": VotingRegressor([("refined", refined(data)), ("statistical", trees), ("mean", DummyRegressor())]),
        "mean": DummyRegressor(),
        **regressors(0),
    }


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_every_model_predicts_the_same_as_onnx(designs: dict[str, Design], tmp_path: Path) -> None:
    from mlcomp.policies.inference import open_model

    data = designs["profiled"]
    x = data.x.astype(np.float32)
    for name, model in models(data).items():
        model.fit(data.x, data.targets["cycles"])
        path = tmp_path / "model.onnx"
        path.write_bytes(export(model, x.shape[1]).SerializeToString())
        found = open_model(path).run(None, {"x": x})[0].ravel()
        difference = np.abs(found - model.predict(x.astype(np.float64)))
        assert np.quantile(difference, 0.95) < 1e-4, (name, difference.max())


def test_difficulties_of_designs_are_the_same_in_both_engines(designs: dict[str, Design], tmp_path: Path) -> None:
    for setting, data in designs.items():
        y = data.targets["cycles"]
        z = np.column_stack([data.x, y, np.abs(y)]).astype(np.float32)
        fitted = data.difficulty(0).fit(z, np.abs(y))
        path = tmp_path / f"{setting}.onnx"
        path.write_bytes(export(fitted, z.shape[1]).SerializeToString())
        for engine in get_args(Engine):
            with Model(path, engine) as model:
                found = [model.run(row)[0] for row in z]
            assert np.abs(found - fitted.predict(z)).max() < 1e-5, (setting, engine)


def test_folds_leave_out_projects_or_builds(designs: dict[str, Design]) -> None:
    data = designs["static"]
    for train, test in unseen_programs(data, 0):
        assert not set(data.projects[train]) & set(data.projects[test])
    for train, test in unseen_builds(data, 0):
        assert not set(data.builds[train]) & set(data.builds[test])
        assert set(data.programs[train]) == set(data.programs[test])


SUMS = ByAmounts([([0], []), ([1, 2], [2, 3])])


@pytest.mark.parametrize("difficulty", [by_all_inputs(0), SUMS])
def test_intervals_cover_what_they_promise(difficulty: Any) -> None:
    random = np.random.default_rng(3)
    x = random.uniform(0, 1, (3000, 4))
    groups = np.repeat(np.arange(100), 30)
    spread = 0.01 + 0.1 * x[:, 0]  # some rows are harder
    y = random.normal(0, 1, 3000) * spread
    intervals = calibrate(x[:2000], np.zeros(2000), y[:2000], groups[:2000], 0.9, difficulty)
    inside = np.zeros(1000, bool)
    half = intervals.half_widths(x[2000:], np.zeros(1000), inside)
    assert 0.86 < float((np.abs(y[2000:]) <= half).mean()) < 0.94
    assert half[x[2000:, 0] > 0.8].mean() > 3 * half[x[2000:, 0] < 0.1].mean()
    assert intervals.half_widths(x[:5], np.zeros(5), ~inside[:5]) == pytest.approx(
        2 * intervals.half_widths(x[:5], np.zeros(5), inside[:5])
    )


def test_difficulties_by_amounts_see_sizes_of_sums_only() -> None:
    random = np.random.default_rng(3)
    z = random.uniform(0, 1, (500, 4))
    fitted = clone(SUMS).fit(z, 0.1 * z[:, 0])
    moved = z * [-1, 1, 1, 1] + [0, 0.2, 0.2, 0.2]
    assert fitted.predict(z) == pytest.approx(fitted.predict(moved))
    assert np.corrcoef(fitted.predict(z), z[:, 0])[0, 1] > 0.9


def test_coverage_of_any_group_left_out() -> None:
    random = np.random.default_rng(3)
    x = random.uniform(0, 1, (2000, 4))
    groups = np.repeat(np.arange(50), 40)
    predicted, noise = np.zeros(2000), random.normal(0, 0.1, 2000)
    mean, alone = left_out_coverage(x, predicted, noise, groups, 0.9, SUMS, 0, 10)
    assert 0.89 < mean < 0.93
    # Rows of a group that err together make samples of groups differ.
    _, together = left_out_coverage(x, predicted, noise[groups] + noise / 10, groups, 0.9, SUMS, 0, 10)
    assert alone < 0.03 < 0.06 < together


def test_rows_outside_the_fitted_range_are_flagged() -> None:
    x = np.random.default_rng(0).uniform(0, 1, (100, 20))
    fitted = Range.of(x)
    strange = x[:3].copy()
    strange[1] *= 5
    assert fitted.outside(strange).tolist() == [False, True, False]


def test_metrics_of_known_predictions() -> None:
    measured = np.log(np.array([1.0, 0.9, 0.8, 1.1]))
    programs = np.array(["a"] * 4)
    assert mean_spearman(measured, measured, programs) == pytest.approx(1)
    assert mean_spearman(-measured, measured, programs) == pytest.approx(-1)
    assert mean_regret(measured, measured, programs) == 0
    assert mean_regret(-measured, measured, programs) > 0.2
    assert relative_errors(np.log([1.1]), np.log([1.0])) == pytest.approx(0.1)


def test_fit_save_load_predict(designs: dict[str, Design], tmp_path: Path) -> None:
    settings = Settings("made-up", seconds=0, seed=1)
    fitted = fit(designs, settings)
    table = evaluate(fitted, designs)
    assert table["profiled"]["cycles"]["mean_error"] < 0.02
    assert table["static"]["flash"]["mean_error"] < 0.02
    assert table["profiled"]["cycles"]["kinds"]["mean"]["mean_error"] > table["profiled"]["cycles"]["mean_error"]
    save(fitted, designs, settings, tmp_path / "made-up")
    loaded = Estimator(tmp_path / "made-up")
    for one in fitted:
        data = designs[one.setting]
        predicted, half, outside = loaded.predict(one.setting, one.metric, data.columns, data.x)
        mine = one.predict(data.x)
        assert np.quantile(np.abs(predicted - mine[0]), 0.99) < 1e-3
        assert np.quantile(np.abs(half - mine[1]), 0.95) < 1e-2
        assert (outside == mine[2]).all()
    data = designs["static"]
    with pytest.raises(DataError, match="lacks 'work:instructions'"):
        loaded.predict("static", "cycles", data.columns[1:], data.x[:, 1:])
    with pytest.raises(DataError, match="no numbers"):
        loaded.predict("static", "cycles", data.columns, data.x * np.nan)
    with pytest.raises(DataError, match="no model of energy"):
        loaded.predict("static", "energy", data.columns, data.x)
    (tmp_path / "made-up" / "estimator.json").write_text("{")
    with pytest.raises(DataError, match="is no estimator"):
        Estimator(tmp_path / "made-up")


def test_known_programs_are_predicted_from_their_other_builds(designs: dict[str, Design]) -> None:
    table = evaluate_seen(designs, Settings("made-up", seconds=0))
    assert table["cycles"]["mean_error"] < 0.01 and table["cycles"]["programs"] == PROGRAMS // 4


def test_projects_left_out_are_predicted_by_models_chosen_without_them(monkeypatch: pytest.MonkeyPatch) -> None:
    data = design(made_up_rows(programs=20), "static", KINDS, FEATURES)
    asked: list[set[str]] = []

    def remembering(known: Design, *rest: Any) -> list[Tried]:
        asked.append(set(known.projects))
        return select(known, *rest)

    monkeypatch.setattr("mlcomp.estimator.fit.select", remembering)
    table = evaluate_choice({"static": data, "profiled": data}, Settings("made-up", seconds=0))
    row = table["static"]["cycles"]
    mine = {*data.projects[data.splits != "test"]}
    for start in range(0, len(asked), 6):  # of a metric, each project is left out of one choice of five
        *parts, whole = asked[start : start + 6]
        assert whole == mine and sorted(p for part in parts for p in mine - part) == sorted(mine)
    assert len(row["folds"]) == 5 and row["rows"] == (data.splits != "test").sum()
    assert 0 < row["chosen"]["promised_error"] < 0.02 and row["mean_error"] < 0.02
    few = data.rows(np.isin(data.projects, sorted(mine)[:3]))
    with pytest.raises(DataError, match="fewer than 4 projects"):
        evaluate_choice({"static": few, "profiled": few}, Settings("made-up", seconds=0))


def test_a_budget_buys_the_same_models_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    data = design(made_up_rows(programs=40), "profiled", KINDS, FEATURES)
    monkeypatch.setattr(selection, "FEWEST", 50)
    monkeypatch.setattr(selection, "COSTS", {"good": 10.0, "bad": 10.0, "cheap": 0.1})
    models = {"bad": DummyRegressor(), "good": make_pipeline(StandardScaler(), Ridge(1.0)), "cheap": DummyRegressor()}
    monkeypatch.setattr(selection, "regressors", lambda _: models)

    def compared(seconds: float) -> dict[tuple[str, str], int]:
        """Rows that regressors were compared on."""
        tried = select(data, "cycles", "made-up", unseen_programs, seconds, seed=0)
        every = {(t.candidate.kind, t.candidate.name): len(t.predicted) for t in tried}
        return {key: rows for key, rows in every.items() if key[0] in ("mixed", "statistical")}

    assert set(compared(1000).values()) == {len(data)} and len(compared(1000)) == 6  # all, without a sample
    assert set(compared(0)) == {("mixed", "bad"), ("statistical", "bad")}  # one of each kind, in their order
    some = compared(10.5)  # a third of the rows tells good from bad, and there is time for one of each kind
    assert some["statistical", "good"] == len(data) and some["statistical", "bad"] < len(data) / 2
    assert len(some) == 6 and some == compared(10.5)


def test_figures_of_a_voting_model_s_parts_are_those_of_the_kinds(designs: dict[str, Design]) -> None:
    data = designs["profiled"]
    known, test = data.rows(data.splits != "test"), data.rows(data.splits == "test")
    models = {"statistical": regressors(3)["extra trees, all columns"], "refined": refined(data)}
    together = VotingRegressor(list(models.items()))
    tried = [
        Tried(Candidate(kind, kind, model), 0.0, known.targets["cycles"])
        for kind, model in {"voting": together, **models, "mean": DummyRegressor()}.items()
    ]
    fitted = replace(
        fit_metric(data, "profiled", "cycles", Settings("made-up", seconds=0), lambda _: None, ["refined"]),
        model=clone(together).fit(known.x, known.targets["cycles"]),
        tried=tried,
    )
    figures = evaluate_metric(fitted, data)
    assert set(figures["kinds"]) == {"voting", *models, "mean"}
    for one in tried:
        alone = clone(one.candidate.model).fit(known.x, known.targets["cycles"]).predict(test.x)
        expected = relative_errors(alone, test.targets["cycles"]).mean()
        assert figures["kinds"][one.candidate.kind]["mean_error"] == pytest.approx(expected, rel=1e-9)
    assert figures["learning"][-1]["mean_error"] == pytest.approx(figures["mean_error"], rel=1e-9)


def test_the_same_data_and_seed_give_the_same_bytes(designs: dict[str, Design]) -> None:
    data = designs["profiled"]
    model = Mixed(refined(data), regressors(5)["gradient boosting, depth 3"])
    first, second = (
        export(clone(model).fit(data.x, data.targets["cycles"]), data.x.shape[1]).SerializeToString() for _ in range(2)
    )
    assert first == second


def test_the_command_fits_and_refuses_other_platforms(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    common = {"sequence": [], "options": [], "output": "", "bss": 0, "counts": [], "cpu_time": None}
    store.write_part(tmp_path / "store", "all", [{**row, **common} for row in rows])
    words = ["fit", "--store", str(tmp_path / "store"), "--seconds", "0", "--json", "--platform"]
    result = CliRunner().invoke(command, [*words, "made-up", "--out", str(tmp_path / "fitted")])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["unseen"]["profiled"]["cycles"]["mean_error"] < 0.02
    assert Estimator(tmp_path / "fitted").manifest["platform"] == "made-up"
    result = CliRunner().invoke(command, [*words, "elsewhere"])
    assert result.exit_code == 1 and "no rows of platform 'elsewhere', but of made-up" in result.output


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cycles": float("nan")}, "cycles is no positive number"),
        ({"instructions": -3.0}, "instructions is no positive number"),
        ({"text": 0, "rodata": 0, "data": 0}, "flash is no positive number"),
    ],
)
def test_metrics_that_are_no_positive_numbers_are_refused(
    rows: list[dict[str, Any]], change: dict[str, Any], message: str
) -> None:
    broken = [{**row, **change} if i == 5 else row for i, row in enumerate(rows)]
    with pytest.raises(DataError, match=message):
        design(broken, "static", KINDS, FEATURES)


def test_columns_of_another_type_are_no_store(tmp_path: Path) -> None:
    store.write_part(tmp_path / "store", "a", [{"platform": "p", "program": "q", "build": 0, "problem": ""}])
    (part,) = (tmp_path / "store").glob("*.parquet")
    table = pq.read_table(part)
    column = table.schema.get_field_index("cycles")
    pq.write_table(
        table.set_column(column, "cycles", pa.array(["x"])).replace_schema_metadata(store.SCHEMA.metadata), part
    )
    with pytest.raises(store.StoreError, match="not a profile store"):
        store.read(tmp_path / "store")


def test_without_test_programs_there_is_an_estimator_but_no_figures(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    common = {"sequence": [], "options": [], "output": "", "bss": 0, "counts": [], "cpu_time": None, "split": "train"}
    few = sorted({row["project"] for row in rows})[:5]
    store.write_part(tmp_path / "store", "all", [{**row, **common} for row in rows if row["project"] in few])
    words = ["--store", str(tmp_path / "store"), "--seconds", "0", "--platform", "made-up"]
    result = CliRunner().invoke(command, ["fit", *words, "--out", str(tmp_path / "fitted")])
    assert result.exit_code == 0 and "no test programs; errors are those of cross-validation" in result.output
    assert result.stdout.count("cycles ") == 2  # by static and by profiled counts
    assert "fitted on 5 projects; intervals of 90 % need 10" in result.output
    assert "fewer models were compared than by --seconds 80" in result.output
    assert Estimator(tmp_path / "fitted").keys
    result = CliRunner().invoke(command, ["evaluate", *words])
    assert result.exit_code == 1 and "no test programs" in result.output
    out = tmp_path / "figures" / "nested.json"
    result = CliRunner().invoke(command, ["evaluate", *words, "--nested", "--out", str(out)])
    assert result.exit_code == 0 and "promised error" in result.stdout and result.stdout.count("cycles ") == 2
    assert json.loads(out.read_text())["choice"]["static"]["flash"]["programs"] == 5


@pytest.mark.parametrize("probed", [1.1, 1.0, 0.9])
def test_probes_may_change_a_build_as_they_change_the_first_or_not(probed: float) -> None:
    program = SimpleNamespace(
        static_counts="",
        profiled_counts="",
        columns=("work",),
        inputs=lambda builds, counts: np.array([[1.0], [1.0], [2.0]]),
        anchors=lambda counts: {"anchor:cycles": 1.0},
        baseline_costs=lambda with_probes: {"cycles": 1000.0 * (probed if with_probes else 1)},
    )
    known = SimpleNamespace(
        keys=[("profiled", "cycles")],
        predict=lambda setting, metric, columns, x: (np.log([1.0, 1.0, 1.2]), np.full(3, 0.05), np.zeros(3, bool)),
    )
    builds: Any = dict.fromkeys(("-O3", "same", "other"))
    first, same, other = predicted_rows(cast(Any, program), cast(Any, known), builds, True)
    for row in (first, same):
        assert (row["ratio"], row["low"], row["high"], row["value"]) == (1, 1, 1, 1000)
    assert first["probes"] == pytest.approx(probed)
    ends = sorted([1.2, 1.2 * probed])  # changed alike, changed not at all
    assert other["ratio"] == pytest.approx(np.sqrt(ends[0] * ends[1]))
    assert (other["low"], other["high"]) == pytest.approx((ends[0] * np.exp(-0.05), ends[1] * np.exp(0.05)))
    assert other["value"] == pytest.approx(1000 * other["ratio"])


def test_figures_that_cannot_be_written_are_not_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    words = ["evaluate", "--platform", "host", "--out", str(tmp_path / "file" / "out.json")]
    result = CliRunner().invoke(command, words)
    assert result.exit_code == 2 and "out.json' cannot be written" in result.output


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"models": []}, "no model that can be used"),
        ({"factor": -5}, "no model that can be used"),
        ({"factor": "abc"}, "is damaged"),
        ({"low": [0.0]}, "no model that can be used"),
        ({"metric": "love"}, "no model that can be used"),
        ({"setting": "x"}, "no model that can be used"),
        ({"high": None}, "no model that can be used"),
        ({"sha256": None}, "is damaged"),
        ({"format": 1}, "fit it again"),
        ({}, "is of platform 'made-up'"),
    ],
)
def test_a_damaged_estimator_is_refused(saved: Path, tmp_path: Path, change: dict[str, Any], message: str) -> None:
    folder = Path(shutil.copytree(saved, tmp_path / "copy"))
    manifest = json.loads((folder / "estimator.json").read_text())
    for key, value in change.items():
        (manifest if key in manifest else manifest["models"][0])[key] = value
    (folder / "estimator.json").write_text(json.dumps(manifest))
    result = CliRunner().invoke(command, ["predict", "--platform", "ibex-fast", "--estimator", str(folder), __file__])
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit) and message in result.output


@pytest.mark.parametrize("other", ["static-flash.onnx", "static-cycles-difficulty.onnx", "estimator.json", None])
def test_models_that_are_not_the_estimators_are_refused(
    designs: dict[str, Design], saved: Path, tmp_path: Path, other: str | None
) -> None:
    folder = Path(shutil.copytree(saved, tmp_path / "copy"))
    (folder / "static-cycles.onnx").unlink()
    if other:
        shutil.copy(folder / other, folder / "static-cycles.onnx")
    data = designs["static"]
    with pytest.raises(DataError, match=r"static-cycles\.onnx is missing or damaged"):
        Estimator(folder).predict("static", "cycles", data.columns, data.x)


def test_inputs_that_are_not_needed_change_nothing(designs: dict[str, Design], saved: Path) -> None:
    loaded, data = Estimator(saved), designs["static"]
    plain = loaded.predict("static", "cycles", data.columns, data.x)
    more = loaded.predict(
        "static", "cycles", ("news:other", *data.columns), np.column_stack([np.full(len(data), np.nan), data.x])
    )
    assert all((a == b).all() for a, b in zip(plain, more, strict=True))


def test_a_program_unlike_all_that_was_fitted_is_flagged_and_its_interval_is_wider(
    designs: dict[str, Design], saved: Path
) -> None:
    loaded, data = Estimator(saved), designs["static"]
    strange = data.x[:1].copy()
    far = data.indices("ir:")
    strange[0, far] = 50.0
    _, half, outside = loaded.predict("static", "cycles", data.columns, np.vstack([data.x[:1], strange]))
    assert outside.tolist() == [False, True]
    assert half[1] > 1.5 * half[0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fit", "--platform", "made-up", "--store", "{cut}"], "is damaged"),
        (["evaluate", "--platform", "made-up", "--store", "{cut}"], "is damaged"),
        (["fit", "--platform", "made-up", "--store", "{none}"], "there is no profile store"),
        (["predict", "--platform", "ibex-fast", "--estimator", "{none}", __file__], "there is no estimator"),
        (["predict", "--platform", "ibex-fast", "--estimator", "{none}", "--build", " ", __file__], "names no action"),
        (["predict", "--platform", "ibex-fast", "--build", "default<O2> -help", __file__], "-help changes no code"),
        (["predict", "--platform", "ibex-fast", "--", __file__, "-Onope"], "leave -Onope out"),
        (["predict", "--platform", "ibex-fast", "--build", "no-such-pass", __file__], "unknown pass name"),
        (["fit", "--platform", "abacus"], "unknown platform"),
        (["fit", "--platform", "ibex-wb"], "no profile store of platform"),
        (["fit", "--platform", "host", "--out", "/proc/x"], "cannot be made"),
        (["fit", "--platform", "host", "--out", f"{__file__}/x"], "is no folder"),
        (["fit", "--platform", "host", "--out", str(Path(__file__).parent)], "has other files; it is left as it is"),
        (["predict", "--platform", "host", "--build", "-inline-threshold=1", __file__], "has options alone"),
        (["fit", "--platform", "host", "--seconds", "nan"], "is no number"),
        (["fit", "--platform", "host", "--seconds", "-1"], "not in the range"),
        (["fit", "--platform", "host", "--seed", "-1"], "not in the range"),
        (["predict", "--platform", "abacus", "--estimator", "{none}", __file__], "abacus"),
        (["predict", "--platform", "ibex-fast", "no-such-file.c"], "there is no file"),
    ],
)
def test_bad_input_gets_one_clear_line(words: list[str], message: str, tmp_path: Path) -> None:
    cut = tmp_path / "cut.parquet"
    store.write_part(tmp_path / "whole", "all", [{"platform": "made-up", "program": "p", "build": 0, "problem": ""}])
    store.pack(tmp_path / "whole", cut)
    cut.write_bytes(cut.read_bytes()[:-100])
    result = CliRunner().invoke(command, [w.format(cut=cut, none=tmp_path / "none") for w in words])
    assert result.exit_code in (1, 2)
    assert isinstance(result.exception, SystemExit)
    assert message in result.output
