"""`mlcomp`: the workshop around the compiler, a command for every step.

A command is a module of this folder and is imported only when it is called: `mlcomp --help` is quick, and a
command works without what only others need. Expected errors end it with one line and exit code 1.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

# name: (module, attribute, what --help says)
COMMANDS = {
    "corpus": ("mlcomp.cli.corpus", "corpus", "The training corpus: fetch, build, statistics."),
    "doctor": ("mlcomp.cli.doctor", "doctor", "Check that everything mlcc needs is there and works."),
    "estimator": (
        "mlcomp.cli.estimator",
        "estimator",
        "Predict time, energy and size of code; fit that from profiles.",
    ),
    "explain": ("mlcomp.cli.explain", "explain", "Show which passes a policy chooses, and why."),
    "fuzz": ("mlcomp.cli.fuzz", "fuzz", "Check that programs compiled in all ways do what they do at -O0."),
    "measure": ("mlcomp.cli.measure", "measure", "Build, run and count a program under several compilers."),
    "network": ("mlcomp.cli.network", "network", "Latency of neural networks; fit that from benchmarks."),
    "policy": ("mlcomp.cli.policy", "policy", "List, show and verify policies."),
    "profile": ("mlcomp.cli.profile", "profile", "Measure programs compiled in many ways, into a profile store."),
    "train": ("mlcomp.cli.train", "train", "Make a policy's training run for a target, from the corpus."),
}


class Commands(click.Group):
    """The group whose commands are those of the table."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        import importlib

        module, attribute, _ = COMMANDS[cmd_name]
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(sorted(COMMANDS))}"
            raise click.UsageError(f"no command '{args[0]}'; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][2]) for name in sorted(COMMANDS)])


@click.group(cls=Commands)
@click.version_option(package_name="mlcomp-compiler", message="mlcomp %(version)s")
def cli() -> None:
    """Measure, learn, export and check the policies that `mlcc` optimises with."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `mlcomp` and return its exit code; problems are one line on standard error, never a traceback."""
    try:
        result = cli.main(args=arguments, prog_name="mlcomp", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except click.exceptions.NoArgsIsHelpError as problem:
        click.echo(problem.format_message(), err=True)
        return problem.exit_code
    except click.ClickException as problem:
        click.echo(f"mlcomp: error: {problem.format_message()}", err=True)
        return problem.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("mlcomp: interrupted", err=True)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that Python's exit is quiet, too
        return 1
    except Exception as problem:
        if os.environ.get("MLCOMP_TRACEBACK") == "1":
            raise
        click.echo(f"mlcomp: {describe(problem)}", err=True)
        return 1


def describe(problem: Exception) -> str:
    """One line for a person: expected errors are ours and the system's, others are bugs."""
    text = " ".join(str(problem).split())
    if isinstance(problem, ModuleNotFoundError) and not (problem.name or "mlcomp").startswith("mlcomp"):
        return f"error: Python package '{problem.name}' is missing; install mlcomp-compiler[training]"
    if isinstance(problem, OSError) and problem.filename and problem.strerror:
        return f"error: {problem.filename}: {problem.strerror}"
    if isinstance(problem, OSError) or type(problem).__module__.startswith("mlcomp."):
        return f"error: {text}"
    return f"internal error: {type(problem).__name__}: {text}; MLCOMP_TRACEBACK=1 shows where"


if __name__ == "__main__":
    sys.exit(main())
