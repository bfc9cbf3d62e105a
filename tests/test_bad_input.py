"""What is wrong with a table is said (what, where, what to do), or listed and counted while training goes on."""

from __future__ import annotations

import csv
import io
import json
import random
import struct
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import motet as package

Motet = Callable[..., Any]
WORDS = {
    "lamp": ("lamp", "light", "shade", "bulb", "bright"),
    "chair": ("chair", "seat", "wood", "oak", "legs"),
    "novel": ("novel", "book", "story", "pages", "author"),
}


def products(rows: int = 36) -> list[dict[str, str]]:
    """Words that tell the class easily, three classes in turn."""
    random_words = random.Random(0)
    made = []
    for row in range(rows):
        label = list(WORDS)[row % 3]
        words = random_words.choices(WORDS[label], k=5)
        made.append({"title": " ".join(words), "kind": label})
    return made


def write_csv(path: Path, rows: Iterable[Mapping[str, str]], encoding: str = "utf-8") -> Path:
    listed = list(rows)
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, list(listed[0]))
        writer.writeheader()
        writer.writerows(listed)
    return path


@pytest.fixture
def train(motet: Motet, tmp_path: Path) -> Motet:
    """Train on rows (or on a table that is already a file) with few heads, so that it takes a second."""

    def run(table: Any, *options: object, label: str = "kind") -> Any:
        if not isinstance(table, str | Path):
            table = write_csv(tmp_path / "table.csv", table)
        return motet(
            "train", table, "--label", label, "-o", tmp_path / "model", "--fusion", "late", "--json", *options
        )

    return run


@pytest.fixture
def refused(train: Motet, tmp_path: Path) -> Motet:
    """Train, and see that it was refused in words, with nothing on stdout and no model left."""

    def run(table: Any, *options: object, said: Iterable[str], label: str = "kind", code: int = 1) -> None:
        done = train(table, *options, label=label)
        assert done.code == code, done.err
        assert done.out == "" and "Traceback" not in done.err
        last = done.err.strip().splitlines()[-1]
        assert last.startswith("error: ")
        for words in said:
            assert words in last, last
        left = [p.name for p in tmp_path.iterdir() if "model" in p.name]
        assert left == []

    return run


def test_a_missing_file(refused: Motet, tmp_path: Path) -> None:
    refused(tmp_path / "none.csv", said=["none.csv", "does not exist"], code=2)


def test_a_folder(refused: Motet, tmp_path: Path) -> None:
    refused(tmp_path, said=[str(tmp_path), "is a folder"], code=2)


@pytest.mark.parametrize("content", ["", "title,kind\n"])
def test_an_empty_table(refused: Motet, tmp_path: Path, content: str) -> None:
    (tmp_path / "empty.csv").write_text(content)
    refused(tmp_path / "empty.csv", said=["empty.csv", "no rows" if content else "is empty"])


def test_a_web_address(refused: Motet) -> None:
    refused(
        "https://example.org/t.csv", said=["https://example.org/t.csv", "web address", "download"], code=2
    )


def test_no_such_label_column(refused: Motet) -> None:
    refused(products(), label="kinds", code=2, said=["table.csv", "'kinds'", "did you mean 'kind'?"])


def test_an_empty_label_column(refused: Motet) -> None:
    rows = [{**row, "kind": " "} for row in products()]
    refused(rows, said=["label column 'kind'", "empty in all 36 rows"])


def test_one_class(refused: Motet) -> None:
    rows = [{**row, "kind": "lamp"} for row in products()]
    refused(rows, said=["label column 'kind'", "'lamp'", "at least two classes"])


def test_a_label_that_is_a_quantity(refused: Motet) -> None:
    rows = [{**row, "kind": f"{n}.5"} for n, row in enumerate(products())]
    refused(rows, code=2, said=["'kind'", "quantity", "make classes"])


@pytest.mark.parametrize(
    ("label", "said"),
    [
        (["lamp"], ["'kind' holds lists", "--target labels"]),
        ({"name": "lamp"}, ["'kind' holds no class in any of its 36 rows", "row 0"]),
    ],
)
def test_labels_that_are_no_values(refused: Motet, tmp_path: Path, label: Any, said: list[str]) -> None:
    columns = {"title": [row["title"] for row in products()], "kind": [label] * 36}
    pq.write_table(pa.table(columns), tmp_path / "odd.parquet")
    refused(tmp_path / "odd.parquet", said=said)


def test_duplicated_column_names(refused: Motet, tmp_path: Path) -> None:
    (tmp_path / "twice.csv").write_text("title,title,kind\na lamp,b,lamp\na chair,b,chair\n")
    refused(tmp_path / "twice.csv", said=["twice.csv", "'title'", "more than once"])


def test_nothing_to_learn_from(refused: Motet) -> None:
    rows = [{"price": str(n), "kind": row["kind"]} for n, row in enumerate(products())]
    refused(rows, said=["table.csv", "no column holds pictures, words", "--text, --numeric"])


def test_words_that_are_absent_everywhere(refused: Motet) -> None:
    rows = [{**row, "title": ""} for row in products()]
    refused(rows, "--text", "title", said=["no training row has usable words", "title", "mend the cells"])


def test_pictures_that_are_all_broken(refused: Motet) -> None:
    rows = [{**row, "photo": f"{n}.jpg"} for n, row in enumerate(products())]
    refused(
        rows,
        "--image",
        "photo",
        said=["a usable picture", "photo", "no such file", "leave these columns out"],
    )


def test_pictures_that_are_web_addresses(refused: Motet) -> None:
    rows = [{**row, "photo": f"https://example.org/{n}.jpg"} for n, row in enumerate(products())]
    refused(rows, "--image", "photo", said=["'photo'", "web address", "download the pictures"])


def test_strict_refuses_a_broken_cell(refused: Motet, train: Motet, catalogue: Any) -> None:
    assert sum(catalogue.broken.values()) == 2
    refused(
        catalogue.table,
        "--strict",
        label="category",
        said=["2 broken cells", "image: ", "leave --strict out"],
    )


def test_a_group_on_two_sides_of_a_given_split(refused: Motet) -> None:
    rows = [
        {**row, "maker": f"M{n % 4}", "split": "test" if n % 5 == 0 else "train"}
        for n, row in enumerate(products())
    ]
    refused(rows, "--group", "maker", said=["group 'M0'", "two sides", "'split'"])


def test_a_split_column_that_says_something_else(refused: Motet) -> None:
    rows = [{**row, "part": "holdout" if n == 7 else "train"} for n, row in enumerate(products())]
    refused(rows, "--split-column", "part", said=["'part'", "row 7", "'holdout'", "allowed are train"])


def test_an_encoder_that_is_not_there(refused: Motet) -> None:
    refused(
        products(),
        "--text-encoder",
        "minilmm",
        said=["no text encoder 'minilmm'", "lexical", "minilm", "small"],
    )


# What is listed and counted, while training goes on.


def test_training_tells_what_gives_the_label_away_and_what_is_rare(train: Motet) -> None:
    rows = [{**row, "code": row["kind"][:2]} for row in products()]
    rows += [{"title": f"a brass kettle {n}", "kind": "kettle", "code": "ke"} for n in range(3)]
    done = train(rows, "--text", "title", "--categorical", "code")
    assert done.code == 0, done.err
    notes = json.loads(done.out)["notes"]
    assert any(note.startswith("column 'code' determines the label") for note in notes)
    assert "classes with under 5 rows: kettle" in notes


def test_a_tiny_test_side_is_noted(train: Motet) -> None:
    rows = [{**row, "maker": "big" if n < 100 else f"small {n}"} for n, row in enumerate(products(120))]
    done = train(rows, "--text", "title", "--group", "maker", "--test-size", "0.4")
    assert done.code == 0, done.err
    notes = json.loads(done.out)["notes"]
    measured = json.loads(done.out)["n"]
    assert measured < 24
    assert any(note.startswith(f"only {measured} rows were measured") for note in notes)
    assert any(note.startswith(f"{measured} of 120 rows test, fewer than half of the 40%") for note in notes)


def test_a_class_with_one_row_is_noted(train: Motet) -> None:
    done = train([*products(), {"title": "one brass kettle of its own", "kind": "kettle"}])
    assert done.code == 0, done.err
    assert any("'kettle'" in note and "cannot be tested" in note for note in json.loads(done.out)["notes"])


def test_an_unseen_label_among_the_test_rows_counts_as_a_mistake(
    motet: Motet, train: Motet, tmp_path: Path
) -> None:
    assert train(products()).code == 0
    rows = [*products(9), {"title": "a brass kettle", "kind": "kettle"}, {"title": "a thing", "kind": ""}]
    table = write_csv(tmp_path / "new.csv", rows)
    done = motet("evaluate", tmp_path / "model", table, "--json")
    assert done.code == 0, done.err
    measured = json.loads(done.out)
    assert measured["n"] == 10
    notes = " ".join(measured["notes"])
    assert "1 row has no label" in notes and "never saw (kettle): counted as a mistake" in notes
    right = round(measured["overall"]["metrics"]["accuracy"]["value"] * 10)
    assert right <= 9


def test_a_label_seen_only_among_given_test_rows(train: Motet) -> None:
    rows = [{**row, "split": "test" if n % 6 == 5 else "train"} for n, row in enumerate(products(60))]
    rows.append({"title": "a brass kettle", "kind": "kettle", "split": "test"})
    done = train(rows)
    assert done.code == 0, done.err
    assert json.loads(done.out)["n"] == 11


def png_of(pixels: int) -> bytes:
    """A PNG whose header promises pixels x pixels of colour, in a few bytes."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", pixels, pixels, 8, 2, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(b"0" * 999))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


@pytest.mark.parametrize("face", ["command line", "estimator"])
def test_pictures_of_every_kind_in_one_table(train: Motet, tmp_path: Path, face: str) -> None:
    """Each broken one is listed by its row and reason, and its row trains with what else it has."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    picture = Image.effect_noise((40, 30), 60).convert("RGB")
    whole = io.BytesIO()
    picture.save(whole, "JPEG")
    picture.save(tmp_path / "outside.png")
    files = {
        "cut.jpg": whole.getvalue()[:600],
        "bomb.png": png_of(60_000),
        "drawn.svg": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        "layers.psd": b"8BPS\0\1" + bytes(40),
        "empty.jpg": b"",
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    picture.save(folder / "scan.tif")
    (folder / "link.png").symlink_to(tmp_path / "outside.png")
    broken = {
        "cut.jpg": "truncated",
        "bomb.png": "60000 x 60000 pixels",
        "drawn.svg": "SVG is not read",
        "layers.psd": "PSD is not read",
        "empty.jpg": "empty (0 bytes)",
        "scan.tif": "TIFF is not read",
        "link.png": "leaves the image root",
        "../outside.png": "leaves the image root",
        str(tmp_path / "outside.png"): "leaves the image root",
        "nowhere.jpg": "no such file",
    }
    fine = {"cmyk.jpg": "CMYK", "palette.png": "P", "alpha.png": "RGBA", "deep.png": "I;16", "grey.png": "L"}
    for name, mode in fine.items():
        picture.convert("L" if mode == "I;16" else mode).convert(mode).save(folder / name)
    cells = [*broken, *fine, *["grey.png"] * 21]
    rows = [{**row, "photo": cell} for row, cell in zip(products(len(cells)), cells, strict=True)]
    if face == "estimator":
        classifier = package.MultimodalClassifier(
            image="photo", text="title", image_encoder="descriptor", fusion="late", image_root=folder
        )
        evaluation = classifier.fit(rows, label="kind").evaluation_
    else:
        done = train(rows, "--image", "photo", "--text", "title", "--image-root", folder)
        assert done.code == 0, done.err
        evaluation = json.loads(done.out)
    assert evaluation["issues"]["broken"] == len(broken)
    told = {cells[issue["row"]]: issue for issue in evaluation["broken"]}
    assert set(told) == set(broken)
    for cell, reason in broken.items():
        assert reason in told[cell]["reason"] and told[cell]["column"] == "photo"


def test_mended_words_are_counted(train: Motet, tmp_path: Path) -> None:
    rows = [{**row, "title": f"{row['title']}\x07"} if n < 9 else row for n, row in enumerate(products())]
    done = train(rows, "--test-size", "0")
    assert done.code == 0, done.err
    notes = json.loads(done.out)["notes"]
    assert (
        "9 cells mended, and used: such as row 0, column 'title': control characters became spaces" in notes
    )


def test_one_cell_of_ten_megabytes(train: Motet, motet: Motet, tmp_path: Path) -> None:
    rows = products()
    rows[4]["title"] = "chair oak " * (1 << 20)
    done = train(rows)
    assert done.code == 0, done.err
    answers = tmp_path / "answers.jsonl"
    assert motet("predict", tmp_path / "model", tmp_path / "table.csv", "-o", answers).code == 0
    records = [json.loads(line) for line in answers.read_text(encoding="utf-8").splitlines()]
    assert len(records) == 36
    assert "10,485,760 characters" in records[4]["issue"] and records[4]["prediction"] == "chair"
    assert all(record["issue"] is None for record in records if record["id"] != 4)


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8-sig", "utf-16"])
def test_a_chinese_table_from_end_to_end(motet: Motet, tmp_path: Path, encoding: str) -> None:
    words = {"台灯": "黄铜台灯亮灯罩明", "椅子": "橡木椅子坐垫扶手", "小说": "长篇小说作者故事书"}
    made = random.Random(1)
    rows = [
        {"标题": "".join(made.choices(words[label], k=8)), "类别": label}
        for label in [list(words)[n % 3] for n in range(36)]
    ]
    table = write_csv(tmp_path / "商品.csv", rows, encoding)
    model, answers, report = tmp_path / "模型", tmp_path / "答案.csv", tmp_path / "报告.html"
    done = motet("train", table, "--label", "类别", "--text", "标题", "-o", model, "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["classes"] == sorted(words)
    assert motet("evaluate", model, table, "--report", report).code == 0
    assert "台灯" in report.read_text(encoding="utf-8")
    assert motet("predict", model, table, "-o", answers).code == 0
    with answers.open(encoding="utf-8", newline="") as file:
        predicted = [row["prediction"] for row in csv.DictReader(file)]
    # The words of a class share no character with another's, so that only a table read wrongly goes astray.
    assert sum(a == b["类别"] for a, b in zip(predicted, rows, strict=True)) >= 34


def test_a_latin_1_table(train: Motet, tmp_path: Path) -> None:
    rows = [{**row, "title": f"{row['title']} café Größe"} for row in products()]
    table = write_csv(tmp_path / "latin.csv", rows, "latin-1")
    done = train(table)
    assert done.code == 0, done.err
    assert any(
        "latin.csv" in note or "1252" in note or "Latin" in note for note in json.loads(done.out)["notes"]
    )


def test_words_that_look_absent_and_are_not(train: Motet, motet: Motet, tmp_path: Path) -> None:
    looks_absent = ("nan", "NA", "null", "None")
    rows = [
        {"title": looks_absent[n % 4] if n % 2 else "a lamp of brass", "kind": "ab"[n % 2]} for n in range(48)
    ]
    assert train(rows, "--text", "title").code == 0
    answers = tmp_path / "answers.jsonl"
    assert motet("predict", tmp_path / "model", tmp_path / "table.csv", "-o", answers).code == 0
    records = [json.loads(line) for line in answers.read_text().splitlines()]
    assert {record["pattern"] for record in records} == {"text"}


def test_bytes_and_lists_among_words(train: Motet, motet: Motet, tmp_path: Path) -> None:
    rows = products()
    titles: list[bytes] = [row["title"].encode() for row in rows]
    titles[3] = b"caf\xe9 \xff"
    table = tmp_path / "table.parquet"
    columns = {"title": titles, "kind": [row["kind"] for row in rows], "tags": [["a", "b"]] * len(rows)}
    pq.write_table(pa.table(columns), table)
    done = train(table, "--text", "title", "--text", "tags")
    assert done.code == 0, done.err
    answers = tmp_path / "answers.jsonl"
    assert motet("predict", tmp_path / "model", table, "-o", answers).code == 0
    records = [json.loads(line) for line in answers.read_text().splitlines()]
    assert "not UTF-8" in records[3]["issue"] and records[3]["pattern"] == "none"
    assert all("a list" in record["issue"] for record in records)


@pytest.mark.parametrize(
    ("values", "kind"), [([1, 2, 10], "integer"), ([True, False], "boolean"), ([0.5, 1.5], "float")]
)
def test_labels_that_are_no_words(
    train: Motet, motet: Motet, tmp_path: Path, values: list[Any], kind: str
) -> None:
    rows = [(row["title"], values[list(WORDS).index(row["kind"]) % len(values)]) for row in products(42)]
    table = tmp_path / "table.parquet"
    pq.write_table(pa.table({"title": [r[0] for r in rows], "kind": [r[1] for r in rows]}), table)
    done = train(table)
    assert done.code == 0, done.err
    model = package.load(tmp_path / "model")
    assert model.manifest.class_type == kind
    assert list(model.classes) == [json.dumps(value) for value in sorted(values)]
    assert json.loads(motet("evaluate", tmp_path / "model", table, "--json").out)["n"] == 42
