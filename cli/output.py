"""How commands print: a table for people, or with `--json` one JSON value for machines."""

from __future__ import annotations

import functools
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def json_option(command: F) -> F:
    """The option `--json`, given to the command as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


class OutputFile(click.Path):
    """The type of an option: a file that is written at the end; one that cannot be ends the command at once."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, dir_okay=False, writable=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path, in a folder that exists."""
        path = super().convert(value, param, ctx)
        assert isinstance(path, Path)
        try:
            _make_parent(path)
        except OSError as problem:
            self.fail(f"'{path}' cannot be written: {problem.strerror}", param, ctx)
        return path


def out_option(command: F) -> F:
    """The option `--out`, a file for the figures."""
    return click.option("--out", type=OutputFile(), help="Also write the figures to this JSON file.")(command)


def output_folder(path: Path, mark: str) -> Path:
    """`path`, when a folder can be made there, or one that has a file `mark` be replaced; raises `ClickException`."""
    if other := next((p for p in (path, *path.parents) if p.exists() and not p.is_dir()), None):
        raise click.ClickException(f"'{other}' is no folder")
    if path.exists() and any(path.iterdir()) and not (path / mark).is_file():
        raise click.ClickException(f"'{path}' has other files; it is left as it is")
    try:
        _make_parent(path)
    except OSError as problem:
        raise click.ClickException(f"'{path}' cannot be made: {problem.strerror}") from problem
    return path


def _make_parent(path: Path) -> None:
    """Make the folder of `path`; raises `OSError` if nothing can be written there."""
    parent = path.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryDirectory(dir=parent).cleanup()


def write_json(path: Path, value: Any) -> None:
    """Write one JSON value to a file."""
    path.write_text(json.dumps(value, indent=1) + "\n")


def timed_report() -> Callable[[str], None]:
    """Prints lines of progress on standard error, with the seconds since this call; worker processes may, too."""
    return functools.partial(_say, time.monotonic())


def _say(start: float, text: str) -> None:
    click.echo(f"[{time.monotonic() - start:7.1f} s] {text}", err=True)


def print_json(value: Any) -> None:
    """Print one JSON value; what is no number is null."""
    plain = json.loads(json.dumps(value), parse_constant=lambda _: None)
    click.echo(json.dumps(plain, indent=2, ensure_ascii=False))


def print_table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under headings, columns as wide as they need to be."""
    cells = [[str(cell) for cell in row] for row in (headings, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for index, row in enumerate(cells):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        click.echo(click.style(line, bold=True) if index == 0 else line)
