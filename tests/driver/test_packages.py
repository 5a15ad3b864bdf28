"""benchmarks/packages.py: recipes that can run, and differences to clang that are not overlooked."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

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
