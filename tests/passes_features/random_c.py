"""Random C programs for tests: seeded, freestanding, never run, so undefined behaviour does not matter.

They are meant to reach every feature of features.toml between them: all integer and floating-point types,
loops of all shapes, switches, gotos, calls of all kinds, globals with all linkages, atomics, inline assembly.
"""

from __future__ import annotations

import random

INTEGERS = [
    "signed char",
    "unsigned char",
    "short",
    "unsigned short",
    "int",
    "unsigned",
    "long",
    "long long",
    "unsigned long long",
    "_Bool",
]
FLOATS = ["float", "double"]
SCALARS = [*INTEGERS, *FLOATS]

PRELUDE = """
typedef int V4 __attribute__((vector_size(16)));
struct Pair { int a; short b; };
struct Node { struct Node *next; long long value; char name[5]; unsigned bits : 3, more : 13; double weight;
}; union Word { unsigned u; float f; unsigned char bytes[4]; }; void *memcpy(void *, const void *, unsigned
long); int printf(const char *, ...); extern int external_value; extern const struct Pair external_table[];
int external_function(int, void *); void give_up(void) __attribute__((noreturn));
"""

GLOBALS = """
static int counter;
static const short table[7] = {1, -2, 300, 0, 5, 6, 7};
int shared[20] = {1, 2, 3};
volatile unsigned device;
const char *const message = "hello";
const char greeting[] = "good day";
static struct Node head = {&head, 1, "abc", 1, 2, 0.5};
static double zero_double;
_Thread_local int per_thread = 3;
static int (*handlers[3])(int, void *) = {external_function, 0, external_function};
int weak_value __attribute__((weak)) = 4;
static unsigned char buffer[100];
static long long big = 0x123456789abLL;
""".strip().splitlines()


class ProgramWriter:
    """Writes one program; every choice comes from one random generator."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.lines: list[str] = []
        self.depth = 0
        self.labels = 0
        self.variables: dict[str, str] = {}  # name -> type
        self.functions: list[tuple[str, list[str]]] = []  # name, argument types
        self.globals = ["counter", "device", "weak_value", "big", "external_value"]

    def one_of(self, *choices: str) -> str:
        return self.random.choice(choices)

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def emit(self, line: str) -> None:
        self.lines.append("  " * self.depth + line)

    # Expressions

    def constant(self) -> str:
        value = self.random.choice([0, 1, 2, 3, 7, 8, 15, 20, 31, 100, 255, 1000, 2047, 4096, 65536, 123456789])
        text = f"{self.one_of('', '-')}{value}"
        return self.random.choices([text, text + "LL", f"{value}u", f"{value}.5", "0.0f"], [12, 2, 2, 1, 1])[0]

    def variable(self, types: list[str] | None = None) -> str:
        names = [n for n, t in self.variables.items() if types is None or t in types]
        return self.random.choice(names) if names else self.random.choice(self.globals)

    def integer(self, depth: int = 0) -> str:
        return f"(int)({self.expression(depth + 1)})"

    def place(self) -> str:
        """Something that can be assigned to."""
        return self.one_of(
            self.variable(),
            self.variable(),
            self.random.choice(self.globals[:4]),
            f"shared[{self.integer(2)} & 15]",
            "head.value",
            "head.bits",
            "pair.b",
            "local_array[2]",
            "local_array[x & 3]",
            "*(volatile unsigned *)0x40001000ul",
            "per_thread",
            "buffer[9]",
        )

    def expression(self, depth: int = 0) -> str:
        if depth > 3 or self.chance(0.25):
            return self.constant() if self.chance(0.35) else self.variable()
        sub = depth + 1
        a, b = self.expression(sub), self.expression(sub)
        i, j = f"(int)({a})", f"(int)({b})"
        divisor = self.one_of("3", "8", "10", "16u", f"({j} | 1)")
        return self.random.choices(
            [
                f"({a} {self.one_of('+', '-', '*')} {b})",
                f"({i} {self.one_of('&', '|', '^')} {j})",
                f"({self.one_of('(int)', '(unsigned)', '(long long)')}({a}) {self.one_of('<<', '>>')} "
                f"{self.one_of('3', '5', f'({j} & 7)')})",
                f"({self.one_of('(int)', '(unsigned)', '(unsigned long long)')}({a}) {self.one_of('/', '%')} "
                f"{divisor})",
                f"({a} / ({b} + 1.5f))",
                f"({a} {self.one_of('<', '<=', '==', '!=', '>', '>=')} {b})",
                f"({a} {self.one_of('&&', '||')} {b})",
                f"({a} ? {b} : {self.expression(sub)})",
                f"({self.random.choice(SCALARS)})({a})",
                f"table[{i} & 3]",
                f"shared[{i} & 15]",
                self.one_of("~", "-", "!") + f"({i})",
                self.builtin(i, j),
                self.call(sub),
                self.one_of("head.next->value", "head.name[1]", "message[2]", "greeting[1]", "pair.a", "word.f"),
                f"external_table[{i}].b",
                self.place(),
            ],
            [12, 6, 4, 4, 1, 5, 3, 4, 5, 2, 2, 3, 3, 5, 2, 1, 2],
        )[0]

    def builtin(self, i: str, j: str) -> str:
        return self.one_of(
            f"__builtin_popcount({i})",
            f"__builtin_clz({i} | 1)",
            f"__builtin_bswap32({i})",
            f"__builtin_abs({i})",
            f"__builtin_rotateleft32({i}, {j})",
            f"__builtin_add_overflow({i}, {j}, &overflow)",
            f"__builtin_mul_overflow({i}, {j}, &overflow)",
            f"__builtin_expect({i}, 0)",
            f"__builtin_fabs({i})",
            f"__builtin_elementwise_max({i}, {j})",
            f"__builtin_elementwise_add_sat({i}, {j})",
            f"__atomic_load_n(&counter, {self.one_of('0', '2', '5')})",
            f"__atomic_fetch_add(&counter, {i}, 5)",
            f"__sync_val_compare_and_swap(&counter, {i}, {j})",
        )

    def call(self, depth: int) -> str:
        name, types = self.random.choice(self.functions) if self.functions else ("external_function", ["int", "void *"])
        if self.chance(0.15):
            return f"handlers[{self.integer(3)} & 1]({self.expression(3)}, buffer)"
        if self.chance(0.15):
            name, types = "external_function", ["int", "void *"]
        pointers = {"void *": "buffer", "int *": self.one_of("shared", "local_array", "&x", "(int *)0")}
        arguments = [pointers[t] if t in pointers else self.expression(depth + 1) for t in types]
        return f"{name}({', '.join(arguments)})"

    # Statements

    def statements(self, count: int) -> None:
        for _ in range(count):
            self.statement()

    def block(self, head: str, count: int, tail: str = "}") -> None:
        self.emit(head + " {")
        self.depth += 1
        self.statements(count)
        self.depth -= 1
        self.emit(tail)

    def statement(self) -> None:
        few = self.random.randint(1, 3)
        kind = self.random.choices(
            ["assign", "if", "loop", "switch", "jump", "call", "memory", "special", "scope"],
            [10, 4, 4, 1, 1, 3, 1, 1, 1],
        )[0]
        if self.depth > 4 and kind in ("if", "loop", "switch", "scope"):
            kind = "assign"
        if kind == "assign":
            self.emit(f"{self.place()} {self.one_of('=', '=', '+=', '-=')} {self.expression()};")
        elif kind == "if":
            self.block(f"if ({self.expression()})", few)
            if self.chance(0.5):
                self.block("else", few)
        elif kind == "loop":
            self.loop(few)
        elif kind == "switch":
            self.switch()
        elif kind == "jump":
            self.emit(self.one_of(f"if ({self.expression(2)}) return {self.expression(2)};", self.goto()))
        elif kind == "call":
            self.emit(self.call(1) + ";")
        elif kind == "memory":
            self.emit(self.memory())
        elif kind == "special":
            self.emit(self.special())
        else:
            self.emit(f"{{ {self.random.choice(SCALARS)} v = {self.expression()}; v += x; x = v; }}")

    def loop(self, few: int) -> None:
        i = f"i{self.depth}"
        bound = self.one_of("4", "8", "16", "100", "x", "(int)y")
        head = self.one_of(
            f"for ({i} = 0; {i} < {bound}; {i}++)",
            f"for ({i} = {bound}; {i} > 0; {i} -= 2)",
            f"for ({i} = 1; {i} != 33; {i} += 4)",
            f"for (unsigned u = 0; u <= {self.one_of('5', '6', 'x')}; ++u)",
            f"for (unsigned char c = 250; c >= 1; c -= {self.one_of('1', '3')})",
            f"while ({self.expression(2)})",
            "for (struct Node *n = head.next; n; n = n->next)",
        )
        if self.chance(0.2):
            self.emit(f"{i} = 0;")
            return self.block("do", few, f"}} while (++{i} < {bound});")
        self.block(head, few)
        if self.chance(0.3):
            leave = f"if ({self.expression(2)}) {self.one_of('break', 'continue')};"
            self.lines.insert(-1, "  " * (self.depth + 1) + leave)
        return None

    def switch(self) -> None:
        self.emit(f"switch ({self.integer()}) {{")
        for case in sorted(self.random.sample(range(-3, 20), self.random.randint(2, 7))):
            self.emit(f"case {case}:")
            self.depth += 1
            self.statement()
            if self.chance(0.7):
                self.emit("break;")
            self.depth -= 1
        self.emit(self.one_of("default: give_up(); }", "default: __builtin_unreachable(); }", "}"))

    def goto(self) -> str:
        self.labels += 1
        label = f"label{self.labels}"
        return self.one_of(
            f"if ({self.expression(2)}) goto {label}; x++; {label}: y = x;",
            f"if (x) goto {label}; while (y > x) {{ y--; {label}: y += 2; }}",
            f"{{ static void *const targets[] = {{&&{label}, &&{label}b}}; goto *targets[x & 1]; "
            f"{label}: x++; {label}b: y = 0; }}",
        )

    def memory(self) -> str:
        return self.one_of(
            "__builtin_memcpy(buffer, greeting, 8);",
            "__builtin_memset(buffer, 0, sizeof buffer);",
            "__builtin_memmove(buffer, buffer + 1, x & 31);",
            "memcpy(local_array, shared, 16);",
            "struct Node copy = head; copy.value = x; external_function(x, &copy);",
            "external_function(x, __builtin_alloca(x & 63));",
            "{ int vla[(x & 7) + 1]; external_function(1, vla); }",
            "pair = *(struct Pair *)buffer;",
        )

    def special(self) -> str:
        return self.one_of(
            '__asm__ volatile("" ::: "memory");',
            '__asm__("" : "+r"(x) : "r"(y));',
            "__atomic_thread_fence(5);",
            "__atomic_store_n(&counter, 1, 0);",
            "device = device | 4;",
            'printf("%d %d", x, (int)y);',
            "if (x == 77) give_up();",
            "vector += (V4){1, 2, x, 3}; x += vector[1];",
            "word.u = x; y += word.bytes[1];",
            "__builtin_assume(x > 0);",
            "x = (int)(unsigned long)&shared[2] >> 2;",
        )

    # The program

    def function(self, index: int) -> None:
        types = [self.random.choice([*SCALARS, "int *", "int"]) for _ in range(self.random.randint(0, 6))]
        storage = self.one_of("static ", "static ", "", "", "__attribute__((weak)) ", "static inline ")
        attribute = self.one_of(
            *[""] * 4,
            "__attribute__((noinline)) ",
            "__attribute__((always_inline)) " if "static" in storage else "",
            "__attribute__((minsize)) ",
            "__attribute__((optnone, noinline)) ",
            "__attribute__((cold)) ",
        )
        result = self.random.choice(SCALARS)
        name = f"function{index}"
        parameters = ", ".join(f"{t} p{n}" for n, t in enumerate(types)) or "void"
        if types and self.chance(0.1):
            parameters += ", ..."
        self.variables = {f"p{n}": t for n, t in enumerate(types) if t in SCALARS} | {
            "x": "int",
            "y": "long long",
        }
        self.emit(f"{storage}{attribute}{result} {name}({parameters}) {{")
        self.depth = 1
        self.emit("int x = 1, local_array[4] = {1, 2}, overflow = 0; long long y = counter;")
        self.emit("int i1, i2, i3, i4, i5; V4 vector = {0}; struct Pair pair = {3, 4}; union Word word = {5};")
        if self.chance(0.2):  # before the name is known to others: direct recursion
            self.functions.append((name, types))
        self.statements(self.random.randint(1, 5))
        self.emit(f"return {self.expression()};")
        self.depth = 0
        self.emit("}")
        if (name, types) not in self.functions:
            self.functions.append((name, types))

    def program(self) -> str:
        self.lines = [PRELUDE, *self.random.sample(GLOBALS, len(GLOBALS))]
        for index in range(self.random.randint(2, 4)):
            self.function(index)
        if self.chance(0.3):
            name = self.functions[-1][0]
            self.emit(f"void *taken = (void *){name};")
        if self.chance(0.3):
            self.emit('extern int other_name __attribute__((alias("weak_value")));')
        return "\n".join(self.lines) + "\n"


def random_program(seed: int) -> str:
    """A C program; the same for the same seed."""
    return ProgramWriter(seed).program()
