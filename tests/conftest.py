"""What tests of the whole journey share: a cache of their own, one small catalogue, one model, and a command line."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROWS = 72
_place = tempfile.mkdtemp(prefix="motet-tests-")
# Set before anything is imported, because huggingface_hub reads its own at import: tests must find nothing
# that this machine's user has, leave nothing there, and never reach for the network.
os.environ["MOTET_CACHE"] = str(Path(_place) / "cache")
os.environ["HF_HOME"] = str(Path(_place) / "hub")
os.environ.pop("HF_HUB_CACHE", None)
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
os.environ.pop("MOTET_DEBUG", None)
# The models here are tiny: one thread each is enough, and nothing waits for a core that another test holds.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_unconfigure() -> None:
    shutil.rmtree(_place, ignore_errors=True)


@dataclass(frozen=True)
class Ran:
    """One call of the command: exit code, and all that it wrote."""

    code: int
    out: str
    err: str


@pytest.fixture
def motet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Call the command in this process: `motet("predict", model, table)`."""
    from motet.cli import main

    def run(*arguments: object) -> Ran:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["motet", *map(str, arguments)])
        code: Any = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code or 0
        written = capsys.readouterr()
        return Ran(int(code), written.out, written.err)

    return run


@pytest.fixture(scope="session")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The demo catalogue with few rows: its table, and what is known about it."""
    from motet.data.catalogue import write_catalogue

    return write_catalogue(tmp_path_factory.mktemp("catalogue"), rows=ROWS, seed=0)


@pytest.fixture(scope="session")
def trained(catalogue: Any) -> Iterator[Any]:
    """A classifier fitted on the catalogue with the embedded encoders; tests must not change it."""
    from motet import MultimodalClassifier

    yield MultimodalClassifier(image_encoder="descriptor", text_encoder="lexical").fit(
        catalogue.table, label=catalogue.label
    )


@pytest.fixture(scope="session")
def model_directory(trained: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That classifier, saved; tests must not change it."""
    place = tmp_path_factory.mktemp("saved") / "model"
    trained.save(place)
    return place


@pytest.fixture
def model_copy(model_directory: Path, tmp_path: Path) -> Path:
    """A copy of the saved model that a test may harm."""
    return Path(shutil.copytree(model_directory, tmp_path / "copied-model"))


@pytest.fixture(scope="session")
def patches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture network of 4 x 4 patches with random weights, in the form that is published."""
    import torch
    import transformers

    folder = tmp_path_factory.mktemp("published") / "patches"
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24}
    vision = transformers.ViTConfig(**shape, image_size=32, patch_size=8)
    transformers.ViTModel(vision, add_pooling_layer=False).eval().save_pretrained(folder)
    said = {"image_processor_type": "ViTImageProcessor", "size": {"height": 32, "width": 32}}
    (folder / "preprocessor_config.json").write_text(json.dumps(said))
    return folder
