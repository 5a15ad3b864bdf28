"""A campaign: programs by seed, each compiled and run in all its configurations, a line of JSON for each target.

An interrupted campaign goes on with the first program that is not complete. Programs with a finding are kept.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlcomp.fuzzing import commands
from mlcomp.fuzzing.configurations import configurations, fits
from mlcomp.fuzzing.execution import Bench, DiscardedError, Result, check_defined
from mlcomp.fuzzing.programs import Program, program
from mlcomp.fuzzing.reduce import reduced
from mlcomp.passes_features.session import verify_steps
from mlcomp.policies.archive import MANIFEST
from mlcomp.policies.registry import Policy

LOG = "results.jsonl"
VERIFIED = 4  # of so many programs in a row, one is verified after every pass, the others after every action
Row = dict[str, Any]


@dataclass(frozen=True)
class Campaign:
    """What is tried, and where it is recorded: beside the rows of other campaigns, by other policies or targets."""

    folder: Path
    targets: Sequence[str]
    policies: Sequence[Policy]

    def run(self, seeds: Sequence[int], report: Callable[[Row], None]) -> None:
        """Fuzzes the programs of the seeds, but those that have been; `report` gets each new row."""
        self.folder.mkdir(parents=True, exist_ok=True)
        done = {(row["seed"], row["target"]) for row in self.rows()}
        for seed in seeds:
            missing = [target for target in self.targets if (seed, target) not in done]
            if missing:
                for row in self._program(seed, missing):
                    with (self.folder / LOG).open("a") as log:
                        log.write(json.dumps(row) + "\n")
                    report(row)

    def rows(self) -> list[Row]:
        """All that has been recorded of these targets and policies; a line that was cut off is left out."""
        path = self.folder / LOG
        text = path.read_text() if path.exists() else ""
        whole = text[: text.rfind("\n") + 1]
        if whole != text:
            path.write_text(whole)
        wanted = {target: self._digests(target).items() for target in self.targets}
        rows = [
            row
            for row in map(json.loads, whole.splitlines())
            if row["target"] in wanted and ("discarded" in row or wanted[row["target"]] <= row["policies"].items())
        ]
        return list({(row["seed"], row["target"]): row for row in rows}.values())

    def _digests(self, target: str) -> dict[str, str]:
        """The policies for a target by name, and what tells their contents."""
        return {p.name: _digest(p) for p in self.policies if fits(p, target)}

    def _program(self, seed: int, targets: Sequence[str]) -> list[Row]:
        made = program(seed)
        with tempfile.TemporaryDirectory(prefix="mlcomp-fuzz-") as name:
            try:
                check_defined(made, Path(name))
            except DiscardedError as why:
                return [self._row(made, seed, target, discarded=str(why)) for target in targets]
            rows = []
            for target in targets:
                try:
                    rows.append(self._target(made, seed, target, Path(name)))
                except DiscardedError as why:
                    rows.append(self._row(made, seed, target, discarded=str(why)))
            return rows

    def _target(self, made: Program, seed: int, target: str, folder: Path) -> Row:
        every_pass = seed % VERIFIED == 0
        verify_steps(passes=every_pass)
        bench = Bench(made, target, folder)
        results = list(bench.results(configurations(target, self.policies, seed)))
        results += [commands.run(bench, c, verify=every_pass) for c in commands.commands(target, seed)]
        findings = [_reduced(bench, r) for r in results if r.verdict != "same"]
        if findings:
            (self.folder / f"{made.name}.c").write_text(made.text)
        return self._row(
            made,
            seed,
            target,
            policies=self._digests(target),
            runs=bench.runs,
            tried=[f"{r.configuration.kind} {r.configuration.level} {r.configuration.name}" for r in results],
            findings=[_finding(r) for r in findings],
        )

    @staticmethod
    def _row(made: Program, seed: int, target: str, **more: Any) -> Row:
        return {"program": made.name, "seed": seed, "target": target, **more}


def _digest(policy: Policy) -> str:
    return hashlib.sha256((policy.path / MANIFEST).read_bytes()).hexdigest()[:12]


def _reduced(bench: Bench, result: Result) -> Result:
    if result.configuration.kind == "command":
        return result
    return replace(result, configuration=reduced(bench, result.configuration, result.verdict))


def _finding(result: Result) -> Row:
    c = result.configuration
    return {
        "verdict": result.verdict,
        "detail": result.detail,
        "kind": c.kind,
        "name": c.name,
        "level": c.level,
        "sequence": c.sequence,
        "options": c.options,
    }


def summary(rows: Sequence[Row]) -> Row:
    """Counts of a campaign: by target, by what was tried, by where programs come from, and all findings."""
    tried = [row for row in rows if "tried" in row]
    policies = Counter(f"{name} {digest}" for row in tried for name, digest in row["policies"].items())
    kinds: dict[str, Counter[str]] = {}
    names: dict[str, Counter[str]] = {}
    for row in tried:
        for kind, level, name in (text.split(" ", 2) for text in row["tried"]):
            kinds.setdefault(row["target"], Counter())[kind] += 1
            if kind in ("action", "sequence", "options", "command"):
                names.setdefault(f"{kind} {row['target']}", Counter())[f"{level} {name}".strip()] += 1
    verdicts = Counter(finding["verdict"] for row in tried for finding in row["findings"])
    return {
        "programs": len({row["program"] for row in tried}),
        "programs_by_source": dict(Counter(p.rpartition("-")[0] for p in {row["program"] for row in tried})),
        "seeds": [min(r["seed"] for r in rows), max(r["seed"] for r in rows)] if rows else [],
        "discarded": dict(Counter(row["discarded"] for row in rows if "discarded" in row)),
        "configurations": sum(len(row["tried"]) for row in tried),
        "runs_of_different_objects": sum(row["runs"] for row in tried),
        "different": verdicts["different"],
        "failed": verdicts["failed"],
        "programs_by_policy": dict(sorted(policies.items())),
        "by_target": {target: {"total": sum(c.values()), **c} for target, c in sorted(kinds.items())},
        "least_tried": {
            kind: dict(sorted(counts.items(), key=lambda item: (item[1], item[0]))[:1]) | {"of": len(counts)}
            for kind, counts in sorted(names.items())
        },
        "findings": [
            {"program": row["program"], "target": row["target"], **finding}
            for row in tried
            for finding in row["findings"]
        ],
    }
