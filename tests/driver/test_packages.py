"""benchmarks/packages.py: recipes that can run, and differences to clang that are not overlooked."""

from __future__ import annotations

import importlib.util
import json
import re
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner

from mlcomp.platforms.targets import targets
from mlcomp.training.corpus.manifest import read_manifest

FOLDER = Path(__file__).parents[2] / "benchmarks"
RECIPES = tomllib.loads((FOLDER / "packages.toml").read_text())
FIELDS = {"title", "source", "version", "tarballs", "target", "prepare", "build", "sizes", "test", "passes"}


@pytest.fixture(scope="module")
def packages() -> ModuleType:
    spec = importlib.util.spec_from_file_location("packages", FOLDER / "packages.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_is_complete(name: str) -> None:
    row = RECIPES[name]
    assert set(row) <= FIELDS
    assert row["title"] and row["build"] and row["sizes"]
    assert ("test" in row) == ("passes" in row)
    assert "target" not in row or row["target"] in targets()
    assert "tarballs" in row or read_manifest().package(row.get("source", name))
    words = dict.fromkeys(("cc", "cxx", "flags", "here"), "X")
    for step in ("prepare", "build", "test"):
        row.get(step, "").format(**words)
    re.compile(row.get("passes", ""))


def result(**tests: int) -> dict[str, Any]:
    return {"cpu_seconds": 2.0, "bytes": 100, "tests": {"exit_code": 0, "cpu_seconds": 0.1, "results": tests}}


@pytest.mark.parametrize(
    ("theirs", "ours", "same"),
    [
        ({"a: passed": 2}, {"a: passed": 2}, True),
        ({"a: passed": 2}, {"a: passed": 1}, False),
        ({"a: passed": 1}, {"a: passed": 1, "b: failed": 1}, False),
        ({}, {}, False),  # nothing was tested
    ],
)
def test_only_the_same_test_results_pass(
    packages: ModuleType, theirs: dict[str, int], ours: dict[str, int], same: bool
) -> None:
    clang = result(**theirs)
    builds = {"clang": clang, "size-effort-1": packages.without_repetition(result(**ours), clang)}
    row = packages.compared(builds)["size-effort-1"]
    assert row["same_passes"] is same
    assert packages.is_bad(row) is not same


def test_another_exit_code_of_the_tests_is_bad(packages: ModuleType) -> None:
    clang, ours = result(a=1), result(a=1)
    ours["tests"]["exit_code"] = 1
    row = packages.compared({"clang": clang, "oz": packages.without_repetition(ours, clang)})["oz"]
    assert packages.is_bad(row)


def test_a_failed_build_is_bad(packages: ModuleType) -> None:
    row = packages.compared({"clang": result(a=1), "oz": {"failed": "build", "log": []}})["oz"]
    assert packages.is_bad(row)


class Runs:
    """Stands for Recipe: results as told, and a list of what was built."""

    def __init__(self, answers: dict[str, dict[str, Any]]) -> None:
        self.answers = answers
        self.made_builds: list[tuple[str, str]] = []

    def __call__(self, name: str, row: dict[str, Any], build: str, jobs: int) -> Runs:
        self.now = (name, build)
        return self

    def made(self) -> dict[str, Any]:
        self.made_builds.append(self.now)
        return self.answers.get(self.now[1], result(a=1))


@pytest.fixture
def run(packages: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Runs the script for two packages: exit code, builds that it made."""
    monkeypatch.setattr(packages, "digest_of", lambda row, policies: "")

    def once(**answers: dict[str, Any]) -> tuple[int, list[tuple[str, str]]]:
        runs = Runs(answers)
        monkeypatch.setattr(packages, "Recipe", runs)
        done = CliRunner().invoke(packages.main, ["--out", str(tmp_path / "out.json"), "cjson", "zlib-rv32imc"])
        assert done.exception is None or isinstance(done.exception, SystemExit)
        json.loads((tmp_path / "out.json").read_text())
        return done.exit_code, runs.made_builds

    return once


def test_all_is_built_once(packages: ModuleType, run: Any) -> None:
    code, builds = run()
    assert code == 0
    assert [b for name, b in builds if name == "zlib-rv32imc"] == list(packages.BUILDS)
    assert run() == (0, [])


def test_what_failed_is_built_again(run: Any) -> None:
    code, _ = run(oz={"failed": "build", "log": []})
    assert code == 1
    assert run() == (0, [("cjson", "oz"), ("zlib-rv32imc", "oz")])


def test_nothing_is_compared_with_a_failed_clang(run: Any) -> None:
    assert run(clang={"failed": "build", "log": []}) == (1, [("cjson", "clang"), ("zlib-rv32imc", "clang")])
