"""The compiler core's features against the reference: equal on hundreds of modules, for every feature."""

from __future__ import annotations

import functools
import random
import subprocess

import llvmlite.binding as llvm
import numpy as np
import pytest
from edge_cases import EDGE_CASES
from random_c import random_program
from random_ir import CountingLoop, random_graph

from mlcomp.driver.toolchain import find_clang
from mlcomp.passes_features import reference, schema
from mlcomp.passes_features.session import Session, feature_names

SCHEMA = schema.load()
TARGETS = {
    "riscv32": ["--target=riscv32-unknown-elf", "-march=rv32imac", "-mabi=ilp32"],
    "thumb": ["--target=thumbv7em-none-eabi", "-mcpu=cortex-m4", "-mfloat-abi=soft"],
    "x86_64": ["--target=x86_64-pc-linux-gnu", "-fPIC"],
}
# What clang does before the module is looked at.
FRONT_ENDS = [
    ["-O0"],
    ["-Oz", "-Xclang", "-disable-llvm-passes"],
    ["-Oz"],
    ["-O0", "-g", "-Xclang", "-disable-O0-optnone"],
    ["-O2", "-Xclang", "-disable-llvm-passes"],
    ["-O3", "-g"],
]
PIPELINES = [
    "function(sroa)",
    "function(mem2reg)",
    "function(reg2mem)",
    "function(instcombine<no-verify-fixpoint>)",
    "function(simplifycfg)",
    "function(gvn)",
    "function(loop-mssa(licm))",
    "function(loop(loop-rotate))",
    "function(loop-unroll)",
    "function(early-cse<memssa>)",
    "function(jump-threading)",
    "function(sccp)",
    "function(reassociate)",
    "function(loop(indvars))",
    "function(loop-vectorize)",
    "function(slp-vectorizer)",
    "function(lower-switch)",
    "function(tailcallelim)",
    "function(dse)",
    "function(adce)",
    "function(bdce)",
    "function(sink)",
    "function(break-crit-edges)",
    "function(loop(loop-idiom))",
    "function(lcssa)",
    "function(loop(loop-deletion))",
    "function(scalarizer)",
    "function(memcpyopt)",
    "function(loop(simple-loop-unswitch<nontrivial>))",
    "function(consthoist)",
    "function(aggressive-instcombine)",
    "cgscc(inline)",
    "cgscc(argpromotion)",
    "cgscc(function-attrs)",
    "always-inline",
    "globalopt",
    "globaldce",
    "deadargelim",
    "ipsccp",
    "constmerge",
    "mergefunc",
    "elim-avail-extern",
    "default<Oz>",
    "default<O3>",
]
PROGRAMS = 20  # for each target
STAGES = 4  # each program is looked at this many times while it is being optimised


def differences(core: np.ndarray, expected: np.ndarray) -> dict[str, tuple[float, float]]:
    """Features that are not equal; logarithms may differ in the last digits."""
    assert core.shape == expected.shape == (len(SCHEMA),)
    assert core.dtype == expected.dtype == np.float32
    return {
        f.name: (float(a), float(b))
        for f, a, b in zip(SCHEMA.features, core, expected, strict=True)
        if f.reference and not (a == b or (not float(b).is_integer() and np.isclose(a, b, rtol=1e-6, atol=0)))
    }


def check(session: Session) -> None:
    assert not differences(session.features(), reference.from_bitcode(session.bitcode()))


def session_on(ir: str) -> Session:
    """A session on textual IR, for RISC-V where the text names no target."""
    triple = "" if "target triple" in ir else 'target triple = "riscv32-unknown-elf"\n'
    return Session((triple + ir).encode())


def nonzero(features: np.ndarray) -> set[str]:
    return {name for name, value in zip(SCHEMA.names, features, strict=True) if value}


@functools.cache
def compile_random(seed: int, target: str, front_end: tuple[str, ...] = ()) -> bytes:
    command = [find_clang(cxx=False, own_program="").path, *TARGETS[target]]
    command += front_end or FRONT_ENDS[seed % len(FRONT_ENDS)]
    command += ["-w", "-ffreestanding", "-x", "c", "-", "-c", "-emit-llvm", "-o", "-"]
    return subprocess.run(command, input=random_program(seed).encode(), capture_output=True, check=True).stdout


@pytest.mark.parametrize("seed", range(PROGRAMS))
@pytest.mark.parametrize("target", TARGETS)
def test_core_equals_reference_while_a_program_is_optimised(target: str, seed: int) -> None:
    seed = PROGRAMS * list(TARGETS).index(target) + seed
    pick = random.Random(seed)
    with Session(compile_random(seed, target)) as session:
        check(session)
        for _ in range(STAGES):
            for pipeline in pick.sample(PIPELINES, 2):
                session.apply(pipeline)
                session.features()  # what it leaves in the cache must not show later
            check(session)


@pytest.mark.parametrize("name", EDGE_CASES)
def test_core_equals_reference_on_odd_ir(name: str) -> None:
    with session_on(EDGE_CASES[name]) as session:
        check(session)


def test_core_equals_reference_on_random_graphs() -> None:
    for seed in range(200):
        with session_on(random_graph(seed)) as session:
            check(session)


def test_known_trip_counts_are_what_execution_gives() -> None:
    counted = 0
    for seed in range(300):
        loop = CountingLoop.random(seed)
        with session_on(loop.ir()) as session:
            check(session)
            features = dict(zip(SCHEMA.names, session.features(), strict=True))
        trips = loop.trips(limit=300)
        assert features["loop_count"] == 1
        if features["loop_known_trip"] and trips:
            assert round(2 ** float(features["loop_log_trips"])) == trips, loop
            counted += 1
        elif features["loop_known_trip"]:
            assert 2 ** float(features["loop_log_trips"]) > 300, loop
    assert counted > 100


def test_debug_information_changes_no_feature() -> None:
    for seed in range(3):
        for flags in (("-O0",), ("-Oz", "-Xclang", "-disable-llvm-passes")):
            plain = compile_random(seed, "riscv32", flags)
            debug = compile_random(seed, "riscv32", (*flags, "-g"))
            with Session(plain) as a, Session(debug) as b:
                assert not differences(a.features(), b.features())


def test_cached_features_are_those_of_a_fresh_session() -> None:
    for seed in range(6):
        pick = random.Random(seed)
        with Session(compile_random(seed, "thumb")) as session:
            for pipeline in pick.sample(PIPELINES, 12):
                session.features()
                session.apply(pipeline)
                with Session(session.bitcode()) as fresh:
                    assert not differences(session.features(), fresh.features()), pipeline


def test_every_feature_is_met_by_these_tests() -> None:
    met: set[str] = set()
    for case in EDGE_CASES.values():
        with session_on(case) as session:
            met |= nonzero(session.features())
    for index, target in enumerate(TARGETS):
        for seed in range(PROGRAMS * index, PROGRAMS * (index + 1)):
            with Session(compile_random(seed, target)) as session:
                met |= nonzero(session.features())
                session.apply("function(sroa,simplifycfg,loop(loop-rotate))")
                met |= nonzero(session.features())
    assert met == set(SCHEMA.names)


def test_reference_reads_text_and_bitcode_alike() -> None:
    text = EDGE_CASES["globals"]
    from_text = reference.from_text(text)
    assert np.array_equal(from_text, reference.from_bitcode(llvm.parse_assembly(text).as_bitcode()))


def test_core_and_schema_name_and_document_the_same_features() -> None:
    assert list(SCHEMA.names) == feature_names()
    assert len(SCHEMA) > 100
    assert len(set(SCHEMA.names)) == len(SCHEMA)
    for feature in SCHEMA.features:
        assert feature.doc.endswith("."), feature.name


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('Bad = "Upper case."', "lower case"),
        ('a = { doc = "No such kind.", aggregate = "mean" }', "unknown aggregate 'mean'"),
        ('a = { doc = "A ratio of nothing.", aggregate = "ratio" }', "ratios need it"),
        ('a = { doc = "Of what comes later.", aggregate = "ratio", of = ["b", "c"] }', "defined before"),
        ('a = { doc = "A spelling mistake.", agregate = "sum" }', "unknown fields"),
    ],
)
def test_schema_refuses(line: str, complaint: str) -> None:
    text = f'[[group]]\ntitle = "T"\naggregate = "sum"\n[group.features]\n{line}\n'
    with pytest.raises(schema.SchemaError, match=complaint):
        schema.parse(text)
