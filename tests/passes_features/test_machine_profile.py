"""Machine profiles: what generated code is predicted to execute, with and without a profile."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

from mlcomp.passes_features.native import NativeError
from mlcomp.passes_features.session import ProgramCounts, Session, machine_counts, machine_kinds
from mlcomp.platforms.targets import targets

LOOP = """
extern int values[1000];
int sum(void) { int s = 0; for (int i = 0; i < 1000; i++) s += values[i] * 3; return s; }
"""
CALLS = """
int leaf(int);
int middle(int a) { return leaf(a) + leaf(a + 1) + a / 7; }
int main(void) { int s = 0; for (int i = 0; i < 50; i++) s += middle(i); return s; }
"""
LEAF = "int leaf(int a) { return a * a; }"
FLOATS = """
extern float values[500];
float product(void) { float p = 1; for (int i = 0; i < 500; i++) p *= values[i]; return p; }
"""
RECURSION = """
int odd(int n);
int even(int n) { return n == 0 ? 1 : odd(n - 1) + 2; }
int odd(int n) { return n == 0 ? 0 : even(n - 1) + 3; }
int both(int n) { return even(n) + odd(n); }
"""

MakeSession = Callable[..., Session]


@pytest.fixture
def make_session(tmp_path: Path) -> MakeSession:
    """A session on a text; target and level may be given."""

    def make(text: str, target: str = "riscv32", level: str = "O1") -> Session:
        source = tmp_path / "unit.c"
        source.write_text(text)
        return Session.from_source(source, targets()[target].compile_flags, level)

    return make


def profile(session: Session, *sequence: str) -> str:
    session.insert_probes()
    return session.compile(sequence).functions


def executed(counts: ProgramCounts, kind: str) -> float:
    return float(counts.executed[machine_kinds().index(kind)])


@pytest.mark.parametrize("target", sorted(targets()))
def test_known_trip_counts_give_the_executed_loads(make_session: MakeSession, target: str) -> None:
    counts = machine_counts([profile(make_session(LOOP, target))])
    assert executed(counts, "loads") == pytest.approx(1000, rel=0.01)
    assert executed(counts, "branches") == pytest.approx(1000, rel=0.01)


def test_calls_between_modules_are_followed(make_session: MakeSession) -> None:
    units = [profile(make_session(text)) for text in (CALLS, LEAF)]
    counts = machine_counts(units)
    assert executed(counts, "outside_calls") == 0
    # one for each call of leaf, and one for the division by 7
    assert executed(counts, "multiplications") == pytest.approx(150, rel=0.05)
    alone = machine_counts(units[:1])
    assert executed(alone, "outside_calls") == pytest.approx(100, rel=0.05)


@pytest.mark.parametrize(("target", "routine"), [("riscv32", "__mulsf3"), ("thumb", "__aeabi_fmul")])
def test_routines_count_by_what_they_execute(make_session: MakeSession, target: str, routine: str) -> None:
    table = tomllib.loads(files("mlcomp.passes_features").joinpath("routines.toml").read_text())
    counts = machine_counts([profile(make_session(FLOATS, target))])
    assert executed(counts, "float_calls") == pytest.approx(500 * table["float_calls"][routine] / 100, rel=0.01)
    assert executed(counts, "calls") == pytest.approx(500, rel=0.01)
    assert counts.code[machine_kinds().index("float_calls")] == 1


def test_recursion_has_an_end(make_session: MakeSession) -> None:
    counts = machine_counts([profile(make_session(RECURSION), "function(sroa)")])
    assert 0 < executed(counts, "instructions") < 10_000


def test_source_counts_make_other_candidates_comparable(make_session: MakeSession) -> None:
    text = LOOP.replace("1000; i++", "n; i++").replace("void", "int n").replace("[1000]", "[]")
    first = machine_counts([profile(make_session(text))])
    for sequence in (["function(sroa)"], ["default<Oz>"], ["default<O3>"]):
        counts = machine_counts([profile(make_session(text), *sequence)], first.source)
        assert executed(counts, "loads") == pytest.approx(executed(first, "loads"), rel=0.25), sequence


def test_a_profile_decides_how_often_blocks_run(make_session: MakeSession) -> None:
    session = make_session(CALLS)
    cells = session.insert_counters(0)
    known = "".join(f"{cell} 7000\n" for cell in cells)
    counts = machine_counts([profile(make_session(CALLS))], known)
    assert executed(counts, "outside_calls") == pytest.approx(14_000, rel=0.15)


@pytest.mark.parametrize("target", sorted(targets()))
def test_probes_add_no_code(make_session: MakeSession, target: str) -> None:
    plain, probed = make_session(LOOP, target), make_session(LOOP, target)
    probed.insert_probes()
    assert loaded(probed.compile().contents) == loaded(plain.compile().contents)


def loaded(contents: bytes) -> dict[str, bytes]:
    """The sections of an object file that a program has in memory."""
    sections = ELFFile(BytesIO(contents)).iter_sections()
    return {s.name: s.data() for s in sections if s["sh_flags"] & SH_FLAGS.SHF_ALLOC}


def test_compiling_gives_the_measured_size_and_leaves_the_session(make_session: MakeSession) -> None:
    from mlcomp.passes_features.native import object_size

    session = make_session(CALLS, level="Oz")
    before = session.ir()
    code = session.compile(["default<O2>"], ["-disable-lsr"]).contents
    assert session.ir() == before
    size = session.try_sequence(["default<O2>"], [["-disable-lsr"]]).sizes[0]
    assert size and object_size(code).text == size.text


def test_what_is_no_profile_is_refused(make_session: MakeSession) -> None:
    line = profile(make_session(LEAF)).splitlines()[0]
    for broken in ("nonsense", "{}", line[:-20], line.replace('"blocks":[', '"blocks":[7,')):
        with pytest.raises(NativeError):
            machine_counts([broken])
    for broken in ("1 2", "0 zz 1 5", "0 1F 1 -3", "0 1F 1 x"):
        with pytest.raises(NativeError, match="not a line of source counts"):
            machine_counts([line], broken)


def test_where_code_lies_is_a_matter_of_chance_until_it_is_linked(make_session: MakeSession) -> None:
    unit = profile(make_session(LOOP))
    jumps = executed(machine_counts([unit]), "branches_taken")
    assert machine_counts([unit]).crossings[0] in (pytest.approx(jumps / 2, rel=0.01), pytest.approx(0, abs=2))
    with pytest.raises(NativeError):
        machine_counts([unit], "", b"no program")
    arm = make_session(LOOP, "thumb").compile().contents
    assert machine_counts([unit], "", arm).crossings is None


def function(name: str, *blocks: dict[str, Any]) -> str:
    """A function's profile; what a block does not say is nothing, and one instruction."""
    empty = {
        "callees": [],
        "counts": [0, 1],
        "frequency": 1,
        "jump": 0,
        "predecessors": [],
        "probes": [],
        "targets": [],
    }
    code = [len(blocks)] + [0] * (len(machine_kinds()) - 1)
    return json.dumps({"blocks": [empty | b for b in blocks], "code": code, "exported": True, "name": name})


def test_generated_functions_run_as_often_as_known_blocks_call_them() -> None:
    main = function("main", {"probes": ["A", 1], "callees": ["shared"]}, {"probes": ["A", 2], "callees": ["unused"]})
    helpers = [function(name, {"counts": [0, 10]}) for name in ("shared", "unused")]
    counts = machine_counts(["\n".join([main, *helpers])], "0 A 1 5\n0 A 2 0\n")
    assert executed(counts, "instructions") == pytest.approx(5 + 5 * 10)


def test_a_probe_of_its_own_decides_between_shared_ones() -> None:
    # Two copies of block 1, one of them in a block that is known to run 900 times.
    blocks = ({"probes": ["A", 1, "A", 2]}, {"probes": ["A", 1], "counts": [0, 100]})
    counts = machine_counts([function("main", *blocks)], "0 A 1 1000\n0 A 2 900\n")
    assert executed(counts, "instructions") == pytest.approx(900 + 100 * 100, rel=0.05)


def test_of_probes_of_one_block_the_rarest_counts() -> None:
    counts = machine_counts([function("main", {"probes": ["A", 1, "A", 2]})], "0 A 1 1000\n0 A 2 30\n")
    assert executed(counts, "instructions") == pytest.approx(30)


def test_copies_of_a_branch_go_where_the_source_does() -> None:
    # Each of two copies of block 1 goes on to a copy of block 2 (10 of 1000 times) or past it.
    blocks = (
        {"probes": ["A", 1]},
        {"probes": ["A", 2], "predecessors": [0, 0.5], "counts": [0, 50]},
        {"probes": ["A", 1], "predecessors": [0, 0.5, 1, 1]},
        {"probes": ["A", 2], "predecessors": [2, 0.5], "counts": [0, 50]},
        {"predecessors": [2, 0.5, 3, 1]},
    )
    counts = machine_counts([function("main", *blocks)], "0 A 1 1000\n0 A 2 10\n")
    assert executed(counts, "instructions") == pytest.approx(1500 + 10 * 50, rel=0.05)


def test_flow_decides_about_code_between_known_blocks() -> None:
    chain = [{"predecessors": [n, 0.5], "counts": [0, 3]} for n in range(5)]
    blocks = ({"probes": ["A", 1]}, *chain, {"probes": ["A", 2], "predecessors": [5, 1]})
    counts = machine_counts([function("main", *blocks)], "0 A 1 400\n0 A 2 400\n")
    assert executed(counts, "instructions") == pytest.approx(400 * 2 + 400 * 15, rel=0.05)


def test_flow_is_followed_wherever_code_lies() -> None:
    # A loop that LLVM thinks goes round 16 times as often as it does. In it code forks again and again, and half of the
    # blocks lie before the loop's first one.
    forks = 9
    first = forks + 1
    blocks: list[dict[str, Any]] = [{"probes": ["A", 1]}]
    for side in range(2):
        if side:
            last = 2 * forks + 2
            blocks.append({"probes": ["A", 2], "predecessors": [0, 1, last, 0.97], "frequency": 16000.0})
        for fork in range(forks):
            before = [fork, 0.5, first + fork, 0.5] if fork else [first, 0.5]
            blocks.append({"predecessors": before, "frequency": 8000.0, "counts": [0, 3]})
    blocks.append({"predecessors": [forks, 1, last - 1, 1], "frequency": 16000.0})
    counts = machine_counts([function("main", *blocks)], "0 A 1 30\n0 A 2 1000\n")
    assert executed(counts, "instructions") == pytest.approx(30 + 1000 * (1 + 3 * forks + 1), rel=0.02)


def test_a_loop_of_which_nothing_is_known_goes_round_as_estimated_in_what_is_known() -> None:
    # LLVM thinks that the function is called 1000 times, and that the loop goes round 20 times in each.
    main = function("main", {"probes": ["B", 1], "callees": ["work"], "frequency": 1000})
    blocks = (
        {"probes": ["A", 1]},
        {"predecessors": [0, 1, 1, 0.95], "frequency": 20, "counts": [0, 3]},
        {"probes": ["A", 2], "predecessors": [1, 0.05]},
    )
    counts = machine_counts(["\n".join([main, function("work", *blocks)])], "0 A 1 10\n0 A 2 10\n")
    assert executed(counts, "instructions") == pytest.approx(1000 + 10 * 2 + 10 * 20 * 3, rel=0.01)


def test_a_block_where_paths_come_together_says_only_the_most() -> None:
    # Block 2 runs more often than block 0, which may still go there past block 1 as often as not.
    blocks = (
        {"probes": ["A", 1]},
        {"predecessors": [0, 0.5], "counts": [0, 100], "frequency": 0.5},
        {"probes": ["A", 2], "predecessors": [0, 0.5, 1, 1]},
    )
    counts = machine_counts([function("main", *blocks)], "0 A 1 1000\n0 A 2 1100\n")
    assert executed(counts, "instructions") == pytest.approx(2000 + 500 * 100, rel=0.05)


def test_outlined_code_does_not_run_as_often_as_one_of_its_places(make_session: MakeSession) -> None:
    body = "x->a = x->b * 7 + y; last(x, y);"  # the mark of last's block is in the middle
    text = "struct s { int a, b, c, d; }; void g(struct s *x);\n"
    text += "__attribute__((always_inline)) static inline void last(struct s *x, int y)\n"
    text += "{ x->c = (x->a ^ y) + x->d * 11; x->d = x->c << 3; g(x); }\n"
    text += "".join(f"void f{i}(struct s *x, int y) {{ {body} }}\n" for i in range(4))
    lines = [json.loads(line) for line in profile(make_session(text, level="Oz")).splitlines()]
    outlined = [line for line in lines if line["name"].startswith("OUTLINED")]
    assert outlined
    assert not any(block["probes"] for line in outlined for block in line["blocks"])
