"""Turn the project's data files into C++ tables at build time (standard library only).

    generate_tables.py FEATURES.TOML ACTIONS.TOML ROUTINES.TOML DRIVER_FOLDER OUTPUT_FOLDER

FeatureTable.inc has an enumerator for every feature, so that C++ which names a feature that the schema lacks
does not compile. The schema's own reader (schema.py beside features.toml) checks the data: what Python
refuses does not build either. BanTable.h lists the actions that must never run. RoutineTable.h says what calls of the
compiler's library cost. DriverTables.h has what the launcher must know of the driver.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType


def load_module(path: Path) -> ModuleType:
    """Import one file by its path: at build time there is no package around it."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def write_if_changed(path: Path, text: str) -> None:
    """Leave an equal file alone, so that nothing is compiled again for it."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def c_string(text: str) -> str:
    """The text as a C++ string literal."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def header(guard: str, source: Path, body: Iterable[str], include: str = '"llvm/ADT/StringRef.h"') -> str:
    """A C++ header around some lines of namespace mlcomp."""
    return "\n".join(
        [
            f"// Generated from {source.name} by generate_tables.py: edit that instead.",
            f"#ifndef {guard}",
            f"#define {guard}",
            "",
            f"#include {include}",
            "",
            "namespace mlcomp {",
            "",
            *body,
            "",
            "} // namespace mlcomp",
            "",
            "#endif",
            "",
        ]
    )


def feature_table(features_toml: Path) -> str:
    """The C++ header for the feature schema."""
    text = features_toml.read_text(encoding="utf-8")
    schema = load_module(features_toml.with_name("schema.py")).parse(text)
    body = ["namespace feature {", "/// Index of a feature in a feature vector.", "enum Id : unsigned {"]
    body += [f"  {f.name}, ///< {f.doc}" for f in schema.features]
    body += [
        "};",
        "} // namespace feature",
        "",
        f"constexpr unsigned NumFeatures = {len(schema)};",
        "",
        "enum class Aggregate : unsigned char { Sum, Max, Log, Module, Ratio };",
        "",
        "struct FeatureInfo {",
        "  llvm::StringLiteral Name, Doc;",
        "  Aggregate Kind;",
        "  unsigned short Of[2]; ///< Of a ratio: numerator and denominator.",
        "};",
        "",
        "constexpr FeatureInfo FeatureTable[NumFeatures] = {",
    ]
    for f in schema.features:
        of = ", ".join(f"feature::{name}" for name in f.of or ()) or "0, 0"
        body.append(f"    {{{c_string(f.name)}, {c_string(f.doc)}, Aggregate::{f.aggregate.capitalize()}, {{{of}}}}},")
    body += ["};", "", "constexpr llvm::StringLiteral FeatureNames[NumFeatures] = {"]
    body += [f"    {c_string(f.name)}," for f in schema.features]
    body += ["};"]
    return header("MLCOMP_FEATURETABLE_INC", features_toml, body)


def ban_table(actions_toml: Path) -> str:
    """The C++ header for the ban list."""
    bans = tomllib.loads(actions_toml.read_text(encoding="utf-8"))["ban"]
    body = ["/// `Needs`: the parameter or adaptor that makes a pass allowed; empty for none.", "struct Ban {"]
    body += ["  llvm::StringLiteral Name, Needs, Reason;", "};", "", "constexpr Ban Bans[] = {"]
    for ban in bans:
        values = (ban.get("pass") or ban["option"], ban.get("needs", ""), ban["reason"])
        body.append("    {" + ", ".join(c_string(value) for value in values) + "},")
    body += ["};"]
    return header("MLCOMP_BANTABLE_H", actions_toml, body)


def routine_table(routines_toml: Path) -> str:
    """The C++ header for routines of the compiler's library."""
    body = ["/// What a call of a routine executes.", "struct Routine {"]
    body += ["  llvm::StringLiteral Name;", "  bool IsFloat;", "  unsigned Instructions;", "};", ""]
    body += ["constexpr Routine Routines[] = {"]
    for kind, routines in tomllib.loads(routines_toml.read_text(encoding="utf-8")).items():
        is_float = {"float_calls": "true", "integer_calls": "false"}[kind]
        body += [f"    {{{c_string(name)}, {is_float}, {count}}}," for name, count in routines.items()]
    body += ["};"]
    return header("MLCOMP_ROUTINETABLE_H", routines_toml, body)


def driver_modules(folder: Path, *names: str) -> list[ModuleType]:
    """Import modules of the driver by their names; its folder's parent stands for the package `mlcomp`."""
    package = ModuleType("mlcomp")
    package.__path__ = [str(folder.parent)]
    sys.modules["mlcomp"] = package
    return [importlib.import_module(f"mlcomp.{folder.name}.{name}") for name in names]


def camel(text: str) -> str:
    """The name of an enumerator: `no code` is NoCode, and an empty text is Nothing."""
    return "".join(word.capitalize() for word in text.split()) or "Nothing"


def texts(name: str, values: Iterable[str]) -> list[str]:
    """An array of texts."""
    return ["", f"constexpr std::string_view {name}[] = {{", *(f"    {c_string(value)}," for value in values), "};"]


def pairs(name: str, values: Iterable[tuple[str, str]]) -> list[str]:
    """An array of pairs of texts."""
    rows = [f"    {{{c_string(first)}, {c_string(second)}}}," for first, second in values]
    return ["", f"constexpr Pair {name}[] = {{", *rows, "};"]


def driver_tables(folder: Path) -> str:
    """The C++ header for the launcher."""
    names = ("options", "settings", "target", "diagnostics", "response")
    options, settings, target, diagnostics, response = driver_modules(folder, *names)
    rows = [(name, form, meaning, *count) for name, (form, meaning, *count) in sorted(options.OPTIONS.items())]
    body = [f"enum class Form : unsigned char {{ {', '.join(dict.fromkeys(camel(row[1]) for row in rows))} }};"]
    body += [f"enum class Meaning : unsigned char {{ {', '.join(dict.fromkeys(camel(row[2]) for row in rows))} }};"]
    body += ["", "struct Option {", "  std::string_view Name;", "  Form Written;", "  Meaning Means;"]
    body += ["  unsigned char Values; ///< That follow as arguments.", "};", ""]
    body += ["constexpr Option Options[] = {"]
    for name, form, meaning, *count in rows:
        values = 0 if form in (options.FLAG, options.JOINED) else count[0] if count else 1
        body.append(f"    {{{c_string(name)}, Form::{camel(form)}, Meaning::{camel(meaning)}, {values}}},")
    body += ["};", "", "struct Pair {", "  std::string_view First, Second;", "};"]
    body += pairs("Objectives", options.OBJECTIVES.items())
    body += pairs("Levels", options.LEVELS.items())
    body += pairs("ArchitectureAliases", target.ALIASES.items())
    body += pairs("Narrow", ((name, both[0]) for name, both in target.WIDTHS.items()))
    body += pairs("Wide", ((name, both[1]) for name, both in target.WIDTHS.items()))
    body += texts("OptimisingLevels", sorted(options.OPTIMISING_LEVELS))
    body += texts("CodeExtensions", sorted(options.CODE_EXTENSIONS))
    body += texts("CodeLanguages", sorted(options.CODE_LANGUAGES))
    body += texts("Variables", settings.VARIABLES)
    body += texts("CrossPrefixes", target.CROSS_PREFIXES)
    body += texts("MicrocontrollerCores", target.MICROCONTROLLERS)
    body += texts("Questions", settings.QUESTIONS)
    body += texts("OwnPrefixes", settings.OWN_PREFIXES)
    body += ["", f"constexpr unsigned LLVMMajor = {diagnostics.LLVM_MAJOR};"]
    body += [f"constexpr unsigned LongCommand = {response.LONG_COMMAND};"]
    return header("MLCOMP_DRIVERTABLES_H", folder, body, "<string_view>")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("features", type=Path)
    parser.add_argument("actions", type=Path)
    parser.add_argument("routines", type=Path)
    parser.add_argument("driver", type=Path)
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    write_if_changed(options.output / "FeatureTable.inc", feature_table(options.features))
    write_if_changed(options.output / "BanTable.h", ban_table(options.actions))
    write_if_changed(options.output / "RoutineTable.h", routine_table(options.routines))
    write_if_changed(options.output / "DriverTables.h", driver_tables(options.driver))


if __name__ == "__main__":
    main()
