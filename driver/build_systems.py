"""What build systems want to know: a CMake toolchain file, a Meson cross file, a clang `--config` file.

All are printed, for the user to keep with the project or to make anew. They name this installation by absolute
paths. Imported only when asked for: it may take its time.
"""

from __future__ import annotations

import os
import re
import shlex
import tomllib

from mlcomp.driver.arguments import parse
from mlcomp.driver.diagnostics import LLVM_MAJOR, DriverError, nearest
from mlcomp.driver.learned import Plan, compile_arguments
from mlcomp.driver.options import LEVELS, OBJECTIVES, OWN_OPTIONS
from mlcomp.driver.policy import PACKAGE, shipped_policy
from mlcomp.driver.response import expand, quoted
from mlcomp.driver.settings import QUESTIONS, VARIABLES
from mlcomp.driver.target import architecture

HELP = "--ml-help"
TARGETS = os.path.join(PACKAGE, "platforms", "targets.toml")
CMAKE = """\
# CMake toolchain: mlcc for {name}. Made by: mlcc --cmake-toolchain {line}
# Use: cmake --toolchain THIS_FILE -DCMAKE_BUILD_TYPE=MinSizeRel ...
{system}set(CMAKE_C_COMPILER "{mlcc}")
set(CMAKE_CXX_COMPILER "{mlcc}++")
set(CMAKE_ASM_COMPILER "{mlcc}")
set(CMAKE_AR llvm-ar-{llvm})
set(CMAKE_RANLIB llvm-ranlib-{llvm})
foreach(language C CXX ASM)
  set(CMAKE_${{language}}_COMPILER_AR llvm-ar-{llvm})
  set(CMAKE_${{language}}_COMPILER_RANLIB llvm-ranlib-{llvm})
  set(CMAKE_${{language}}_FLAGS_INIT "{flags}")
endforeach()
foreach(language C CXX)
{levels}endforeach()
"""
CMAKE_BARE = """\
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR {processor})
foreach(language C CXX ASM)
  set(CMAKE_${{language}}_COMPILER_TARGET {triple})
endforeach()
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
"""
CMAKE_LEVEL = '  set(CMAKE_${{language}}_FLAGS_{kind} "{objective} -DNDEBUG" CACHE STRING "mlcc")\n'
BUILD_TYPES = {"MINSIZEREL": "size", "RELEASE": "time"}  # and the policy that is used if it ships
MESON = """\
# Meson cross file: mlcc for {name}. Made by: mlcc --meson-cross {line}
# Use: meson setup --cross-file THIS_FILE ...
[binaries]
c = {c}
cpp = {cxx}
ar = 'llvm-ar-{llvm}'
strip = 'llvm-strip-{llvm}'

[built-in options]
optimization = 'plain'
c_args = {arguments}
cpp_args = {arguments}
c_link_args = {objective}
cpp_link_args = {objective}

[properties]
needs_exe_wrapper = {needs_wrapper}

[host_machine]
system = '{system}'
cpu_family = '{family}'
cpu = '{processor}'
endian = 'little'
"""
SIMPLE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+.,:/@")
MESON_FAMILIES = {"thumb": "arm", "i386": "x86"}


def answer(program: str, clang: str, arguments: list[str]) -> str:
    """The text that the first question on the command line asks for; the other arguments belong to it."""
    if HELP in arguments:
        return own_help()
    if "--print-config" in arguments:
        return clang_config(program, clang, [a for a in arguments if a != "--print-config"])
    makers = {"--cmake-toolchain": cmake_toolchain, "--meson-cross": meson_cross}
    at = next(i for i, a in enumerate(arguments) if a.partition("=")[0] in makers)
    question, _, target = arguments[at].partition("=")
    rest = arguments[at + 1 :]
    if not target:
        if not rest:
            raise DriverError(f"{question} needs a target: {question} riscv32")
        target, *rest = rest
    return makers[question](program, clang, target, [*arguments[:at], *rest])


def own_help() -> str:
    """What mlcc understands beside clang's options."""
    rows = [(f"-O={name}", f"optimise for {goal}; clang gets {LEVELS[goal]}") for name, goal in OBJECTIVES.items()]
    rows += [(name, f"value: {values}") for name, (_, values) in OWN_OPTIONS.items()]
    rows += [(name, "print what a build system needs, or clang's --config file") for name in QUESTIONS if name != HELP]
    lines = [f"  {name:<50} {text}".rstrip() for name, text in rows]
    return "\n".join(
        ["Beside clang's options (mlcc --help), mlcc has:", *lines, f"Variables: {' '.join(VARIABLES)}", ""]
    )


def cmake_toolchain(program: str, clang: str, target: str, arguments: list[str]) -> str:
    """The text of a CMake toolchain file for a target, with more arguments for each compilation."""
    name, triple, flags = _target(target)
    objective, more = _without_objective(arguments)
    arch = architecture(parse(expand([f"--target={triple}", *flags, *more])), clang)
    here = _is_this_machine(triple)
    levels = {kind: f"-O=ml-{name}" for kind, name in BUILD_TYPES.items() if shipped_policy(arch, name)}
    if objective:
        levels = dict.fromkeys(BUILD_TYPES, objective)
    return CMAKE.format(
        name=name,
        line=shlex.join([target, *arguments]),
        system="" if here else CMAKE_BARE.format(processor=arch, triple=triple),
        mlcc=_own_program(program),
        llvm=LLVM_MAJOR,
        flags=re.sub(r'(["\\$])', r"\\\1", shlex.join([*flags, *more])),
        levels="".join(CMAKE_LEVEL.format(kind=kind, objective=o) for kind, o in levels.items()),
    )


def meson_cross(program: str, clang: str, target: str, arguments: list[str]) -> str:
    """The text of a Meson cross file, likewise; for size unless an objective is given."""
    name, triple, flags = _target(target)
    objective, more = _without_objective(arguments)
    mlcc = _own_program(program)
    arch = architecture(parse(expand([f"--target={triple}", *flags, *more])), clang)
    here = _is_this_machine(triple)
    first = [] if here else [f"--target={triple}"]
    return MESON.format(
        name=name,
        line=shlex.join([target, *arguments]),
        c=_meson_list([mlcc, *first, *flags]),
        cxx=_meson_list([f"{mlcc}++", *first, *flags]),
        llvm=LLVM_MAJOR,
        arguments=_meson_list([objective or "-O=ml-size", *more]),
        objective=_meson_list([objective or "-O=ml-size"]),
        needs_wrapper="false" if here else "true",
        system="linux" if here else "none",
        family=MESON_FAMILIES.get(arch, arch),
        processor=arch,
    )


def clang_config(program: str, clang: str, arguments: list[str]) -> str:
    """The text of a file for clang's `--config` that makes clang do what mlcc does for these arguments.

    It keeps to the level that mlcc maps the objective to: at another one, given on the command line, clang is
    left alone. Programs optimised at an LTO link need mlcc itself.
    """
    plan = Plan(program, clang, arguments)
    if not plan.request.objective:
        raise DriverError("--print-config needs an objective, such as -O=ml-size")
    if plan.request.has_input:
        raise DriverError("--print-config takes options only, such as those in CFLAGS, and no input files")
    if plan.problem:
        raise DriverError(plan.problem)
    options = [*plan.plugin_options(), f"-mlcomp-level={plan.level.removeprefix('-')}"]
    lines = [
        f"# Made by: mlcc --print-config {shlex.join(arguments)}",
        f"# Use: clang-{LLVM_MAJOR} --config=./THIS_FILE ...",
    ]
    words = [*compile_arguments(options), *plan.request.arguments]
    text = "\n".join(w if SIMPLE.issuperset(w) else quoted(w) for w in words)
    return "\n".join([*lines, text.replace("-Xclang\n", "-Xclang "), ""])


def _own_program(program: str) -> str:
    return os.path.join(os.path.dirname(os.path.realpath(program)), "mlcc")


def _is_this_machine(triple: str) -> bool:
    return triple.startswith(os.uname().machine + "-") and "linux" in triple


def _target(target: str) -> tuple[str, str, list[str]]:
    """Name, triple and flags of one of our targets, or of any triple."""
    try:
        with open(TARGETS, "rb") as file:
            table = tomllib.load(file)
    except OSError:
        table = {}
    row = table.get(target)
    if row is None:
        if target.count("-") < 1 or target.startswith("-"):
            raise DriverError(f"'{target}' is no target; give a triple or one of ours: {nearest(target, list(table))}")
        return target, target, []
    triple = row["flags"][0].removeprefix("--target=")
    flags = list(row["flags"][1:])
    if row["sections"]:
        flags += ["-ffunction-sections", "-fdata-sections"]
    if row["libc"] and os.path.isdir(row["libc"]):
        flags += ["-isystem", row["libc"]]
    return target, triple, flags


def _without_objective(arguments: list[str]) -> tuple[str, list[str]]:
    """What -O=ml… asks for, which goes elsewhere, and the other arguments."""
    objective = ""
    for argument in arguments:
        if argument.startswith("-O=ml"):
            parse([(argument, None)])  # complains about what is unknown
            objective = argument
    return objective, [a for a in arguments if not a.startswith("-O=ml")]


def _meson_list(words: list[str]) -> str:
    return "[" + ", ".join("'" + w.replace("\\", "\\\\").replace("'", "\\'") + "'" for w in words) + "]"
