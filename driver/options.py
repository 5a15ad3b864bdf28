"""clang's options as far as the driver must understand them, in one table.

Options are passed on untouched. The driver only has to tell an option's value from an input file, and to
know the few options that decide whether, for what and how a command line compiles. A test holds the table
against clang itself.
"""

from __future__ import annotations

# How an option is written.
FLAG = "flag"  # -c
JOINED = "joined"  # -march=rv32imc; the value is the rest of the argument
SEPARATE = "separate"  # -target X; alone, it takes the next argument
EITHER = "either"  # -xc or -x c
PREFIX = "prefix"  # -Xarch_thumb X; takes the next argument, whatever follows the name

# What an option means to the driver. All others are only passed on.
NOTHING = ""
LEVEL = "level"
LANGUAGE = "language"
TARGET = "target"
CPU = "cpu"
ARCHITECTURE = "architecture"
INSTRUCTION_SET = "instruction set"  # -mthumb, -marm
WIDTH = "width"  # -m32, -m64
NO_CODE = "no code"  # stops before the optimiser, whatever the inputs are
NO_LINK = "no link"
LTO = "lto"
LINKER = "linker"
FRAMES = "frame pointers"

# name: (form, meaning[, number of values if not one]). The name of a joined option ends with the `=` before
# its value, or has two characters.
OPTIONS: dict[str, tuple[str, str] | tuple[str, str, int]] = {
    "--CLASSPATH": (SEPARATE, NOTHING),
    "--analyze": (FLAG, NO_CODE),
    "--analyzer-output": (SEPARATE, NOTHING),
    "--assemble": (FLAG, NO_LINK),
    "--assert": (SEPARATE, NOTHING),
    "--bootclasspath": (SEPARATE, NOTHING),
    "--classpath": (SEPARATE, NOTHING),
    "--compile": (FLAG, NO_LINK),
    "--config": (SEPARATE, NOTHING),
    "--define-macro": (SEPARATE, NOTHING),
    "--dependencies": (FLAG, NO_CODE),
    "--dyld-prefix": (SEPARATE, NOTHING),
    "--encoding": (SEPARATE, NOTHING),
    "--extdirs": (SEPARATE, NOTHING),
    "--for-linker": (SEPARATE, NOTHING),
    "--force-link": (SEPARATE, NOTHING),
    "--help": (FLAG, NO_CODE),
    "--help-hidden": (FLAG, NO_CODE),
    "--imacros": (SEPARATE, NOTHING),
    "--include": (SEPARATE, NOTHING),
    "--include-directory": (SEPARATE, NOTHING),
    "--include-directory-after": (SEPARATE, NOTHING),
    "--include-prefix": (SEPARATE, NOTHING),
    "--include-with-prefix": (SEPARATE, NOTHING),
    "--include-with-prefix-after": (SEPARATE, NOTHING),
    "--include-with-prefix-before": (SEPARATE, NOTHING),
    "--language": (SEPARATE, LANGUAGE),
    "--language=": (JOINED, LANGUAGE),
    "--ld-path=": (JOINED, LINKER),
    "--library-directory": (SEPARATE, NOTHING),
    "--no-system-header-prefix": (SEPARATE, NOTHING),
    "--optimize": (FLAG, LEVEL),
    "--optimize=": (JOINED, LEVEL),
    "--output": (SEPARATE, NOTHING),
    "--param": (SEPARATE, NOTHING),
    "--precompile": (FLAG, NO_CODE),
    "--prefix": (SEPARATE, NOTHING),
    "--preprocess": (FLAG, NO_CODE),
    "--print-file-name": (SEPARATE, NO_CODE),
    "--print-prog-name": (SEPARATE, NO_CODE),
    "--resource": (SEPARATE, NOTHING),
    "--rtlib": (SEPARATE, NOTHING),
    "--serialize-diagnostics": (SEPARATE, NOTHING),
    "--specs": (SEPARATE, NOTHING),
    "--std": (SEPARATE, NOTHING),
    "--stdlib": (SEPARATE, NOTHING),
    "--sysroot": (SEPARATE, NOTHING),
    "--system-header-prefix": (SEPARATE, NOTHING),
    "--target=": (JOINED, TARGET),
    "--undefine-macro": (SEPARATE, NOTHING),
    "--user-dependencies": (FLAG, NO_CODE),
    "--version": (FLAG, NO_CODE),
    "--vfsoverlay": (SEPARATE, NOTHING),
    "-A": (SEPARATE, NOTHING),
    "-B": (SEPARATE, NOTHING),
    "-D": (SEPARATE, NOTHING),
    "-E": (FLAG, NO_CODE),
    "-F": (SEPARATE, NOTHING),
    "-G": (SEPARATE, NOTHING),
    "-I": (SEPARATE, NOTHING),
    "-L": (SEPARATE, NOTHING),
    "-M": (FLAG, NO_CODE),
    "-MF": (SEPARATE, NOTHING),
    "-MJ": (SEPARATE, NOTHING),
    "-MM": (FLAG, NO_CODE),
    "-MQ": (SEPARATE, NOTHING),
    "-MT": (SEPARATE, NOTHING),
    "-O": (JOINED, LEVEL),
    "-ObjC": (FLAG, LANGUAGE),
    "-ObjC++": (FLAG, LANGUAGE),
    "-S": (FLAG, NO_LINK),
    "-T": (SEPARATE, NOTHING),
    "-U": (SEPARATE, NOTHING),
    "-V": (SEPARATE, NOTHING),
    "-Xanalyzer": (SEPARATE, NOTHING),
    "-Xarch_": (PREFIX, NOTHING),
    "-Xassembler": (SEPARATE, NOTHING),
    "-Xclang": (SEPARATE, NOTHING),
    "-Xcuda-fatbinary": (SEPARATE, NOTHING),
    "-Xcuda-ptxas": (SEPARATE, NOTHING),
    "-Xlinker": (SEPARATE, NOTHING),
    "-Xoffload-linker": (PREFIX, NOTHING),
    "-Xopenmp-target": (SEPARATE, NOTHING),
    "-Xopenmp-target=": (PREFIX, NOTHING),
    "-Xpreprocessor": (SEPARATE, NOTHING),
    "-Zlinker-input": (SEPARATE, NOTHING),
    "-allowable_client": (SEPARATE, NOTHING),
    "-arch": (SEPARATE, NOTHING),
    "-arcmt-migrate-report-output": (SEPARATE, NOTHING),
    "-b": (SEPARATE, NOTHING),
    "-bundle_loader": (SEPARATE, NOTHING),
    "-c": (FLAG, NO_LINK),
    "-ccc-arcmt-migrate": (SEPARATE, NOTHING),
    "-ccc-gcc-name": (SEPARATE, NOTHING),
    "-ccc-install-dir": (SEPARATE, NOTHING),
    "-ccc-objcmt-migrate": (SEPARATE, NOTHING),
    "-client_name": (SEPARATE, NOTHING),
    "-compatibility_version": (SEPARATE, NOTHING),
    "-current_version": (SEPARATE, NOTHING),
    "-cxx-isystem": (SEPARATE, NOTHING),
    "-darwin-target-variant": (SEPARATE, NOTHING),
    "-darwin-target-variant-triple": (SEPARATE, NOTHING),
    "-dependency-dot": (SEPARATE, NOTHING),
    "-dependency-file": (SEPARATE, NOTHING),
    "-dsym-dir": (SEPARATE, NOTHING),
    "-dumpdir": (SEPARATE, NOTHING),
    "-dumpmachine": (FLAG, NO_CODE),
    "-dumpversion": (FLAG, NO_CODE),
    "-dylib_file": (SEPARATE, NOTHING),
    "-dylinker_install_name": (SEPARATE, NOTHING),
    "-e": (SEPARATE, NOTHING),
    "-emit-ast": (FLAG, NO_CODE),
    "-exported_symbols_list": (SEPARATE, NOTHING),
    "-extract-api": (FLAG, NO_CODE),
    "-fdebug-compilation-dir": (SEPARATE, NOTHING),
    "-fexperimental-openacc-macro-override": (SEPARATE, NOTHING),
    "-filelist": (SEPARATE, NOTHING),
    "-flto": (FLAG, LTO),
    "-flto=": (JOINED, LTO),
    "-fmodules-user-build-path": (SEPARATE, NOTHING),
    "-fno-lto": (FLAG, LTO),
    "-fno-omit-frame-pointer": (FLAG, FRAMES),
    "-fomit-frame-pointer": (FLAG, FRAMES),
    "-force_load": (SEPARATE, NOTHING),
    "-framework": (SEPARATE, NOTHING),
    "-fsyntax-only": (FLAG, NO_CODE),
    "-ftrapv-handler": (SEPARATE, NOTHING),
    "-fuse-ld=": (JOINED, LINKER),
    "-gen-cdb-fragment-path": (SEPARATE, NOTHING),
    "-hlsl-entry": (SEPARATE, NOTHING),
    "-iapinotes-modules": (SEPARATE, NOTHING),
    "-idirafter": (SEPARATE, NOTHING),
    "-iframework": (SEPARATE, NOTHING),
    "-iframeworkwithsysroot": (SEPARATE, NOTHING),
    "-imacros": (SEPARATE, NOTHING),
    "-image_base": (SEPARATE, NOTHING),
    "-imultilib": (SEPARATE, NOTHING),
    "-include": (SEPARATE, NOTHING),
    "-include-pch": (SEPARATE, NOTHING),
    "-init": (SEPARATE, NOTHING),
    "-install_name": (SEPARATE, NOTHING),
    "-iprefix": (SEPARATE, NOTHING),
    "-iquote": (SEPARATE, NOTHING),
    "-isysroot": (SEPARATE, NOTHING),
    "-isystem": (SEPARATE, NOTHING),
    "-isystem-after": (SEPARATE, NOTHING),
    "-ivfsoverlay": (SEPARATE, NOTHING),
    "-iwithprefix": (SEPARATE, NOTHING),
    "-iwithprefixbefore": (SEPARATE, NOTHING),
    "-iwithsysroot": (SEPARATE, NOTHING),
    "-l": (SEPARATE, NOTHING),
    "-lazy_framework": (SEPARATE, NOTHING),
    "-lazy_library": (SEPARATE, NOTHING),
    "-m32": (FLAG, WIDTH),
    "-m64": (FLAG, WIDTH),
    "-march=": (JOINED, ARCHITECTURE),
    "-marm": (FLAG, INSTRUCTION_SET),
    "-mcpu=": (JOINED, CPU),
    "-meabi": (SEPARATE, NOTHING),
    "-mllvm": (SEPARATE, NOTHING),
    "-mmlir": (SEPARATE, NOTHING),
    "-mno-omit-leaf-frame-pointer": (FLAG, FRAMES),
    "-mno-thumb": (FLAG, INSTRUCTION_SET),
    "-module-dependency-dir": (SEPARATE, NOTHING),
    "-mthread-model": (SEPARATE, NOTHING),
    "-mthumb": (FLAG, INSTRUCTION_SET),
    "-multiply_defined": (SEPARATE, NOTHING),
    "-multiply_defined_unused": (SEPARATE, NOTHING),
    "-o": (SEPARATE, NOTHING),
    "-pagezero_size": (SEPARATE, NOTHING),
    "-pg": (FLAG, FRAMES),
    "-read_only_relocs": (SEPARATE, NOTHING),
    "-reexport_framework": (SEPARATE, NOTHING),
    "-reexport_library": (SEPARATE, NOTHING),
    "-resource-dir": (SEPARATE, NOTHING),
    "-rewrite-legacy-objc": (FLAG, NO_CODE),
    "-rewrite-objc": (FLAG, NO_CODE),
    "-rpath": (SEPARATE, NOTHING),
    "-sectalign": (SEPARATE, NOTHING, 3),
    "-sectcreate": (SEPARATE, NOTHING, 3),
    "-sectobjectsymbols": (SEPARATE, NOTHING, 2),
    "-sectorder": (SEPARATE, NOTHING, 3),
    "-seg1addr": (SEPARATE, NOTHING),
    "-seg_addr_table": (SEPARATE, NOTHING),
    "-seg_addr_table_filename": (SEPARATE, NOTHING),
    "-segaddr": (SEPARATE, NOTHING, 2),
    "-segcreate": (SEPARATE, NOTHING, 3),
    "-segprot": (SEPARATE, NOTHING, 3),
    "-segs_read_only_addr": (SEPARATE, NOTHING),
    "-segs_read_write_addr": (SEPARATE, NOTHING),
    "-serialize-diagnostics": (SEPARATE, NOTHING),
    "-specs": (SEPARATE, NOTHING),
    "-stdlib++-isystem": (SEPARATE, NOTHING),
    "-sub_library": (SEPARATE, NOTHING),
    "-sub_umbrella": (SEPARATE, NOTHING),
    "-target": (SEPARATE, TARGET),
    "-u": (SEPARATE, NOTHING),
    "-umbrella": (SEPARATE, NOTHING),
    "-undefined": (SEPARATE, NOTHING),
    "-unexported_symbols_list": (SEPARATE, NOTHING),
    "-validator-version": (SEPARATE, NOTHING),
    "-verify-pch": (FLAG, NO_CODE),
    "-vfsoverlay": (SEPARATE, NOTHING),
    "-weak_framework": (SEPARATE, NOTHING),
    "-weak_library": (SEPARATE, NOTHING),
    "-weak_reference_mismatches": (SEPARATE, NOTHING),
    "-working-directory": (SEPARATE, NOTHING),
    "-x": (EITHER, LANGUAGE),
    "-z": (SEPARATE, NOTHING),
}

# Our own options: name: (form, what a value looks like). They never reach clang.
OWN_OPTIONS: dict[str, tuple[str, str]] = {
    "--ml-effort": (JOINED, "0, 1, 2 or 3"),
    "--ml-weights": (JOINED, "size=1,time=2,energy=1"),
    "--ml-policy": (JOINED, "a policy's name, folder or .mlpolicy file"),
    "--ml-explain": (FLAG, "nothing or json:FILE"),
}

# What -O=… may ask for, and the level that clang is given for it: the baseline of the policies.
OBJECTIVES: dict[str, str] = {
    "ml": "balanced",
    "ml-size": "size",
    "ml-time": "time",
    "ml-energy": "energy",
}
LEVELS: dict[str, str] = {"balanced": "-O3", "size": "-Oz", "time": "-O3", "energy": "-O3"}

# What MLCC_OBJECTIVE replaces.
OPTIMISING_LEVELS = frozenset("-O -O1 -O2 -O3 -Os -Oz --optimize=1 --optimize=2 --optimize=3 --optimize=s".split())

# Inputs that go through the optimiser, by file extension and by the name that -x gives.
CODE_EXTENSIONS = frozenset(
    "c i C cc CC cp cpp CPP cxx CXX c++ C++ ii m mi M mm mii cppm ccm cxxm c++m ixx iim ll bc".split()
)
CODE_LANGUAGES = frozenset(
    "c cpp-output c++ c++-cpp-output c++-module c++-module-cpp-output ir objective-c objc-cpp-output"
    " objective-c-cpp-output objective-c++ objc++-cpp-output objective-c++-cpp-output".split()
)
