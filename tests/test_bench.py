"""The benches run, and print figures, targets and the machine; what the figures are is not tested."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sealing_support import needs_native

from bench.__main__ import BENCHES


@needs_native
@pytest.mark.parametrize("name", sorted(BENCHES))
def test_every_bench_runs(name: str) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "bench", name, "--quick", "--json"],
        check=False,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent.parent,
    )
    assert finished.returncode == 0, finished.stderr
    document = json.loads(finished.stdout)
    assert document["machine"]["cores"] >= 1
    assert document["figures"]
    for figure in document["figures"]:
        assert set(figure) == {"name", "value", "unit", "target", "better", "note", "met"}
        assert (figure["met"] is None) == (figure["target"] is None)
