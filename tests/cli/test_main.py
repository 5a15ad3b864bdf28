"""`mlcomp` itself: commands are imported when called, and no error ends in a traceback."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys

import click
import pytest

from mlcomp.cli import main as program
from mlcomp.passes_features.native import NativeError


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """A command that raises what a test puts into the list."""
    problems: list[BaseException] = []

    @click.command()
    def command() -> None:
        raise problems[0]

    monkeypatch.setattr(program.Commands, "get_command", lambda *_: command)
    return problems


@pytest.mark.parametrize(
    ("problem", "code", "message"),
    [
        (click.ClickException("no corpus"), 1, "error: no corpus"),
        (click.UsageError("bad option"), 2, "error: bad option"),
        (NativeError("cannot load\nit"), 1, "error: cannot load it"),
        (FileNotFoundError(2, "No such file or directory", "x"), 1, "error: x: No such file"),
        (
            ModuleNotFoundError("No module named 'onnx'", name="onnx"),
            1,
            "error: Python package 'onnx' is missing",
        ),
        (KeyboardInterrupt(), 130, "interrupted"),
        (TypeError("a bug"), 1, "internal error: TypeError: a bug; MLCOMP_TRACEBACK=1 shows where"),
    ],
)
def test_problems_are_one_line(
    failing: list[BaseException],
    capsys: pytest.CaptureFixture[str],
    problem: BaseException,
    code: int,
    message: str,
) -> None:
    failing.append(problem)
    assert program.main(["policy"]) == code
    captured = capsys.readouterr()
    lines = [line for line in captured.err.splitlines() if line]
    assert captured.out == "" and len(lines) == 1
    assert lines[0].startswith(f"mlcomp: {message}")


def test_developers_may_see_the_traceback(failing: list[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    failing.append(TypeError("a bug"))
    monkeypatch.setenv("MLCOMP_TRACEBACK", "1")
    with pytest.raises(TypeError):
        program.main(["policy"])


def test_a_misspelt_command_is_an_error_with_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["docter"]) == 2
    assert capsys.readouterr().err == "mlcomp: error: no command 'docter'; did you mean doctor?\n"


def test_help_lists_all_commands_without_importing_them() -> None:
    code = (
        "import sys; from mlcomp.cli.main import main; main(['--help']);"
        "print(*(m for m in sys.modules if m.startswith(('mlcomp.', 'numpy', 'onnxruntime', 'rich'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(f"  {name} " in done.stdout for name in program.COMMANDS)
    assert done.stdout.splitlines()[-1] == "mlcomp.cli mlcomp.cli.main"


@pytest.mark.parametrize("name", sorted(program.COMMANDS))
def test_commands_explain_themselves(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main([name, "--help"]) == 0
    assert "Usage: mlcomp" in capsys.readouterr().out


@pytest.mark.parametrize("name", sorted(program.COMMANDS))
def test_commands_are_click_commands(name: str) -> None:
    module, attribute, _ = program.COMMANDS[name]
    assert isinstance(getattr(importlib.import_module(module), attribute), click.Command)
