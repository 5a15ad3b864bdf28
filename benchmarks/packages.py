"""Builds real packages with clang and with mlcc, runs their own tests, and compares sizes, CPU time and passes.

python benchmarks/packages.py --out benchmarks/results/packages.json [PACKAGE ...]

Needs bison, flex, check, libsubunit-dev, libssl-dev and binutils-arm-linux-gnueabi beside what make setup installs. A
build whose result is in the file already is not made again; the file grows with every build.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from typing import Any

import click

from mlcomp.platforms.platform import find_program
from mlcomp.platforms.targets import targets
from mlcomp.training.corpus.fetch import fetch_packages
from mlcomp.training.corpus.manifest import Package, cache_folder, read_manifest

HERE = Path(__file__).parent
# name: compiler, environment. `clang` is the package's own flags; `oz` replaces its levels by -Oz.
BUILDS: dict[str, tuple[str, dict[str, str]]] = {
    "clang": ("clang-19", {}),
    "oz": ("mlcc", {"MLCC_OBJECTIVE": "ml-size", "MLCC_DISABLE": "1"}),
    "size-effort-1": ("mlcc", {"MLCC_OBJECTIVE": "ml-size"}),
    "size-effort-0": ("mlcc", {"MLCC_OBJECTIVE": "ml-size", "MLCC_EFFORT": "0"}),
    "time-effort-1": ("mlcc", {"MLCC_OBJECTIVE": "ml-time"}),
}
TESTED = ("clang", "size-effort-1", "time-effort-1")
SECONDS = 3600
WARNING = re.compile(r"mlcc: warning: ([^;\n]*)")


def source_of(name: str, row: dict[str, Any]) -> Path:
    """The package's unpacked source, fetched if it is not there."""
    if "tarballs" in row:
        package = Package(name, row["version"], "train", name, row["tarballs"], ())
    else:
        package = read_manifest().package(row.get("source", name))
    if problems := fetch_packages([package]):
        raise click.ClickException(problems[0])
    return cache_folder() / "unpacked" / package.folder


def shell(text: str, folder: Path, environment: dict[str, str]) -> tuple[int, str, float]:
    """Runs a step: exit code, all that it printed, CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        ["sh", "-ec", text],
        cwd=folder,
        env={**os.environ, **environment, "LC_ALL": "C.UTF-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=SECONDS,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.returncode, done.stdout.decode(errors="replace"), cpu


def size_of(files: list[Path]) -> int:
    """Bytes of text (constants included) and data."""
    done = subprocess.run([find_program("llvm-size-19"), *files], check=True, capture_output=True, text=True)
    return sum(int(line.split()[0]) + int(line.split()[1]) for line in done.stdout.splitlines()[1:])


def built(name: str, row: dict[str, Any], build: str) -> dict[str, Any]:
    """One package with one compiler: sizes, CPU seconds, and what its tests say."""
    compiler, environment = BUILDS[build]
    path = find_program(compiler) if compiler.startswith("clang") else str(Path(sys.executable).with_name(compiler))
    flags = shlex.join(targets()[row["target"]].compile_flags) if "target" in row else ""
    words = {"cc": path, "cxx": path.replace("clang-", "clang++-") if "clang" in compiler else f"{path}++"}

    def text(step: str) -> str:
        return str(row.get(step, "")).format(**words, flags=flags, here=HERE)

    with tempfile.TemporaryDirectory(prefix=f"{name}-") as scratch:
        folder = Path(scratch, "source")
        shutil.copytree(source_of(name, row), folder, symlinks=True)
        log = ""
        for step in ("prepare", "build"):
            code, log, cpu = shell(text(step), folder, environment)
            if code:
                return {"failed": step, "log": log.strip().splitlines()[-5:]}
        result: dict[str, Any] = {"cpu_seconds": round(cpu, 2), "bytes": size_of([folder / f for f in row["sizes"]])}
        if warnings := sorted(set(WARNING.findall(log))):
            result["warnings"] = warnings
        if "test" in row and build in TESTED:
            code, printed, _ = shell(text("test"), folder, environment)
            passes = [re.sub(r"[\d.]+ sec.*", "", line) for line in re.findall(row["passes"], printed)]
            result["tests"] = {"exit_code": code, "passes": passes}
            if code:
                result["tests"]["log"] = printed.strip().splitlines()[-8:]
    return result


def compared(builds: dict[str, Any]) -> dict[str, Any]:
    """Ratios to the build with clang, and whether the tests say the same."""
    clang = builds["clang"]
    out: dict[str, Any] = {}
    for build, result in builds.items():
        if build == "clang" or "bytes" not in result or "bytes" not in clang:
            continue
        out[build] = {
            "bytes": round(result["bytes"] / clang["bytes"], 4),
            "cpu": round(result["cpu_seconds"] / clang["cpu_seconds"], 3),
        }
        if "tests" in result:
            out[build]["same_passes"] = result["tests"] == clang["tests"] and bool(result["tests"]["passes"])
    return out


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Results; builds that it has are kept.")
@click.argument("packages", nargs=-1)
def main(out: Path, packages: tuple[str, ...]) -> None:
    table = tomllib.loads((HERE / "packages.toml").read_text())
    unknown = sorted(set(packages) - set(table))
    if unknown:
        raise click.ClickException(f"unknown package '{unknown[0]}'; there are {', '.join(table)}")
    results = json.loads(out.read_text()) if out.exists() else {}
    results.setdefault("command", "python benchmarks/packages.py --out benchmarks/results/packages.json")
    results["builds"] = {
        name: " ".join([*(f"{k}={v}" for k, v in e.items()), f"CC={cc}"]) for name, (cc, e) in BUILDS.items()
    }
    everything = results.setdefault("packages", {})
    start = time.monotonic()
    for name in packages or table:
        entry = everything.setdefault(name, {"title": table[name]["title"], "builds": {}})
        for build in BUILDS:
            if build in entry["builds"] and "failed" not in entry["builds"][build]:
                continue
            entry["builds"][build] = built(name, table[name], build)
            click.echo(f"[{time.monotonic() - start:6.0f} s] {name} {build}: {entry['builds'][build]}"[:300], err=True)
            entry["against_clang"] = compared(entry["builds"])
            out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
