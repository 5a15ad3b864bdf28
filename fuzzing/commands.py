"""The same through real command lines: mlcc at every objective and effort, against -O0.

Whatever mlcc says is a failure here: with `MLCC_STRICT=1` each warning ends the compilation.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass

from mlcomp.fuzzing.configurations import Configuration
from mlcomp.fuzzing.execution import Bench, Result
from mlcomp.platforms.program import find_compiler
from mlcomp.policies import registry

EFFORTS = (0, 1, 2, 0, 1, 3)  # the last costs as much as all others together
SECONDS = 600
VERIFY = ("-Xclang", "-llvm-verify-each")


@dataclass(frozen=True)
class Command:
    """An objective and an effort of mlcc."""

    objective: str  # as in -O=ml-size
    effort: int

    @property
    def options(self) -> list[str]:
        """As the user gives them."""
        return [f"-O={self.objective}", f"--ml-effort={self.effort}"]


def commands(target: str, seed: int, count: int = 2) -> list[Command]:
    """What the program of a seed is compiled with; a few programs in a row meet all that there is."""
    shipped = registry.names()
    objectives = ["ml-size", "ml"]
    objectives += [f"ml-{name}" for name in ("time", "energy") if f"{target}-{name}" in shipped]
    known = [Command(objective, effort) for effort in EFFORTS for objective in objectives]
    return [known[(seed * count + i) % len(known)] for i in range(count)]


def run(bench: Bench, command: Command, *, verify: bool) -> Result:
    """One compilation with mlcc, its output compared with the program's at -O0."""
    configuration = Configuration("command", " ".join(command.options), "")
    out = bench.folder / "mlcc.o"
    line = [*find_compiler(["mlcc"]), *bench.flags, *command.options, *(VERIFY if verify else ())]
    try:
        done = subprocess.run(
            [*line, "-c", str(bench.source), "-o", str(out)],
            env={**os.environ, "MLCC_STRICT": "1"},
            capture_output=True,
            check=False,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        return Result(configuration, "failed", f"took more than {SECONDS} s")
    if done.returncode or done.stderr:
        first = (done.stderr.decode(errors="replace").splitlines() or [""])[0]
        return Result(configuration, "failed", f"exit code {done.returncode}: {first}")
    return bench.verdict(configuration, out.read_bytes())
