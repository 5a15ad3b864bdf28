"""Turn the project's data files into C++ tables at build time (standard library only).

    generate_tables.py FEATURES.TOML ACTIONS.TOML OUTPUT_FOLDER

FeatureTable.inc has an enumerator for every feature, so that C++ which names a feature that the schema lacks
does not compile. The schema's own reader (schema.py beside features.toml) checks the data: what Python
refuses does not build either. BanTable.h lists the actions that must never run.
"""

from __future__ import annotations

import argparse
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


def header(guard: str, source: Path, body: Iterable[str]) -> str:
    """A C++ header around some lines of namespace mlcomp."""
    return "\n".join(
        [
            f"// Generated from {source.name} by generate_tables.py: edit that file instead.",
            f"#ifndef {guard}",
            f"#define {guard}",
            "",
            '#include "llvm/ADT/StringRef.h"',
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("features", type=Path)
    parser.add_argument("actions", type=Path)
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    write_if_changed(options.output / "FeatureTable.inc", feature_table(options.features))
    write_if_changed(options.output / "BanTable.h", ban_table(options.actions))


if __name__ == "__main__":
    main()
