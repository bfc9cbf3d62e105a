"""Versions of the packages that made a model."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

PACKAGES = (
    "torch",
    "transformers",
    "onnxruntime",
    "numpy",
    "scikit-learn",
    "tokenizers",
    "pillow",
    "pyarrow",
    "soundfile",
)


def package_versions() -> dict[str, str]:
    """The versions of those packages that are installed."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
