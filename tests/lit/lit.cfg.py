"""lit's configuration: the plugin in clang-19 and opt-19, on policies that make_policy.py writes."""

import sys
from pathlib import Path

import lit.formats

import mlcomp.passes_features.native as native

here = Path(__file__).parent
config.name = "mlcomp"  # noqa: F821
config.test_format = lit.formats.ShTest(execute_external=False)  # noqa: F821
config.suffixes = [".c", ".ll", ".test"]  # noqa: F821
config.excludes = ["Inputs"]  # noqa: F821
config.test_source_root = str(here)  # noqa: F821
config.test_exec_root = str(here.parent.parent / "build" / "lit")  # noqa: F821
plugin = native.library_path().with_name("mlcomp-plugin.so")
load = f"-fpass-plugin={plugin} -Xclang -load -Xclang {plugin}"
option = "-Xclang -mllvm -Xclang"
config.substitutions += [  # noqa: F821
    ("%clang_ml", f"clang-19 {load}"),
    ("%clang", "clang-19"),
    ("%opt_ml", f"opt-19 -load-pass-plugin={plugin}"),
    ("%option", option),
    ("%make_policy", f"{sys.executable} {here.parent / 'make_policy.py'}"),
    ("%FileCheck", "/usr/lib/llvm-19/bin/FileCheck"),
    ("%inputs", str(here / "Inputs")),
    ("%plugin", str(plugin)),
]
config.environment["PYTHONPATH"] = str(here.parent.parent / "build" / "dev")  # noqa: F821
