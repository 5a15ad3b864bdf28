"""The kernels: their table, and that those of our own run right wherever they are tried."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlcomp.platforms.measurement import Limits
from mlcomp.platforms.platform import find_platform
from mlcomp.platforms.program import Source, build_and_measure
from mlcomp.training.corpus.manifest import read_manifest
from mlcomp.training.kernels import FOLDER, Kernel, kernels

OWN = [k for k in kernels() if not k.package]
WARNINGS = ("-Wall", "-Wextra", "-Werror", f"-I{FOLDER}")


def test_there_are_enough_kernels_in_every_split() -> None:
    assert len(kernels()) >= 80
    assert len(OWN) >= 35
    assert {split: len(kernels(split)) >= 10 for split in ("train", "validation", "test")} == dict.fromkeys(
        ("train", "validation", "test"), True
    )


def test_a_project_lies_in_one_split() -> None:
    splits: dict[str, set[str]] = {}
    for kernel in kernels():
        splits.setdefault(kernel.project, set()).add(kernel.split)
    assert all(len(s) == 1 for s in splits.values())


def test_library_kernels_are_split_as_the_corpus_is() -> None:
    manifest = read_manifest()
    for kernel in kernels():
        if kernel.package:
            assert manifest.package(kernel.package).split == kernel.split, kernel.name


def test_every_source_of_ours_is_in_the_table() -> None:
    listed = {s for k in kernels() for s in k.sources}
    there = {p.relative_to(FOLDER).as_posix() for folder in ("own", "lib") for p in (FOLDER / folder).glob("*.c")}
    assert there == listed


@pytest.mark.parametrize("kernel", OWN, ids=lambda k: k.name)
def test_own_kernels_run_right_and_clean(kernel: Kernel) -> None:
    sources = [Source(Path(FOLDER, s), WARNINGS) for s in kernel.sources]
    fast = find_platform("ibex-fast")
    fast.prepare()
    for level in ("-O2", "-Oz"):
        result = build_and_measure(fast, ["clang-19", level], sources, Limits())
        assert result.problem == ""
        assert result.output.startswith(kernel.name.encode())
        assert result.region is not None
        assert 20_000 < result.region["cycles"] < 7_000_000
