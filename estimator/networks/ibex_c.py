"""Platform `ibex-c`: a network as C (`c_code`), compiled by mlcc for rv32imc, cycles of each layer on Ibex.

Cycles are exact and repeat. What a layer's function costs does not depend on the network around it: functions are
compiled and aligned alone, and libraries lie behind them in one order, further away than compressed calls reach.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import onnx

from mlcomp.estimator.networks.c_code import Program, generate
from mlcomp.estimator.networks.executed import Executed, Mapping
from mlcomp.estimator.networks.graph import Network, NetworkError, without_constant_nodes
from mlcomp.estimator.networks.runtime import CLOCKS, Timed
from mlcomp.estimator.networks.tiny import build
from mlcomp.platforms.measurement import Limits, Measurement, PlatformError
from mlcomp.platforms.platform import Platform, execute, find_platform, find_program
from mlcomp.platforms.program import Source, compile_source, find_compiler, measure

CLOCK = CLOCKS["ibex-c"]
COMPILER = ("mlcc", "-O=ml-time", "--ml-effort=1", "--ml-policy=riscv32-loops")
FLAGS = ("-falign-functions=4", "-w")
LIMITS = Limits(cycles=20_000_000_000)
# Functions of libraries that layers call, which are linked in any case: so they are in the same places in all programs.
LIBRARY = (
    "__addsf3 __subsf3 __mulsf3 __divsf3 __eqsf2 __nesf2 __ltsf2 __lesf2 __gtsf2 __gesf2 __unordsf2 __floatsisf "
    "__floatunsisf __floatdisf __floatundisf __fixsfsi __fixunssfsi __fixsfdi __adddf3 __subdf3 __muldf3 __divdf3 "
    "__ltdf2 __ledf2 __gtdf2 __gedf2 __eqdf2 __nedf2 __unorddf2 __floatsidf __floatunsidf __floatdidf __fixdfsi "
    "__fixdfdi __extendsfdf2 __truncdfsf2 __muldi3 __divdi3 __moddi3 __udivdi3 __umoddi3 __ashldi3 __ashrdi3 __lshrdi3 "
    "expf logf log1pf powf sqrtf tanhf erff fmaxf fminf fabsf floorf ceilf nearbyintf rintf roundf llrintf llrint "
    "llround nearbyint rint exp log sqrt tanh erf ldexp fmax fmin memcpy memset memmove"
).split()
REACH = 4096  # bytes; twice as far as compressed calls


class IbexC:
    """Measures networks; a context manager that owns a folder."""

    name = "ibex-c"

    def __init__(self, simulator: str = "ibex-fast", compiler: Sequence[str] = COMPILER) -> None:
        self._platform: Platform = find_platform(simulator)
        self._compiler = list(compiler)

    def __enter__(self) -> IbexC:
        self._scratch = tempfile.TemporaryDirectory(prefix="mlcomp-")
        self._folder = Path(self._scratch.name)
        self._library = self._folder / "library.o"
        self._assemble(library_source(), self._library)
        return self

    def __exit__(self, *_: object) -> None:
        self._scratch.cleanup()

    def _assemble(self, text: str, out: Path) -> None:
        source = out.with_suffix(".S")
        source.write_text(text)
        clang = find_program("clang-19")
        execute([clang, *self._platform.compile_flags, "-c", source, "-o", out], "assembling")

    def benchmark(self, name: str) -> onnx.ModelProto:
        """`random:SEED` or `micro:SEED`."""
        return build(name)

    def measure(self, model: onnx.ModelProto, network: Network, seconds: float, weights: Path | None = None) -> Timed:
        """Compiles and runs a model that `describe` has named, once; `weights` is the folder of external ones."""
        if weights:
            onnx.load_external_data_for_model(model, str(weights))
        program = generate(without_constant_nodes(model, network), network)
        try:
            measured = self._run(program)
        except PlatformError as problem:
            if "will not fit" in str(problem) or "overflowed" in str(problem):
                raise NetworkError(f"'{network.name}' is too large: weights do not fit in 4 MiB") from problem
            raise NetworkError(f"'{network.name}' cannot be built: {problem}") from problem
        if measured.problem:
            raise NetworkError(f"'{network.name}' on {self._platform.name}: {measured.problem}")
        *cycles, nothing = map(int, measured.output.split())
        if not all(cycles):
            raise NetworkError(f"'{network.name}' is too large: weights and tensors do not fit in 4 MiB")
        places = {layer.name: i for i, layer in enumerate(network.layers)}
        pieces = [
            Executed(network.layers[places[function.layer]].type, (places[function.layer],), "", (c - nothing) / CLOCK)
            for function, c in zip(program.functions, cycles, strict=True)
        ]
        assert measured.region
        return Timed(Mapping(network, tuple(pieces)), measured.region["cycles"] / CLOCK)

    def _run(self, program: Program) -> Measurement:
        with tempfile.TemporaryDirectory(dir=self._folder) as scratch:
            folder = Path(scratch)
            objects = [folder / f"{number}.o" for number in range(len(program.functions))]
            for function, out in zip(program.functions, objects, strict=True):
                self._compile(function.source, out, self._compiler)
            self._compile(program.driver, folder / "driver.o", ["mlcc", "-Os"])
            self._assemble(data_source(program, folder), folder / "data.o")
            linked = folder / "program.elf"
            size = self._platform.link([*objects, folder / "driver.o", folder / "data.o", self._library], linked)
            return measure(self._platform, linked, size, LIMITS)

    def _compile(self, text: str, out: Path, compiler: Sequence[str]) -> None:
        source = out.with_suffix(".c")
        source.write_text(text)
        compile_source(self._platform, find_compiler(compiler), Source(source, FLAGS), out)


def library_source() -> str:
    """Assembly of a gap before the libraries, and of references to all functions that layers may call."""
    words = "".join(f"  .word {name}\n" for name in LIBRARY)
    return (
        f'.section .text.mlcomp_gap,"ax",@progbits\n.balign 4\n.globl mlcomp_library\nmlcomp_gap: .zero {REACH}\n'
        f'.section .rodata.mlcomp,"a",@progbits\n.balign 4\nmlcomp_library:\n  .word mlcomp_gap\n{words}'
    )


def data_source(program: Program, folder: Path) -> str:
    """Assembly of a network's weights and inputs, whose bytes are written to `folder`."""
    lines = ['.section .rodata,"a",@progbits\n']
    for number, (name, data) in enumerate(program.data):
        path = folder / f"{number}.bin"
        path.write_bytes(data)
        lines.append(f'.balign 8\n.globl {name}\n{name}:\n.incbin "{path}"\n')
    return "".join(lines)
