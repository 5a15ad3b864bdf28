"""Builds real packages with clang and with mlcc, runs their own tests, and compares sizes, CPU time and results.

python benchmarks/packages.py --out benchmarks/results/packages.json [PACKAGE ...]

Needs bison, flex, check, libsubunit-dev, libssl-dev, faketime and binutils-arm-linux-gnueabi beside what make setup
installs. The file grows with every build, and an interrupted run goes on where it stopped. A package is built again
where its recipe, clang, mlcc, the plugin or a policy has changed since.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import click

from mlcomp.driver.learned import PLUGIN
from mlcomp.driver.policy import MANIFEST, shipped_policy
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
    "time-effort-0": ("mlcc", {"MLCC_OBJECTIVE": "ml-time", "MLCC_EFFORT": "0"}),
}
TESTED = ("clang", "size-effort-1", "time-effort-1")
SECONDS = 3600
SHORT_SECONDS, REPEATS = 4.0, 3
"""Builds that take less CPU than that are made some times, and the least CPU counts."""
WARNING = re.compile(r"mlcc: warning: ([^;\n]*)")


def source_of(name: str, row: dict[str, Any]) -> Path:
    """The package's unpacked source, fetched if it is not there."""
    if "tarballs" in row:
        package = Package(row.get("source", name), row["version"], "train", name, row["tarballs"], ())
    else:
        package = read_manifest().package(row.get("source", name))
    if problems := fetch_packages([package]):
        raise click.ClickException(problems[0])
    return cache_folder() / "unpacked" / package.folder


def shell(text: str, folder: Path, environment: dict[str, str], jobs: int = 1) -> tuple[int, str, float]:
    """Runs a step: exit code, all that it printed, CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    parallel = {"MAKEFLAGS": f"-j{jobs}", "CMAKE_BUILD_PARALLEL_LEVEL": str(jobs)}
    step = subprocess.Popen(
        ["sh", "-ec", text],
        cwd=folder,
        env={**os.environ, **parallel, **environment, "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    late = ""
    try:
        printed, _ = step.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(step.pid, signal.SIGKILL)
        printed, _ = step.communicate()
        late = f"\nstopped after {SECONDS} s"
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return step.returncode, printed.decode(errors="replace") + late, cpu


def size_of(files: list[Path], target: str, scratch: Path) -> int:
    """Bytes of text (constants included) and data; objects and archives for bare metal are linked first.

    Linkers shorten RISC-V code, so that only a linked file tells what flash has to hold.
    """
    if target and all(file.suffix in (".a", ".o") for file in files):
        image = scratch / "linked.elf"
        options = ["--whole-archive", "--unresolved-symbols=ignore-all", "--noinhibit-exec", "-e", "0", "-z", "norelro"]
        linker = [find_program("ld.lld-19"), "-m", targets()[target].emulation, *options]
        subprocess.run([*linker, *files, "-o", image], check=True, capture_output=True)
        files = [image]
    done = subprocess.run([find_program("llvm-size-19"), *files], check=True, capture_output=True, text=True)
    return sum(int(line.split()[0]) + int(line.split()[1]) for line in done.stdout.splitlines()[1:])


class Recipe:
    """One package's entry in packages.toml, for one of BUILDS."""

    def __init__(self, name: str, row: dict[str, Any], build: str, jobs: int) -> None:
        self.name, self.row, self.build, self.jobs = name, row, build, jobs
        compiler, self.environment = BUILDS[build]
        is_clang = compiler.startswith("clang")
        path = find_program(compiler) if is_clang else str(Path(sys.executable).with_name(compiler))
        self.words = {
            "cc": path,
            "cxx": path.replace("clang-", "clang++-") if is_clang else f"{path}++",
            "flags": shlex.join(targets()[row["target"]].compile_flags) if "target" in row else "",
            "here": str(HERE),
        }

    def run(self, step: str, folder: Path) -> tuple[int, str, float]:
        """One of the steps that packages.toml describes."""
        return shell(str(self.row.get(step, "")).format(**self.words), folder, self.environment, self.jobs)

    def made(self) -> dict[str, Any]:
        """Sizes, CPU seconds and, the first time, what the tests say."""
        result = self._made_once(with_tests="test" in self.row and self.build in TESTED)
        for _ in range(REPEATS - 1):
            if "failed" not in result and result["cpu_seconds"] < SHORT_SECONDS:
                again = self._made_once(with_tests=False)
                if again.get("bytes") != result["bytes"]:
                    return {"failed": "repetition", "log": [f"{result['bytes']} bytes, then {again}"]}
                result["cpu_seconds"] = min(result["cpu_seconds"], again["cpu_seconds"])
        return result

    def _made_once(self, with_tests: bool) -> dict[str, Any]:
        with tempfile.TemporaryDirectory(prefix=f"{self.name}-") as scratch:
            folder = Path(scratch, "source")
            shutil.copytree(source_of(self.name, self.row), folder, symlinks=True)
            log, cpu = "", 0.0
            for step in ("prepare", "build"):
                code, log, cpu = self.run(step, folder)
                if code:
                    return {"failed": step, "log": log.strip().splitlines()[-5:]}
            result: dict[str, Any] = {
                "cpu_seconds": round(cpu, 2),
                "bytes": size_of(
                    [folder / file for file in self.row["sizes"]], self.row.get("target", ""), Path(scratch)
                ),
            }
            if warnings := sorted(set(WARNING.findall(log))):
                result["warnings"] = warnings
            if with_tests:
                code, log, cpu = self.run("test", folder)
                said = "\n".join(line for line in log.splitlines() if not WARNING.match(line))
                results = Counter(line.strip() for line in re.findall(self.row["passes"], said))
                result["tests"] = {"exit_code": code, "cpu_seconds": round(cpu, 2), "results": dict(results)}
                if code:
                    result["tests"]["log"] = log.strip().splitlines()[-8:]
        return result


def digest_of(row: dict[str, Any], policies: list[str]) -> str:
    """Changes with all that a package's results depend on."""
    done = subprocess.run([find_program("clang-19"), "--version"], check=True, capture_output=True, text=True)
    digest = hashlib.sha256(json.dumps([row, policies, done.stdout.splitlines()[0]], sort_keys=True).encode())
    launcher = Path(sys.executable).with_name("mlcc")
    for file in (launcher, PLUGIN, *(Path(folder, MANIFEST) for folder in policies if folder)):
        digest.update(Path(file).read_bytes())  # a manifest has the digests of its policy's other files
    return digest.hexdigest()


def without_repetition(result: dict[str, Any], clang: dict[str, Any]) -> dict[str, Any]:
    """A build's result that has of its tests' results only those that differ from clang's: [clang's, its own]."""
    if "tests" not in result or "tests" not in clang:
        return result
    tests = dict(result["tests"])
    ours, theirs = tests.pop("results"), clang["tests"]["results"]
    lines = sorted({*ours, *theirs})
    counts = {line: [theirs.get(line, 0), ours.get(line, 0)] for line in lines}
    tests["differing"] = {line: pair for line, pair in counts.items() if pair[0] != pair[1]}
    return {**result, "tests": tests}


def compared(builds: dict[str, Any]) -> dict[str, Any]:
    """Ratios to the build with clang, and whether the tests say the same."""
    clang = builds.get("clang", {})
    out: dict[str, Any] = {}
    for build, result in builds.items():
        if build == "clang" or "bytes" not in clang:
            continue
        if "failed" in result:
            out[build] = {"failed": result["failed"]}
            continue
        out[build] = {
            "bytes": round(result["bytes"] / clang["bytes"], 4),
            "cpu": round(result["cpu_seconds"] / clang["cpu_seconds"], 3),
        }
        if "tests" in result:
            tests, theirs = result["tests"], clang["tests"]
            same = tests["exit_code"] == theirs["exit_code"] and not tests["differing"]
            out[build]["same_passes"] = same and bool(theirs["results"])
    return out


def is_bad(row: dict[str, Any]) -> bool:
    """Whether a comparison shows that mlcc was no drop-in."""
    return "failed" in row or not row.get("same_passes", True)


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Results; builds that it has are kept.")
@click.option("--build", "only", multiple=True, type=click.Choice(list(BUILDS)), help="Only clang and these builds.")
@click.option("--jobs", default=1, show_default=True, help="Parallel jobs; CPU time is measured best with one.")
@click.argument("packages", nargs=-1)
def main(out: Path, only: tuple[str, ...], jobs: int, packages: tuple[str, ...]) -> None:
    table = tomllib.loads((HERE / "packages.toml").read_text())
    unknown = sorted(set(packages) - set(table))
    if unknown:
        raise click.ClickException(f"unknown package '{unknown[0]}'; there are {', '.join(table)}")
    results = json.loads(out.read_text()) if out.exists() else {}
    results.setdefault("command", "python benchmarks/packages.py --out benchmarks/results/packages.json")
    results["builds"] = {
        name: " ".join([*(f"{k}={v}" for k, v in e.items()), f"CC={cc}"]) for name, (cc, e) in BUILDS.items()
    }
    known = results.get("packages", {})
    everything = results["packages"] = {name: known[name] for name in table if name in known}
    start = time.monotonic()
    bad = 0
    for name in packages or table:
        row = table[name]
        policies = [shipped_policy(row.get("target", platform.machine()), objective) for objective in ("size", "time")]
        digest = digest_of(row, policies)
        if everything.get(name, {}).get("digest") != digest:
            everything[name] = {"title": row["title"], "digest": digest, "builds": {}, "against_clang": {}}
        entry = everything[name]
        for build in ["clang", *(b for b in only or BUILDS if b != "clang")]:
            known_result = entry["builds"].get(build, {"failed": "never made"})
            if "failed" in known_result or is_bad(entry["against_clang"].get(build, {})):
                result = Recipe(name, row, build, jobs).made()
                if build != "clang":
                    result = without_repetition(result, entry["builds"]["clang"])
                entry["builds"][build] = result
                line = json.dumps(entry["builds"][build])
                click.echo(f"[{time.monotonic() - start:6.0f} s] {name} {build}: {line}"[:300], err=True)
                entry["against_clang"] = compared(entry["builds"])
                out.write_text(json.dumps(results, indent=1) + "\n")
            if "failed" in entry["builds"]["clang"]:
                bad += 1
                click.echo(f"{name}: does not build with clang", err=True)
                break
        for build, comparison in entry["against_clang"].items():
            if is_bad(comparison):
                bad += 1
                click.echo(f"{name}: {build} is not as clang's: {comparison}", err=True)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
