"""CMake, Meson, autotools and plain make with mlcc in clang's place, for real."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from behaviour import Pair

C = "int two(void);\nint main(void) { return two() - 2; }\n"
TWO = "int two(void) { return 2; }\n"
CMAKE = """cmake_minimum_required(VERSION 3.20)
project(two C CXX ASM)
include(CheckCCompilerFlag)
include(CheckIPOSupported)
check_c_compiler_flag(-Wno-unused-result HAS_WNO)
check_c_compiler_flag(-no-such-flag HAS_NONSENSE)
if(NOT HAS_WNO OR HAS_NONSENSE OR NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
  message(FATAL_ERROR "not like clang")
endif()
add_library(two STATIC two.c three.cc)
if(NOT CMAKE_CROSSCOMPILING)
  add_executable(main main.c)
  target_link_libraries(main two)
endif()
"""
MESON = """project('two', 'c', 'cpp', default_options : ['buildtype=release'])
assert(meson.get_compiler('c').get_id() == 'clang')
two = static_library('two', 'two.c', 'three.cc')
if not meson.is_cross_build()
  executable('main', 'main.c', link_with : two)
endif
"""
CONFIGURE = """AC_INIT([two], [1])
AM_INIT_AUTOMAKE([foreign])
AC_PROG_CC
AC_PROG_RANLIB
AC_CHECK_HEADERS([stdint.h no_such_header.h])
AC_CHECK_FUNCS([memmove no_such_function])
AC_C_BIGENDIAN
AC_CHECK_SIZEOF([long])
AC_CONFIG_HEADERS([config.h])
AC_CONFIG_FILES([Makefile])
AC_OUTPUT
"""
AUTOMAKE = """noinst_LIBRARIES = libtwo.a
libtwo_a_SOURCES = two.c
bin_PROGRAMS = main
main_SOURCES = main.c
main_LDADD = libtwo.a
"""
FILES = {
    "main.c": C,
    "two.c": TWO,
    "three.cc": "template <class T> T same(T x) { return x; }\nint three() { return same(3); }\n",
    "CMakeLists.txt": CMAKE,
    "meson.build": MESON,
    "configure.ac": CONFIGURE,
    "Makefile.am": AUTOMAKE,
}


@pytest.fixture
def project(pair: Pair) -> Pair:
    pair.write(FILES)
    return pair


def run(pair: Pair, *command: str | Path, folder: str = ".", **environment: str) -> str:
    """Runs a step that must succeed; gives what it prints."""
    if not shutil.which(command[0]):
        pytest.fail(f"{command[0]} is missing; run make setup")
    done = subprocess.run(
        command,
        cwd=pair.folder / folder,
        env=pair.installation.environment | {"MLCC_STRICT": "1", "MLCC_LOG": str(pair.folder / "log")} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "mlcc:" not in done.stdout + done.stderr
    return done.stdout


def modules(pair: Pair) -> set[str]:
    """The modules that a policy has optimised, by their last names."""
    lines = (pair.folder / "log").read_text().splitlines()
    return {Path(json.loads(line)["module"]).name for line in lines}


@pytest.mark.parametrize("target", ["riscv32", "x86_64"])
def test_cmake_builds_with_our_toolchain_file(project: Pair, target: str) -> None:
    mlcc = project.installation.bin / "mlcc"
    project.write({"mlcc.cmake": run(project, mlcc, "--cmake-toolchain", target)})
    arguments = ["--toolchain", "mlcc.cmake", "-DCMAKE_BUILD_TYPE=MinSizeRel", "-G", "Ninja"]
    run(project, "cmake", "-S", ".", "-B", "build", *arguments)
    run(project, "cmake", "--build", "build")
    assert {"two.c", "three.cc"} <= modules(project)
    if target == "x86_64":
        run(project, project.folder / "build" / "main")
    objects = run(project, "llvm-readelf-19", "-h", "build/libtwo.a")
    assert objects.count("RISC-V" if target == "riscv32" else "X86-64") == 2


def test_cmake_builds_with_mlcc_named_on_the_command_line(project: Pair) -> None:
    programs = [f"-DCMAKE_{language}_COMPILER={project.installation.bin / name}"
                for language, name in (("C", "mlcc"), ("CXX", "mlcc++"))]  # fmt: skip
    run(project, "cmake", "-S", ".", "-B", "build", *programs, "-DCMAKE_C_FLAGS=-O=ml-size", "-G", "Ninja")
    run(project, "cmake", "--build", "build")
    run(project, project.folder / "build" / "main")
    assert "two.c" in modules(project) and "three.cc" not in modules(project)


@pytest.mark.parametrize("target", ["riscv32", "x86_64"])
def test_meson_builds_with_our_cross_file(project: Pair, target: str) -> None:
    project.write({"mlcc.ini": run(project, project.installation.bin / "mlcc", "--meson-cross", target)})
    run(project, "meson", "setup", "build", "--cross-file", "mlcc.ini")
    run(project, "ninja", "-C", "build")
    assert {"two.c", "three.cc"} <= modules(project)


def test_autotools_find_with_mlcc_what_they_find_with_clang(project: Pair, clang: str) -> None:
    run(project, "autoreconf", "-i")
    headers = []
    for name, compiler, flags in (("a", clang, "-Oz"), ("b", str(project.installation.bin / "mlcc"), "-O=ml-size")):
        project.folder.joinpath(name).mkdir()
        run(project, project.folder / "configure", f"CC={compiler}", f"CFLAGS={flags}", folder=name)
        run(project, "make", "-j2", folder=name)
        run(project, project.folder / name / "main")
        headers.append((project.folder / name / "config.h").read_text())
    assert headers[0] == headers[1]
    assert {"two.c", "main.c"} <= modules(project)


def test_make_with_levels_of_its_own_is_turned_by_one_variable(project: Pair) -> None:
    project.write({"Makefile": "CFLAGS = -Os -Wall -Werror\nmain: main.o two.o\n"})
    run(project, "make", f"CC={project.installation.bin / 'mlcc'}", MLCC_OBJECTIVE="ml-size")
    run(project, project.folder / "main")
    assert modules(project) == {"main.c", "two.c"}


def test_help_names_what_mlcc_adds_to_clang(pair: Pair) -> None:
    made = pair.outcome([pair.installation.bin / "mlcc", "--ml-help"])
    assert (made.code, made.stderr) == (0, b"")
    for name in ("-O=ml-size", "--ml-effort", "--print-config", "MLCC_OBJECTIVE"):
        assert name.encode() in made.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cmake-toolchain"], "--cmake-toolchain needs a target: --cmake-toolchain riscv32"),
        (["--meson-cross="], "--meson-cross needs a target: --meson-cross riscv32"),
        (["--cmake-toolchain", "riscv"], "'riscv' is no target; give a triple or one of ours: did you mean riscv32?"),
        (["--cmake-toolchain", "riscv32", "-O=ml-sise"], "unknown objective 'ml-sise' in '-O=ml-sise'; did you mean"),
        (["--print-config"], "--print-config needs an objective, such as -O=ml-size"),
        (["--print-config", "-O=ml-size", "a.c"], "--print-config takes options only"),
        (["--print-config", "-O=ml-time"], "no time policy for x86_64"),
    ],
)
def test_bad_requests_are_errors_of_one_line(pair: Pair, arguments: list[str], message: str) -> None:
    done = pair.outcome([pair.installation.bin / "mlcc", *arguments])
    assert (done.code, done.stdout, done.stderr.count(b"\n")) == (1, b"", 1)
    assert done.stderr.decode().startswith(f"mlcc: error: {message}")


def test_a_toolchain_for_any_triple_has_the_users_flags(pair: Pair) -> None:
    made = pair.outcome([pair.installation.bin / "mlcc", "--cmake-toolchain=riscv32-none-elf", "-march=rv32i", "-O=ml"])
    text = made.stdout.decode()
    assert 'FLAGS_INIT "-march=rv32i"' in text and "_COMPILER_TARGET riscv32-none-elf" in text
    assert '_MINSIZEREL "-O=ml-balanced' not in text and '_MINSIZEREL "-O=ml -DNDEBUG"' in text


@pytest.fixture
def config(project: Pair) -> Pair:
    line = ["-O=ml-size", "--ml-effort=0", f"--ml-policy={project.installation.root / 'change'}", "--print-config"]
    project.write({"mlcc.cfg": run(project, project.installation.bin / "mlcc", *line, MLCC_LOG="")})
    return project


def test_clang_with_our_config_file_makes_what_mlcc_makes(config: Pair) -> None:
    for line in ("-c two.c -Werror", "-g -c main.c two.c", "-E two.c", "-MM two.c", "main.c two.c -o out -Werror"):
        assert config.clangs(f"--config=./mlcc.cfg {line}") == config.mlccs(f"{{O}} {line}", "change")


def test_another_level_on_the_command_line_turns_the_config_files_policy_off(config: Pair) -> None:
    for level in ("-O0", "-O2", "-Os"):
        assert config.clangs(f"--config=./mlcc.cfg {level} -c two.c") == config.clangs(f"{level} -c two.c")
