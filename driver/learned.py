"""Translates a command line with options of ours into one for clang.

clang gets the level that the objective stands for, the plugin and the policy. Whatever keeps the policy
from being used costs one warning line and leaves clang's own result, or is an error if `MLCC_STRICT` is 1.
"""

from __future__ import annotations

import os

from mlcomp.driver.arguments import Request, parse
from mlcomp.driver.diagnostics import LLVM_MAJOR, UnusableError
from mlcomp.driver.options import LEVELS
from mlcomp.driver.policy import PACKAGE, named_policy, objective_of, shipped_policy
from mlcomp.driver.response import expand, shorten
from mlcomp.driver.settings import Settings, objective_everywhere, warn
from mlcomp.driver.target import architecture, cross_target
from mlcomp.driver.toolchain import is_lld, linker_of, major_version

LINKER_VARIABLE = "MLCOMP_PLUGIN_OPTIONS"
PLUGIN = os.path.join(PACKAGE, "lib", "mlcomp-plugin.so")


class Plan:
    """What is made of a command line with options of ours.

    `folder` is the policy's and `level` clang's, both empty without an objective; `problem` says why there is no
    policy, or is empty. `loads_in_linker` is whether ld.lld optimises the whole program with it.
    """

    def __init__(self, program: str, clang: str, arguments: list[str]) -> None:
        if triple := cross_target(program):
            arguments = [f"--target={triple}", *arguments]
        everywhere = objective_everywhere()
        self.request = parse(expand(arguments, levels=bool(everywhere)), everywhere)
        self.settings = Settings(self.request.own)
        self.folder = self.level = self.problem = ""
        if asked := self.request.objective:
            self.level = LEVELS["size" if asked == "balanced" else asked]
            try:
                self.folder, self.level = _choose(self.request, self.settings, clang)
                _check_tools(clang)
            except UnusableError as problem:
                self.problem = str(problem)
            self.request.set_level(self.level)
        self.loads_in_linker = bool(self.level) and self.request.links_with_lto
        if self.loads_in_linker:
            self.loads_in_linker = is_lld(self.request.linker or linker_of(clang, self.request.arguments))

    def plugin_options(self) -> list[str]:
        """What the plugin is told."""
        chosen = {
            "policy": self.folder,
            "objective": self.request.objective,
            "effort": self.settings.effort,
            "weights": self.settings.weights,
            "explain": self.settings.explain,
            "log": self.settings.log,
            "strict": "1" if self.settings.strict else "",
            "keep-frame-pointers": "1" if self.request.keeps_frames else "",
        }
        return [f"-mlcomp-{name}={value}" for name, value in chosen.items() if value]


def translate(program: str, clang: str, arguments: list[str]) -> list[str]:
    """The arguments that the program `clang` gets for those of `program`."""
    plan = Plan(program, clang, arguments)
    request, settings = plan.request, plan.settings
    first: list[str] = []
    if request.objective and (request.optimises or plan.loads_in_linker) and not settings.disabled:
        if plan.problem:
            warn(plan.problem, f"; compiling with {plan.level}")
        else:
            first = _plugin_arguments(plan)
            if settings.weights and objective_of(plan.folder) == "size":
                warn("--ml-weights changes nothing: the policy is for size alone")
    elif settings.explain and not (objective_everywhere() or any(a.startswith(("-O=ml", "-Oml")) for a in arguments)):
        warn("--ml-explain explains nothing without -O=ml, -O=ml-size, -O=ml-time or -O=ml-energy")
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


def compile_arguments(plugin_options: list[str]) -> list[str]:
    """What makes clang load the plugin."""
    arguments = [f"-fpass-plugin={PLUGIN}", "-Xclang", "-load", "-Xclang", PLUGIN]
    for option in plugin_options:
        arguments += ["-Xclang", "-mllvm", "-Xclang", option]
    return arguments


def _plugin_arguments(plan: Plan) -> list[str]:
    """What makes clang, and ld.lld where it optimises a whole program, use the plugin."""
    arguments = compile_arguments(plan.plugin_options()) if plan.request.optimises else []
    if plan.loads_in_linker:
        arguments += ["-Xlinker", f"--load-pass-plugin={PLUGIN}"]
        # ld.lld reads its options before it loads plugins, so that it knows none of theirs.
        os.environ[LINKER_VARIABLE] = "\n".join(plan.plugin_options())
    return arguments
