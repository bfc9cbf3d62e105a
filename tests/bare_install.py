"""Python in a process of its own in which nothing of the learning wing can be imported."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection

# Finders that find nothing, and not `sys.modules[name] = None`: so it looks in a bare install, also to libraries
# that ask `importlib.util.find_spec` first.
REFUSED = (
    "torch",
    "transformers",
    "sklearn",
    "scipy",
    "pandas",
    "accelerate",
    "datasets",
    "onnx",
    "onnxscript",
    "safetensors",
    "huggingface_hub",
)
BARE = """
import sys
class Bare:
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, path=None, target=None):
        return None if name.split(".")[0] in REFUSED else self.finder.find_spec(name, path, target)
    def __getattr__(self, name):
        return getattr(self.finder, name)
sys.meta_path[:] = [Bare(finder) for finder in sys.meta_path]
"""


def python(
    code: str, *arguments: object, bare: bool = True, allowed: Collection[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Run code; where it is bare, what of `REFUSED` is not allowed cannot be imported."""
    wall = f"REFUSED = {[name for name in REFUSED if name not in allowed]}{BARE}" if bare else ""
    return subprocess.run(
        [sys.executable, "-c", wall + code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONUTF8": "1"},
    )


def motet_bare(*arguments: object) -> subprocess.CompletedProcess[str]:
    done = python("from motet.cli import main\nsys.argv[0] = 'motet'\nmain()", *arguments)
    assert "Traceback" not in done.stderr, done.stderr
    return done
