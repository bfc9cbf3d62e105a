"""Which rows of a table are measured, and what is said about them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import motet as package
from motet import Model, load
from motet.data import Table, read_table
from motet.errors import TableError
from motet.model import table_digest

Motet = Callable[..., Any]


@pytest.fixture(scope="module")
def model(model_directory: Path) -> Model:
    return load(model_directory)


@pytest.fixture(scope="module")
def read(model: Model, catalogue: Any) -> Table:
    return model.read(catalogue.table)


def with_split(table: Table, sides: list[str]) -> Table:
    at = table.columns.index("split")
    return Table(table.data.set_column(at, "split", pa.array(sides)), table.root, table.name)


def test_the_split_column_chooses_the_rows_for_every_face(
    motet: Motet, trained: Any, model_directory: Path, catalogue: Any, read: Table
) -> None:
    test = read.column("split").to_pylist().count("test")
    assert 0 < test < len(read)
    said = json.loads(motet("evaluate", model_directory, catalogue.table, "--json").out)
    for measured in (
        said,
        load(model_directory).evaluate(catalogue.table),
        trained.evaluate(catalogue.table),
    ):
        assert (measured["split"], measured["n"]) == ("test", test)
        assert any(f"the {test} rows that column 'split' calls test, of 72" in n for n in measured["notes"])
    assert trained.score(catalogue.table) == said["overall"]["metrics"]["accuracy"]["value"]
    whole = json.loads(motet("evaluate", model_directory, catalogue.table, "--all-rows", "--json").out)
    others = [one.evaluate(catalogue.table, all_rows=True) for one in (load(model_directory), trained)]
    for measured in (whole, *others):
        assert (measured["split"], measured["n"]) == ("given", len(read))
        assert not any("calls test" in note for note in measured["notes"])
    answers = trained.score(catalogue.table, read.column("category").to_pylist())
    assert answers == whole["overall"]["metrics"]["accuracy"]["value"]


def test_a_split_column_without_test_rows_says_so(
    model: Model, read: Table, motet: Motet, model_directory: Path, tmp_path: Path
) -> None:
    table = with_split(read, ["val" if n % 4 == 0 else "train" for n in range(len(read))])
    with pytest.raises(
        TableError, match=r"'split' names no test rows \(it has 54 train, 18 validation\).*all_rows=True"
    ):
        model.evaluate(table)
    assert model.evaluate(table, all_rows=True)["n"] == len(read)
    (tmp_path / "t.csv").write_text("title,category,split\na lamp,home,train\n")
    done = motet("evaluate", model_directory, tmp_path / "t.csv")
    assert done.code == 1 and "names no test rows" in done.err and "--all-rows" in done.err


def test_a_split_column_that_says_something_else_names_the_way_out(model: Model, read: Table) -> None:
    table = with_split(read, ["holdout"] * len(read))
    with pytest.raises(TableError, match=r"catalogue\.csv: .*row 0: it says 'holdout'.*--all-rows"):
        model.evaluate(table)


def test_test_rows_without_a_label_are_not_called_a_table_without_labels(model: Model) -> None:
    table = {"title": ["a lamp", "a cap"], "category": ["home", None], "split": ["train", "test"]}
    with pytest.raises(TableError, match="no test row has a label in column 'category'"):
        model.evaluate(table)


def test_one_row_is_called_one_row(model: Model) -> None:
    rows = {"title": ["a lamp", "a cap", "a hat"], "category": ["home", None, "hats"]}
    notes = model.evaluate(rows)["notes"]
    assert "1 row has no label and was left out" in notes
    assert "1 row has a label that the model never saw (hats): counted as a mistake" in notes


def test_each_unseen_label_is_a_class_of_its_own_for_macro_f1(model: Model, read: Table) -> None:
    from sklearn.metrics import f1_score

    rows = read.data.slice(0, 40).to_pydict()
    for number, label in enumerate(["hats", "hats", " shoes ", "belts"]):
        rows["category"][number] = label
    table = read_table(rows, image_root=read.root)
    truth = [label.strip() for label in rows["category"]]
    predicted = [one.prediction for one in model.predict(table)]
    measured = model.evaluate(table, all_rows=True)["overall"]["metrics"]["macro_f1"]["value"]
    assert measured == pytest.approx(f1_score(truth, predicted, average="macro", zero_division=0))


@pytest.mark.parametrize(("rows", "noted"), [(29, True), (30, False)])
def test_few_measured_rows_are_noted(model: Model, read: Table, rows: int, noted: bool) -> None:
    table = Table(read.data.slice(0, rows), read.root)
    notes = model.evaluate(table, all_rows=True)["notes"]
    assert any(note.startswith(f"only {rows} rows were measured") for note in notes) is noted


def test_unseen_labels_of_rows_that_are_not_measured_are_not_named(model: Model) -> None:
    rows = {
        "title": ["a", "b", "c"],
        "category": ["hats", "kettles", "home"],
        "split": ["train", "test", "test"],
    }
    notes = " ".join(model.evaluate(rows)["notes"])
    assert "kettles" in notes and "hats" not in notes


class TestTheTableThatTrainedTheModel:
    @pytest.fixture
    def known(self, model_copy: Path, read: Table) -> Path:
        """A model that says which table trained it."""
        path = model_copy / "motet.json"
        data = json.loads(path.read_text(encoding="utf-8"))
        table = {"name": read.name, "rows": len(read), "digest": table_digest(read)}
        data["training"]["table"] = table
        path.write_text(json.dumps(data), encoding="utf-8")
        return model_copy

    def noted(self, path: Path, table: Any, **options: Any) -> bool:
        notes = package.load(path).evaluate(table, **options)["notes"]
        return any("trained the model (catalogue.csv)" in note and "too good" in note for note in notes)

    def test_it_is_noted_when_it_is_measured_whole(self, known: Path, read: Table) -> None:
        assert self.noted(known, read, all_rows=True)
        assert self.noted(
            known, Table(read.data.select(list(reversed(read.columns))), read.root), all_rows=True
        )

    def test_not_when_its_split_column_sets_test_rows_apart(self, known: Path, read: Table) -> None:
        assert not self.noted(known, read)

    def test_not_for_another_table_or_a_model_that_does_not_know(
        self, known: Path, model_directory: Path, read: Table
    ) -> None:
        words = pa.array(["a lamp"] * len(read))
        other = read.data.set_column(read.columns.index("title"), "title", words)
        assert not self.noted(known, Table(other, read.root), all_rows=True)
        assert not self.noted(known, Table(read.data.slice(1), read.root), all_rows=True)
        data = json.loads((known / "motet.json").read_text(encoding="utf-8"))
        for table in (None, "catalogue.csv", {"rows": len(read)}):
            data["training"]["table"] = table
            (known / "motet.json").write_text(json.dumps(data), encoding="utf-8")
            assert not self.noted(known, read, all_rows=True)


def test_broken_cells_of_the_measured_rows_are_counted_apart(
    model: Model, catalogue: Any, read: Table
) -> None:
    measured = model.evaluate(catalogue.table, all_rows=True)
    assert measured["issues"]["broken_measured"] == len(measured["broken"]) == sum(catalogue.broken.values())
    broken = {issue["row"] for issue in measured["broken"]}
    sides = ["train" if row in broken else "test" for row in range(len(read))]
    assert model.evaluate(with_split(read, sides))["issues"]["broken_measured"] == 0
