"""The variables MLCC_*: what they set, and what becomes of misspelt ones."""

from __future__ import annotations

import pytest
from installation import Installation


def test_effort_log_and_strictness_reach_the_plugin(mlcc: Installation) -> None:
    environment = {"MLCC_EFFORT": "3", "MLCC_LOG": "log.jsonl", "MLCC_STRICT": "1"}
    options = mlcc.plugin_options("-O=ml", "-c", "a.c", **environment)
    assert options[2:] == ["-mlcomp-effort=3", "-mlcomp-log=log.jsonl", "-mlcomp-strict=1"]


def test_an_objective_for_everything_stands_in_for_levels(mlcc: Installation) -> None:
    for given in ("-Os", "-O2", "-O3", "-Oz", "--optimize=2"):
        arguments = mlcc.arguments(given, "-c", "a.c", MLCC_OBJECTIVE="ml-size")
        assert arguments[-3:] == ["-Oz", "-c", "a.c"] and f"-fpass-plugin={mlcc.plugin}" in arguments
    for given in (["-O0"], ["-Og"], [], ["-O2", "-O0"]):
        assert mlcc.arguments(*given, "-c", "a.c", MLCC_OBJECTIVE="ml-size")[-2:] == ["-c", "a.c"]
        assert not mlcc.loads_plugin(*given, "-c", "a.c", MLCC_OBJECTIVE="ml-size")
    mlcc.root.joinpath("args").write_text("-O2 -c a.c")
    assert mlcc.arguments("@args", MLCC_OBJECTIVE="ml-size")[-3:] == ["-Oz", "-c", "a.c"]


def test_the_option_comes_before_the_variable(mlcc: Installation) -> None:
    assert "-mlcomp-effort=2" in mlcc.plugin_options("-O=ml", "--ml-effort=2", "-c", "a.c", MLCC_EFFORT="0")


def test_empty_variables_say_nothing(mlcc: Installation) -> None:
    empty = dict.fromkeys(("CLANG", "POLICY", "EFFORT", "DISABLE", "STRICT", "LOG"), "")
    options = mlcc.plugin_options("-O=ml", "-c", "a.c", **{f"MLCC_{name}": "" for name in empty})
    assert options[1:] == ["-mlcomp-objective=balanced", "-mlcomp-effort=1"]


def test_disabled_means_clang_at_the_objectives_level(mlcc: Installation) -> None:
    assert mlcc.arguments("-O=ml-size", "-c", "a.c", MLCC_DISABLE="1") == ["-Oz", "-c", "a.c"]
    assert mlcc.arguments("-O=ml-time", "-c", "a.c", MLCC_DISABLE="1", MLCC_STRICT="1") == [
        "-O3",
        "-c",
        "a.c",
    ]


def test_not_disabled_is_not_disabled_for_the_plugin_either(mlcc: Installation) -> None:
    mlcc.tools.joinpath("clang-19").write_text('#!/bin/sh\necho "${MLCC_DISABLE-unset}"\n')
    assert mlcc.run("-O=ml", "-c", "a.c", MLCC_DISABLE="0").stdout == "unset\n"
    assert mlcc.run("-O=ml", "-c", "a.c", MLCC_DISABLE="1").stdout == "1\n"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("MLCC_EFFORT", "high", "'MLCC_EFFORT=high': effort is 0, 1, 2 or 3"),
        ("MLCC_OBJECTIVE", "size", "MLCC_OBJECTIVE='size' is no objective; did you mean ml-size?"),
        ("MLCC_STRICT", "yes", "MLCC_STRICT='yes' is not 0 or 1"),
        ("MLCC_DISABLE", "2", "MLCC_DISABLE='2' is not 0 or 1"),
        ("MLCC_POLICY", "none", "policy 'none' was not found; `mlcomp policy list` shows those that ship"),
    ],
)
def test_bad_values_are_errors_of_one_line(mlcc: Installation, name: str, value: str, message: str) -> None:
    done = mlcc.run("-O=ml", "-c", "a.c", **{name: value})
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"mlcc: error: {message}\n")


@pytest.mark.parametrize("arguments", [["-c", "a.c"], ["-O=ml", "-c", "a.c"]])
def test_a_misspelt_variable_is_reported(mlcc: Installation, arguments: list[str]) -> None:
    message = "unknown environment variable MLCC_EFORT; did you mean MLCC_EFFORT?\n"
    done = mlcc.run(*arguments, MLCC_EFORT="2")
    assert (done.returncode, done.stderr) == (0, f"mlcc: warning: {message}")
    strict = mlcc.run(*arguments, MLCC_EFORT="2", MLCC_STRICT="1")
    assert (strict.returncode, strict.stdout, strict.stderr) == (1, "", f"mlcc: error: {message}")
