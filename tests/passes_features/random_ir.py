"""Random functions in textual IR for what C programs rarely have: odd control flow and counting loops."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass


def random_graph(seed: int) -> str:
    """A function whose blocks branch anywhere: dead and irreducible parts, parallel edges, self-loops."""
    pick = random.Random(seed)
    count = pick.randint(1, 25)
    # Short jumps make nested loops, long ones make irreducible knots.
    reach = pick.choice([2, 4, 25])

    def target(block: int) -> str:
        near = block + pick.randint(-reach, reach + 1)
        return f"label %b{min(max(near, 1), count)}"

    lines = ["define i32 @graph(i32 %x, i1 %c, ptr %p) {", "entry:", "  br label %b1"]
    for block in range(1, count + 1):
        lines += [f"b{block}:", *["  store i32 %x, ptr %p"] * pick.randint(0, 2)]
        kind = pick.choices(["br", "goto", "switch", "indirect", "ret", "unreachable"], [8, 4, 2, 1, 1, 1])[0]
        if kind == "br":
            lines.append(f"  br i1 %c, {target(block)}, {target(block)}")
        elif kind == "goto":
            lines.append(f"  br {target(block)}")
        elif kind == "switch":
            cases = " ".join(f"i32 {n}, {target(block)}" for n in range(pick.randint(0, 4)))
            lines.append(f"  switch i32 %x, {target(block)} [ {cases} ]")
        elif kind == "indirect":
            lines.append(f"  indirectbr ptr %p, [{target(block)}, {target(block)}]")
        else:
            lines.append("  ret i32 0" if kind == "ret" else "  unreachable")
    return "\n".join([*lines, "}", ""])


@dataclass(frozen=True)
class CountingLoop:
    """A loop that counts from `start` by `step` while a comparison with `bound` holds (or until it does)."""

    width: int
    start: int
    step: int
    predicate: str
    bound: int
    tests_next: bool  # the comparison is of the incremented value
    exits_on_true: bool
    bound_first: bool
    exits_from_header: bool

    @classmethod
    def random(cls, seed: int) -> CountingLoop:
        """One of many loops, most of them short."""
        pick = random.Random(seed)
        width = pick.choice([3, 8, 32, 64])

        half = 1 << (width - 1)
        numbers = [n % (2 * half) for n in (0, 1, 2, 3, 5, 7, 16, 100, -1, -2, -3, half, half - 1)]
        return cls(
            width=width,
            start=pick.choice(numbers),
            step=pick.choice([1, 1, 2, 3, -1, -1, -2]) % (2 * half),
            predicate=pick.choice(["eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge"]),
            bound=pick.choice(numbers),
            tests_next=pick.random() < 0.5,
            exits_on_true=pick.random() < 0.5,
            bound_first=pick.random() < 0.3,
            exits_from_header=pick.random() < 0.5,
        )

    def ir(self) -> str:
        """The loop as a function."""
        tested = "%next" if self.tests_next else "%i"
        left, right = (self.bound, tested) if self.bound_first else (tested, self.bound)
        targets = "label %out, label %inside" if self.exits_on_true else "label %inside, label %out"
        test = f"  %c = icmp {self.predicate} i{self.width} {left}, {right}\n  br i1 %c, {targets}"
        inside, back = ("inside:\n  br label %loop", "%inside") if self.exits_from_header else ("", "%loop")
        if not self.exits_from_header:
            test = test.replace("%inside", "%loop")
        return f"""
            define void @count() {{
            entry:
              br label %loop
            loop:
              %i = phi i{self.width} [ {self.start}, %entry ], [ %next, {back} ]
              %next = add i{self.width} %i, {self.step}
            {test}
            {inside}
            out:
              ret void
            }}
        """

    def trips(self, limit: int) -> int | None:
        """Executions of the header, by executing; None if there are more than `limit`."""
        tests: dict[str, Callable[[int, int], bool]] = {
            "eq": lambda a, b: a == b,
            "ne": lambda a, b: a != b,
            "lt": lambda a, b: a < b,
            "le": lambda a, b: a <= b,
            "gt": lambda a, b: a > b,
            "ge": lambda a, b: a >= b,
        }
        holds = tests[self.predicate[-2:]]
        modulus, half = 2**self.width, 2 ** (self.width - 1)

        def number(bits: int) -> int:
            bits %= modulus
            return bits - modulus if self.predicate[0] == "s" and bits >= half else bits

        value = self.start
        for trip in range(1, limit + 1):
            tested = value + self.step if self.tests_next else value
            pair = (self.bound, tested) if self.bound_first else (tested, self.bound)
            if holds(number(pair[0]), number(pair[1])) == self.exits_on_true:
                return trip
            value += self.step
        return None
