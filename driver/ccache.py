"""Tells ccache what code is compiled with.

ccache knows a compilation by its arguments, by the date of the compiler's program and by what -E prints. The contents
of a policy and the variables MLCC_* are in none of them. So where ccache preprocesses, -E prints one more line with a
digest of all that. It has the form of a file name, of a file that is not there: ccache then looks at what is printed
every time, in place of remembering which files were read.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys

from mlcomp.driver.learned import PLUGIN, Plan, translate
from mlcomp.driver.policy import MANIFEST
from mlcomp.driver.toolchain import Clang


def preprocess(program: str, clang: Clang, arguments: list[str]) -> int:
    """Runs clang -E and adds the line to what it prints, or writes; returns the exit code."""
    own = identity(program, clang.path, arguments)
    command = [clang.path, *clang.arguments, *translate(program, clang.path, arguments)]
    code = subprocess.run(command, check=False).returncode
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    if code == 0:
        line = f'# 1 "mlcc {own}"\n'
        at = max((i for i, a in enumerate(arguments[:-1]) if a == "-o"), default=-1)
        if at < 0 or arguments[at + 1] == "-":
            sys.stdout.write(line)
        else:
            with open(arguments[at + 1], "a") as file:
                file.write(line)
    return code


def identity(program: str, clang: str, arguments: list[str]) -> str:
    """A digest of what the result depends on beside the preprocessed source and the arguments."""
    plan = Plan(program, clang, arguments)
    parts = [_stamp(clang)]
    if plan.request.objective and not plan.settings.disabled:
        settings = plan.settings
        parts += [plan.level, plan.problem, plan.request.objective, settings.effort, settings.weights, _stamp(PLUGIN)]
        if plan.folder:
            with open(os.path.join(plan.folder, MANIFEST), "rb") as file:
                parts.append(hashlib.sha256(file.read()).hexdigest())  # it has the digests of all other files
    return hashlib.sha256("\0".join(parts).encode(errors="surrogateescape")).hexdigest()


def _stamp(path: str) -> str:
    real = os.path.realpath(path)
    if not os.path.exists(real):
        return real
    status = os.stat(real)
    return f"{real} {status.st_mtime_ns} {status.st_size}"
