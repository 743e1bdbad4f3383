"""Figures with targets, how they are measured, and how they are printed."""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal

from rich.console import Console
from rich.table import Table

Json = dict[str, object]


@dataclass(frozen=True)
class Figure:
    """One measured figure; `target` is its bound, `better` the direction that meets it."""

    name: str
    value: float
    unit: str
    target: float | None = None
    better: Literal["lower", "higher"] = "lower"
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without a target."""
        if self.target is None:
            return None
        return self.value <= self.target if self.better == "lower" else self.value >= self.target


def median_seconds(work: Callable[[], object], repeats: int = 5) -> float:
    """The median time of `repeats` runs of `work`."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def median_cpu_seconds(work: Callable[[], object], repeats: int = 5) -> float:
    """The median processor time of `repeats` runs: what one thread needs, whatever else the machine does."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return statistics.median(times)


def peak_megabytes() -> float:
    """The largest resident size that this process has had, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


def machine() -> Json:
    """What the figures were measured on."""
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
        model = names[0] if names else model
    except OSError:
        pass
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 2),
    }


def run_child(arguments: list[str]) -> Json:
    """Run ``python -m bench ...`` in a process of its own (for its peak memory); its last line is JSON."""
    finished = subprocess.run(
        [sys.executable, "-m", *arguments], check=True, stdout=subprocess.PIPE, text=True
    )
    result: Json = json.loads(finished.stdout.splitlines()[-1])
    return result


def print_figures(title: str, figures: list[Figure], *, as_json: bool) -> None:
    """All figures of one bench, as a table or as JSON."""
    if as_json:
        document = {
            "bench": title,
            "machine": machine(),
            "figures": [asdict(figure) | {"met": figure.met} for figure in figures],
        }
        print(json.dumps(document, indent=2))
        return
    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False)
    table.add_column(title)
    table.add_column("measured", justify="right", no_wrap=True)
    table.add_column("target", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for figure in figures:
        sign = "<=" if figure.better == "lower" else ">="
        target = "" if figure.target is None else f"{sign} {figure.target:g} {figure.unit}"
        verdict = {None: "", True: "[green]met[/]", False: "[bold red]missed[/]"}[figure.met]
        name = f"{figure.name} [dim]({figure.note})[/]" if figure.note else figure.name
        table.add_row(name, f"{figure.value:.4g} {figure.unit}", target, verdict)
    console.print(table)
    described = machine()
    console.print(
        f"[dim]{described['processor']}, {described['cores']} cores, {described['system']}, "
        f"Python {described['python']}, load {described['load_average']}[/]"
    )
