"""The line of JSON: the same keys for every work, null for what a work does not tell."""

from typing import Any

KEYS = (
    "label",
    "work",
    "n",
    "wf_s",
    "p50_ms",
    "p95_ms",
    "p99_ms",
    "worker_cpu_ms_per_wf",
    "server_cpu_ms_per_wf",
    "rss_mib",
    "commits_per_wf",
    "blocked_at_kill",
    "recover_s",
    "done",
    "workflows_that_ran_again",
    "fdatasync_p50_ms",
)

Figures = dict[str, Any]


def line(work: str, n: int, figures: Figures) -> Figures:
    """All keys in their order, then what this work alone tells."""
    return dict.fromkeys(KEYS) | {"label": "perdure", "work": work, "n": n} | figures


def percentile_ms(seconds: list[float], percent: int) -> float:
    """Milliseconds below which this share lies."""
    ordered = sorted(seconds)
    return round(ordered[min(len(ordered) * percent // 100, len(ordered) - 1)] * 1000, 3)
