"""`motet index` from a table and a model to pages, records and databases."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from motet.data import ImageCells, infer_schema, read_table
from motet.deployment import MatchOptions, build_match_model
from motet.retrieval import Index
from motet.runtime import MatchModel
from motet.training.match_settings import MatchSettings

SETTINGS = MatchSettings(width=32, hidden=32, epochs=2, least_steps=4, members=1)


@pytest.fixture(scope="module")
def model(catalogue: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    table = read_table(catalogue.table)
    schema = infer_schema(table, image=["image"], text=["title", "description"], split="split")
    place = tmp_path_factory.mktemp("space") / "model"
    options = MatchOptions(image_encoders=("descriptor",), text_encoders=("lexical",), training=SETTINGS)
    build_match_model(table, schema, place, options)
    return place


@pytest.fixture
def index(motet: Callable[..., Any], catalogue: Any, model: Path, tmp_path: Path) -> Path:
    place = tmp_path / "things.index"
    ran = motet("index", "build", catalogue.table, "-m", model, "-o", place)
    assert ran.code == 0, ran.err
    return place


def pictures(catalogue: Any, model: Path) -> tuple[MatchModel, np.ndarray, list[Any]]:
    """The model, its vectors of the pictures that can be read, and their rows of the table."""
    opened, table = MatchModel(model), read_table(catalogue.table)
    embedded = opened.embed_images(ImageCells(table, ["image"]))
    rows = np.flatnonzero(embedded.present)
    return opened, embedded.vectors[rows], table.data.take(rows).to_pylist()


def test_words_find_what_the_models_own_vectors_say(motet, catalogue, model, index) -> None:
    opened, vectors, rows = pictures(catalogue, model)
    scores = vectors @ opened.embed_texts(["红色台灯"]).vectors[0]
    found = json.loads(
        motet("index", "search", index, "-m", model, "--text", "红色台灯", "-k", 5, "--json").out
    )
    assert found["n"] == len(rows)
    # float16 keeps a score to some 2^-11 of its parts
    expected = np.sort(scores)[::-1][:5]
    np.testing.assert_allclose([one["score"] for one in found["found"]], expected, atol=2e-3)
    prices = {row["image"]: float(row["price"]) for row in rows}
    assert all(one["metadata"]["price"] == prices[one["metadata"]["image"]] for one in found["found"])


def test_a_row_finds_others_like_it_and_only_those_that_pass(motet, catalogue, model, index) -> None:
    there = Index.open(index)
    own, *others = there.search(there.vector(there.segments[0].ids[0].as_py())[None], 4).ids[0]
    ran = motet("index", "search", index, "--like", own, "-k", 3, "--json")
    assert [one["id"] for one in json.loads(ran.out)["found"]] == others
    ran = motet("index", "search", index, "--like", own, "--where", "price < 20", "--json")
    assert all(one["metadata"]["price"] < 20 for one in json.loads(ran.out)["found"])
    assert motet("index", "search", index, "--like", own, "--where", "price <").code == 2


def test_the_table_shows_what_is_filtered_by_and_the_id_once(motet, catalogue, model, index) -> None:
    there = Index.open(index)
    names = there.schema.names
    own = there.segments[0].ids[0].as_py()
    where = f"{names[-1]} is not null and price < 100 and category is not null"
    asked = ("index", "search", index, "--like", own, "-k", 2)

    def heading(*more: object) -> list[str]:
        (line,) = [line for line in motet(*asked, *more).out.splitlines() if "score" in line]
        return line.replace("┃", " ").replace("│", " ").split()

    # the ids are those of the table's column `id`, which would say them again
    assert heading() == ["id", "score", *[name for name in names if name != "id"][:4]]
    shown = heading("--where", where)
    assert shown[:5] == ["id", "score", names[-1], "price", "category"]
    assert len(shown) == 6 and shown.count("id") == 1


def test_sentences_of_the_table_tune_search_among_many(
    motet, catalogue, model, tmp_path, monkeypatch
) -> None:
    from motet.retrieval import segment

    monkeypatch.setattr(segment, "EXACT_NUMBERS", 1000)
    ran = motet("index", "build", catalogue.table, "-m", model, "-o", tmp_path / "things.index")
    assert ran.code == 0 and "by sampled rows and " in ran.err
    opened, table = MatchModel(model), read_table(catalogue.table)
    sentences = [text for name in ("title", "description") for text in table.column(name).to_pylist() if text]
    assert f" by {len(sentences)} queries" in ran.err
    kept = Index.open(tmp_path / "things.index").state.queries
    assert kept.bytes == len(sentences) * opened.width * 4


def test_words_and_a_picture_are_weighed(motet, catalogue, model, index, tmp_path) -> None:
    opened, vectors, _ = pictures(catalogue, model)
    path = tmp_path / "asked.png"
    Image.new("RGB", (40, 40), "teal").save(path)
    asked = ("index", "search", index, "-m", model, "--text", "lamp", "--image", path, "-k", 1, "--json")

    def best(weight: float) -> float:
        return json.loads(motet(*asked, "--text-weight", weight).out)["found"][0]["score"]

    words = opened.embed_texts(["lamp"]).vectors[0]
    assert best(1) == pytest.approx((vectors @ words).max(), abs=2e-3)
    assert best(0) != pytest.approx(best(1), abs=1e-3)
    sheet = tmp_path / "found.html"
    ran = motet(
        "index", "search", index, "-m", model, "--text", "<b>灯", "--image", path, "--sheet", sheet, "-k", 4
    )
    assert ran.code == 0, ran.err
    page = sheet.read_text(encoding="utf-8")
    assert page.count("data:image/jpeg;base64,") == 5  # four found, and the one that was asked with
    assert "&lt;b&gt;灯" in page and "<b>" not in page


def test_rows_are_removed_and_added_again(motet, catalogue, model, index) -> None:
    there = Index.open(index)
    before, gone = len(there), there.segments[0].ids[3].as_py()
    assert motet("index", "remove", index, gone).code == 0
    assert len(Index.open(index)) == before - 1
    again = motet("index", "add", index, catalogue.table, "-m", model)
    assert again.code == 1 and "is in the index already" in again.err
    assert motet("index", "compact", index).code == 0
    assert len(Index.open(index)) == before - 1


def test_an_index_of_another_model_says_both_names(motet, catalogue, model, index, tmp_path) -> None:
    table = read_table(catalogue.table)
    schema = infer_schema(table, image=["image"], text=["title"], split="split")
    options = MatchOptions(image_encoders=("descriptor",), text_encoders=("lexical",), training=SETTINGS)
    build_match_model(table, schema, tmp_path / "other", options)
    for arguments in (("search", index, "--text", "lamp"), ("add", index, catalogue.table)):
        ran = motet("index", *arguments, "-m", tmp_path / "other")
        assert ran.code == 1
        assert "model (image:descriptor, text:lexical) [" in ran.err
        assert "not by other (image:descriptor, text:lexical) [" in ran.err


def test_a_database_gets_every_row(motet, index, tmp_path) -> None:
    lancedb = pytest.importorskip("lancedb", reason="lancedb is not installed")
    ran = motet("index", "export", index, "--lancedb", tmp_path / "lance", "--name", "things")
    assert ran.code == 0, ran.err
    rows = lancedb.connect(tmp_path / "lance").open_table("things").count_rows()
    assert rows == len(Index.open(index))


def test_wrong_usage_is_said(motet, model, index, tmp_path, catalogue) -> None:
    for arguments, said in (
        (("search", index), "say what to find"),
        (("search", index, "--like", "x", "-k", 0), "at least 1"),
        (("search", index, "--text", "x"), "need the model"),
        (("search", index, "-m", model, "--text", " "), "empty words"),
        (("search", index, "-m", model, "--image", tmp_path / "none.png"), "no such file"),
        (("export", index, "--name", "x"), "say where to"),
        (("build", catalogue.table, "-m", tmp_path / "none", "-o", tmp_path / "x"), "no such model"),
    ):
        ran = motet("index", *arguments)
        assert ran.code == 2 and said in ran.err, ran
    ran = motet("index", "build", catalogue.table, "-m", model, "-o", index)
    assert ran.code == 1 and "stands there already" in ran.err


def priced(catalogue: Any, place: Path, first: int, prices: list[str]) -> Path:
    """A table of some pictures of the catalogue, from the given one on, with prices in words."""
    rows = [row for row in read_table(catalogue.table).data.to_pylist() if row["image"]]
    lines = [f'{row["image"]},"{price}"' for row, price in zip(rows[first:], prices, strict=False)]
    place.write_text("\n".join(["image,price", *lines]), encoding="utf-8")
    return place


@pytest.mark.parametrize(
    ("built", "added", "expected"),
    [
        (["3,5", "1,200", "7,25", "8"], ["1,200", "1.200", "1e3"], [1.2, 1200, 1000]),
        (["3.5", "1,200", "7.25", "8"], ["1,200", "1.200"], [1200, 1.2]),
        (["3.5", "12.5", "7.25", "8"], ["3,5"], "row 0, column 'price': '3,5' is no number"),
        (["3,5", "12,5", "7,25", "8"], ["", "4", "3.5"], "row 2, column 'price': '3.5' is no number"),
        (["3,5", "12,5", "7,25", "8"], ["4", "soon"], "row 1, column 'price': 'soon' is no number"),
        (["1.200", "1.300", "1.400", "8"], ["1.200,5"], "row 0, column 'price': '1.200,5' is no number"),
        (["3,5", "3.5", "3.5", "8"], ["1,200"], "row 0, column 'price': '1,200' is no number"),
    ],
)
def test_numbers_of_a_table_that_is_added_are_read_as_the_index_was(
    motet, catalogue, model, tmp_path, built, added, expected
) -> None:
    place, root = tmp_path / "things.index", Path(catalogue.table).parent
    first = priced(catalogue, tmp_path / "first.csv", 0, built)
    ran = motet("index", "build", first, "-m", model, "-o", place, "--image-root", root)
    assert ran.code == 0, ran.err
    rows = len(Index.open(place))
    more = priced(catalogue, tmp_path / "more.csv", len(built), added)
    ran = motet("index", "add", place, more, "-m", model, "--image-root", root)
    if isinstance(expected, str):
        assert ran.code == 1 and expected in ran.err
        assert len(Index.open(place)) == rows
        return
    assert ran.code == 0, ran.err
    there = Index.open(place)
    assert there.metadata(np.arange(rows, len(there)))["price"].to_pylist() == expected


def test_cells_without_a_number_are_said_when_an_index_is_built(motet, catalogue, model, tmp_path) -> None:
    table = priced(catalogue, tmp_path / "t.csv", 0, [*["3.5"] * 24, "soon"])
    root = Path(catalogue.table).parent
    ran = motet("index", "build", table, "-m", model, "-o", tmp_path / "i", "--image-root", root)
    assert ran.code == 0 and "column 'price': cells without a number, such as 'soon' in row 24" in ran.err


def test_the_first_table_that_tells_decides_for_the_next(motet, catalogue, model, tmp_path) -> None:
    place, root = tmp_path / "things.index", Path(catalogue.table).parent
    for number, prices in enumerate((["3", "4", "5"], ["3,5", "4,5"], ["1,200"])):
        table = priced(catalogue, tmp_path / f"{number}.csv", 3 * number, prices)
        where = ("build", table, "-o", place) if number == 0 else ("add", place, table)
        ran = motet("index", *where, "-m", model, "--image-root", root)
        assert ran.code == 0, ran.err
    assert Index.open(place).metadata(range(6))["price"].to_pylist() == [3, 4, 5, 3.5, 4.5, 1.2]


def test_pictures_of_a_table_in_another_folder_are_found_there(
    motet, catalogue, model, index, tmp_path
) -> None:
    """Both folders have a picture of the same name: what was added leads to its own."""
    there = read_table(catalogue.table)
    name = next(path for path in there.column("image").to_pylist() if path and (there.root / path).is_file())
    other = tmp_path / "other"
    (other / name).parent.mkdir(parents=True)
    Image.new("RGB", (40, 40), "teal").save(other / name, "PNG")
    columns = {key: [values[0]] for key, values in there.data.to_pydict().items()} | {"image": [name]}
    columns["id"] = ["new"]
    (other / "table.csv").write_text(
        ",".join(columns) + "\n" + ",".join(f'"{values[0] or ""}"' for values in columns.values()) + "\n"
    )
    assert motet("index", "add", index, other / "table.csv", "-m", model).code == 0
    opened = Index.open(index)
    added = opened.metadata(np.array([sum(map(len, opened.segments)) - 1])).to_pylist()[0]
    assert Path(added["image"]) == other / name
