"""Every compile starts the driver, so it imports little."""

from __future__ import annotations

import subprocess
import sys

import pytest
from installation import Installation

# What must not be imported: our dependencies, and modules of the standard library that cost milliseconds.
SLOW = {"numpy", "onnxruntime", "llvmlite", "click", "sklearn", "rich"} | {
    "argparse",
    "collections",
    "dataclasses",
    "difflib",
    "enum",
    "functools",
    "hashlib",
    "inspect",
    "json",
    "pathlib",
    "re",
    "shutil",
    "signal",
    "subprocess",
    "tempfile",
    "tomllib",
    "typing",
    "zipfile",
}


def imported(mlcc: Installation, *arguments: str) -> set[str]:
    """Modules that the driver imports for a command line, without those that Python itself starts with."""
    code = (
        "import sys; before = set(sys.modules); import os; os.execv = lambda *_: None;"
        "from mlcomp.driver.mlcc import drive; drive('mlcc', sys.argv[1:]); print(*(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-S", "-c", code, *arguments],
        env=mlcc.environment | {"PYTHONPATH": str(mlcc.package.parent)},
        cwd=mlcc.root,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "arguments",
    [
        ["-O2", "-c", "a.c"],
        ["-O=ml", "-c", "a.c"],
        ["-O=ml", "--ml-policy=x86_64-size", "--ml-weights=size=1", "-c", "a.c"],
        ["@args"],
    ],
)
def test_nothing_slow_is_imported(mlcc: Installation, arguments: list[str]) -> None:
    mlcc.root.joinpath("args").write_text("-O=ml -c 'a b.c'")
    modules = imported(mlcc, *arguments)
    assert "mlcomp.driver.mlcc" in modules
    assert {m.partition(".")[0] for m in modules} & SLOW == set()


def test_plain_clang_costs_only_what_finds_it(mlcc: Installation) -> None:
    ours = {m for m in imported(mlcc, "-O2", "-c", "a.c") if m.startswith("mlcomp.driver.")}
    names = ("mlcc", "diagnostics", "settings", "toolchain", "cache")
    assert ours == {f"mlcomp.driver.{name}" for name in names}
