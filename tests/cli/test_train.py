"""What `mlcomp train` refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from mlcomp.cli.train import train

POOL = str(Path(__file__).parents[2] / "training" / "runs" / "riscv32-time")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--target", "riscv32", "--objective", "size", "--settle"], "for other objectives than size: --settle"),
        (["--target", "riscv32", "--objective", "size", "--pool", POOL], "for other objectives than size: --pool"),
        (["--target", "riscv32", "--objective", "time", "--settle"], "--settle needs a --pool"),
        (["--target", "thumb", "--objective", "time"], "give a --platform of thumb"),
        (["--target", "thumb", "--objective", "time", "--platform", "ibex-fast"], "does not run code for thumb"),
        (["--target", "riscv32", "--objective", "time", "--platform", "abacus"], "abacus"),
        (["--target", "riscv32", "--objective", "beauty"], "beauty"),
        (["--target", "mips"], "mips"),
    ],
)
def test_bad_input_gets_one_clear_line(words: list[str], message: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(train, [*words, "--run", str(tmp_path / "run")])
    assert result.exit_code in (1, 2) and isinstance(result.exception, SystemExit)
    assert message in result.output and not (tmp_path / "run").exists()
