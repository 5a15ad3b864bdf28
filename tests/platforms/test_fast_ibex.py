"""The fast simulator against the RTL, where Ibex's timing is special."""

from __future__ import annotations

import pytest
from conftest import Run

from mlcomp.platforms.platform import find_platform


@pytest.mark.parametrize("part", range(5), ids=["divisions", "crossing", "products", "jumps", "calls"])
def test_fast_ibex_counts_what_the_rtl_counts(run: Run, part: int) -> None:
    fast, rtl = find_platform("ibex-fast"), find_platform("ibex")
    fast.prepare()
    rtl.prepare()
    modelled = run(fast, "latencies.c", f"-DPART={part}", level="-O2")
    measured = run(rtl, "latencies.c", f"-DPART={part}", level="-O2")
    assert modelled.output == measured.output
    assert modelled.region is not None
    assert measured.region is not None
    common = set(modelled.region) & set(measured.region) - {"energy"}
    assert {"cycles", "instructions", "loads", "stores", "branches_taken", "jumps"} <= common
    assert {n: modelled.region[n] for n in common} == {n: measured.region[n] for n in common}
