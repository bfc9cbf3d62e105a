"""Where the measuring data lies, which slow tests read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(os.environ.get("MOTET_DATA") or Path(__file__).parents[2] / "shared")


def measuring(name: str) -> Path:
    """A folder of `data` or `encoders`; the test is skipped where it is not there."""
    place = ROOT / name
    if not place.is_dir():
        pytest.skip(
            f"no measuring data at {place}: set MOTET_DATA to the folder that holds data/ and encoders/"
        )
    return place
