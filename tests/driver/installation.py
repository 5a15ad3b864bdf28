"""An installation of the launcher and the driver in its own folder, with stand-ins for clang, plugin and policies."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import mlcomp.driver
import mlcomp.platforms
import mlcomp.policies

SCRIPT = """#!{python} -B
import sys
sys.path.insert(0, {site!r})
from mlcomp.driver.mlcc import main
sys.exit(main())
"""
# Prints its arguments as JSON, or a version as clang does; counts in a file how often it was asked for that.
FAKE_CLANG = """#!{python} -IS
import json, sys
if sys.argv[1:] == ["--version"] and {version!r}:
    open(__file__ + ".asked", "a").write("x")
    print("Some clang version {version}.1.7 (distribution)")
else:
    print(json.dumps(sys.argv))
"""


class Installation:
    """A copy of the driver in `root`, its programs in `bin`, a stand-in for clang in `tools`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.package = root / "lib" / "python3.11" / "site-packages" / "mlcomp"
        self.bin = root / "bin"
        self.tools = root / "tools"
        self.plugin = self.package / "lib" / "mlcomp-plugin.so"
        for folder in (self.package / "lib", self.package / "policies", self.bin, self.tools):
            folder.mkdir(parents=True)
        self.package.joinpath("__init__.py").touch()
        self.package.joinpath("driver").symlink_to(Path(mlcomp.driver.__file__).parent)
        for name in ("__init__", "archive", "registry"):
            source = Path(mlcomp.policies.__file__).with_name(f"{name}.py")
            self.package.joinpath("policies", f"{name}.py").symlink_to(source)
        self.package.joinpath("platforms").mkdir()
        self.package.joinpath("platforms", "targets.toml").symlink_to(
            Path(mlcomp.platforms.__file__).with_name("targets.toml")
        )
        self.plugin.touch()
        for name in ("mlcc", "mlcc++"):
            shutil.copy(Path(sys.executable).with_name(name), self.bin / name)
        self._program(self.bin / "mlcc-driver", SCRIPT.format(python=sys.executable, site=str(self.package.parent)))
        self.add_clang("clang-19")
        self.add_clang("clang++-19")
        self.environment = {
            "PATH": str(self.tools),
            "HOME": str(root / "home"),
            "LC_ALL": "C.UTF-8",
        }

    @staticmethod
    def _program(path: Path, text: str) -> Path:
        path.write_text(text)
        path.chmod(0o755)
        return path

    def add_clang(self, name: str, version: int = 0, folder: Path | None = None) -> Path:
        """A stand-in for clang that prints its arguments, and a version if it has one."""
        text = FAKE_CLANG.format(python=sys.executable, version=version)
        return self._program((folder or self.tools) / name, text)

    def add_policy(self, name: str, objective: str = "size", folder: Path | None = None) -> Path:
        """A policy as far as the driver looks at one."""
        path = (folder or self.package / "policies") / name
        path.mkdir(parents=True)
        path.joinpath("manifest.json").write_text(json.dumps({"format": 1, "name": name, "objective": objective}))
        return path

    def run(
        self,
        *arguments: str | Path,
        program: str | Path = "mlcc",
        cwd: Path | None = None,
        **environment: str,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of the installation."""
        return subprocess.run(
            [self.bin / program, *arguments],
            env=self.environment | environment,
            cwd=cwd or self.root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def command(self, *arguments: str | Path, program: str | Path = "mlcc", **environment: str) -> list[str]:
        """The whole command that becomes of a command line which must not cause any message."""
        done = self.run(*arguments, program=program, **environment)
        assert (done.returncode, done.stderr) == (0, "")
        command: list[str] = json.loads(done.stdout)
        return command

    def arguments(self, *arguments: str | Path, program: str | Path = "mlcc", **environment: str) -> list[str]:
        """The arguments that clang gets."""
        return self.command(*arguments, program=program, **environment)[1:]

    def plugin_options(self, *arguments: str | Path, **environment: str) -> list[str]:
        """The options that the plugin gets."""
        given = self.arguments(*arguments, **environment)
        return [b for a, b in zip(given, given[3:], strict=False) if a == "-Xclang" and b.startswith("-mlcomp-")]

    def loads_plugin(self, *arguments: str | Path, **environment: str) -> bool:
        """Whether clang is told to load the plugin."""
        return f"-fpass-plugin={self.plugin}" in self.arguments(*arguments, **environment)
