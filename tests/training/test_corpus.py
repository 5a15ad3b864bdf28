"""The training corpus: its manifest, fetching without a network, and building of small packages."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mlcomp.cli.corpus import corpus
from mlcomp.training.corpus import (
    SPLITS,
    CorpusError,
    Manifest,
    Package,
    build_corpus,
    fetch_packages,
    load,
    read_manifest,
)
from mlcomp.training.corpus.build import cap_projects, count, largest_share, sources
from mlcomp.training.corpus.fetch import Apt, deb822_to_source, list_to_source, write_sources
from mlcomp.training.corpus.manifest import Template

needs_clang = pytest.mark.skipif(not shutil.which("clang-19"), reason="clang-19 is not installed")

LOOP = """
int NAME(const int *data, int count) {
  int sum = 0, last = 0;
  for (int i = 0; i < count; i++) {
    sum += data[i] * FACTOR;
    if (data[i] > last) last = data[i] - sum;
  }
  return sum ^ last;
}
"""


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def program(name: str, factor: int = 3) -> str:
    return LOOP.replace("NAME", name).replace("FACTOR", str(factor))


class FakeMirror:
    """Stands in for apt: offers one tarball under one version, and counts what is asked of it."""

    def __init__(self, folder: Path, version: str, files: dict[str, str]) -> None:
        self.version = version
        self.calls: list[str] = []
        self.tarball = folder / "mirror" / "demo_1.0.orig.tar.gz"
        self.tarball.parent.mkdir(parents=True)
        with tarfile.open(self.tarball, "w:gz") as tar:
            for name, text in files.items():
                source = folder / "file"
                source.write_text(text)
                tar.add(source, f"demo-1.0/{name}")
        self.digest = digest(self.tarball)
        self.settings = folder / "etc"
        (self.settings / "sources.list.d").mkdir(parents=True)
        (self.settings / "sources.list").write_text("deb http://mirror.invalid/debian bookworm main\n")

    def run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        self.calls.append(command[0] if "download-file" in command else command[1])
        output, status = "", 0
        if "download-file" in command:
            shutil.copyfile(command[-3].removeprefix("file:"), command[-2])
        elif command[-1] in ("demo", f"demo={self.version}"):
            output = f"'file:{self.tarball}' {self.tarball.name} 1 SHA256:{self.digest}\n"
        elif command[1] == "source":
            status = 100
        return subprocess.CompletedProcess(command, status, output, "")

    def package(self, **changes: Any) -> Package:
        package = Package("demo", "1.0-1", "train", "demo", {self.tarball.name: self.digest}, ("*.c",))
        return replace(package, **changes)


@pytest.fixture
def mirror(tmp_path: Path) -> FakeMirror:
    return FakeMirror(tmp_path, "1.0-1", {"a.c": program("a"), "include/a.h": "\n"})


def fetch_demo(mirror: FakeMirror, package: Package, cache: Path) -> list[str]:
    return fetch_packages([package], cache, apt=Apt(cache / "apt", mirror.run, mirror.settings))


# The manifest


def test_manifest_is_well_formed() -> None:
    manifest = read_manifest()
    assert len(manifest.packages) >= 40
    for package in manifest.packages:
        assert package.tarballs
        assert all(len(checksum) == 64 for checksum in package.tarballs.values())
        assert package.files


def test_manifest_splits_hold_enough_projects() -> None:
    manifest = read_manifest()
    number = {split: sum(package.split == split for package in manifest.packages) for split in SPLITS}
    assert number["test"] >= 8
    assert number["validation"] >= 6
    assert number["train"] / len(manifest.packages) == pytest.approx(0.65, abs=0.1)


def test_related_projects_share_a_split() -> None:
    families: dict[str, set[str]] = {}
    for package in read_manifest().packages:
        families.setdefault(package.family, set()).add(package.split)
    assert all(len(splits) == 1 for splits in families.values())


def test_manifest_takes_files_of_libraries_and_not_of_measurement_programs() -> None:
    # What projects measure themselves with is not what users compile, and may be what policies are judged by
    # elsewhere.
    for package in read_manifest().packages:
        for glob in package.files:
            assert not any(word in glob.lower() for word in ("bench", "test", "perf/", "fuzz")), package.name
            assert glob.endswith(".c")


def write_manifest(folder: Path, text: str) -> Path:
    path = folder / "manifest.toml"
    path.write_text(text)
    return path


ENTRY = 'version = "1-1"\nsplit = "SPLIT"\nfamily = "f"\nfiles = ["*.c"]\ntarballs = { "t.tar" = "' + "0" * 64 + '" }\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[package.a]\n" + ENTRY.replace("SPLIT", "dev"), "has split 'dev'"),
        ("[package.a]\n" + ENTRY.replace("SPLIT", "test").replace("0" * 64, "0"), "needs a SHA-256"),
        ("[package.a]\n" + ENTRY.replace("SPLIT", "test") + "globs = []\n", "unknown key 'globs'"),
        ('[package.a]\nversion = "1"\n', "lacks 'split'"),
        ("[package.a]\n" + ENTRY.replace("SPLIT", "test") + 'targets = ["z80"]\n', "unknown target 'z80'"),
        (
            "[package.a]\n" + ENTRY.replace("SPLIT", "test") + "[package.b]\n" + ENTRY.replace("SPLIT", "train"),
            "family 'f' is torn",
        ),
        ("[package.a\n", "cannot read the corpus manifest"),
    ],
)
def test_malformed_manifest_is_refused_with_the_reason(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        read_manifest(write_manifest(tmp_path, text))


# Fetching


def test_deb822_sources_become_source_packages() -> None:
    text = "Types: deb\nURIs: u\nSuites: s\n\nTypes: deb deb-src\nURIs: v\n\nTypes: deb\nEnabled: no\nURIs: w\n"
    assert deb822_to_source(text) == "Types: deb-src\nURIs: u\nSuites: s\n\nTypes: deb-src\nURIs: v\n\n"


def test_list_sources_become_source_packages_once() -> None:
    text = "# deb x y z\ndeb [signed-by=/k] u bookworm main\ndeb-src [signed-by=/k] u bookworm main\n"
    assert list_to_source(text) == "deb-src [signed-by=/k] u bookworm main\n"


def test_machine_without_package_sources_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no package source found"):
        write_sources(tmp_path, tmp_path / "parts")


def test_fetch_unpacks_without_the_top_folder_and_only_once(mirror: FakeMirror, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert fetch_demo(mirror, mirror.package(), cache) == []
    assert (cache / "unpacked/demo_1.0/a.c").read_text() == program("a")
    assert (cache / "unpacked/demo_1.0/include/a.h").is_file()
    asked = len(mirror.calls)
    assert fetch_demo(mirror, mirror.package(), cache) == []
    assert len(mirror.calls) == asked


def test_fetch_resumes_after_an_interrupted_unpacking(mirror: FakeMirror, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    fetch_demo(mirror, mirror.package(), cache)
    (cache / "unpacked/demo_1.0.unpacked").unlink()
    (cache / "unpacked/demo_1.0/a.c").unlink()
    assert fetch_demo(mirror, mirror.package(), cache) == []
    assert (cache / "unpacked/demo_1.0/a.c").is_file()


def test_newer_debian_revision_serves_where_the_pinned_one_is_gone(mirror: FakeMirror, tmp_path: Path) -> None:
    mirror.version = "1.0-1+deb12u1"
    assert fetch_demo(mirror, mirror.package(), tmp_path / "cache") == []


def test_fetch_refuses_a_tarball_with_another_checksum(mirror: FakeMirror, tmp_path: Path) -> None:
    package = mirror.package()
    mirror.tarball.write_bytes(b"something else")
    (problem,) = fetch_demo(mirror, package, tmp_path / "cache")
    assert "checksum of demo_1.0.orig.tar.gz differs" in problem
    assert "\n" not in problem
    assert not (tmp_path / "cache/sources/demo/demo_1.0.orig.tar.gz").exists()
    assert not (tmp_path / "cache/unpacked/demo_1.0").exists()


def test_missing_package_is_one_line_and_the_others_are_fetched(mirror: FakeMirror, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    absent = mirror.package(name="absent")
    apt = Apt(cache / "apt", mirror.run, mirror.settings)
    (problem,) = fetch_packages([absent, mirror.package()], cache, apt=apt)
    assert problem.startswith("absent: no package source offers demo_1.0.orig.tar.gz")
    assert (cache / "unpacked/demo_1.0/a.c").is_file()


# Building


def demo_corpus(cache: Path, files: dict[str, str], **changes: Any) -> Manifest:
    root = cache / "unpacked/demo_1.0"
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    package = Package("demo", "1.0-1", "train", "demo", {"t": "0" * 64}, ("**/*.c",))
    return Manifest((replace(package, **changes),), 1.0, 0)


@needs_clang
def test_file_that_does_not_compile_is_skipped_and_counted(tmp_path: Path) -> None:
    manifest = demo_corpus(tmp_path, {"good.c": program("good"), "bad.c": "int f( {", "small.c": "int x;"})
    outcome = build_corpus(manifest, "x86_64", tmp_path)
    assert outcome.modules == 1
    assert outcome.skipped["does not compile"] == 1
    assert outcome.skipped["too small"] == 1
    (record,) = load("x86_64", cache=tmp_path)
    assert (record.source, record.project, record.split, record.functions) == ("good.c", "demo", "train", 1)
    assert record.path.read_bytes()[:2] == b"BC"
    assert record.instructions >= 20


@needs_clang
def test_flags_of_a_record_compile_its_source(tmp_path: Path) -> None:
    files = {
        "src/a.c": '#include "own.h"\n#include "t.h"\n#include "g/deep.h"\n' + program("a"),
        "h/deep.h": "int d;",
    }
    manifest = demo_corpus(
        tmp_path,
        {**files, "t.in": "int @W@;"},
        config={"own.h": "int own;\n"},
        links={"g": ("h/*.h",)},
        templates={"t.h": Template("t.in", {"@W@": "word"})},
    )
    assert build_corpus(manifest, "x86_64", tmp_path).modules == 1
    (record,) = load("x86_64", cache=tmp_path)
    command = ["clang-19", *record.flags, "-c", record.source, "-o", str(tmp_path / "a.o")]
    subprocess.run(command, cwd=record.root, check=True)


@needs_clang
def test_same_module_is_taken_once_and_stays_in_the_test_split(tmp_path: Path) -> None:
    train = demo_corpus(tmp_path, {"a.c": program("same"), "b.c": program("same"), "c.c": program("other")}).packages[0]
    shutil.copytree(tmp_path / "unpacked/demo_1.0", tmp_path / "unpacked/copy_1.0")
    (tmp_path / "unpacked/copy_1.0/c.c").unlink()
    test = replace(train, name="copy", split="test", family="copy")
    outcome = build_corpus(Manifest((train, test), 1.0, 0), "x86_64", tmp_path)
    assert outcome.skipped["is a duplicate"] == 3
    assert [(record.project, record.source) for record in load("x86_64", cache=tmp_path)] == [
        ("copy", "a.c"),
        ("demo", "c.c"),
    ]


@needs_clang
def test_index_is_the_same_for_every_build_and_every_cache(tmp_path: Path) -> None:
    files = {f"{name}.c": program(name) + f"const char *{name}_file = __FILE__;" for name in "dacb"}
    found = []
    for cache in (tmp_path / "one", tmp_path / "a/longer/two"):
        build_corpus(demo_corpus(cache, files), "x86_64", cache, jobs=2)
        found.append([(record.source, record.sha256, record.instructions) for record in load("x86_64", cache=cache)])
    assert found[0] == found[1]
    assert [source for source, _, _ in found[0]] == ["a.c", "b.c", "c.c", "d.c"]
    index = tmp_path / "one/corpus/x86_64.parquet"
    before = index.read_bytes()
    build_corpus(demo_corpus(tmp_path / "one", files), "x86_64", tmp_path / "one")
    assert index.read_bytes() == before


@needs_clang
def test_second_build_compiles_only_what_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = demo_corpus(tmp_path, {"a.c": program("a")})
    build_corpus(manifest, "x86_64", tmp_path)
    compiled: list[str] = []

    def note(source: str, *_: object) -> str:
        compiled.append(source)
        return "is not compiled"

    monkeypatch.setattr("mlcomp.training.corpus.build.compile_module", note)
    assert build_corpus(manifest, "x86_64", tmp_path).modules == 1
    assert compiled == []
    changed = replace(manifest.packages[0], defines=("NEW",))
    build_corpus(replace(manifest, packages=(changed,)), "x86_64", tmp_path)
    assert compiled == ["a.c"]


@needs_clang
def test_package_that_is_not_fetched_is_named_and_the_rest_is_indexed(tmp_path: Path) -> None:
    manifest = demo_corpus(tmp_path, {"a.c": program("a")})
    absent = replace(manifest.packages[0], name="absent", family="absent")
    outcome = build_corpus(replace(manifest, packages=(absent, *manifest.packages)), "x86_64", tmp_path)
    assert outcome.problems == ["absent is not fetched; run `mlcomp corpus fetch`"]
    assert outcome.modules == 1


def test_excluded_files_are_left_out(tmp_path: Path) -> None:
    demo_corpus(tmp_path, {"a.c": "", "b.c": "", "deep/c.c": "", "a.h": ""})
    package = Package("demo", "1.0-1", "train", "demo", {}, ("*.c", "deep/*.c"), exclude=("b.*",))
    assert sources(package, tmp_path / "unpacked/demo_1.0") == ["a.c", "deep/c.c"]


def test_instructions_are_counted_without_labels_and_cases() -> None:
    ir = """@x = global i32 0
define i32 @f(i32 %0) {
  switch i32 %0, label %1 [
    i32 1, label %2
    i32 2, label %2
  ]

1:                                                ; preds = %0
  br label %2

2:
  ret i32 0
}

declare void @g()
"""
    assert count(ir) == (3, 1)


def rows_of(**sizes: int) -> list[dict[str, object]]:
    return [{"project": name, "source": f"{i}.c"} for name, size in sizes.items() for i in range(size)]


def test_no_project_exceeds_its_share() -> None:
    rows = rows_of(big=500, **{f"p{i}": 20 for i in range(20)})
    chosen = cap_projects(rows, 0.1, seed=1)
    big = [row for row in chosen if row["project"] == "big"]
    assert len(big) == largest_share([500] + [20] * 20, 0.1) == 44
    assert len(big) <= 0.1 * len(chosen)
    assert len(chosen) - len(big) == 400


def test_sample_of_a_project_depends_on_file_names_only() -> None:
    rows = rows_of(big=500, **{f"p{i}": 20 for i in range(20)})
    chosen = {row["source"] for row in cap_projects(rows, 0.1, 1) if row["project"] == "big"}
    again = {row["source"] for row in cap_projects(rows[::-1], 0.1, 1) if row["project"] == "big"}
    other = {row["source"] for row in cap_projects(rows, 0.1, 2) if row["project"] == "big"}
    assert chosen == again != other


def test_load_names_the_command_that_builds_a_missing_corpus(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="mlcomp corpus build riscv32"):
        load("riscv32", cache=tmp_path)
    with pytest.raises(CorpusError, match="unknown split 'dev'"):
        load("riscv32", "dev", cache=tmp_path)


# The command


def test_command_reports_an_unknown_package_in_one_line() -> None:
    result = CliRunner().invoke(corpus, ["fetch", "no-such-package"])
    assert result.exit_code == 1
    assert "mlcomp: error: package 'no-such-package' is not in the corpus manifest" in result.output


@needs_clang
def test_stats_counts_splits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build_corpus(demo_corpus(tmp_path, {"a.c": program("a"), "b.c": program("b")}), "x86_64", tmp_path)
    monkeypatch.setenv("MLCOMP_CACHE", str(tmp_path))
    result = CliRunner().invoke(corpus, ["stats", "x86_64", "--json"])
    train = next(row for row in json.loads(result.stdout) if row["split"] == "train")
    assert (train["projects"], train["modules"], train["functions"]) == (1, 2, 2)
    assert "demo" in CliRunner().invoke(corpus, ["stats", "x86_64", "--projects"]).output
