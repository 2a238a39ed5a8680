"""What encryption costs: throughput with keys and without, in turn, so that both meet one hour.

Each run is a process of its own. Of a pair now the one and now the other goes first.
"""

import json
from statistics import median

from benchmarks.branches import in_own_process
from benchmarks.figures import Figures, line
from perdure import Keys

RING = Keys({"benchmark": bytes(range(32))})  # any will do: what it hides is made up


def pairs(journal: str, workflows: int, count: int) -> Figures:
    """So many pairs; the ratios are those of the encrypted run to the other, pair by pair."""
    plain: list[Figures] = []
    encrypted: list[Figures] = []
    for number in range(count):
        for kind in (plain, encrypted) if number % 2 else (encrypted, plain):
            options = ["--encrypted"] if kind is encrypted else []
            kind.append(run(journal, workflows, *options))
    figures: Figures = {}
    for name in ("wf_s", "worker_cpu_ms_per_wf"):
        found = [(one[name], other[name]) for one, other in zip(encrypted, plain, strict=True)]
        ratios = [one / other for one, other in found]
        figures |= {
            name: median(other for _, other in found),
            f"{name}_encrypted": median(one for one, _ in found),
            f"{name}_ratio": round(median(ratios), 3),
            f"{name}_ratios": [round(ratio, 3) for ratio in sorted(ratios)],
        }
    return line("encryption", workflows, figures)


def run(journal: str, workflows: int, *options: str) -> Figures:
    """The figures of `throughput`."""
    named = ("--journal", journal, "--workflows", str(workflows), "--json", *options)
    figures: Figures = json.loads(" ".join(in_own_process("throughput", *named)))
    return figures
