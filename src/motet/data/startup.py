"""A command starts without pandas, although it may be installed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType


class _NoPandas:
    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name == "pandas":
            raise ModuleNotFoundError("pandas is left out of this command", name=name)
        return None


def leave_pandas_out() -> None:
    """Let pyarrow find no pandas, for the life of this process: for commands, never for a library call.

    pyarrow tries to import pandas at its first array, which takes over half a second, and remembers if
    it could. A command is given files, never a DataFrame. Nothing happens where pandas is imported already.
    """
    if "pandas" in sys.modules:
        return
    sys.meta_path.insert(0, _NoPandas)
    try:
        import pyarrow as pa

        pa.array([0])
    finally:
        sys.meta_path.remove(_NoPandas)
