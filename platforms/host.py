"""`host`: programs on this machine: instructions counted by qemu, CPU time by repeated runs.

Instructions are exact and the same in every run. CPU time is the least of several runs, which depends on the machine
and on what else it does: compare it within one call only.
"""

from __future__ import annotations

import functools
import os
import resource
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from mlcomp.platforms.measurement import Counts, Limits, Measurement, Metric, Size, own_size
from mlcomp.platforms.platform import HERE, Platform, Report, digest, execute, find_program, make_once
from mlcomp.platforms.qemu import Block, count, plugin

SOURCE = HERE / "runtime" / "host" / "support.c"
MARKS = {
    "main_begin": "mark_main_begin",
    "main_end": "mark_main_end",
    "region_begin": "roi_begin",
    "region_end": "roi_end",
}
RUNS = 5
SECONDS = 60  # of CPU for one timed run
STACK_BYTES = 8 << 20


def _instructions(blocks: Iterable[Block]) -> Counts:
    return {"instructions": float(sum(b.runs * b.instructions for b in blocks))}


class Host(Platform):
    """This machine, x86-64."""

    name = "host"
    title = "this machine, x86-64"
    target_name = "x86_64"
    metrics = (Metric("instructions", "instructions", "measured"), Metric("cpu_time", "s", "measured"))
    repeatable = False

    def prepare(self, report: Report = lambda _: None) -> None:
        find_program("qemu-x86_64")
        plugin(report)
        self.runtime()

    def fingerprint(self) -> str:
        version = execute([find_program("qemu-x86_64"), "--version"], "qemu").stdout
        return f"{self.name} {plugin().parent.name} {self.runtime().name} {digest([version])}"

    @functools.cache  # noqa: B019
    def runtime(self) -> Path:
        """The folder with support.o."""

        def make(out: Path) -> None:
            execute([find_program("clang-19"), "-O2", "-c", SOURCE, "-o", out / "support.o"], "support code")

        return make_once("runtime-host", digest([SOURCE.read_bytes()]), make)

    def link(self, objects: Sequence[Path], out: Path) -> Size:
        # At fixed addresses and bound before main starts: nothing of the loader's work is counted.
        command = [find_program("clang++-19"), "-no-pie", "-fuse-ld=lld", "-Wl,--gc-sections,-Map=-,-z,now"]
        command += ["-Wl,--wrap=main,--wrap=exit", "-o", str(out)]
        done = execute([*command, self.runtime() / "support.o", *objects, "-lm"], "linking")
        return own_size(done.stdout.decode(errors="replace"), objects)

    def run(self, program: Path, limits: Limits, size: Size) -> Measurement:
        # The environment and the name of the program are on the stack of main: always the same.
        command = [find_program("env"), "-i", "LC_ALL=C", find_program("qemu-x86_64"), "-0", "program"]
        counted = count(command, program, MARKS, 0, limits)
        main = _instructions(counted.main)
        region = _instructions(counted.region) if counted.region is not None else None
        output = counted.output[: limits.output]
        problem = ""
        if counted.end == "limit":
            problem = f"ran for more than {limits.cycles} instructions"
        elif len(counted.output) > limits.output:
            problem = f"printed more than {limits.output} bytes"
        elif counted.code < 0 or counted.end == "crash":
            name = signal.Signals(-counted.code).name if counted.code < 0 else f"exit code {counted.code}"
            problem = f"fault: {name}"
        elif counted.code:
            problem = f"returned {counted.code}"
        if not problem:
            main["cpu_time"] = min(_cpu_seconds(program) for _ in range(RUNS))
        return Measurement(problem, counted.code, output, main, region, size)


def _cpu_seconds(program: Path) -> float:
    """CPU time of one run, in seconds."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))

    with tempfile.TemporaryFile() as sink:
        process = subprocess.Popen(
            [program], stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, preexec_fn=limit, env={}
        )
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
    return usage.ru_utime + usage.ru_stime
