"""-O=ml, -O=ml-size, -O=ml-time and -O=ml-energy: the level that clang gets, and the policy that is used."""

from __future__ import annotations

import pytest
from installation import Installation


@pytest.mark.parametrize(
    ("objective", "level"),
    [("ml", "-Oz"), ("ml-size", "-Oz"), ("ml-time", "-O3"), ("ml-energy", "-O3")],
)
def test_an_objective_becomes_a_level_in_its_place(mlcc: Installation, objective: str, level: str) -> None:
    for name in ("time", "energy"):
        mlcc.add_policy(f"x86_64-{name}", name)
    for arguments in (["-E", f"-O={objective}", "a.c"], ["-O1", f"-O={objective}", "a.o", "-o", "a"]):
        expected = [level if a.startswith("-O=") else a for a in arguments]
        assert mlcc.arguments(*arguments) == expected


def test_a_later_level_turns_the_policy_off(mlcc: Installation) -> None:
    for later in ("-O2", "-Os", "-O", "--optimize=1", "--optimize"):
        assert mlcc.arguments("-O=ml", later, "-c", "a.c") == [later, "-c", "a.c"]


def test_a_later_objective_turns_the_policy_on_again(mlcc: Installation) -> None:
    arguments = mlcc.arguments("-O=ml-size", "-O2", "-O=ml-size", "-c", "a.c")
    assert arguments[-4:] == ["-O2", "-Oz", "-c", "a.c"]
    assert f"-fpass-plugin={mlcc.plugin}" in arguments


def test_the_last_of_several_objectives_counts(mlcc: Installation) -> None:
    mlcc.add_policy("x86_64-time", "time")
    arguments = mlcc.arguments("-O=ml-size", "-c", "-O=ml-time", "a.c")
    assert arguments[-3:] == ["-c", "-O3", "a.c"]
    assert f"-mlcomp-policy={mlcc.package}/policies/x86_64-time" in arguments


def test_objc_is_no_level(mlcc: Installation) -> None:
    assert mlcc.loads_plugin("-O=ml", "-ObjC", "-c", "a.m")


def test_ml_uses_the_size_policy_where_there_is_no_balanced_one(mlcc: Installation) -> None:
    options = mlcc.plugin_options("-O=ml", "-c", "a.c")
    assert f"-mlcomp-policy={mlcc.package}/policies/x86_64-size" in options
    assert "-mlcomp-objective=balanced" in options


def test_ml_prefers_a_balanced_policy(mlcc: Installation) -> None:
    folder = mlcc.add_policy("x86_64-balanced", "balanced")
    arguments = mlcc.arguments("-O=ml", "-c", "a.c")
    assert f"-mlcomp-policy={folder}" in arguments
    assert "-O3" in arguments
    assert "-O3" in mlcc.arguments("-O=ml", "-E", "a.c"), "macros must not differ between the steps of a build"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-O=ml-time", "--target=riscv32-unknown-elf"], "no time policy for riscv32; compiling with -O3"),
        (["-O=ml-energy", "-m64"], "no energy policy for x86_64; compiling with -O3"),
        (["-O=ml", "--target=aarch64-linux-gnu"], "no policy for aarch64; compiling with -Oz"),
    ],
)
def test_without_a_policy_clang_compiles_and_one_line_warns(
    mlcc: Installation, arguments: list[str], message: str
) -> None:
    done = mlcc.run(*arguments, "-c", "a.c")
    assert (done.returncode, done.stderr) == (0, f"mlcc: warning: {message}\n")
    assert "-fpass-plugin" not in done.stdout
    strict = mlcc.run(*arguments, "-c", "a.c", MLCC_STRICT="1")
    assert (strict.returncode, strict.stdout) == (1, "")
    assert strict.stderr == f"mlcc: error: {message.partition(';')[0]}\n"


def test_steps_that_do_not_compile_need_no_policy(mlcc: Installation) -> None:
    for step in (["-E", "a.c"], ["-M", "a.c"], ["a.o", "-o", "a"], ["--version"], ["-c", "a.s"], ["-v"]):
        assert mlcc.arguments("-O=ml-time", *step, MLCC_STRICT="1") == ["-O3", *step]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("-O=ml-siz", "unknown objective 'ml-siz' in '-O=ml-siz'; did you mean ml-size?"),
        ("-O=mlx", "unknown objective 'mlx' in '-O=mlx'; did you mean ml?"),
    ],
)
def test_an_unknown_objective_is_an_error(mlcc: Installation, argument: str, message: str) -> None:
    done = mlcc.run(argument, "a.c")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"mlcc: error: {message}\n")
