"""A saved model predicts and measures itself where nothing of the learning wing can be imported."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bare_install import REFUSED, motet_bare, python


def test_the_wall_of_this_test_stands() -> None:
    for name in REFUSED:
        assert f"No module named {name!r}" in python(f"import {name}").stderr


def test_predict_a_table(model_directory: Path, trained: Any, catalogue: Any, tmp_path: Path) -> None:
    answers = tmp_path / "answers.csv"
    done = motet_bare("predict", model_directory, catalogue.table, "-o", answers)
    assert done.returncode == 0, done.stderr
    with answers.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    expected = trained.model_.predict(catalogue.table)
    assert [row["id"] for row in rows] == [one.id for one in expected]
    assert [row["prediction"] for row in rows] == [one.prediction for one in expected]
    assert [row["pattern"] for row in rows] == [one.pattern for one in expected]
    assert [row["issue"] or None for row in rows] == [one.issue for one in expected]
    got = [[float(row[f"probability_{name}"]) for name in trained.model_.classes] for row in rows]
    np.testing.assert_allclose(got, trained.predict_proba(catalogue.table), atol=1e-4)


def test_predict_one_sample_with_its_card(model_directory: Path, catalogue: Any, tmp_path: Path) -> None:
    picture = catalogue.table.parent / "images" / "0003.jpg"
    card = tmp_path / "card.html"
    arguments = ("--image", picture, "--text", "商务笔记本电脑", "--card", card, "--json")
    done = motet_bare("predict", model_directory, *arguments)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["pattern"] == "image+text"
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-6)
    assert answer["confidence"] == max(answer["probabilities"].values())
    page = card.read_text(encoding="utf-8")
    assert "商务笔记本电脑" in page and answer["prediction"] in page and "data:image" in page


def test_evaluate_with_its_report(
    model_directory: Path, trained: Any, catalogue: Any, tmp_path: Path
) -> None:
    report = tmp_path / "report.html"
    done = motet_bare("evaluate", model_directory, catalogue.table, "--report", report, "--json")
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)
    # the same rows answered by the same files: the numbers of training's own evaluation, to the last digit
    for key in ("n", "split", "overall", "patterns", "baselines", "confusion", "mistakes"):
        assert measured.get(key) == trained.evaluation_.get(key), key
    assert "<html" in report.read_text(encoding="utf-8")


def test_load_and_predict_from_python(model_directory: Path, trained: Any, catalogue: Any) -> None:
    code = """
import json, motet
model = motet.load(sys.argv[1])
answers = model.predict(sys.argv[2])
print(json.dumps([one.to_json() for one in answers]))
"""
    done = python(code, model_directory, catalogue.table)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    expected = [one.to_json() for one in trained.model_.predict(catalogue.table)]
    for got, wanted in zip(answers, expected, strict=True):
        probabilities = wanted.pop("probabilities")
        assert got.pop("probabilities") == pytest.approx(probabilities, abs=1e-4)
        assert got.pop("confidence") == pytest.approx(wanted.pop("confidence"), abs=1e-4)
        assert got == wanted


def test_inspect_a_table(catalogue: Any) -> None:
    done = motet_bare("inspect", catalogue.table, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["table"] == "catalogue.csv"


def test_train_says_what_it_needs(catalogue: Any, tmp_path: Path) -> None:
    done = motet_bare("train", catalogue.table, "--label", "category", "-o", tmp_path / "model")
    assert done.returncode == 2
    assert "training needs torch" in done.stderr and "extra 'train'" in done.stderr
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("code", ["import motet", "import motet; dir(motet)", "import motet.cli"])
def test_import_loads_nothing_heavy(code: str) -> None:
    heavy = (
        "torch",
        "transformers",
        "sklearn",
        "pandas",
        "scipy",
        "datasets",
        "onnxruntime",
        "pyarrow",
        "PIL",
    )
    done = python(
        f"{code}\nimport sys\nprint([name for name in {heavy!r} if name in sys.modules])", bare=False
    )
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["predict", "--help"], ["train", "--help"], ["--version"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = """
import atexit, sys
def told():
    heavy = ("torch", "transformers", "sklearn", "pandas", "scipy", "onnxruntime", "pyarrow", "PIL")
    print("LOADED", [name for name in heavy if name in sys.modules])
atexit.register(told)
from motet.cli import main
main()
"""
    done = python(code, *arguments, bare=False)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "LOADED []"


def test_predicting_loads_nothing_of_the_learning_wing(model_directory: Path, catalogue: Any) -> None:
    # where everything is installed too: start-up must not pay for what predicting does not need
    code = """
import sys, motet
motet.load(sys.argv[1]).predict({"title": ["a lamp"]})
print([name for name in ("torch", "transformers", "sklearn", "scipy", "datasets", "onnx") if name in sys.modules])
"""
    done = python(code, model_directory, bare=False)
    assert done.stdout.strip() == "[]", done.stderr
