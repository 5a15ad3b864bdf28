"""`Session`: what it loads, changes and measures, against clang itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from mlcomp.passes_features.native import NativeError, object_size
from mlcomp.passes_features.session import End, ObjectSize, Session, feature_names
from mlcomp.platforms.targets import targets

SOURCE = """
int table[64];
extern int read(int);
static int twice(int x) { return x * 2 + 1; }
int sum(int n) {
  int s = 0;
  for (int i = 0; i < n; i++) { s += table[i & 63] * twice(i); if (s > 100) s -= read(i); }
  return s;
}
int both(int a) { return sum(a) + sum(a + 1) + read(read(a)); }
const char *name(int k) { switch (k) { case 0: return "zero"; case 1: return "one"; case 2: return "two"; } return 0; }
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "program.c"
    path.write_text(SOURCE)
    return path


def clang_size(source: Path, flags: list[str], out: Path) -> ObjectSize:
    subprocess.run(["clang-19", *flags, "-Oz", "-c", str(source), "-o", str(out)], check=True)
    return ObjectSize.of(object_size(out.read_bytes()))


@pytest.mark.parametrize("target", sorted(targets()))
def test_baseline_has_the_size_of_clangs_own_object(target: str, source: Path, tmp_path: Path) -> None:
    flags = targets()[target].compile_flags
    session = Session.from_source(source, flags)
    assert session.try_sequence([]).sizes == [clang_size(source, flags, tmp_path / "clang.o")]


@pytest.mark.parametrize("target", sorted(targets()))
def test_options_measure_what_clang_makes_with_mllvm(target: str, source: Path, tmp_path: Path) -> None:
    flags = targets()[target].compile_flags
    sizes = (
        Session.from_source(source, flags)
        .try_sequence(
            ["default<Oz>"], [[], ["-disable-lsr"], ["-disable-block-placement", "-min-jump-table-entries=2"]]
        )
        .sizes
    )
    for options, size in zip(
        [[], ["-disable-lsr"], ["-disable-block-placement", "-min-jump-table-entries=2"]], sizes, strict=True
    ):
        llvm = [word for option in options for word in ("-mllvm", option)]
        assert size == clang_size(source, [*flags, *llvm], tmp_path / "clang.o")


def test_trying_a_sequence_leaves_the_session_as_it_was(source: Path) -> None:
    session = Session.from_source(source, targets()["riscv32"].compile_flags)
    before = session.ir()
    assert session.try_sequence(["default<Oz>"]).features[0] > 0
    assert session.ir() == before


def test_applying_actions_gives_what_trying_them_measured(source: Path) -> None:
    session = Session.from_source(source, targets()["riscv32"].compile_flags)
    sequence = ["always-inline", "function(sroa,simplifycfg)", "cgscc(inline)", "globaldce"]
    tried = session.try_sequence(sequence)
    for action in sequence:
        session.apply(action)
    session.verify()
    assert session.size() == tried.sizes[0]
    np.testing.assert_array_equal(session.features(), tried.features)


def test_what_crashes_or_never_ends_is_reported_and_costs_nothing_else(source: Path) -> None:
    session = Session.from_source(source, targets()["riscv32"].compile_flags)
    assert session.try_sequence(["trigger-crash-module"]).ends == [End.CRASHED]
    endless = session.try_sequence(["default<O3>"] * 5000, cpu_milliseconds=300)
    assert endless.ends == [End.TIMED_OUT]
    assert endless.sizes == [None]
    assert session.try_sequence(["default<Oz>"]).ends == [End.MEASURED]


def test_code_that_cannot_be_generated_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "asm.c"
    source.write_text('void f(void) { __asm__("no_such_instruction"); }\n')
    session = Session.from_source(source, targets()["riscv32"].compile_flags)
    assert session.try_sequence(["default<Oz>"]).ends == [End.REFUSED]


def test_options_of_one_session_do_not_reach_another(source: Path) -> None:
    flags = targets()["riscv32"].compile_flags
    plain, changed = Session.from_source(source, flags), Session.from_source(source, flags)
    changed.apply("-enable-tail-merge=false")
    changed.apply("-disable-machine-cse")
    assert (
        plain.try_sequence(["default<Oz>"]).sizes
        == Session.from_source(source, flags).try_sequence(["default<Oz>"]).sizes
    )


def test_clone_is_independent(source: Path) -> None:
    session = Session.from_source(source, targets()["thumb"].compile_flags)
    copy = session.clone()
    copy.apply("default<Oz>")
    assert copy.instructions() < session.instructions()
    assert session.size().flash > copy.size().flash


def test_bitcode_round_trip_keeps_the_module(source: Path) -> None:
    session = Session.from_source(source, targets()["riscv32"].compile_flags)
    again = Session.from_bitcode(session.bitcode())
    np.testing.assert_array_equal(again.features(), session.features())
    assert Session.from_bitcode(session.ir().encode()).instructions() == session.instructions()


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (b"", "not LLVM IR"),
        (b"BC\xc0\xdegarbage", "not LLVM IR"),
        (b"define i32 @f() { ret i32 %x }", "not LLVM IR"),
        (b'target triple = "nowhere-at-all"\ndefine void @f() { ret void }', "nowhere"),
    ],
)
def test_bad_input_is_one_clear_line(contents: bytes, message: str) -> None:
    with pytest.raises(NativeError, match=message) as caught:
        Session.from_bitcode(contents)
    assert "\n" not in str(caught.value)


def test_source_that_does_not_compile_gives_clangs_error(tmp_path: Path) -> None:
    bad = tmp_path / "bad.c"
    bad.write_text("int f( {")
    with pytest.raises(NativeError, match=r"bad\.c:1:\d+: error"):
        Session.from_source(bad)


@pytest.mark.parametrize(
    "action", ["no-such-pass", "-no-such-option", "-help", "-version", "attr:+no-such-attribute", "function(attributor"]
)
def test_unknown_actions_are_refused(action: str, source: Path) -> None:
    session = Session.from_source(source)
    with pytest.raises(NativeError):
        session.apply(action)


def test_features_are_named_and_finite(source: Path) -> None:
    session = Session.from_source(source)
    features = session.features()
    assert len(feature_names()) == len(set(feature_names())) == len(features) >= 100
    assert np.isfinite(features).all()


def test_unwind_tables_are_counted_apart(source: Path) -> None:
    flags = targets()["x86_64"].compile_flags
    with_tables = Session.from_source(source, [*flags, "-fasynchronous-unwind-tables"]).size()
    without = Session.from_source(source, [*flags, "-fno-asynchronous-unwind-tables"]).size()
    assert with_tables.unwind > 50 and without.unwind == 0
    assert with_tables.flash == without.flash
