"""Programs to fuzz with: csmith's, and mutants of the kernels. A seed gives the same program everywhere.

csmith's programs have no undefined behaviour by construction. A mutant may have; `execution` throws out what
sanitizers complain about.
"""

from __future__ import annotations

import random
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlcomp.platforms.measurement import PlatformError
from mlcomp.platforms.platform import find_program
from mlcomp.training.kernels import FOLDER, kernels

CSMITH_HEADERS = Path("/usr/include/csmith")
CSMITH_FLAGS = ("--quiet", "--concise", "--no-argc", "--no-packed-struct")
MUTANT_OF = 3  # every so many seeds are a mutant

TOKEN = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|^[ \t]*#[^\n]*|\w+|->|\+\+|--|"
                   r"<<=?|>>=?|[-+*/%&|^<>=!]=|&&|\|\||[-+*/%&|^<>=!~?:;,.(){}\[\]]", re.S | re.M)  # fmt: skip
LIKE = [
    "+ - ^ | &".split(),
    "* + -".split(),
    "<< >>".split(),
    "< <= > >= == !=".split(),
    "&& ||".split(),
    "+= -= ^= |= &=".split(),
    "++ --".split(),
    "uint8_t int8_t uint16_t int16_t uint32_t int32_t uint64_t int64_t int".split(),
    "float double".split(),
    "break continue".split(),
]
UNARY = {"+", "-", "*", "&"}
NUMBER = re.compile(r"(0[xX][0-9a-fA-F]+|\d+)([uUlL]*)")


@dataclass(frozen=True)
class Program:
    """One C file."""

    name: str
    text: str
    flags: tuple[str, ...]

    @property
    def source(self) -> str:
        """What made it: csmith, or the kernel."""
        return self.name.rpartition("-")[0]


def program(seed: int) -> Program:
    """The program of a seed."""
    return mutant(seed) if seed % MUTANT_OF == 0 else csmith(seed)


def csmith(seed: int) -> Program:
    """What csmith writes for a seed: small programs, and some larger ones."""
    random_ = random.Random(seed)
    sizes = {
        "max-funcs": random_.choice((3, 4, 6, 8)),
        "max-block-depth": random_.choice((2, 3, 4)),
        "max-expr-complexity": random_.choice((4, 8, 10)),
        "max-array-len-per-dim": random_.choice((4, 10)),
    }
    command = [find_program("csmith"), *CSMITH_FLAGS, "--seed", str(seed)]
    for name, value in sizes.items():
        command += [f"--{name}", str(value)]
    try:
        with tempfile.TemporaryDirectory(prefix="mlcomp-") as scratch:  # csmith leaves a file in its folder
            done = subprocess.run(command, capture_output=True, check=True, timeout=60, cwd=scratch)
    except (subprocess.SubprocessError, OSError) as problem:
        raise PlatformError(f"csmith failed with seed {seed}: {problem}") from problem
    return Program(f"csmith-{seed}", done.stdout.decode(), ("-w", f"-I{CSMITH_HEADERS}"))


def mutant(seed: int) -> Program:
    """A kernel of our own with a few tokens changed."""
    random_ = random.Random(seed)
    own = [kernel for kernel in kernels() if not kernel.package]
    kernel = random_.choice(own)
    (source,) = kernel.sources
    text = mutate((FOLDER / source).read_text(), random_)
    return Program(f"{kernel.name}-{seed}", text, ("-w", f"-I{FOLDER}", f"-I{(FOLDER / source).parent}"))


def mutate(text: str, random_: random.Random) -> str:
    """The text with one to four tokens replaced by others of their kind."""
    places, before = [], ""
    for match in TOKEN.finditer(text):
        is_unary = match[0] in UNARY and not re.match(r"[\w)\]]", before[-1:])
        if _others(match[0]) and not is_unary:
            places.append((match.start(), match[0]))
        before = match[0]
    chosen = random_.sample(places, min(len(places), random_.randint(1, 4)))
    for at, token in sorted(chosen, reverse=True):
        text = text[:at] + random_.choice(_others(token)) + text[at + len(token) :]
    return text


def _others(token: str) -> Sequence[str]:
    """What may stand in a token's place."""
    if number := NUMBER.fullmatch(token):
        value = int(number[1], 0 if number[1][:2].lower() == "0x" or number[1] == "0" else 10)
        near = {value + 1, max(value - 1, 0), value ^ 1, value * 2, value // 2, 0, 1} - {value}
        return [f"{n}{number[2]}" for n in sorted(near)]
    return [other for group in LIKE if token in group for other in group if other != token]
