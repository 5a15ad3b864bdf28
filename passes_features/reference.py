"""The executable specification of the features, on llvmlite.

It computes what cpp_shim/core/Features.cpp computes, in the plainest way and with another LLVM (llvmlite's
own), so that a test may hold the core against it. Nobody should need its speed: the core is a thousand times
faster.

llvmlite offers values, operands, types and linkage; what it lacks (flags, predicates, initialisers, allocated
types) is read from the printed module. Control flow, dominators, loops, trip counts and frequencies are
worked out here.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from llvmlite.binding.typeref import TypeKind
from llvmlite.binding.value import Linkage, ValueKind

from . import schema

SMALL_FUNCTION = 10  # instructions
SHORT_BLOCK = 3
LONG_BLOCK = 20
FEW_ARGUMENTS = 4
SMALL_TRIP_COUNT = 8
MAX_NATURAL_BITS = 128

UNKNOWN_TRIPS = 10.0  # executions of a loop's header where the trip count is not known
COLD_WEIGHT = 1 / 64  # of an edge to a block that ends in unreachable, where others have 1
MAX_FREQUENCY = 1e12
MAX_TRIP_COUNT = 2**32

LOCAL = {Linkage.internal, Linkage.private}
REPLACEABLE = {Linkage.linkonce_any, Linkage.linkonce_odr, Linkage.weak_any, Linkage.weak_odr}

# Hints to the optimiser and debug information: no code, so they do not count as instructions.
HINTS = [
    "dbg.assign",
    "dbg.declare",
    "dbg.label",
    "dbg.value",
    "pseudoprobe",
    "assume",
    "donothing",
    "experimental.noalias.scope.decl",
    "invariant.end",
    "invariant.start",
    "lifetime.end",
    "lifetime.start",
    "sideeffect",
    "var.annotation",
]

INTRINSIC_CLASSES = {
    "call_intrinsic_bits": ["bitreverse", "bswap", "ctlz", "ctpop", "cttz", "fshl", "fshr"],
    "call_intrinsic_minmax": ["abs", "smax", "smin", "umax", "umin"],
    "call_intrinsic_overflow": [
        "sadd.sat",
        "sadd.with.overflow",
        "smul.with.overflow",
        "ssub.sat",
        "ssub.with.overflow",
        "uadd.sat",
        "uadd.with.overflow",
        "umul.with.overflow",
        "usub.sat",
        "usub.with.overflow",
    ],
    "mem_memcpy": ["memcpy", "memmove"],
    "mem_memset": ["memset"],
}

OPCODES = {
    "op_ret": "ret",
    "op_switch": "switch",
    "op_indirectbr": "indirectbr callbr",
    "op_invoke": "invoke",
    "op_eh": "resume landingpad catchpad catchret catchswitch cleanuppad cleanupret",
    "op_unreachable": "unreachable",
    "op_add": "add",
    "op_sub": "sub",
    "op_mul": "mul",
    "op_div_unsigned": "udiv urem",
    "op_div_signed": "sdiv srem",
    "op_shl": "shl",
    "op_lshr": "lshr",
    "op_ashr": "ashr",
    "op_and": "and",
    "op_or": "or",
    "op_xor": "xor",
    "op_fadd": "fneg fadd fsub",
    "op_fmul": "fmul",
    "op_fdiv": "fdiv frem",
    "op_fcmp": "fcmp",
    "op_select": "select",
    "op_phi": "phi",
    "op_trunc": "trunc",
    "op_zext": "zext",
    "op_sext": "sext",
    "op_fp_cast": "fptoui fptosi uitofp sitofp fptrunc fpext",
    "op_pointer_cast": "ptrtoint inttoptr addrspacecast",
    "op_bitcast": "bitcast",
    "op_freeze": "freeze",
    "op_vector": "extractelement insertelement shufflevector",
    "op_aggregate": "extractvalue insertvalue",
    "op_alloca": "alloca",
    "op_load": "load",
    "op_store": "store",
    "op_gep": "getelementptr",
    "op_atomic": "fence cmpxchg atomicrmw",
    "op_call": "call",
    "op_va_arg": "va_arg",
}
OPCODE_FEATURE = {opcode: name for name, opcodes in OPCODES.items() for opcode in opcodes.split()}

DIVISIONS = {"udiv", "urem", "sdiv", "srem"}
SHIFTS = {"shl", "lshr", "ashr"}
MUL_DIV = {"mul"} | DIVISIONS
INTEGER_BINARY = {"add", "sub", "and", "or", "xor"} | SHIFTS | MUL_DIV
FLOATING = set(" ".join(OPCODES[f] for f in ["op_fadd", "op_fmul", "op_fdiv", "op_fcmp", "op_fp_cast"]).split())
CALLS = {"call", "invoke", "callbr"}
NO_VALUE_OPERANDS = {"alloca", "landingpad", "catchpad", "cleanuppad", "catchswitch", "resume"}

FLOAT_KINDS = {TypeKind.half, TypeKind.bfloat, TypeKind.float}
DOUBLE_KINDS = {TypeKind.double, TypeKind.x86_fp80, TypeKind.fp128, TypeKind.ppc_fp128}
VECTOR_KINDS = {TypeKind.vector, TypeKind.scalable_vector}
AGGREGATE_KINDS = {TypeKind.struct, TypeKind.array}
GLOBAL_KINDS = {ValueKind.function, ValueKind.global_alias, ValueKind.global_ifunc, ValueKind.global_variable}
UNDEF_KINDS = {ValueKind.undef_value, ValueKind.poison_value}

Value = Any  # llvmlite's ValueRef and TypeRef: the package has no type annotations
Features = defaultdict[str, float]


# --- text -----------------------------------------------------------------------------------------


def without_strings(text: str) -> str:
    """The text with every quoted string emptied, so that keywords can be searched in it."""
    return re.sub(r'"[^"]*"', '""', text)


def global_names(text: str) -> list[str]:
    """Names of the globals that a piece of IR mentions, in order."""
    names = []
    for name in re.findall(r'@("[^"]*"|[-\w$.]+)|"[^"]*"', text):
        if name:
            plain = name.strip('"')
            names.append(re.sub(r"\\([0-9A-Fa-f]{2})", lambda m: chr(int(m[1], 16)), plain))
    return names


def split_top_level(text: str) -> list[str]:
    """Split at the commas that are outside of all brackets and strings."""
    parts, depth, quoted = [""], 0, False
    for c in text:
        if c == '"':
            quoted = not quoted
        elif not quoted and c in "([{<":
            depth += 1
        elif not quoted and c in ")]}>":
            depth -= 1
        if c == "," and depth == 0 and not quoted:
            parts.append("")
        else:
            parts[-1] += c
    return [part.strip() for part in parts]


class ModuleText:
    """A printed module, cut into the pieces that this file looks at."""

    def __init__(self, text: str) -> None:
        self.types: list[str] = []
        self.globals: list[str] = []  # variables, in order
        self.aliases: list[str] = []  # aliases and ifuncs
        self.headers: list[str] = []  # of all functions
        self.bodies: list[list[str]] = []  # instructions of the defined ones
        body: list[str] | None = None
        for line in text.splitlines():
            if body is not None:
                if line == "}":
                    body = None
                elif line.startswith("  ") and line[2] not in " ]":
                    body.append(line[2:])
                elif line.startswith("  ") and not line.lstrip().startswith("#dbg_"):
                    body[-1] += " " + line.strip()  # switches, invokes and landing pads take several lines
            elif line.startswith(("define ", "declare ")):
                self.headers.append(line)
                if line.startswith("define "):
                    body = []
                    self.bodies.append(body)
            elif line.startswith("%"):
                self.types.append(line)
            elif line.startswith("@"):
                keyword = re.search(r"\b(global|constant|alias|ifunc) ", without_strings(line))
                assert keyword
                (self.globals if keyword[1] in ("global", "constant") else self.aliases).append(line)


# --- instructions ---------------------------------------------------------------------------------


@dataclass
class Instruction:
    """One instruction, with its operands and its printed form (strings emptied)."""

    value: Value
    raw_text: str
    opcode: str = field(init=False)
    operands: list[Value] = field(init=False)
    text: str = field(init=False)

    def __post_init__(self) -> None:
        self.opcode = self.value.opcode
        self.operands = list(self.value.operands)
        self.text = without_strings(self.raw_text)

    @cached_property
    def type(self) -> Value:
        return self.value.type

    @cached_property
    def callee(self) -> Value | None:
        """The function that a call names, or None."""
        if self.opcode in CALLS and kind_of(self.operands[-1]) == ValueKind.function:
            return self.operands[-1]
        return None

    @property
    def intrinsic(self) -> str | None:
        """The name of the intrinsic that is called, without llvm."""
        name = self.callee.name if self.callee is not None else ""
        return name.removeprefix("llvm.") if name.startswith("llvm.") else None

    @property
    def is_inline_asm(self) -> bool:
        return self.opcode in CALLS and kind_of(self.operands[-1]) == ValueKind.inline_asm

    @property
    def is_plain_call(self) -> bool:
        """Whether this calls something that is neither an intrinsic nor inline assembly."""
        return self.opcode in CALLS and self.intrinsic is None and not self.is_inline_asm

    @property
    def is_hint(self) -> bool:
        return self.opcode == "call" and self.intrinsic is not None and is_named(self.intrinsic, HINTS)

    @property
    def arguments(self) -> list[Value]:
        """Arguments of a call: its operands but for bundles, destinations and the callee."""
        rest = [v for v in self.operands[:-1] if kind_of(v) != ValueKind.basic_block]
        return rest[: len(rest) - self._bundle_operands]

    @property
    def _bundle_operands(self) -> int:
        """Operands of bundles, as in: call void @f() [ "deopt"(i32 1), "x"(ptr %p, ptr %q) ]."""
        bundles = re.search(r'\[ (""\(.*\)) \]', self.text)
        if bundles is None:
            return 0
        contents = [bundle[len('""(') : -1] for bundle in split_top_level(bundles[1])]
        return sum(len(split_top_level(content)) for content in contents if content)

    @property
    def successors(self) -> list[Value]:
        """Destinations of a terminator, in the order of LLVM's successors."""
        blocks = [v for v in self.operands if kind_of(v) == ValueKind.basic_block]
        if self.opcode == "br":
            blocks.reverse()  # operands are: condition, false, true
        return blocks if self.opcode != "phi" else []


def kind_of(value: Value) -> ValueKind | None:
    """The kind of a value; None for kinds that llvmlite has no name for."""
    try:
        return value.value_kind
    except ValueError:
        return None


def type_kind(type_: Value) -> TypeKind | None:
    try:
        return type_.type_kind
    except ValueError:
        return None


def integer_width(type_: Value) -> int:
    """Bits of a scalar integer type, 0 for any other type."""
    return int(type_.type_width) if type_kind(type_) == TypeKind.integer else 0


def is_named(intrinsic: str, names: Iterable[str]) -> bool:
    """Whether an intrinsic is one of these, overloaded on any types."""
    return any(intrinsic == name or intrinsic.startswith(name + ".") for name in names)


def is_constant_integer(value: Value) -> bool:
    return kind_of(value) == ValueKind.constant_int and integer_width(value.type) > 0


def unsigned_value(value: Value) -> int:
    return int(value.get_constant_value()) % (1 << integer_width(value.type))


def signed(number: int, width: int) -> int:
    """The number that the lower `width` bits mean in two's complement."""
    number %= 1 << width
    return number - (1 << width) if number >= 1 << (width - 1) else number


def fits(number: int, width: int) -> bool:
    return signed(number, width) == number


def integer_class(value: Value) -> str:
    if unsigned_value(value) == 1:
        return "const_one"
    n = signed(unsigned_value(value), integer_width(value.type))
    rules: list[tuple[str, bool]] = [
        ("const_zero", n == 0),
        ("const_minus_one", n == -1),
        ("const_s5", fits(n, 5)),
        ("const_s6", fits(n, 6)),
        ("const_u8", 0 <= n < 256),
        ("const_s12", fits(n, 12)),
        ("const_upper", fits(n, 32) and n % 4096 == 0),
        ("const_s32", fits(n, 32)),
    ]
    return next((name for name, holds in rules if holds), "const_wide")


def is_positive_zero(value: Value) -> bool:
    try:
        number = value.get_constant_value()
    except ValueError:  # no double is equal to it
        return False
    return number == 0 and math.copysign(1, number) > 0


def constant_class(value: Value) -> str | None:
    """The feature that a constant operand counts for; None if the value is not a constant."""
    kind = kind_of(value)
    if not value.is_constant or kind == ValueKind.constant_token_none:
        return None
    if kind in UNDEF_KINDS:
        return "const_undef"
    if kind in GLOBAL_KINDS:
        return "const_global"
    if kind == ValueKind.constant_expr:
        is_address = re.match(r"\S+( addrspace\(\d+\))? inttoptr \(", str(value))
        return "const_address" if is_address else "const_expression"
    if type_kind(value.type) in VECTOR_KINDS | AGGREGATE_KINDS:
        return "const_aggregate"
    if kind == ValueKind.constant_int:
        return integer_class(value)
    if kind == ValueKind.constant_fp:
        return "const_fp_zero" if is_positive_zero(value) else "const_fp"
    return "const_null" if kind == ValueKind.constant_pointer_null else "const_expression"


def result_class(type_: Value) -> str | None:
    kind = type_kind(type_)
    if kind == TypeKind.integer:
        width = integer_width(type_)
        return f"type_i{width}" if width in (1, 8, 16, 32, 64) else "type_int_other"
    classes = {
        "type_float": FLOAT_KINDS,
        "type_double": DOUBLE_KINDS,
        "type_pointer": {TypeKind.pointer},
        "type_vector": VECTOR_KINDS,
        "type_aggregate": AGGREGATE_KINDS,
    }
    return next((name for name, kinds in classes.items() if kind in kinds), None)


def access_class(type_: Value) -> str:
    width = integer_width(type_)
    if width:
        return next((str(n) for n in (8, 16, 32) if width <= n), "64")
    return "pointer" if type_kind(type_) == TypeKind.pointer else "other"


# --- control flow ---------------------------------------------------------------------------------


@dataclass
class Block:
    """A block without the hints in it; edges are block numbers, parallel ones repeated."""

    instructions: list[Instruction]
    terminator: Instruction
    successors: list[int] = field(default_factory=list)
    predecessors: list[int] = field(default_factory=list)

    def count(self, opcodes: Iterable[str]) -> int:
        return sum(i.opcode in opcodes for i in self.instructions)

    @property
    def calls(self) -> int:
        return sum(i.is_plain_call for i in self.instructions)


@dataclass
class Loop:
    """A natural loop: all back edges to one header, and the blocks between."""

    header: int
    blocks: set[int]
    latches: list[int]
    exiting: list[int]
    depth: int = 0
    innermost: bool = False
    trips: int | None = None


class Flow:
    """Control flow of a function: order, dominators, natural loops and frequencies."""

    def __init__(self, blocks: list[Block]) -> None:
        self.blocks = blocks
        self.order = self._reverse_postorder()
        self.position = {block: i for i, block in enumerate(self.order)}
        self.dominators = self._dominators()
        self.irreducible_edges = 0
        self.loops = self._loops()

    def _reverse_postorder(self) -> list[int]:
        """Blocks that the entry reaches, in reverse post-order of a depth-first search along successors."""
        seen, postorder = {0}, []
        stack = [(0, iter(self.blocks[0].successors))]
        while stack:
            block, rest = stack[-1]
            following = next((s for s in rest if s not in seen), None)
            if following is None:
                postorder.append(block)
                stack.pop()
            else:
                seen.add(following)
                stack.append((following, iter(self.blocks[following].successors)))
        return postorder[::-1]

    def reachable_predecessors(self, block: int) -> list[int]:
        return [p for p in self.blocks[block].predecessors if p in self.position]

    def _dominators(self) -> dict[int, set[int]]:
        """For each reachable block all blocks that every path to it passes through."""
        dominators = {b: set(self.order) for b in self.order}
        dominators[0] = {0}
        changed = True
        while changed:
            changed = False
            for block in self.order[1:]:
                above = [dominators[p] for p in self.reachable_predecessors(block)]
                new = set.intersection(*above) | {block}
                changed |= new != dominators[block]
                dominators[block] = new
        return dominators

    def _loops(self) -> list[Loop]:
        """Natural loops, inner ones before the ones around them."""
        loops = []
        for header in reversed(self.order):
            retreating = [p for p in self.reachable_predecessors(header) if self.position[p] >= self.position[header]]
            latches = [p for p in retreating if header in self.dominators[p]]
            self.irreducible_edges += len(retreating) - len(latches)
            if latches:
                loops.append(self._loop(header, latches))
        for loop in loops:
            loop.depth = sum(loop.header in other.blocks for other in loops)
            loop.innermost = not any(o.header in loop.blocks for o in loops if o is not loop)
            loop.trips = self._trip_count(loop)
        return loops

    def _loop(self, header: int, latches: list[int]) -> Loop:
        body, work = {header}, list(latches)
        while work:
            block = work.pop()
            if block not in body:
                body.add(block)
                work += self.reachable_predecessors(block)
        exiting = [b for b in sorted(body) if not body.issuperset(self.blocks[b].successors)]
        return Loop(header, body, latches, exiting)

    def innermost_loop(self, block: int) -> Loop | None:
        return next((loop for loop in self.loops if block in loop.blocks), None)

    def has_preheader(self, loop: Loop) -> bool:
        outside = [p for p in self.reachable_predecessors(loop.header) if p not in loop.blocks]
        return len(outside) == 1 and len(self.blocks[outside[0]].successors) == 1

    def _trip_count(self, loop: Loop) -> int | None:
        """Executions of the header for one entry of the loop, where constants alone decide them.

        The loop has one latch and one exiting block, the latch or the header, which compares a counter with a
        constant: a phi node of the header that starts at a constant and has a constant added each time round.
        """
        if len(loop.latches) != 1 or len(loop.exiting) != 1:
            return None
        latch, exiting = loop.latches[0], loop.exiting[0]
        if exiting not in (latch, loop.header):
            return None
        branch = self.blocks[exiting].terminator
        if branch.opcode != "br" or len(branch.successors) != 2:
            return None
        test = self._definition(branch.operands[0])
        if test is None or test.opcode != "icmp":
            return None
        predicate, (tested, bound) = icmp_predicate(test), test.operands
        if not is_constant_integer(bound):
            tested, bound, predicate = bound, tested, SWAPPED[predicate]
        if not is_constant_integer(bound) or integer_width(bound.type) > 64:
            return None
        if self.blocks[exiting].successors[0] not in loop.blocks:
            predicate = INVERSE[predicate]
        for phi in self.blocks[loop.header].instructions:
            counter = self._counter(phi, latch)
            if counter is None:
                continue
            following, start, step = counter
            if tested not in (phi.value, following):
                continue
            first = start if tested == phi.value else start + step
            passing = count_passing(predicate, first, step, unsigned_value(bound), integer_width(bound.type))
            return None if passing is None or passing >= MAX_TRIP_COUNT else passing + 1
        return None

    @cached_property
    def _definitions(self) -> dict[Value, Instruction]:
        return {i.value: i for block in self.blocks for i in block.instructions}

    def _definition(self, value: Value) -> Instruction | None:
        return self._definitions.get(value)

    def _counter(self, phi: Instruction, latch: int) -> tuple[Value, int, int] | None:
        """(next value, start, step) of a counting phi node."""
        if phi.opcode != "phi" or len(phi.operands) != 2:
            return None
        latch_block = self.blocks[latch].terminator.value.block
        from_latch = [block == latch_block for block in phi.value.incoming_blocks]
        if from_latch.count(True) != 1:
            return None
        following = phi.operands[from_latch.index(True)]
        start = phi.operands[from_latch.index(False)]
        addition = self._definition(following)
        if not is_constant_integer(start) or addition is None or addition.opcode != "add":
            return None
        if addition.operands[0] != phi.value or not is_constant_integer(addition.operands[1]):
            return None
        step = signed(unsigned_value(addition.operands[1]), integer_width(start.type))
        return (following, unsigned_value(start), step) if step else None

    def frequencies(self) -> dict[int, float]:
        """Executions of each reachable block for one call, judged by the shape of the graph alone.

        A block hands its frequency on along its forward edges, evenly but for cold ones; entering a loop
        multiplies by its trips; of a block with edges that stay in its loop and edges that leave it, one
        execution in `trips` takes the latter.
        """
        trips = {lp.header: float(lp.trips) if lp.trips is not None else UNKNOWN_TRIPS for lp in self.loops}
        frequency = dict.fromkeys(self.order, 0.0)
        frequency[0] = 1.0
        for block in self.order:
            frequency[block] = min(frequency[block] * trips.get(block, 1.0), MAX_FREQUENCY)
            successors = self.blocks[block].successors
            loop = self.innermost_loop(block)
            leaving = [loop is not None and s not in loop.blocks for s in successors]
            weight = [COLD_WEIGHT if self.blocks[s].terminator.opcode == "unreachable" else 1.0 for s in successors]
            total = {out: sum(w for w, o in zip(weight, leaving, strict=True) if o == out) for out in (True, False)}
            for s, w, out in zip(successors, weight, leaving, strict=True):
                if self.position[s] <= self.position[block]:
                    continue
                part = w / total[out]
                if loop is not None and total[True] and total[False]:
                    part *= 1 / trips[loop.header] if out else 1 - 1 / trips[loop.header]
                frequency[s] += frequency[block] * part
        return frequency


SWAPPED = {"slt": "sgt", "sle": "sge", "ult": "ugt", "ule": "uge", "eq": "eq", "ne": "ne"}
SWAPPED |= {b: a for a, b in SWAPPED.items()}
INVERSE = {"slt": "sge", "sle": "sgt", "ult": "uge", "ule": "ugt", "eq": "ne"}
INVERSE |= {b: a for a, b in INVERSE.items()}


def icmp_predicate(instruction: Instruction) -> str:
    found = re.search(r"\bicmp (?:samesign )?(\w+) ", instruction.text)
    assert found
    return found[1]


def count_passing(predicate: str, first: int, step: int, bound: int, width: int) -> int | None:
    """How many of first, first + step, ... pass the test before one fails; None if they would wrap round."""
    if predicate in ("eq", "ne"):
        distance = (bound - first if step > 0 else first - bound) % 2**width
        if predicate == "eq":
            return int(distance == 0)
        return distance // abs(step) if distance % abs(step) == 0 else None
    if predicate[0] == "s":
        low, high = -(2 ** (width - 1)), 2 ** (width - 1) - 1
        value, bound = signed(first, width), signed(bound, width)
    else:
        low, high = 0, 2**width - 1
        value, bound = first % 2**width, bound
    up = predicate[1] == "l"
    limit = bound + {"slt": 0, "sle": 1, "sgt": 0, "sge": -1}["s" + predicate[1:]]  # the first value that fails
    if (value >= limit) if up else (value <= limit):
        return 0
    if up != (step > 0):
        return None
    count = -(-abs(limit - value) // abs(step))
    return count if low <= value + count * step <= high else None


# --- one function ---------------------------------------------------------------------------------


class Function:
    """A defined function and the features of its body."""

    def __init__(self, value: Value, lines: list[str], module: Module) -> None:
        self.value = value
        self.module = module
        every = [list(block.instructions) for block in value.blocks]
        texts = iter(lines)
        parsed = [[Instruction(i, next(texts)) for i in block] for block in every]
        assert next(texts, None) is None, f"{value.name}: instructions and text differ"
        self.all_instructions = [i for block in parsed for i in block]
        self.blocks = [Block([i for i in block if not i.is_hint], block[-1]) for block in parsed]
        number = {block: n for n, block in enumerate(value.blocks)}
        for n, block in enumerate(self.blocks):
            block.successors = [number[s] for s in block.terminator.successors]
            for s in block.successors:
                self.blocks[s].predecessors.append(n)
        self.flow = Flow(self.blocks)

    @property
    def instructions(self) -> Iterator[Instruction]:
        return (i for block in self.blocks for i in block.instructions)

    @cached_property
    def users(self) -> dict[Value, list[tuple[Instruction, int]]]:
        """Uses of each value in this function: the instruction and the operand's number."""
        users: dict[Value, list[tuple[Instruction, int]]] = defaultdict(list)
        for instruction in self.all_instructions:
            for number, operand in enumerate(instruction.operands):
                if kind_of(operand) in (ValueKind.instruction, ValueKind.argument):
                    users[operand].append((instruction, number))
        return users

    def features(self) -> Features:
        f: Features = defaultdict(float)
        for instruction in self.instructions:
            self._count_instruction(instruction, f)
        self._count_shape(f)
        self._count_loops(f)
        self._count_executions(f)

        size = f["instructions"]
        arguments = len(list(self.value.arguments))
        f["functions"] = 1
        f["max_function_instructions"] = size
        f["max_function_blocks"] = len(self.blocks)
        f["max_block_instructions"] = max(len(block.instructions) for block in self.blocks)
        f["func_arguments"] = f["func_max_arguments"] = arguments
        f["func_vararg"] = int(self.value.global_value_type.is_function_vararg)
        f["func_leaf"] = int(not any(i.is_plain_call for i in self.instructions))
        f["func_small"] = int(size <= SMALL_FUNCTION)
        f["func_single_block"] = int(len(self.blocks) == 1)
        f["func_with_loop"] = int(bool(self.flow.loops))
        return f

    # Instructions

    def _count_instruction(self, i: Instruction, f: Features) -> None:
        f["instructions"] += 1
        if i.opcode in OPCODE_FEATURE:
            f[OPCODE_FEATURE[i.opcode]] += 1
        result = result_class(i.type)
        if result:
            f[result] += 1
        for operand in self._value_operands(i):
            constant = constant_class(operand)
            if constant:
                f[constant] += 1
        if i.opcode in INTEGER_BINARY:
            self._count_arithmetic(i, f)
        elif i.opcode in CALLS:
            self._count_call(i, f)
        elif i.opcode in ("load", "store"):
            self._count_access(i, f)
        else:
            count: dict[str, Callable[[Instruction, Features], None]] = {
                "icmp": self._count_comparison,
                "br": self._count_branch,
                "switch": self._count_switch,
                "alloca": self._count_alloca,
                "getelementptr": self._count_gep,
                "phi": self._count_phi,
            }
            if i.opcode in count:
                count[i.opcode](i, f)

    def _value_operands(self, i: Instruction) -> list[Value]:
        """Operands that need a value in a register or an immediate field."""
        if i.opcode in CALLS:
            immediate = self.module.immediate_arguments(i.intrinsic) if i.intrinsic else set()
            return [v for n, v in enumerate(i.arguments) if n not in immediate]
        if i.opcode in NO_VALUE_OPERANDS:
            return []
        if i.opcode == "switch":
            return i.operands[:1]
        return i.operands

    def _count_width(self, type_: Value, opcode: str, f: Features) -> None:
        width = integer_width(type_)
        if width > self.module.pointer_bits:
            f["arith_wide"] += 1
            f["arith_wide_mul_div"] += opcode in MUL_DIV
        f["arith_narrow"] += width in (8, 16)

    def _count_arithmetic(self, i: Instruction, f: Features) -> None:
        left, right = i.operands
        self._count_width(i.type, i.opcode, f)
        if i.opcode == "mul":
            f["arith_mul_constant"] += is_constant_integer(left) or is_constant_integer(right)
        if i.opcode in DIVISIONS and is_constant_integer(right):
            f["arith_div_constant"] += 1
            f["arith_div_power_of_two"] += unsigned_value(right).bit_count() == 1
        if i.opcode in SHIFTS:
            f["arith_shift_variable"] += not right.is_constant

    def _count_comparison(self, i: Instruction, f: Features) -> None:
        predicate = icmp_predicate(i)
        kind = {"s": "signed", "u": "unsigned"}.get(predicate[0], "equality")
        f[f"op_icmp_{kind}"] += 1
        self._count_width(i.operands[0].type, i.opcode, f)

    def _count_branch(self, i: Instruction, f: Features) -> None:
        if len(i.successors) == 1:
            f["op_br_unconditional"] += 1
        else:
            f["op_br_conditional"] += 1
            f["cfg_constant_branches"] += i.operands[0].is_constant

    def _count_switch(self, i: Instruction, f: Features) -> None:
        cases = len(i.successors) - 1
        f["cfg_switch_cases"] += cases
        f["cfg_max_switch_cases"] = max(f["cfg_max_switch_cases"], cases)
        f["cfg_constant_branches"] += i.operands[0].is_constant

    def _count_phi(self, i: Instruction, f: Features) -> None:
        f["cfg_phi_incoming"] += len(i.operands)

    def _count_gep(self, i: Instruction, f: Features) -> None:
        indices = i.operands[1:]
        f["mem_gep_constant"] += all(is_constant_integer(v) for v in indices)
        f["mem_gep_struct"] += len(indices) > 1

    def _count_access(self, i: Instruction, f: Features) -> None:
        type_ = i.type if i.opcode == "load" else i.operands[0].type
        address = i.operands[-1]
        f[f"mem_{i.opcode}_{access_class(type_)}"] += 1
        f["mem_store_constant"] += i.opcode == "store" and i.operands[0].is_constant
        flags = re.search(r"\b(?:load|store) (atomic )?(volatile )?", i.text)
        alignment = re.search(r", align (\d+)", i.text)
        assert flags and alignment
        f["mem_atomic"] += bool(flags[1])
        f["mem_volatile"] += bool(flags[2])
        bits = self.module.pointer_bits if type_kind(type_) == TypeKind.pointer else integer_width(type_)
        f["mem_underaligned"] += 8 * int(alignment[1]) < min(bits, MAX_NATURAL_BITS)
        source = self.definition(address)
        f["mem_access_stack"] += source is not None and source.opcode == "alloca"
        f["mem_access_global"] += address.is_constant

    @cached_property
    def _definitions(self) -> dict[Value, Instruction]:
        return {i.value: i for i in self.all_instructions}

    def definition(self, value: Value) -> Instruction | None:
        return self._definitions.get(value)

    def _count_alloca(self, i: Instruction, f: Features) -> None:
        type_text = allocated_type(i)
        count = i.operands[0]
        in_entry = i.value.block == next(iter(self.value.blocks))
        f["mem_alloca_aggregate"] += self.module.is_aggregate(type_text)
        f["mem_alloca_promotable"] += self._is_promotable(i, type_text)
        if not in_entry or not is_constant_integer(count):
            f["mem_alloca_dynamic"] += 1
        else:
            f["mem_alloca_bytes"] += self.module.type_size(type_text) * unsigned_value(count)

    def _is_promotable(self, i: Instruction, type_text: str) -> bool:
        """Whether every use loads or stores the whole variable, not volatile, and nothing else."""
        if not is_constant_integer(i.operands[0]) or unsigned_value(i.operands[0]) != 1:
            return False

        def is_whole_access(user: Instruction, operand: int) -> bool:
            if user.opcode == "load":
                accessed = user.type
            elif user.opcode == "store" and operand == 1:
                accessed = user.operands[0].type
            else:
                return user.is_hint
            return str(accessed).split(" = ")[0] == type_text and not re.search(
                r"\b(load|store) (atomic )?volatile ", user.text
            )

        return all(is_whole_access(user, operand) for user, operand in self.users[i.value])

    def _count_call(self, i: Instruction, f: Features) -> None:
        if i.intrinsic is not None:
            f["call_intrinsic"] += 1
            for name, members in INTRINSIC_CLASSES.items():
                f[name] += is_named(i.intrinsic, members)
            if is_named(i.intrinsic, ["memcpy", "memmove", "memset"]):
                f["mem_constant_length"] += is_constant_integer(i.arguments[2])
        elif i.is_inline_asm:
            f["call_inline_asm"] += 1
        else:
            f["call_indirect"] += i.callee is None
            f["call_recursive"] += i.callee == self.value
            f["call_arguments"] += len(i.arguments)
            f["call_many_arguments"] += len(i.arguments) > FEW_ARGUMENTS
            if i.callee is not None:
                f["call_constant_arguments"] += sum(v.is_constant for v in i.arguments)
            f["call_tail"] += bool(re.match(r"(%\S+ = )?tail call ", i.text))
            f["call_musttail"] += bool(re.match(r"(%\S+ = )?musttail call ", i.text))

    # Control flow

    def _count_shape(self, f: Features) -> None:
        blocks = self.blocks
        f["blocks"] = len(blocks)
        f["edges"] = sum(len(block.successors) for block in blocks)
        f["cfg_dead_blocks"] = len(blocks) - len(self.flow.order)
        f["cfg_irreducible_edges"] = self.flow.irreducible_edges

        def target(number: int) -> int | None:
            """Where a block goes that has one way in and one way out."""
            block = blocks[number]
            return block.successors[0] if len(block.predecessors) == len(block.successors) == 1 else None

        for number, block in enumerate(blocks):
            size, outs, ins = len(block.instructions), len(block.successors), len(block.predecessors)
            f["cfg_" + ("no_successor", "one_successor", "two_successors", "many_successors")[min(outs, 3)]] += 1
            if number != 0 or ins != 0:
                names = ("no_predecessor", "one_predecessor", "two_predecessors", "many_predecessors")
                f["cfg_" + names[min(ins, 3)]] += 1
            for s in block.successors:
                f["cfg_critical_edges"] += outs > 1 and len(blocks[s].predecessors) > 1
                f["cfg_chains"] += outs == 1 and len(blocks[s].predecessors) == 1
            f["cfg_short_blocks"] += size <= SHORT_BLOCK
            f["cfg_long_blocks"] += size > LONG_BLOCK
            f["cfg_phi_blocks"] += block.count(["phi"]) > 0
            if block.terminator.opcode == "br" and outs == 1:
                f["cfg_forwarding_blocks"] += size == 1
            elif block.terminator.opcode == "br":
                on_true, on_false = block.successors
                then, otherwise = target(on_true), target(on_false)
                f["cfg_triangles"] += then == on_false or otherwise == on_true
                f["cfg_diamonds"] += then is not None and then == otherwise

    def _count_loops(self, f: Features) -> None:
        for loop in self.flow.loops:
            size = sum(len(self.blocks[b].instructions) for b in loop.blocks)
            f["loop_count"] += 1
            f[f"loop_depth_{min(loop.depth, 3)}"] += 1
            f["loop_max_depth"] = max(f["loop_max_depth"], loop.depth)
            f["loop_max_instructions"] = max(f["loop_max_instructions"], size)
            if loop.innermost:
                f["loop_innermost"] += 1
                f["loop_innermost_instructions"] += size
            f["loop_single_block"] += len(loop.blocks) == 1
            f["loop_single_exit"] += len(loop.exiting) == 1
            f["loop_several_latches"] += len(loop.latches) > 1
            f["loop_rotated"] += len(loop.latches) == 1 and loop.latches[0] in loop.exiting
            f["loop_preheader"] += self.flow.has_preheader(loop)
            f["loop_with_call"] += any(self.blocks[b].calls for b in loop.blocks)
            if loop.trips is not None:
                f["loop_known_trip"] += 1
                f["loop_known_trip_small"] += loop.trips <= SMALL_TRIP_COUNT
                f["loop_log_trips"] += math.log2(loop.trips)
        for number in set().union(*(loop.blocks for loop in self.flow.loops)):
            block = self.blocks[number]
            f["loop_blocks"] += 1
            f["loop_instructions"] += len(block.instructions)
            f["loop_loads"] += block.count(["load"])
            f["loop_stores"] += block.count(["store"])
            f["loop_calls"] += block.calls

    def _is_wide(self, i: Instruction) -> bool:
        if i.opcode not in INTEGER_BINARY and i.opcode != "icmp":
            return False
        return integer_width(i.operands[0].type) > self.module.pointer_bits

    def _count_executions(self, f: Features) -> None:
        frequencies = self.flow.frequencies()
        for number, weight in frequencies.items():
            block = self.blocks[number]
            executed = {
                "freq_instructions": len(block.instructions),
                "freq_loads": block.count(["load"]),
                "freq_stores": block.count(["store"]),
                "freq_calls": block.calls,
                "freq_branches": sum(
                    i.opcode == "switch" or (i.opcode == "br" and len(i.successors) == 2) for i in block.instructions
                ),
                "freq_mul_div": block.count(MUL_DIV),
                "freq_float": block.count(FLOATING),
                "freq_wide": sum(self._is_wide(i) for i in block.instructions),
            }
            for name, count in executed.items():
                f[name] += weight * count
        f["freq_max"] = math.log2(1 + max(frequencies.values()))


def allocated_type(i: Instruction) -> str:
    """The type in an alloca's text: `%p = alloca inalloca [4 x i32], i64 2, align 4`."""
    declared = split_top_level(i.raw_text.split("alloca ", 1)[1])[0]
    return re.sub(r"^((inalloca|swifterror) )*", "", declared)


# --- the module -----------------------------------------------------------------------------------


@dataclass
class Uses:
    """How a function is used: by calls of it, and in other ways (its address is taken)."""

    calls: int = 0
    other: bool = False


class Module:
    """A parsed module and its features."""

    def __init__(self, module: Value) -> None:
        self.module = module
        self.text = ModuleText(str(module))
        self.data = llvm.create_target_data(module.data_layout)
        self.pointer_bits = self._pointer_bits()
        self._sizes: dict[str, tuple[int, bool]] = {}
        self._immediate_arguments: dict[str, set[int]] = {}
        # Printed names, which unlike llvmlite's tell unnamed functions apart.
        self.headers = dict(zip(module.functions, map(global_names, self.text.headers), strict=True))
        self.names = {function: names[0] for function, names in self.headers.items()}
        bodies = iter(self.text.bodies)
        self.functions = [Function(f, next(bodies), self) for f in module.functions if not f.is_declaration]

    def _pointer_bits(self) -> int:
        layout: list[str] = self.module.data_layout.split("-")
        pointers = [part.split(":") for part in layout if re.match(r"p0?:", part)]
        return int(pointers[0][1]) if pointers else 64

    def _type_facts(self, type_text: str) -> tuple[int, bool]:
        """Size in bytes (0 if it is not a constant) and whether it is an array or structure."""
        if type_text not in self._sizes:
            if "vscale" in type_text or type_text.startswith("target("):
                return 0, False
            parts = [f'target datalayout = "{self.module.data_layout}"', *self.text.types]
            probe = llvm.parse_assembly("\n".join([*parts, f"@probe = external global {type_text}"]))
            type_ = probe.get_global_variable("probe").global_value_type
            self._sizes[type_text] = self.data.get_abi_size(type_), type_kind(type_) in AGGREGATE_KINDS
        return self._sizes[type_text]

    def type_size(self, type_text: str) -> int:
        return self._type_facts(type_text)[0]

    def is_aggregate(self, type_text: str) -> bool:
        return self._type_facts(type_text)[1]

    def immediate_arguments(self, intrinsic: str) -> set[int]:
        """Numbers of an intrinsic's arguments that can only be constants."""
        if intrinsic not in self._immediate_arguments:
            arguments = enumerate(self.module.get_function("llvm." + intrinsic).arguments)
            self._immediate_arguments[intrinsic] = {
                n for n, a in arguments if any(b"immarg" in attribute for attribute in a.attributes)
            }
        return self._immediate_arguments[intrinsic]

    def function_uses(self) -> dict[str, Uses]:
        uses: dict[str, Uses] = defaultdict(Uses)

        def mention(text: str) -> None:
            for name in global_names(re.sub(r'blockaddress\(@(".*?"|[-\w$.]+), [^)]*\)', "", text)):
                uses[name].other = True

        for line in self.text.globals + self.text.aliases:
            mention(line.split(" = ", 1)[1])
        for function in self.functions:
            for other in self.headers[function.value][1:]:  # personality, prefix and prologue data
                uses[other].other = True
            for i in function.all_instructions:
                operands = i.operands
                if i.callee is not None:
                    uses[self.names[i.callee]].calls += 1
                    operands = operands[:-1]
                for operand in operands:
                    if kind_of(operand) == ValueKind.function:
                        uses[self.names[operand]].other = True
                    elif operand.is_constant and kind_of(operand) not in GLOBAL_KINDS:
                        mention(str(operand))
        return uses

    def features(self) -> Features:
        """All features by name, before the last step of their aggregation."""
        aggregate = {feature.name: feature.aggregate for feature in schema.load().features}
        total: Features = defaultdict(float)
        for function in self.functions:
            for name, value in function.features().items():
                if aggregate[name] == "max":
                    total[name] = max(total[name], value)
                else:
                    total[name] += value
        self._count_functions(total)
        for value, line in zip(self.module.global_variables, self.text.globals, strict=True):
            if not value.name.startswith("llvm."):
                self._count_global(value, line, total)
        self._count_target(total)
        return total

    def _count_functions(self, f: Features) -> None:
        uses = self.function_uses()
        for function in self.module.functions:
            if function.name.startswith("llvm."):
                continue
            use = uses[self.names[function]]
            if function.is_declaration:
                f["func_declared"] += 1
                f["call_declared"] += use.calls
                continue
            local = function.linkage in LOCAL
            single = local and use.calls == 1 and not use.other
            f["call_defined"] += use.calls
            f["call_internal"] += use.calls if local else 0
            f["call_single_site"] += single
            f["func_single_site"] += single
            f["func_internal"] += local
            f["func_linkonce"] += function.linkage in REPLACEABLE
            f["func_unused"] += local and not use.calls and not use.other
            f["func_address_taken"] += use.other
            words = set(without_strings(" ".join(a.decode() for a in function.attributes)).split())
            for attribute in [
                "minsize",
                "optsize",
                "optnone",
                "noinline",
                "alwaysinline",
                "inlinehint",
                "noreturn",
            ]:
                f[f"func_{attribute}"] += attribute in words

    def _count_global(self, value: Value, line: str, f: Features) -> None:
        if value.is_declaration:
            f["global_declared"] += 1
            return
        type_ = value.global_value_type
        type_text = str(type_).split(" = ")[0]
        keyword, rest = re.split(r"\b(global|constant) ", line.split(" = ", 1)[1], maxsplit=1)[1:]
        initialiser = split_top_level(rest.removeprefix(type_text).strip())[0]
        constant = keyword == "constant"
        f["global_variables"] += 1
        f["global_constants"] += constant
        f["global_internal"] += value.linkage in LOCAL
        f["global_aggregates"] += type_kind(type_) in AGGREGATE_KINDS
        characters = re.fullmatch(r'c"(.*)"', initialiser)
        if constant and characters:
            # One zero byte, at the end.
            f["global_strings"] += characters[1].endswith("\\00") and characters[1].count("\\00") == 1
        size = self.data.get_abi_size(type_)
        is_zero = initialiser in ("0", "false", "null", "zeroinitializer", "none") or bool(
            re.fullmatch(r"0\.0+e\+00|0x[HRKLM]?0+", initialiser)
        )
        kind = "constant" if constant else "zero" if is_zero else "data"
        f[f"global_bytes_{kind}"] += size
        f["global_max_bytes"] = max(f["global_max_bytes"], size)

    def _count_target(self, f: Features) -> None:
        architecture = self.module.triple.split("-")[0]
        f["target_pointer_bits"] = self.pointer_bits
        f["target_big_endian"] = int("E" in self.module.data_layout.split("-"))
        f["target_riscv"] = int(architecture.startswith("riscv"))
        f["target_thumb"] = int(architecture.startswith("thumb"))
        f["target_arm"] = int(bool(re.match(r"arm(?!64)|thumb|xscale", architecture)))
        f["target_x86"] = int(bool(re.fullmatch(r"i[3-9]86|x86_64h?|amd64|x86", architecture)))


def features(module: Value) -> np.ndarray:
    """The feature vector of a parsed llvmlite module, in schema order, as float32.

    Features that the schema marks `reference = false` are NaN.
    """
    raw = Module(module).features()
    vector = []
    for feature in schema.load().features:
        value = float(raw[feature.name])
        if not feature.reference:
            value = math.nan
        elif feature.aggregate == "log":
            value = math.log2(1 + value)
        elif feature.of:
            numerator, denominator = (float(raw[name]) for name in feature.of)
            value = numerator / denominator if denominator else 0.0
        vector.append(value)
    return np.array(vector, dtype=np.float32)


def from_bitcode(data: bytes) -> np.ndarray:
    """The feature vector of a module in bitcode."""
    return features(llvm.parse_bitcode(data))


def from_text(text: str) -> np.ndarray:
    """The feature vector of a module in textual IR."""
    return features(llvm.parse_assembly(text))


def from_file(path: Path) -> np.ndarray:
    """The feature vector of a .bc or .ll file."""
    return from_bitcode(path.read_bytes()) if path.suffix == ".bc" else from_text(path.read_text())
