"""How many processors this process may use."""

from __future__ import annotations

import os


def processors() -> int:
    """Return their number, at least 1; where the system does not say which are ours, all count."""
    if hasattr(os, "sched_getaffinity"):  # Linux alone
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
