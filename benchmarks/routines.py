"""Instructions that a call of each routine of the compiler's library executes, written as a TOML file.

    python benchmarks/routines.py --out passes_features/routines.toml

Programs call a routine with random operands; what a program executes that calls an empty function in its place is taken
off. Those of Arm's run-time ABI are measured on cortex-m4, all others on ibex-fast.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from mlcomp.platforms.measurement import Limits
from mlcomp.platforms.platform import Platform, find_platform
from mlcomp.platforms.program import Source, build_and_measure

# By platform and kind: result and operands (see TYPES), and the routines. Routines of one signature stand together.
ROUTINES = {
    "ibex-fast": {
        "float_calls": {
            "fff": "addsf3 subsf3 mulsf3 divsf3",
            "iff": "ltsf2 lesf2 gtsf2 gesf2 eqsf2 nesf2 unordsf2",
            "ddd": "adddf3 subdf3 muldf3 divdf3",
            "idd": "ltdf2 ledf2 gtdf2 gedf2 eqdf2 nedf2 unorddf2",
            "qqq": "addtf3 subtf3 multf3 divtf3",
            "iqq": "lttf2 letf2 gttf2 getf2 eqtf2 netf2 unordtf2",
            "fi": "floatsisf",
            "fu": "floatunsisf",
            "fl": "floatdisf",
            "fv": "floatundisf",
            "di": "floatsidf",
            "du": "floatunsidf",
            "dl": "floatdidf",
            "dv": "floatundidf",
            "qi": "floatsitf",
            "qu": "floatunsitf",
            "ql": "floatditf",
            "qv": "floatunditf",
            "if": "fixsfsi",
            "uf": "fixunssfsi",
            "lf": "fixsfdi",
            "vf": "fixunssfdi",
            "id": "fixdfsi",
            "ud": "fixunsdfsi",
            "ld": "fixdfdi",
            "vd": "fixunsdfdi",
            "iq": "fixtfsi",
            "uq": "fixunstfsi",
            "lq": "fixtfdi",
            "vq": "fixunstfdi",
            "df": "extendsfdf2",
            "qf": "extendsftf2",
            "qd": "extenddftf2",
            "fd": "truncdfsf2",
            "fq": "trunctfsf2",
            "dq": "trunctfdf2",
        },
        "integer_calls": {
            "lll": "muldi3 divdi3 moddi3",
            "vvv": "udivdi3 umoddi3",
            "lli": "ashldi3 ashrdi3",
            "vvi": "lshrdi3",
            "iu": "clzsi2 ctzsi2 popcountsi2",
            "iv": "clzdi2 ctzdi2 popcountdi2",
            "uu": "bswapsi2",
            "vv": "bswapdi2",
        },
    },
    "cortex-m4": {
        "float_calls": {
            "fff": "aeabi_fadd aeabi_fsub aeabi_frsub aeabi_fmul aeabi_fdiv",
            "iff": "aeabi_fcmplt aeabi_fcmple aeabi_fcmpgt aeabi_fcmpge aeabi_fcmpeq aeabi_fcmpun",
            "ddd": "aeabi_dadd aeabi_dsub aeabi_drsub aeabi_dmul aeabi_ddiv",
            "idd": "aeabi_dcmplt aeabi_dcmple aeabi_dcmpgt aeabi_dcmpge aeabi_dcmpeq aeabi_dcmpun",
            "fi": "aeabi_i2f",
            "fu": "aeabi_ui2f",
            "fl": "aeabi_l2f",
            "fv": "aeabi_ul2f",
            "di": "aeabi_i2d",
            "du": "aeabi_ui2d",
            "dl": "aeabi_l2d",
            "dv": "aeabi_ul2d",
            "if": "aeabi_f2iz",
            "uf": "aeabi_f2uiz",
            "lf": "aeabi_f2lz",
            "vf": "aeabi_f2ulz",
            "id": "aeabi_d2iz",
            "ud": "aeabi_d2uiz",
            "ld": "aeabi_d2lz",
            "vd": "aeabi_d2ulz",
            "df": "aeabi_f2d",
            "fd": "aeabi_d2f",
        },
        "integer_calls": {
            "lll": "aeabi_ldivmod aeabi_lmul",
            "vvv": "aeabi_uldivmod",
            "lli": "aeabi_llsl aeabi_lasr",
            "vvi": "aeabi_llsr",
        },
    },
}
TYPES = {
    "i": "int",
    "u": "unsigned",
    "l": "long long",
    "v": "unsigned long long",
    "f": "float",
    "d": "double",
    "q": "long double",
}
RETURN = {"ibex-fast": "ret", "cortex-m4": "bx lr"}
COMPILER = ("clang-19", "-O1", "-fno-builtin", "-w")
LIMITS = Limits(cycles=10_000_000)
EMPTY = "empty"
FEW, MANY = 64, 576
PROGRAM = """
static unsigned state = 1;
static unsigned random(void) { return state = state * 1664525u + 1013904223u; }
static unsigned some(void) { unsigned bits = random() >> 27; return random() >> bits; }
%(declaration)s
volatile %(result)s result;
int main(void) {
  static %(first)s first[64];
  static %(second)s second[64];
  for (int i = 0; i < 64; i++) {
    int left = (int)some() - (int)some();
    first[i] = (%(first)s)left%(wide)s%(scale)s;
    second[i] = (%(second)s)(%(shift)s)%(scale)s;
  }
  for (int i = 0; i < %(calls)d; i++)
    result = %(name)s(%(arguments)s);
  return 0;
}
"""


def program(platform: str, routine: str, signature: str, calls: int) -> str:
    """Source of a program that calls a routine so often."""
    result, *operands = signature
    types = [TYPES[o] for o in operands]
    name = EMPTY if routine == EMPTY else f"__{routine}"
    body = f'{{ __asm__ volatile("{RETURN[platform]}"); }}' if routine == EMPTY else ";"
    attributes = "__attribute__((naked, noinline)) " if routine == EMPTY else ""
    return PROGRAM % {
        "declaration": f"{attributes}{TYPES[result]} {name}({', '.join(types)}){body}",
        "result": TYPES[result],
        "first": types[0],
        "second": types[-1],
        "wide": " * (1ll << (some() & 31))" if operands[0] in "lv" else "",
        "scale": " / 1024" if operands[0] in "fdq" else "",
        "shift": "some() & 31" if operands[1:] == ["i"] else "some() % 65535 + 1",
        "calls": calls,
        "name": name,
        "arguments": ", ".join(f"{o}[i & 63]" for o in ("first", "second")[: len(operands)]),
    }


def executed(platform: Platform, source: str) -> float:
    """Instructions that a program executes."""
    with tempfile.TemporaryDirectory(prefix="mlcomp-") as name:
        path = Path(name, "program.c")
        path.write_text(source)
        result = build_and_measure(platform, COMPILER, [Source(path)], LIMITS)
    if result.problem:
        raise click.ClickException(f"{result.problem}: {source}")
    return result.main["instructions"]


def per_call(platform: Platform, routine: str, signature: str) -> float:
    """Instructions that a call of a routine executes, without its return."""
    both = [
        [executed(platform, program(platform.name, r, signature, n)) for n in (FEW, MANY)] for r in (routine, EMPTY)
    ]
    (few, many), (empty_few, empty_many) = both
    return ((many - few) - (empty_many - empty_few)) / (MANY - FEW)


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(out: Path) -> None:
    """Measure every routine and write the file."""
    lines = {kind: [] for kind in ROUTINES["ibex-fast"]}
    for name, kinds in ROUTINES.items():
        platform = find_platform(name)
        platform.prepare()
        for kind, routines in kinds.items():
            for signature, same in routines.items():
                for routine in same.split():
                    instructions = per_call(platform, routine, signature)
                    lines[kind].append(f"__{routine} = {instructions:.0f}")
                    click.echo(lines[kind][-1])
    text = "# Instructions that a call of a routine of the compiler's library executes; made by\n"
    text += f"#     python benchmarks/routines.py --out {out}\n"
    for kind, rows in lines.items():
        text += "\n".join(["", f"[{kind}]", *rows, ""])
    out.write_text(text)


if __name__ == "__main__":
    main()
