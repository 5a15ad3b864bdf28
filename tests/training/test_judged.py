"""Policies whose objective is estimated: the compiler's estimates are Python's, and it chooses by them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnx
import pytest
from make_policy import constant_model, make_policy
from onnx import TensorProto, helper, numpy_helper

from mlcomp.estimator.design import DataError, column_names
from mlcomp.passes_features.native import object_size
from mlcomp.passes_features.session import ObjectSize, feature_names, machine_kinds
from mlcomp.platforms.platform import find_platform
from mlcomp.training import measure
from mlcomp.training.candidates import Build, Space
from mlcomp.training.coreset import Point, Search
from mlcomp.training.judged import LOSS, Judged, blend, choose_rule, mended, numbers_of, point_of, sequence_of
from mlcomp.training.kernels import Kernel
from mlcomp.training.measure import Candidate, ProgramBench
from mlcomp.training.programs import Program
from mlcomp.training.ranking import CONSTANT, chosen

SOURCE = """
int table[64], weights[64];
__attribute__((noinline)) int dot(int x) {
  int sum = x;
  for (int i = 0; i < 60; i++) sum += (table[i] ^ x) * weights[i] + (sum >> 3);
  return sum;
}
__attribute__((noinline)) void scale(int x) {
  for (int i = 0; i < 12; i++) weights[i] = weights[i] * x + table[i];
}
int main(int argc, char **argv) {
  int sum = 0;
  scale(argc);
  for (int i = 0; i < 300; i++) sum += dot(i * argc);
  return sum;
}
"""
COLUMNS = list(column_names(machine_kinds(), feature_names()))
UNROLL = ("-unroll-threshold=2000", "default<O3>")
SEQUENCES = [
    {"name": "baseline", "actions": ["default<O3>"]},
    {"name": "unroll", "actions": list(UNROLL)},
    {"name": "lean", "actions": ["default<O1>"]},
]


def linear_model(weights: np.ndarray[Any, np.dtype[np.float32]]) -> bytes:
    """ONNX of one output: the sum of inputs times weights."""
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "weights"], ["y"])],
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, len(weights)])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1])],
        [numpy_helper.from_array(weights[:, None], "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def make_judged(
    folder: Path,
    weights: np.ndarray[Any, np.dtype[np.float32]],
    caution: float = 0.0,
    margin: float = 0.0,
    sequences: tuple[int, ...] = (9, 9, 9, 9),
    **changes: Any,
) -> Path:
    """A policy whose judge estimates cycles by a linear model, with half widths of 0.05."""
    cycles = {
        "metric": "cycles",
        "weight": 1.0,
        "model": "cycles.onnx",
        "difficulty": "cycles-difficulty.onnx",
        "columns": COLUMNS,
        "factor": 1.0,
        "low": [-1e9] * len(COLUMNS),
        "high": [1e9] * len(COLUMNS),
    }
    judge = {
        "estimate_share": 1.0,
        "policy_share": 0.0,
        "caution": caution,
        "margin": margin,
        "metrics": [cycles | changes.pop("cycles", {}), {"metric": "flash", "weight": 0.0}],
    }
    make_policy(
        folder,
        objective="time",
        baseline="default<O3>",
        sequences=SEQUENCES,
        option_sets=[{"name": "none", "actions": []}],
        option_edits=[],
        sequence_edits=[],
        option_model="",
        efforts=[{"sequences": count, "option_sets": [0, 1]} for count in sequences],
        judge=judge | changes,
    )
    (folder / "cycles.onnx").write_bytes(linear_model(weights))
    (folder / "cycles-difficulty.onnx").write_bytes(constant_model(len(COLUMNS) + 2, [0.05]))
    return folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "program.c"
    path.write_text(SOURCE)
    return path


def compile_judged(source: Path, policy: Path, *options: str) -> tuple[dict[str, Any], str]:
    """What `--ml-explain` says, and standard error."""
    report = source.with_suffix(".json")
    report.unlink(missing_ok=True)
    command = [Path(sys.executable).with_name("mlcc"), "-O=ml-time", f"--ml-policy={policy}"]
    command += [f"--ml-explain=json:{report}", *find_platform("ibex-fast").compile_flags, *options]
    done = subprocess.run(
        [*command, "-c", source, "-o", source.with_suffix(".o")], capture_output=True, text=True, check=True
    )
    return (json.loads(report.read_text()) if report.exists() else {}), done.stderr


def test_the_compiler_sees_what_the_estimator_was_fitted_on(tmp_path: Path, source: Path) -> None:
    weights = np.random.default_rng(1).normal(0, 0.1, len(COLUMNS)).astype(np.float32)
    report, errors = compile_judged(source, make_judged(tmp_path / "p", weights))
    assert not errors
    kernel = Kernel("program", "program", "", "", (str(source),), folder=Path("/"))
    program = Program(kernel, find_platform("ibex-fast"))
    builds = [Build("O3"), Build("O3", UNROLL), Build("O3", ("default<O1>",))]
    shared = [program.columns.index(name) for name in COLUMNS]  # the compiler knows no layout
    expected = program.inputs(builds, program.static_counts)[:, shared] @ weights
    found = [trial["estimates"]["cycles"]["log_ratio"] for trial in report["trials"]]
    assert [trial["sequence"] for trial in report["trials"]] == ["baseline", "unroll", "lean"]
    assert found == pytest.approx([0, *expected[1:]], abs=2e-3)
    assert abs(expected[1] - expected[0]) > 0.05, "the candidates must differ"


def only(column: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.array([float(name == column) for name in COLUMNS], np.float32)


def test_what_is_estimated_to_be_best_is_chosen(tmp_path: Path, source: Path) -> None:
    # Cycles as instructions: unrolling executes fewer.
    report, _ = compile_judged(source, make_judged(tmp_path / "p", only("change:instructions")))
    assert report["trials"][0]["estimates"]["cycles"] == {"log_ratio": 0, "half_width": 0}
    assert report["sequence"] == "unroll"
    assert report["actions"] == list(UNROLL)
    # Cycles as flash bytes: unrolled code has more.
    report, _ = compile_judged(source, make_judged(tmp_path / "q", only("flash:")))
    assert report["sequence"] == "baseline"


def test_a_cautious_judge_keeps_the_baseline(tmp_path: Path, source: Path) -> None:
    report, _ = compile_judged(source, make_judged(tmp_path / "p", only("change:instructions"), caution=100.0))
    assert report["sequence"] == "baseline"
    estimate = report["trials"][1]["estimates"]["cycles"]
    assert estimate["log_ratio"] < 0
    near = make_judged(tmp_path / "q", only("change:instructions"), margin=-estimate["log_ratio"] + 0.01)
    assert compile_judged(source, near)[0]["sequence"] == "baseline"
    far = make_judged(tmp_path / "r", only("change:instructions"), margin=-estimate["log_ratio"] - 0.01)
    assert compile_judged(source, far)[0]["sequence"] == "unroll"
    assert report["trials"][1]["estimates"]["cycles"]["half_width"] == pytest.approx(0.05)


def test_outside_of_what_was_fitted_the_interval_is_wider(tmp_path: Path, source: Path) -> None:
    ends = [0.0] * len(COLUMNS)
    policy = make_judged(tmp_path / "p", only("change:instructions"), cycles={"low": ends, "high": ends})
    report, _ = compile_judged(source, policy)
    assert report["trials"][1]["estimates"]["cycles"]["half_width"] == pytest.approx(0.1)


def test_weights_of_the_user(tmp_path: Path, source: Path) -> None:
    policy = make_judged(tmp_path / "p", only("change:instructions"))
    assert compile_judged(source, policy, "--ml-weights=size=1,time=0")[0]["sequence"] == "baseline"
    report, _ = compile_judged(source, policy, "--ml-weights=size=0,time=1")
    assert report["sequence"] == "unroll"
    assert report["weights"] == {"flash": 0, "cycles": 1}
    _, errors = compile_judged(source, policy, "--ml-weights=energy=1")
    assert "this policy does not estimate energy; compiling as clang does" in errors


def test_low_efforts_take_the_first_choice(tmp_path: Path, source: Path) -> None:
    policy = make_judged(tmp_path / "p", only("change:instructions"), sequences=(0, 0, 9, 9))
    assert not compile_judged(source, policy)[0]["measured"]
    assert compile_judged(source, policy, "--ml-effort=2")[0]["measured"]
    # Only the judge knows of other weights.
    report, _ = compile_judged(source, policy, "--ml-weights=size=0,time=1")
    assert report["measured"]
    assert report["sequence"] == "unroll"


def test_the_least_effort_takes_the_options_only(tmp_path: Path, source: Path) -> None:
    policy = make_judged(tmp_path / "p", only("change:instructions"), sequences=(0, 0, 9, 9))
    manifest = json.loads((policy / "manifest.json").read_text())
    for sequence in manifest["sequences"][1:]:
        sequence["actions"] = ["-unroll-threshold=2000", "default<O3>", "function(dce)", "-misched-topdown"]
    (policy / "manifest.json").write_text(json.dumps(manifest))
    report, _ = compile_judged(source, policy, "--ml-effort=0")
    assert (report["sequence"], report["actions"]) == ("baseline", ["default<O3>"])
    assert report["options"] == ["-misched-topdown"]
    assert report["trials"][0]["end"] == "not measured"
    report, _ = compile_judged(source, policy)
    assert report["actions"] == manifest["sequences"][1]["actions"]


def test_the_choice_is_handed_over_without_probes(tmp_path: Path, source: Path) -> None:
    # With probes in its blocks a switch does not become a table.
    switch = "int price(int x) { switch (x) { case 1: return 5; case 2: return 7; case 3: return 22; } return 1; }"
    source.write_text(switch + SOURCE)
    policy = make_judged(tmp_path / "p", only("change:instructions"))
    report, errors = compile_judged(source, policy)
    assert (report["sequence"], errors) == ("unroll", "")
    program = Program(
        Kernel("program", "program", "", "", (str(source),), folder=Path("/")), find_platform("ibex-fast")
    )
    judged, plain = (
        program.compile(Build("O3", UNROLL), tmp_path, probed)[0][0].read_bytes() for probed in (True, False)
    )
    assert judged != plain == source.with_suffix(".o").read_bytes()
    assert report["chosen"]["text"] == ObjectSize.of(object_size(plain)).text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cycles": {"columns": ["work:magic"]}}, "names input 'work:magic', which this build lacks"),
        ({"cycles": {"columns": COLUMNS[:5]}}, "the ranges of cycles are not those of its inputs"),
        ({"cycles": {"model": "../x.onnx"}}, "leaves the folder"),
        ({"cycles": {"model": "none.onnx"}}, "cannot read"),
        ({"cycles": {"difficulty": "cycles.onnx"}}, "cycles.onnx does not fit the inputs of cycles"),
        ({"cycles": {"model": ""}}, "there is no model of cycles"),
        ({"cycles": {"weight": 0.0}}, "judge has no weights"),
        ({"metrics": []}, "judge has no metrics"),
        ({"metrics": [7]}, "expected object"),
        ({"caution": "much"}, "expected number"),
    ],
)
def test_a_broken_judge_costs_one_line(tmp_path: Path, source: Path, changes: dict[str, Any], message: str) -> None:
    policy = make_judged(tmp_path / "p", only("change:instructions"), **changes)
    report, errors = compile_judged(source, policy)
    assert message in errors
    assert len(errors.splitlines()) == 1
    assert not report
    assert source.with_suffix(".o").exists()


def table(actual: Any, estimated: Any, half: float = 0.1) -> Judged:
    actual, estimated = np.array(actual, np.float64), np.array(estimated, np.float64)
    projects = [f"p{i}" for i in range(len(actual))]
    return Judged(
        projects, np.zeros((len(actual), 3), np.float32), *[actual] * 3, estimated, np.full(actual.shape, half)
    )


def test_shares_follow_what_tells_more() -> None:
    random = np.random.default_rng(0)
    actual = np.column_stack([np.zeros(50), random.normal(0, 0.1, (50, 4))])
    noise = random.normal(0, 0.1, actual.shape)
    judge_knows, value_knows = blend(table(actual, actual), noise), blend(table(actual, noise), actual)
    assert judge_knows[0] == pytest.approx(1, abs=0.01)
    assert judge_knows[1] == pytest.approx(0, abs=0.01)
    assert value_knows[1] == pytest.approx(1, abs=0.01)


def test_caution_grows_where_estimates_mislead() -> None:
    right = table([[0, -0.1]] * 20, [[0, -0.1]] * 20)
    rule = choose_rule(right, np.zeros((20, 2)), (1.0, 0.0))
    assert rule.mean == pytest.approx(-0.1)
    assert rule.worse == 0
    # Those that promise little are wrong.
    actual, estimated = [[0, -0.1]] * 15 + [[0, 0.3]] * 5, [[0, -0.1]] * 15 + [[0, -0.02]] * 5
    rule = choose_rule(table(actual, estimated), np.zeros((20, 2)), (1.0, 0.0))
    assert rule.mean == pytest.approx(-0.075)
    assert rule.worse == 0
    assert 0.02 <= 0.1 * rule.caution + rule.margin < 0.1


def test_a_constant_ranking_stays_unless_another_is_clearly_better() -> None:
    noise = np.array([0.1, -0.1] * 8, np.float32)
    constant = np.zeros(16, np.float32)
    assert chosen({CONSTANT: constant, "trees": noise - 0.01, "ridge": noise}) == CONSTANT
    assert chosen({CONSTANT: constant, "trees": noise - 0.05, "ridge": noise}) == "trees"


def test_sequences_of_searches_are_mended() -> None:
    sequence = (
        "-disable-loop-idiom-all",
        "-inline-threshold=3000",
        "-unroll-allow-partial",
        "default<O3>",
        "-unroll-threshold=800",
    )
    mild = (*sequence[:-1], "-unroll-threshold=500")
    assert mended([sequence]) == [mild, mild[1:]]
    assert mended([("-unroll-threshold=60",)]) == [("-unroll-threshold=60",)] * 2


def test_rows_that_lack_a_sequence_are_refused() -> None:
    rows = [{"level": "O3", "sequence": list(UNROLL), "options": [], "build": 4}]
    assert numbers_of(rows, [Build("O3", UNROLL)]) == [4]
    with pytest.raises(DataError, match="lacks the sequence default<O1>"):
        numbers_of(rows, [Build("O3", UNROLL), Build("O3", ("default<O1>",))])


def test_a_sequence_is_a_point_of_the_search() -> None:
    sequence = ("-inline-threshold=3000", "function(gvn)", "default<O3>", "function(reassociate)", "-misched-topdown")
    point = point_of(sequence)
    assert point == Point(
        ("-inline-threshold=3000",),
        ("function(gvn)",),
        "default<O3>",
        ("function(reassociate)",),
        ("-misched-topdown",),
    )
    assert sequence_of(point) == sequence


def test_options_are_settled_on_all_programs() -> None:
    class Costs:
        """Three programs: what gains most makes one of them lose."""

        modules = (0, 1, 2)
        effects: ClassVar = {"-a": (-0.1, -0.1, 0.15), "-b": (-0.01, -0.02, 0.0), "-c": (0.01, 0.02, 0.0)}

        def ratios(self, candidates: Sequence[Candidate], rows: Sequence[int]) -> Any:
            costs = [sum((np.array(self.effects[o]) for o in c.options), np.zeros(3)) for c in candidates]
            return np.array([c + LOSS * np.maximum(c, 0) for c in costs])[:, list(rows)]

    space = Space((), (), (), ("-a", "-b", "-c"))
    start = Point(codegen=("-a", "-c"))
    assert Search(Costs(), space, trust=0.0, start=start).settle() == Point(codegen=("-b",))  # type: ignore[arg-type]


def test_losses_count_more_than_gains_in_the_search(tmp_path: Path) -> None:
    (tmp_path / "sum.c").write_text(
        "#include <stdio.h>\nint main(void) { unsigned s = 1;"
        ' for (unsigned i = 0; i < 20000; i++) s = s * 3 + i; printf("%u\\n", s); return 0; }\n'
    )
    kernel = Kernel("sum", "sum", "train", "", ("sum.c",), folder=tmp_path)
    unoptimised, plain = Candidate(("function(lower-expect)",)), Candidate(("default<O3>",))
    found = []
    for losses in (0.0, 2.0):
        with ProgramBench("host", [kernel], {"instructions": 1.0}, tmp_path / "known.jsonl", 1, losses) as bench:
            found.append([bench.ratios([c], [0])[0, 0] for c in (unoptimised, plain)])
    assert found[0][0] > 0.1 and found[1][0] == pytest.approx(3 * found[0][0])
    assert found[0][1] == found[1][1] == pytest.approx(0, abs=0.01)


def test_long_measurements_are_kept_while_they_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "WRITE_SECONDS", -1.0)
    (tmp_path / "a.c").write_text("int main(void) { return 0; }\n")
    (tmp_path / "b.c").write_text("int main(void) { volatile int i = 1; return i - 1; }\n")
    programs = [Kernel(name, name, "train", "", (f"{name}.c",), folder=tmp_path) for name in ("a", "b")]
    store, said = tmp_path / "known.jsonl", list[str]()
    with ProgramBench("host", programs, {"instructions": 1.0}, store, 1) as bench:
        bench.report = said.append
        ratios = bench.ratios([Candidate(("default<O1>",))], [0, 1])
    assert said == ["1 of 2 measured"]
    lines = store.read_text().splitlines()
    assert len(lines) == 4  # each program's baseline, and its candidate
    store.write_text("\n".join(lines[:3]) + "\n" + lines[3][:20])  # cut off
    with ProgramBench("host", programs, {"instructions": 1.0}, store, 1) as bench:
        assert bench.ratios([Candidate(("default<O1>",))], [0, 1]).tolist() == ratios.tolist()
    again = store.read_text().splitlines()
    assert again[:3] == lines[:3] and len(again) == 4  # only what was lost is measured again
