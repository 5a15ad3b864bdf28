"""A network as C: emx-onnx-cgen makes a function of each layer, and this module a program that times each.

Every function is a translation unit of its own, so what the compiler makes of a layer depends on that layer alone.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from mlcomp.estimator.networks.graph import Network, NetworkError

LARGEST_LOCAL = 1024  # bytes of a tensor that is on the stack; others are on the heap
NODE = re.compile(r"^/\*\n \* Node \d+:\n \* OpType: (.*)\n \* Name: (.*)\n", re.MULTILINE)
FUNCTION = re.compile(r"^EMX_NODE_FN (void (\w+)\([^{]*\)) \{", re.MULTILINE)
ENTRY = re.compile(r"^void model\(", re.MULTILINE)
DECLARED = re.compile(r"^extern (const )?(\w+) (\w+)((?:\[\d+\])+);\n", re.MULTILINE)
EMPTY = re.compile(r"^\w+ weight\w+(?:\[\d+\])+;\n", re.MULTILINE)  # where the generator's loader puts weights
FILLED = re.compile(r"^const EMX_UNUSED .*?\n\};\n", re.MULTILINE | re.DOTALL)
BYTES = {"float": 4, "double": 8, "_Bool": 1}

TIMER = """
#include <stdio.h>
static uint32_t mlcomp_now(void) {
  uint32_t cycles;
  __asm__ volatile("csrr %0, mcycle" : "=r"(cycles) : : "memory");
  return cycles;
}
static uint32_t mlcomp_begin, mlcomp_cycles[COUNT + 1];
void roi_begin(void);
void roi_end(void);

// Tensors come from memory that is not cleared.
extern char __heap_start[], __heap_end[];
static char *mlcomp_heap = __heap_start;
static void *mlcomp_malloc(size_t size) {
  char *begin = mlcomp_heap;
  if (size > (size_t)(__heap_end - begin) - 16)
    return NULL;
  mlcomp_heap += (size + 15) & -16u;
  return begin;
}
#define malloc mlcomp_malloc
#define free(tensor) ((void)(tensor))
"""
MAIN = """
int main(void) {
  extern const char mlcomp_library[];
  __asm__ volatile("" : : "r"(mlcomp_library));
  mlcomp_begin = mlcomp_now(), mlcomp_cycles[COUNT] = mlcomp_now() - mlcomp_begin;
  roi_begin();
  model(ARGUMENTS);
  roi_end();
  for (int i = 0; i <= COUNT; ++i)
    printf("%lu\\n", (unsigned long)mlcomp_cycles[i]);
  return 0;
}
"""


@dataclass(frozen=True)
class Function:
    """The C of one layer: its name in the network, and a translation unit with one function."""

    layer: str
    source: str


@dataclass(frozen=True)
class Program:
    """A network's C: layers' functions in the order of execution, what calls and times them, and data.

    `data` has the names of arrays with their bytes. The program prints the cycles of each function, and of nothing,
    which reading the counter takes.
    """

    functions: tuple[Function, ...]
    driver: str
    data: tuple[tuple[str, bytes], ...]


@functools.cache
def generator() -> Any:
    """The code generator; its templates take seconds to load."""
    try:
        from emx_onnx_cgen.compiler import Compiler, CompilerOptions
    except ImportError as problem:
        raise NetworkError("the Python package emx-onnx-cgen is missing; run make setup") from problem
    return Compiler(CompilerOptions(large_weight_threshold=1, large_temp_threshold_bytes=LARGEST_LOCAL))


def generate(model: onnx.ModelProto, network: Network, seed: int = 0) -> Program:
    """C for a network that `describe` has named, with random inputs; raises `NetworkError`."""
    compiler = generator()
    from emx_onnx_cgen.errors import CompilerError

    try:
        source, weights = compiler.compile_with_weight_data(model)
    except (CompilerError, ValueError, KeyError, IndexError, NotImplementedError) as problem:
        raise NetworkError(f"emx-onnx-cgen refuses the network: {_reason(problem)}") from problem
    places = [match.start() for match in NODE.finditer(source)]
    entry = ENTRY.search(source)
    if not places or not entry:
        raise NetworkError(f"emx-onnx-cgen makes no code of '{network.name}'")
    head = EMPTY.sub("", source[: places[0]])
    layers = [
        _function(head, source[begin:end]) for begin, end in zip(places, [*places[1:], entry.start()], strict=True)
    ]
    inputs = [(f"mlcomp_input{i}", values(network, name, seed)) for i, name in enumerate(network.inputs)]
    driver = _driver(head, layers, source[entry.start() :], network)
    return Program(tuple(layer for layer, _, _ in layers), driver, (*_weights(head, weights or b""), *inputs))


def _function(head: str, text: str) -> tuple[Function, str, str]:
    """The translation unit of a layer, its function's prototype and name."""
    title, declared = NODE.match(text), FUNCTION.findall(text)
    if not title or len(declared) != 1:
        raise NetworkError(f"emx-onnx-cgen makes {len(declared)} functions of layer '{title and title[2]}'")
    return Function(title[2], f"#define EMX_NODE_FN\n{FILLED.sub('', head)}{text[: _end(text)]}"), *declared[0]


def _end(text: str) -> int:
    """Where the last function of a layer ends, before what loads weights."""
    found = re.search(r"^(?:static )?_Bool model_load", text, re.MULTILINE)
    return found.start() if found else len(text)


def _driver(head: str, layers: Sequence[tuple[Function, str, str]], entry: str, network: Network) -> str:
    """The translation unit that runs the network; calls of layers' functions are macros that read the counter."""
    lines = [f"#define COUNT {len(layers)}\n", head, TIMER]
    for number, (_, prototype, name) in enumerate(layers):
        lines.append(
            f"{prototype};\n#define {name}(...) (mlcomp_begin = mlcomp_now(), {name}(__VA_ARGS__), "
            f"(void)(mlcomp_cycles[{number}] = mlcomp_now() - mlcomp_begin))\n"
        )
    arguments = []
    for number in range(len(network.inputs)):
        lines.append(f"extern const char mlcomp_input{number}[];\n")
        arguments.append(f"(const void *)mlcomp_input{number}")
    for number, name in enumerate(network.outputs):
        lines.append(f"static _Alignas(8) char mlcomp_output{number}[{network.tensors[name].bytes}];\n")
        arguments.append(f"(void *)mlcomp_output{number}")
    return "".join([*lines, f"#define ARGUMENTS {', '.join(arguments)}\n", entry, MAIN])


def _weights(head: str, weights: bytes) -> list[tuple[str, bytes]]:
    """Arrays that are declared and not filled in the source, with their bytes, which follow one another."""
    found, begin = [], 0
    for constant, kind, name, shape in DECLARED.findall(head):
        if not constant:
            width = BYTES.get(kind) or int(re.sub(r"\D", "", kind)) // 8
            end = begin + width * math.prod(map(int, re.findall(r"\d+", shape)))
            found.append((name, weights[begin:end]))
            begin = end
    if begin != len(weights):
        raise NetworkError(f"emx-onnx-cgen declares {begin} bytes of weights and writes {len(weights)}")
    return found


def values(network: Network, name: str, seed: int) -> bytes:
    """Fixed random values of an input: normal if it is real, uniform over all of int8 and uint8, else 0 and 1."""
    tensor, generator_ = network.tensors[name], np.random.default_rng(seed)
    kind = np.dtype(tensor.dtype)
    if kind.kind == "f":
        return generator_.standard_normal(tensor.shape).astype(kind).tobytes()
    if kind.kind in "iu" and kind.itemsize == 1:
        return generator_.integers(np.iinfo(kind).min, np.iinfo(kind).max, tensor.shape, kind, True).tobytes()
    return generator_.integers(0, 2, tensor.shape).astype(kind).tobytes()


def _reason(problem: Exception) -> str:
    return " ".join(str(problem).split())[:300] or type(problem).__name__
