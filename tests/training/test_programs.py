"""The profile store: what a row says, and that a killed run loses and doubles nothing."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

from mlcomp.estimator import store
from mlcomp.passes_features.native import object_size
from mlcomp.passes_features.session import ObjectSize, crossing_kinds, machine_counts, machine_kinds
from mlcomp.platforms.platform import find_platform
from mlcomp.training.candidates import LEVELS, Build, builds
from mlcomp.training.kernels import Kernel, kernels
from mlcomp.training.programs import Job, Program, jobs_for, object_sizes, profile_programs

PROGRAM = """
#include <stdio.h>
void roi_begin(void); void roi_end(void);
volatile int rounds = 300;
static int table[64];
__attribute__((noinline)) static int step(int x) { return table[x & 63] + (x ^ 5) / 3; }
int main(void) {
  int sum = 0;
  for (int i = 0; i < 64; i++) table[i] = i * 7;
  roi_begin();
  for (int i = 0; i < rounds; i++) if (i % 3) sum += step(i);
  roi_end();
  printf("%d\\n", sum);
  return 0;
}
"""
TABLE = """
[[kernel]]
name = "tiny"
project = "tiny"
split = "train"
sources = ["tiny.c"]
about = "A loop"
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    (tmp_path / "tiny.c").write_text(PROGRAM)
    path = tmp_path / "kernels.toml"
    path.write_text(TABLE)
    return path


def rows(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = store.read(folder).to_pylist()
    return found


def test_builds_are_seeded_different_and_grow_at_the_end() -> None:
    first, more = builds("riscv32", 30, 1), builds("riscv32", 60, 1)
    assert more[:30] == first and len(set(more)) == 60
    assert [b.level for b in first[: len(LEVELS)]] == list(LEVELS)
    assert builds("riscv32", 30, 2) != first


def test_counted_blocks_predict_what_the_region_executes(table: Path) -> None:
    platform = find_platform("ibex-fast")
    platform.prepare()
    program = Program(kernels(table=table)[0], platform)
    _, compiled = program.compile(builds("riscv32", 1, 0)[0], table.parent)
    units = [c.functions for c in compiled]
    counts = machine_counts(units, program.profiled_counts)
    # 200 calls of step, with one load and one division by 3 each
    assert counts.executed[machine_kinds().index("returns")] == pytest.approx(200, rel=0.02)
    assert counts.executed[machine_kinds().index("loads")] == pytest.approx(300 + 200, rel=0.05)


def test_crossings_are_those_of_the_linked_program(tmp_path: Path) -> None:
    # Functions of one name in both modules; some builds drop one of them.
    common = (
        "volatile int rounds = 500; void roi_begin(void); void roi_end(void);"
        "__attribute__((noinline)) static int twist(int x) { while (x > 9) x = (x >> 1) ^ 5; return x; }\n"
    )
    (tmp_path / "a.c").write_text(
        common + "int other(int); int main(void) { int s = 0; roi_begin(); for (int i = 0; i < rounds; i++)"
        " s += i & 3 ? twist(i) : other(i * 3); roi_end(); return s == 77; }\n"
    )
    (tmp_path / "b.c").write_text(
        common.replace("volatile int rounds = 500;", "").replace(">> 1", ">> 2")
        + "int other(int x) { int s = 0; for (int i = 0; i < (x & 15); i++) s += twist(x + i * i); return s; }\n"
    )
    kernel = Kernel("two", "two", "train", "", ("a.c", "b.c"), folder=tmp_path)
    find_platform("ibex-fast").prepare()
    work = jobs_for([kernel], ["ibex-fast"], builds("riscv32", 24, 0))
    profile_programs(work, tmp_path / "s", 1, lambda _: None)
    found = [row for row in rows(tmp_path / "s") if not row["problem"]]
    counted = [dict(row["counts"])["target_crossings"] for row in found]
    chance = []
    program = Program(kernel, find_platform("ibex-fast"))
    for row, actual in zip(found, counted, strict=True):
        crossings = dict(zip(crossing_kinds(), row["crossings_profiled"], strict=True))
        assert crossings["crossings"] == pytest.approx(actual, rel=0.03, abs=20), row["build"]
        build = Build(row["level"], tuple(row["sequence"]), tuple(row["options"]))
        units = [c.functions for c in program.compile(build, tmp_path)[1]]
        chance.append(machine_counts(units, program.profiled_counts).crossings[0])
    assert max(counted) > 2 * min(counted) + 500
    assert max(abs(a - b) for a, b in zip(chance, counted, strict=True)) > 500


@pytest.mark.parametrize(
    ("platform", "source", "linked", "crossings"),
    [
        ("ibex-fast", "int main(void) { return 0; }", True, True),
        ("ibex-fast", "int part(int *a, int n) { int s = 0; while (n--) s += a[n]; return s; }", False, True),
        ("ibex-fast", "int elsewhere(void); int main(void) { return elsewhere(); }", False, True),
        ("cortex-m4", "int main(void) { return 0; }", True, False),
    ],
)
def test_inputs_have_crossings_where_they_matter(
    platform: str, source: str, linked: bool, crossings: bool, tmp_path: Path
) -> None:
    (tmp_path / "unit.c").write_text(source)
    find_platform(platform).prepare()
    program = Program(Kernel("k", "k", "train", "", ("unit.c",), folder=tmp_path), find_platform(platform))
    assert (program.link_problem == "") == linked
    assert ("work:crossings" in program.columns) == crossings
    x = program.inputs([Build("O3"), Build("Oz")], program.static_counts)
    assert x.shape == (2, len(program.columns)) and np.isfinite(x).all()


def test_calls_of_routines_that_lie_in_two_words_are_counted(tmp_path: Path) -> None:
    platform = find_platform("ibex-fast")
    platform.prepare()
    (tmp_path / "copy.c").write_text(
        "#include <string.h>\n#include <stdio.h>\nchar text[64]; volatile int rounds = 50;"
        "int main(void) { for (int i = 0; i < rounds; i++) memmove(text + (i & 1), text, 60);"
        ' for (int i = 0; i < PUTS; i++) puts("x"); return 0; }\n'
    )
    seen = set()
    for puts in range(4):  # moves the library
        kernel = Kernel("copy", "copy", "train", "", ("copy.c",), flags=(f"-DPUTS={puts}",), folder=tmp_path)
        program = Program(kernel, platform)
        objects, compiled = program.compile(Build("O3"), tmp_path)
        platform.link(objects, tmp_path / "program.elf")
        linked = (tmp_path / "program.elf").read_bytes()
        counts = machine_counts([c.functions for c in compiled], program.profiled_counts, linked)
        crossings = dict(zip(crossing_kinds(), counts.crossings, strict=True))
        (memmove,) = ELFFile(BytesIO(linked)).get_section_by_name(".symtab").get_symbol_by_name("memmove")
        crosses = memmove["st_value"] % 4 != 0
        assert crossings["crossed_memory_calls"] == pytest.approx(50 * crosses, rel=0.01)
        assert crossings["crossed_bytes"] == pytest.approx(50 * 60 * crosses, rel=0.01)
        seen.add(crosses)
    assert seen == {False, True}


def test_rows_and_resuming_after_a_kill(table: Path, tmp_path: Path) -> None:
    find_platform("ibex-fast").prepare()
    work = jobs_for(kernels(table=table), ["ibex-fast"], builds("riscv32", 30, 0))
    whole = tmp_path / "whole"
    profile_programs(work, whole, 1, lambda _: None)
    expected = rows(whole)
    assert [row["build"] for row in expected] == list(range(30))
    good = [row for row in expected if not row["problem"]]
    assert len(good) > 25 and len({row["output"] for row in good}) == 1
    assert all(row["cycles"] > row["instructions"] > 0 and row["text"] > 0 for row in good)
    assert all(dict(row["counts"])["loads"] > 300 for row in good)
    assert all(0.9 < row["object_text"] / row["text"] < 1.2 for row in good)
    assert len({row["contents"] for row in good}) < len(good)  # O3 and default<O3> are one program

    killed = tmp_path / "killed"
    command = [sys.executable, "-c", "from mlcomp.cli.main import main; main()", "profile", "--table", str(table)]
    command += ["--builds", "30", "--out", str(killed), "-j", "1", "--platform", "ibex-fast"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True) as process:
        while process.poll() is None and not list(killed.glob("*.parquet")):
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    done: list[object] = []
    profile_programs(work, killed, 1, done.append)
    assert len(done) == len(work)
    assert rows(killed) == expected


def test_what_runs_may_be_without_probes(table: Path, tmp_path: Path) -> None:
    # With probes in its blocks a switch does not become a table.
    (table.parent / "tiny.c").write_text(
        "__attribute__((noinline)) int price(int x) {"
        " switch (x) { case 1: return 5; case 2: return 7; case 3: return 22; } return 1; }\n"
        "volatile int x; int main(void) { for (int i = 0; i < 100; i++) x = price(i & 3); return 0; }\n"
    )
    find_platform("ibex-fast").prepare()
    found = []
    for without_probes in (False, True):
        folder = tmp_path / str(without_probes)
        work = jobs_for(kernels(table=table), ["ibex-fast"], builds("riscv32", 1, 0), without_probes=without_probes)
        profile_programs(work, folder, 1, lambda _: None)
        found += rows(folder)
    described = ("executed", "code", "features", "output", "problem")
    assert [found[0][name] for name in described] == [found[1][name] for name in described]
    assert found[0]["cycles"] != found[1]["cycles"] and found[0]["contents"] != found[1]["contents"]
    assert all(row["object_text"] == pytest.approx(row["text"], abs=4) for row in found)
    assert found[0]["object_text"] != found[1]["object_text"]
    assert found[0]["crossings"] and not found[1]["crossings"]

    program = Program(kernels(table=table)[0], find_platform("ibex-fast"))
    plain = [
        sum(object_sizes(program.compile(build, tmp_path, probed=False)[0], program.platform).values())
        for build in (Build("O3"), Build("O3", ("default<Oz>",)))
    ]
    inputs = program.inputs([Build("O3", ("default<Oz>",))], program.static_counts)
    assert inputs[0, program.columns.index("flash:")] == pytest.approx(math.log(plain[1] / plain[0]))


def test_a_program_that_fails_leaves_the_others_alone(table: Path, tmp_path: Path) -> None:
    bad = {
        "endless": "volatile int on = 1; int main(void) { while (on) ; }",
        "outside": "int main(void) { return *(volatile int *)0x90000000; }",
        "broken": "int main(void) { return }",
    }
    for name, text in bad.items():
        (tmp_path / f"{name}.c").write_text(text)
        table.write_text(table.read_text() + TABLE.replace("tiny", name))
    find_platform("ibex-fast").prepare()
    jobs = jobs_for(kernels(table=table), ["ibex-fast"], builds("riscv32", 2, 0))
    done: list[Job] = []
    profile_programs(jobs, tmp_path / "s", 2, done.append)  # more programs than workers: each works on one at a time
    assert sorted(job.key for job in done) == sorted(job.key for job in jobs)
    problems = {row["program"]: row["problem"] for row in rows(tmp_path / "s")}
    assert problems.pop("tiny") == ""
    assert {name: problem.splitlines() for name, problem in problems.items()} == {
        "endless": ["endless with counters: ran for more than 400000000 cycles"],
        "outside": [problems["outside"]],
        "broken": [problems["broken"]],
    }
    assert "a load outside the memory" in problems["outside"]
    assert "error" in problems["broken"]


def test_sizes_are_those_of_what_the_linker_keeps(tmp_path: Path) -> None:
    platform = find_platform("ibex-fast")
    platform.prepare()
    (tmp_path / "kept.c").write_text("int other(int); int main(int n, char **v) { return other(n); }")
    (tmp_path / "some.c").write_text(
        "int other(int n) { return n * 3; }\n#ifdef MORE\nint unused(int *p) { return p[0] / p[1] + p[2]; }\n#endif\n"
    )
    sizes = []
    for flags in ((), ("-DMORE",)):
        kernel = Kernel("k", "k", "train", "", ("kept.c", "some.c"), flags=flags, folder=tmp_path)
        objects, compiled = Program(kernel, platform).compile(builds("riscv32", 1, 0)[0], tmp_path)
        sizes.append(object_sizes(objects, platform))
        everything = sum(ObjectSize.of(object_size(c.contents)).text for c in compiled)
    assert sizes[0] == sizes[1]
    assert sizes[1]["object_text"] < everything - 6
    assert object_sizes(objects[1:], platform)["object_text"] > sizes[0]["object_text"] / 2  # no main: all of it


@pytest.mark.parametrize("power", [2, 4])
def test_sizes_have_the_padding_that_the_linker_leaves(power: int, tmp_path: Path) -> None:
    platform = find_platform("ibex-fast")
    platform.prepare()
    kernel = next(k for k in kernels("train") if k.name == "text_report")
    build = Build("O3", ("default<O3>", f"-align-all-nofallthru-blocks={power}"))
    objects, compiled = Program(kernel, platform).compile(build, tmp_path, probed=False)
    files = [ELFFile(BytesIO(c.contents)) for c in compiled]
    unlinked = sum(
        s.data_size for file in files for s in file.iter_sections() if s["sh_flags"] & SH_FLAGS.SHF_EXECINSTR
    )
    linked = platform.link(objects, tmp_path / "program.elf").text
    text = object_sizes(objects, platform)["object_text"]
    assert text == pytest.approx(linked, abs=8)  # calls of libraries may be shorter
    assert unlinked > linked + 40


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(store.StoreError, match="there is no profile store"):
        store.read(tmp_path)
    damaged = tmp_path / "damaged.parquet"
    damaged.write_bytes(b"PAR1 and no more")
    with pytest.raises(store.StoreError, match="is damaged"):
        store.read(damaged)


def test_a_packed_store_reads_the_same_and_a_cut_one_is_refused(tmp_path: Path) -> None:
    common = {"platform": "ibex", "program": "p", "problem": "", "features": [1.0, 2.0], "sequence": ["a"]}
    for build in (1, 0):
        store.write_part(tmp_path / "parts", f"key {build}", [{**common, "build": build}])
    assert store.pack(tmp_path / "parts", tmp_path / "all.parquet") == 2
    assert rows(tmp_path / "all.parquet") == rows(tmp_path / "parts")
    time.sleep(0.01)
    store.write_part(tmp_path / "parts", "once more", [{**common, "build": 1, "cycles": 7}])
    assert [row["cycles"] for row in rows(tmp_path / "parts")] == [None, 7]
    contents = (tmp_path / "all.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(contents[: len(contents) // 2])
    with pytest.raises(store.StoreError, match="is damaged"):
        store.read(tmp_path / "cut.parquet")
