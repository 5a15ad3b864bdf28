"""A short slice of `make fuzz`, and that the fuzzer would notice."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from mlcomp.fuzzing.campaign import LOG, Campaign, summary
from mlcomp.fuzzing.commands import commands
from mlcomp.fuzzing.configurations import SHARES, Configuration, configurations
from mlcomp.fuzzing.execution import PLATFORMS, Bench, DiscardedError, check_defined
from mlcomp.fuzzing.programs import Program, csmith, mutate, program
from mlcomp.fuzzing.reduce import reduced
from mlcomp.passes_features.actions import actions_for
from mlcomp.passes_features.session import verify_steps
from mlcomp.platforms.platform import find_platform
from mlcomp.policies import registry

SMALL = """#include <stdio.h>
static int table[16];
int main(void) {
  unsigned sum = 1;
  for (int i = 0; i < 40; i++) { sum = sum * 31 + (unsigned)i; table[sum & 15] += i; }
  for (int i = 0; i < 16; i++) sum ^= (unsigned)table[i] << i;
  printf("%08x\\n", sum);
  return SUM_IS_WRONG;
}
"""


def small(wrong: str = "0") -> Program:
    return Program("small-1", SMALL.replace("SUM_IS_WRONG", wrong), ("-w",))


@pytest.fixture(autouse=True, scope="module")
def prepared() -> None:
    for platform in PLATFORMS.values():
        find_platform(platform).prepare()
    verify_steps(passes=True)


@pytest.mark.parametrize("target", list(PLATFORMS))
def test_a_seeded_slice_does_what_it_does_at_o0(target: str, tmp_path: Path) -> None:
    policies = [registry.load(registry.find(name)) for name in registry.names()]
    for made, seed in ((small(), 1), (csmith(31), 31)):
        chosen = configurations(target, policies, seed)
        chosen = random.Random(seed).sample(chosen, 40 if made.name.startswith("small") else 15)
        results = list(Bench(made, target, tmp_path).results(chosen))
        assert [r for r in results if r.verdict != "same"] == []
        assert len(results) == len(chosen)


def test_another_behaviour_is_noticed(tmp_path: Path) -> None:
    right = Bench(small(), "riscv32", tmp_path)
    way = Configuration("level", "default<Oz>", "Oz")
    for wrong in ("1", "*(volatile int *)4", '({ for (;;) __asm__ volatile(""); 0; })'):
        other = Bench.__new__(Bench)
        other.__dict__.update(right.__dict__)
        other.source = tmp_path / "other.c"
        other.source.write_text(small(wrong).text)
        result = right.verdict(way, other.clang("-O0"))
        assert (result.verdict, "exit 0" in result.detail) == ("different", True)


def test_what_makes_no_object_is_a_failure(tmp_path: Path) -> None:
    bench = Bench(small(), "riscv32", tmp_path)
    ways = [Configuration("action", name, "Oz", (name,)) for name in ("trigger-crash-module", "no-such-pass")]
    assert {r.verdict for r in bench.results(ways)} == {"failed"}


def test_a_finding_is_reduced_to_the_actions_that_it_needs(tmp_path: Path) -> None:
    bench = Bench(small(), "riscv32", tmp_path)
    found = Configuration(
        "mixture", "1", "Oz", ("function(sroa)", "default<Oz>", "trigger-crash-module", "globaldce"), ("-disable-lsr",)
    )
    smallest = reduced(bench, found, "failed")
    assert (smallest.sequence, smallest.options) == (("trigger-crash-module",), ())


@pytest.mark.parametrize(
    "text",
    [
        "int main(int n, char **v) { int x = 0x7fffffff; return x + n < 0; }",
        "int main(int n, char **v) { int a[2] = {0}; return a[n + 1]; }",
        "int main(void) { int x; return x > 3; }",
        "int main(void) { int x = 1; return 5 << (31 * x + 1); }",
        "int main(void) { for (;;) ; }",
        "int main(void) { return y; }",
    ],
)
def test_undefined_behaviour_is_thrown_out(text: str, tmp_path: Path) -> None:
    with pytest.raises(DiscardedError):
        check_defined(Program("bad-1", f"#include <stdio.h>\n{text}\n", ("-w", "-fno-builtin")), tmp_path)


def test_what_is_undefined_on_the_target_only_is_thrown_out(tmp_path: Path) -> None:
    made = Program("long-1", "int main(void) { volatile long n = 40; return (int)(1L << n); }\n", ("-w",))
    check_defined(made, tmp_path)
    with pytest.raises(DiscardedError):
        Bench(made, "riscv32", tmp_path)


def test_a_seed_gives_one_program() -> None:
    assert program(3).text == program(3).text != program(6).text
    assert program(4).text == program(4).text != program(5).text
    text = "int f(int *a) { return *a + 10 < -3 && a[1]; }"
    assert {len(mutate(text, random.Random(seed)).split()) for seed in range(20)} == {len(text.split())}


def test_a_few_programs_in_a_row_meet_every_action_effort_and_objective() -> None:
    for target in PLATFORMS:
        met = {c.name for seed in range(SHARES) for c in configurations(target, [], seed) if c.kind == "action"}
        pipelines = {f"default<{level}>" for level in ("O3", "Oz", "O2", "Os", "O1")}  # are met as levels
        assert met | pipelines >= {a.text for a in actions_for(target)}
        lines = {(c.objective, c.effort) for seed in range(12) for c in commands(target, seed)}
        assert {effort for objective, effort in lines if objective == "ml-size"} == {0, 1, 2, 3}


def test_an_interrupted_campaign_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = registry.load(registry.find("riscv32-size"))
    monkeypatch.setattr("mlcomp.fuzzing.campaign.program", lambda seed: Program(f"small-{seed}", small().text, ("-w",)))
    monkeypatch.setattr("mlcomp.fuzzing.campaign.configurations", lambda *_: [Configuration("level", "O2", "O2")])
    monkeypatch.setattr(commands.__globals__["registry"], "names", lambda: ["riscv32-size"])
    campaign = Campaign(tmp_path, ["riscv32"], [policy])
    seen: list[str] = []
    campaign.run([1, 2], lambda row: seen.append(row["program"]))
    log = tmp_path / LOG
    log.write_text(log.read_text()[:-20])  # killed while it wrote
    campaign.run([1, 2, 3], lambda row: seen.append(row["program"]))
    assert seen == ["small-1", "small-2", "small-2", "small-3"]
    counts = summary(campaign.rows())
    assert (counts["programs"], counts["configurations"], counts["different"], counts["failed"]) == (3, 9, 0, 0)
    assert all(json.loads(line) for line in log.read_text().splitlines())
    other = Campaign(tmp_path, ["riscv32"], [registry.load(registry.find("riscv32-loops"))])
    assert not other.rows()  # that policy has not been tried
    other.run([1], lambda row: seen.append(row["program"]))
    assert seen[-1] == "small-1" and len(other.rows()) == 1 and len(campaign.rows()) == 3
