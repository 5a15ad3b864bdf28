"""What clang is told so that it loads the plugin, and for which command lines."""

from __future__ import annotations

import pytest
from installation import Installation


def test_clang_gets_plugin_policy_objective_and_effort(mlcc: Installation) -> None:
    folder = mlcc.package / "policies" / "x86_64-size"
    expected = [f"-fpass-plugin={mlcc.plugin}", "-Xclang", "-load", "-Xclang", str(mlcc.plugin)]
    for option in (f"policy={folder}", "objective=size", "effort=1"):
        expected += ["-Xclang", "-mllvm", "-Xclang", f"-mlcomp-{option}"]
    assert mlcc.arguments("-O=ml-size", "-c", "a.c") == [*expected, "-Oz", "-c", "a.c"]


@pytest.mark.parametrize(
    ("given", "option"),
    [
        (["--ml-effort=0"], "effort=0"),
        (["--ml-effort=0", "--ml-effort=3"], "effort=3"),
        (["--ml-explain"], "explain=text"),
        (["--ml-explain=json:a b.json"], "explain=json:a b.json"),
    ],
)
def test_our_options_become_the_plugins(mlcc: Installation, given: list[str], option: str) -> None:
    assert f"-mlcomp-{option}" in mlcc.plugin_options("-O=ml", *given, "-c", "a.c")


def test_weights_are_for_policies_that_weigh(mlcc: Installation) -> None:
    mlcc.add_policy("x86_64-balanced", "balanced")
    assert "-mlcomp-weights=size=1,time=2.5" in mlcc.plugin_options(
        "-O=ml", "--ml-weights=size=1,time=2.5", "-c", "a.c"
    )


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--ml-effort=4", "'--ml-effort=4': effort is 0, 1, 2 or 3"),
        ("--ml-effort=", "'--ml-effort=' needs a value: --ml-effort=0, 1, 2 or 3"),
        ("--ml-effort", "'--ml-effort' needs a value: --ml-effort=0, 1, 2 or 3"),
        ("--ml-policy", "'--ml-policy' needs a value: --ml-policy=a policy's name, folder or .mlpolicy file"),
        ("--ml-efort=1", "unknown option '--ml-efort'; did you mean --ml-effort?"),
        ("--ml-explain=xml:a", "'--ml-explain=xml:a' is not --ml-explain or --ml-explain=json:FILE"),
        ("--ml-explain=json:", "'--ml-explain=json:' is not --ml-explain or --ml-explain=json:FILE"),
        ("--ml-weights=size=x", "'--ml-weights=size=x': 'x' is not a number from 0 to 1,000,000"),
        ("--ml-weights=size=-1", "'--ml-weights=size=-1': '-1' is not a number from 0 to 1,000,000"),
        ("--ml-weights=size=nan", "'--ml-weights=size=nan': 'nan' is not a number from 0 to 1,000,000"),
        ("--ml-weights=size=inf", "'--ml-weights=size=inf': 'inf' is not a number from 0 to 1,000,000"),
        ("--ml-weights=size=1e7", "'--ml-weights=size=1e7': '1e7' is not a number from 0 to 1,000,000"),
        ("--ml-weights=size=1_0", "'--ml-weights=size=1_0': '1_0' is not a number from 0 to 1,000,000"),
        ("--ml-weights=size= 1", "'--ml-weights=size= 1': ' 1' is not a number from 0 to 1,000,000"),
        ("--ml-weights=size=0", "'--ml-weights=size=0': one weight must be above 0"),
    ],
)
def test_bad_values_are_errors_of_one_line(mlcc: Installation, argument: str, message: str) -> None:
    done = mlcc.run("-O=ml", argument, "-c", "a.c")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"mlcc: error: {message}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["-Os", "--ml-explain"],
            "--ml-explain explains nothing without -O=ml, -O=ml-size, -O=ml-time or -O=ml-energy",
        ),
        (["-O=ml-size", "--ml-weights=time=1"], "--ml-weights changes nothing: the policy is for size alone"),
    ],
)
def test_options_without_effect_get_one_line(mlcc: Installation, arguments: list[str], message: str) -> None:
    done = mlcc.run(*arguments, "-c", "a.c")
    assert done.returncode == 0
    assert done.stderr == f"mlcc: warning: {message}\n"
    done = mlcc.run(*arguments, "-c", "a.c", MLCC_STRICT="1")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"mlcc: error: {message}\n")


@pytest.mark.parametrize("weights", ["speed=1", "size=1,size=2", "size", "size=1,,time=1"])
def test_malformed_weights_are_errors(mlcc: Installation, weights: str) -> None:
    done = mlcc.run("-O=ml", f"--ml-weights={weights}", "-c", "a.c")
    assert done.returncode == 1
    assert done.stderr.startswith(f"mlcc: error: '--ml-weights={weights}'") and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "line",
    [
        "-c a.c",
        "a.c -o a",
        "-S a.cpp",
        "-S -emit-llvm a.cc",
        "-c a.ll",
        "-c a.bc",
        "-c a.i",
        "-c a.m",
        "-c a.mm",
        "-c x/y.C",
        "-c a.cppm",
        "-c -x c -",
        "-xc++ - -o a",
        "-c --language=c a.txt",
        "-x c a.txt -x none a.o",
        "a.o b.S c.c",
        "-MD -MF a.d -c a.c",
        "-c a.c -o -E",
        "-D -E -c a.c",
        "-Xclang -E -c a.c",
        "-Xarch_x86_64 -E -c a.c",
        "-Xopenmp-target=nvptx64 -E -c a.c",
        "-sectcreate -E -E -E -c a.c",
        "-c -- a.c",
    ],
)
def test_command_lines_that_compile_load_the_plugin(mlcc: Installation, line: str) -> None:
    assert mlcc.loads_plugin("-O=ml", *line.split())


@pytest.mark.parametrize(
    "line",
    [
        "",
        "-v",
        "--version",
        "-E a.c",
        "-dM -E -",
        "-M a.c",
        "-MM a.c",
        "-fsyntax-only a.c",
        "-c a.s",
        "-c a.S",
        "-x assembler a.c",
        "-c a.h",
        "-x c-header a.c",
        "--analyze a.c",
        "-emit-ast a.c",
        "a.o -o a",
        "a.o -lfoo.c -L x.c",
        "-o a.c a.o",
        "-T script.c a.o",
        "-x c -x none a.o",
        "-include a.c -E -",
        ".c",
        "c",
    ],
)
def test_command_lines_that_do_not_compile_do_not_load_the_plugin(mlcc: Installation, line: str) -> None:
    assert not mlcc.loads_plugin("-O=ml", *line.split())


def test_full_lto_with_lld_loads_the_plugin_into_the_linker(mlcc: Installation) -> None:
    for lto in (["-flto"], ["-flto=full"], ["-flto=thin", "-flto"]):
        for linker in (
            ["-fuse-ld=lld"],
            ["-fuse-ld=lld-19"],
            ["--ld-path=/x/ld.lld"],
            ["-fuse-ld=/x/ld.lld-19"],
        ):
            arguments = mlcc.arguments("-O=ml", *lto, *linker, "a.o", "-o", "a")
            assert arguments[:2] == ["-Xlinker", f"--load-pass-plugin={mlcc.plugin}"]


def test_the_linker_gets_the_plugins_options_through_the_environment(mlcc: Installation) -> None:
    mlcc.tools.joinpath("clang-19").write_text('#!/bin/sh\necho "$MLCOMP_PLUGIN_OPTIONS"\n')
    folder = mlcc.package / "policies" / "x86_64-size"
    line = ["-O=ml-size", "--ml-effort=2", "-fuse-ld=lld", "a.o"]
    expected = [f"-mlcomp-policy={folder}", "-mlcomp-objective=size", "-mlcomp-effort=2"]
    assert mlcc.run(*line, "-flto").stdout.splitlines() == expected
    assert mlcc.run(*line).stdout == "\n"


@pytest.mark.parametrize(
    "line",
    [
        "-flto a.o",
        "-flto -fuse-ld=bfd a.o",
        "-flto=thin -fuse-ld=lld a.o",
        "-flto -fno-lto -fuse-ld=lld a.o",
        "-fuse-ld=lld a.o",
        "-flto -fuse-ld=lld -c a.c",
        "-flto -fuse-ld=lld",
    ],
)
def test_other_links_are_left_alone(mlcc: Installation, line: str) -> None:
    assert "-Xlinker" not in mlcc.arguments("-O=ml", *line.split())
