"""What training needs beside the core install, and how to get it."""

from __future__ import annotations

from importlib.util import find_spec

from motet.errors import UsageError

NEEDED = ("torch", "transformers", "accelerate", "onnx")


def has_learning_wing() -> bool:
    """Whether what training needs is installed."""
    return all(find_spec(name) is not None for name in NEEDED)


def require_learning_wing() -> None:
    """Raise UsageError where what training needs is not installed."""
    absent = [name for name in NEEDED if find_spec(name) is None]
    if absent:
        raise UsageError(
            f"training needs {', '.join(absent)}, not installed here: install motet with its extra "
            "'train' (from a clone: pip install -c constraints.txt '.[train]'); predicting needs none of it"
        )
