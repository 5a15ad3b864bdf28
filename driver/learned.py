"""Translates a command line with options of ours into one for clang.

clang gets the level that the objective stands for, the plugin and the policy. Whatever keeps the policy
from being used costs one warning line and leaves clang's own result, or is an error if `MLCC_STRICT` is 1.
"""

from __future__ import annotations

import os

from mlcomp.driver.arguments import Request, parse
from mlcomp.driver.diagnostics import LLVM_MAJOR, DriverError, UnusableError, say
from mlcomp.driver.options import LEVELS
from mlcomp.driver.policy import PACKAGE, named_policy, objective_of, shipped_policy
from mlcomp.driver.response import expand, shorten
from mlcomp.driver.settings import Settings
from mlcomp.driver.target import architecture, cross_target
from mlcomp.driver.toolchain import major_version

LINKER_VARIABLE = "MLCOMP_PLUGIN_OPTIONS"
PLUGIN = os.path.join(PACKAGE, "lib", "mlcomp-plugin.so")


def translate(program: str, clang: str, arguments: list[str]) -> list[str]:
    """The arguments that the program `clang` gets for those of `program`."""
    if triple := cross_target(program):
        arguments = [f"--target={triple}", *arguments]
    request = parse(expand(arguments))
    settings = Settings(request.own)
    first: list[str] = []
    if request.objective:
        works = (request.optimises or request.links_with_lto) and not settings.disabled
        level = LEVELS["size" if request.objective == "balanced" else request.objective]
        try:
            folder, level = _choose(request, settings, clang)
            if works:
                _check_tools(clang)
                first = _plugin_arguments(request, settings, folder)
        except UnusableError as problem:
            if works and settings.strict:
                raise DriverError(str(problem)) from problem
            if works:
                say("warning", f"{problem}; compiling with {level}")
        request.set_level(level)
    if os.environ.get("MLCC_DISABLE") != "1":
        os.environ.pop("MLCC_DISABLE", None)  # to the plugin any value is a yes
    return shorten(first + request.arguments)


def _choose(request: Request, settings: Settings, clang: str) -> tuple[str, str]:
    """The policy's folder, and clang's level: the same for all steps of a build, as macros depend on it."""
    asked = request.objective
    if settings.policy:
        folder = named_policy(settings.policy)
        objective = objective_of(folder) if asked == "balanced" else asked
        return folder, LEVELS.get(objective, LEVELS["size"])
    arch = architecture(request, clang)
    for objective in ("balanced", "size") if asked == "balanced" else (asked,):
        if folder := shipped_policy(arch, objective):
            return folder, LEVELS[objective]
    raise UnusableError(f"no policy for {arch}" if asked == "balanced" else f"no {asked} policy for {arch}")


def _check_tools(clang: str) -> None:
    if not os.path.isfile(PLUGIN):
        raise UnusableError(f"plugin {PLUGIN} is missing, reinstall mlcomp-compiler")
    major = major_version(clang)
    if major != LLVM_MAJOR:
        version = f"is version {major}" if major else "does not tell its version"
        raise UnusableError(f"{clang} {version}, policies need clang {LLVM_MAJOR}")


def _plugin_arguments(request: Request, settings: Settings, folder: str) -> list[str]:
    """What makes clang, and ld.lld where it optimises a whole program, use plugin and policy."""
    chosen = {
        "policy": folder,
        "objective": request.objective,
        "effort": settings.effort,
        "weights": settings.weights,
        "explain": settings.explain,
        "log": settings.log,
        "strict": "1" if settings.strict else "",
        "keep-frame-pointers": "1" if request.keeps_frames else "",
    }
    plugin_options = [f"-mlcomp-{name}={value}" for name, value in chosen.items() if value]
    arguments: list[str] = []
    if request.optimises:
        arguments += [f"-fpass-plugin={PLUGIN}", "-Xclang", "-load", "-Xclang", PLUGIN]
        for option in plugin_options:
            arguments += ["-Xclang", "-mllvm", "-Xclang", option]
    if request.links_with_lto:
        arguments += ["-Xlinker", f"--load-pass-plugin={PLUGIN}"]
        # ld.lld reads its options before it loads plugins, so that it knows none of theirs.
        os.environ[LINKER_VARIABLE] = "\n".join(plugin_options)
    return arguments
