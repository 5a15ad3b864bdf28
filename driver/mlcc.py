"""`mlcc` and `mlcc++`: read the command line, find clang, plugin and policy, and become one clang process.

The programs themselves are native and do the usual of this without Python (`cpp_shim/launcher`); whatever they do not
know for sure they leave to the program `mlcc-driver`, which is this. A command line without -O=ml… goes to clang as
it is: the rest of the driver is imported when there is something of ours to read.
"""

from __future__ import annotations

import os
import sys

from mlcomp.driver.diagnostics import DriverError, say
from mlcomp.driver.settings import OWN_PREFIXES, QUESTIONS, check_environment
from mlcomp.driver.toolchain import find_clang


def main() -> int:
    """The program `mlcc-driver`: the name under which mlcc was executed, and its arguments."""
    if len(sys.argv) < 2:
        say("error", "mlcc-driver is a part of mlcc; run that")
        return 1
    return drive(sys.argv[1], sys.argv[2:])


def drive(program: str, arguments: list[str]) -> int:
    """Execute clang for the arguments of `program`; returns an exit code only if that is impossible.

    Under a name that ends with ++, or if it is a link to one, it is `mlcc++`, as it is with clang.
    """
    try:
        check_environment()
        cxx = program.endswith("++") or os.path.realpath(program).endswith("++")
        clang = find_clang(cxx, program)
        if any(a.partition("=")[0] in QUESTIONS for a in arguments):
            from mlcomp.driver.build_systems import answer

            sys.stdout.write(answer(program, clang.path, arguments))
            return 0
        if os.environ.get("CCACHE_DISABLE") == "1" and "-E" in arguments:
            from mlcomp.driver.ccache import preprocess

            return preprocess(program, clang, arguments)
        ours = any(a.startswith((*OWN_PREFIXES, "@")) for a in arguments)
        if ours or "-mlcc" in program or os.environ.get("MLCC_OBJECTIVE"):
            from mlcomp.driver.learned import translate

            arguments = translate(program, clang.path, arguments)
        execute(clang.path, [clang.path, *clang.arguments, *arguments])
    except DriverError as problem:
        say("error", str(problem))
    except OSError as problem:
        say("error", f"cannot execute {clang.path}: {problem.strerror}")
    return 1


def execute(path: str, command: list[str]) -> None:
    """Become another program, which finds the signals as they were before Python."""
    import _signal  # `signal` itself costs 3 ms

    for name in (_signal.SIGPIPE, _signal.SIGXFSZ):
        _signal.signal(name, _signal.SIG_DFL)
    os.execv(path, command)


if __name__ == "__main__":
    sys.exit(main())
