"""`mlcomp doctor`: checks all that `mlcc` and `mlcomp` need, and says what to do about what is broken."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from mlcomp.cli.output import json_option, print_json, print_table
from mlcomp.driver.diagnostics import LLVM_MAJOR, DriverError
from mlcomp.driver.learned import PLUGIN
from mlcomp.driver.toolchain import find_clang, major_version


@dataclass(frozen=True)
class Finding:
    """What one check found: `ok`, or `broken` and what to do."""

    check: str
    state: str
    detail: str


class BrokenError(Exception):
    """A check failed; the message says what to do."""


@click.command()
@json_option
def doctor(as_json: bool) -> int:
    """Check that everything mlcc needs is there and works; exit code 1 if something is broken."""
    findings = list(examine())
    if as_json:
        print_json([asdict(f) for f in findings])
    else:
        print_table(("check", "state", "detail"), [(f.check, f.state, f.detail) for f in findings])
    return 1 if any(f.state == "broken" for f in findings) else 0


def examine() -> Iterator[Finding]:
    """Run all checks."""
    for name, check in CHECKS.items():
        try:
            yield Finding(name, "ok", check())
        except BrokenError as problem:
            yield Finding(name, "broken", str(problem))


def _clang_path() -> str:
    try:
        return find_clang().path
    except DriverError as problem:
        raise BrokenError(str(problem)) from problem


def _clang() -> str:
    path = _clang_path()
    major = major_version(path)
    if major != LLVM_MAJOR:
        raise BrokenError(f"{path} is version {major or 'unknown'}; install clang-{LLVM_MAJOR} or set MLCC_CLANG")
    return f"{path}, version {major}"


def _plugin() -> str:
    if not Path(PLUGIN).is_file():
        raise BrokenError(f"{PLUGIN} is missing; reinstall mlcomp-compiler")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "empty.c")
        source.touch()
        command = [_clang_path(), "-Oz", "-c", str(source), "-o", os.devnull, f"-fpass-plugin={PLUGIN}"]
        command += ["-Xclang", "-load", "-Xclang", PLUGIN, "-Xclang", "-mllvm", "-Xclang", "-mlcomp-effort=1"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0 or done.stderr:
        first = (done.stderr.splitlines() or [f"exit code {done.returncode}"])[0]
        raise BrokenError(f"clang cannot use the plugin: {first}")
    return f"{PLUGIN} works in clang"


def _native_library() -> str:
    from mlcomp.passes_features.native import NativeError, library, library_path

    try:
        lib = library()
    except (NativeError, AttributeError) as problem:
        raise BrokenError(f"{problem}; reinstall mlcomp-compiler") from problem
    version = lib.mlcomp_llvm_version().decode()
    if version.partition(".")[0] != str(LLVM_MAJOR):
        raise BrokenError(f"{library_path()} has LLVM {version}, not {LLVM_MAJOR}; reinstall mlcomp-compiler")
    return f"{library_path()}, LLVM {version}"


def _onnxruntime() -> str:
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ImportError as problem:
        raise BrokenError(f"cannot be imported ({problem}); reinstall onnxruntime") from problem
    return f"version {onnxruntime.__version__}"


def _python_packages() -> str:
    from importlib.metadata import PackageNotFoundError, version

    found = []
    for name in ("numpy", "scikit-learn", "llvmlite", "click"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError as problem:
            raise BrokenError(f"Python package {name} is missing; reinstall mlcomp-compiler") from problem
    return ", ".join(found)


def _policies() -> str:
    from mlcomp.policies import registry

    names = registry.names()
    try:
        for name in names:
            broken = registry.file_problems(registry.load(registry.find(name)))
            if broken:
                raise BrokenError(f"policy '{name}': {broken[0]}; reinstall mlcomp-compiler")
    except registry.PolicyError as problem:
        raise BrokenError(f"{problem}; reinstall mlcomp-compiler") from problem
    if not names:
        raise BrokenError("no policies are installed; reinstall mlcomp-compiler")
    return ", ".join(names)


CHECKS: dict[str, Callable[[], str]] = {
    "clang": _clang,
    "plugin": _plugin,
    "native library": _native_library,
    "onnxruntime": _onnxruntime,
    "Python packages": _python_packages,
    "policies": _policies,
}
