"""ccache and distcc in front of mlcc: what changes the result misses the cache, all else hits it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest
from behaviour import Pair

SOURCE = '#include "head.h"\nint f(int x) { int y = x * X; return y + 1; }\n'


class Cached:
    """Compilations through ccache with a cache of their own and nothing else set."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.policy = pair.folder / "policy"
        shutil.copytree(pair.installation.root / "change", self.policy)
        self.environment = pair.installation.environment | {"CCACHE_DIR": str(pair.folder / "cache")}

    def hits(self, *arguments: str, **environment: str) -> bool:
        """Whether the cache has the result."""
        line = ["ccache", str(self.pair.installation.bin / "mlcc"), *arguments, "-c", "a.c", "-o", "a.o"]
        env = self.environment | environment
        subprocess.run(["ccache", "-z"], env=env, check=True, capture_output=True)
        done = subprocess.run(line, cwd=self.pair.folder, env=env, capture_output=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        counts = subprocess.run(["ccache", "--print-stats"], env=env, check=True, capture_output=True, text=True).stdout
        values = dict(line.split() for line in counts.splitlines())
        hits = int(values["direct_cache_hit"]) + int(values["preprocessed_cache_hit"])
        assert hits + int(values["cache_miss"]) == 1
        return hits == 1

    def object(self) -> bytes:
        """What was made."""
        return self.pair.folder.joinpath("a.o").read_bytes()


@pytest.fixture
def cached(pair: Pair) -> Cached:
    if not shutil.which("ccache"):
        pytest.fail("ccache is missing; run make setup")
    pair.write({"a.c": SOURCE, "head.h": "#define X 3\n"})
    return Cached(pair)


def test_nothing_changed_hits_and_gives_the_same_object(cached: Cached) -> None:
    line = ("-O=ml-size", f"--ml-policy={cached.policy}", "-MD", "-g")
    assert not cached.hits(*line)
    first = cached.object()
    assert cached.hits(*line) and cached.object() == first
    cached.pair.folder.joinpath("head.h").write_text("#define X 4\n")
    assert not cached.hits(*line)


def test_a_changed_policy_misses(cached: Cached) -> None:
    line = ("-O=ml-size", f"--ml-policy={cached.policy}")
    assert not cached.hits(*line)
    manifest = cached.policy / "manifest.json"
    manifest.write_text(
        manifest.read_text().replace('"reg2mem"', '"sroa"').replace('"name": "other"', '"name": "more"')
    )
    assert not cached.hits(*line)
    assert cached.hits(*line)


@pytest.mark.parametrize(
    "change", [{"MLCC_EFFORT": "0"}, {"MLCC_POLICY": "policy"}, {"MLCC_DISABLE": "1"}], ids=lambda c: next(iter(c))
)
def test_variables_that_change_the_result_miss(cached: Cached, change: dict[str, str]) -> None:
    assert not cached.hits("-O=ml-size")
    assert not cached.hits("-O=ml-size", **change)
    assert cached.hits("-O=ml-size", **change)
    assert cached.hits("-O=ml-size")


def test_a_level_and_what_the_variable_makes_of_it_are_apart(cached: Cached) -> None:
    assert not cached.hits("-O2")
    plain = cached.object()
    assert not cached.hits("-O2", MLCC_OBJECTIVE="ml-size")
    assert cached.hits("-O2") and cached.object() == plain


def test_an_error_is_clangs_through_ccache(cached: Cached) -> None:
    cached.pair.write({"bad.c": "int f( {\n"})
    line = ["-O=ml-size", "-c", "bad.c"]
    env = cached.environment
    through = cached.pair.outcome(
        ["ccache", cached.pair.installation.bin / "mlcc", *line], CCACHE_DIR=env["CCACHE_DIR"]
    )
    alone = cached.pair.clangs("-Oz -c bad.c")
    assert (through.code, through.stderr) == (alone.code, alone.stderr)


@pytest.fixture
def distcc(pair: Pair) -> Iterator[dict[str, str]]:
    """A distcc server on this machine that may run mlcc; the environment of its client."""
    if not shutil.which("distccd"):
        pytest.fail("distcc is missing; run make setup")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    path = f"{pair.installation.bin}:{pair.installation.environment['PATH']}"
    environment = pair.installation.environment | {"PATH": path, "DISTCC_DIR": str(pair.folder / "state")}
    pair.folder.joinpath("state").mkdir()
    server = ["distccd", "--no-detach", "--daemon", "--allow", "127.0.0.1", "--listen", "127.0.0.1"]
    server += ["--port", str(port), "--log-file", str(pair.folder / "server.log"), "--enable-tcp-insecure"]
    if os.getuid() == 0:  # the server refuses to run as root
        server = ["unshare", "--user", "--map-user=1000", *server]
        if subprocess.run([*server[:3], "true"], capture_output=True, check=False).returncode:
            pytest.skip("this machine has no user namespaces")
    process = subprocess.Popen(server, env=environment, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
        yield environment | {"DISTCC_HOSTS": f"127.0.0.1:{port}/4", "DISTCC_FALLBACK": "0"}
    finally:
        process.terminate()
        process.wait()


def test_distcc_makes_what_mlcc_makes(pair: Pair, distcc: dict[str, str]) -> None:
    pair.write({"a.c": SOURCE, "head.h": "#define X 3\n"})
    line = ["-O=ml-size", f"--ml-policy={pair.installation.root / 'change'}", "--ml-effort=0", "-c", "a.c", "-o", "a.o"]
    done = subprocess.run(["distcc", "mlcc", *line], cwd=pair.folder, env=distcc, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    made = pair.folder.joinpath("a.o").read_bytes()
    subprocess.run([pair.installation.bin / "mlcc", *line], cwd=pair.folder, env=distcc, check=True)
    assert pair.folder.joinpath("a.o").read_bytes() == made
    assert "COMPILE_OK" in pair.folder.joinpath("server.log").read_text()
