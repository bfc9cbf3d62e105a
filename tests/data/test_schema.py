from __future__ import annotations

import json
from itertools import permutations

import pytest
from PIL import Image

from motet.data import Schema, all_patterns, infer_schema, pattern_name, read_table
from motet.errors import TableError, UsageError


@pytest.fixture
def products(tmp_path):
    (tmp_path / "images").mkdir()
    lines = ["id,photo,title,正文,price,brand,kind,split,url,when,track,code"]
    for row in range(40):
        Image.new("RGB", (8, 8), (row, 0, 0)).save(tmp_path / "images" / f"{row}.png")
        lines.append(
            f"p{row},images/{row}.png,a fine thing number {row},这是第{row}件漂亮的衣服,{row}.50,"
            f"brand {row % 3},{'ab'[row % 2]},{['train', 'val', 'test'][row % 3]},https://x.org/{row}.png,"
            f"2024-01-{row % 28 + 1:02d},s/{row}.wav,Q{row}"
        )
    (tmp_path / "t.csv").write_text("\n".join(lines), encoding="utf-8")
    return read_table(tmp_path / "t.csv")


def roles(schema):
    return {column.name: (column.kind, column.role, column.modality) for column in schema.columns}


def test_what_is_inferred(products):
    schema = infer_schema(products, label="kind")
    assert roles(schema) == {
        "id": ("other", "id", None),
        "photo": ("image", "input", "image"),
        "title": ("text", "input", "text"),
        "正文": ("text", "input", "text"),
        "price": ("numeric", "ignored", None),
        "brand": ("categorical", "ignored", None),
        "kind": ("categorical", "label", None),
        "split": ("categorical", "split", None),
        "url": ("other", "ignored", None),
        "when": ("other", "ignored", None),
        "track": ("audio", "ignored", None),
        "code": ("other", "ignored", None),
    }
    assert (schema.label, schema.split, schema.group, schema.id) == ("kind", "split", None, "id")
    assert schema.modalities == ("image", "text") and schema.inputs("text") == ("title", "正文")
    why = {column.name: column.why for column in schema.columns}
    assert "--numeric" in why["price"] and "--categorical" in why["brand"] and "there" in why["photo"]
    assert Schema.from_json(json.loads(json.dumps(schema.to_json()))) == schema


def test_named_inputs_are_all_inputs(products):
    schema = infer_schema(
        products, label="kind", text=["title"], numeric=["price"], categorical=["brand"], group="code"
    )
    assert schema.modalities == ("text", "tabular")
    assert schema.inputs("tabular") == ("price", "brand") and schema.inputs("tabular", "numeric") == (
        "price",
    )
    assert roles(schema)["photo"] == ("image", "ignored", None) and schema.group == "code"


def test_wrong_names(products):
    with pytest.raises(UsageError, match="did you mean 'title'"):
        infer_schema(products, text=["titel"])
    with pytest.raises(UsageError, match=r"text input and as label"):
        infer_schema(products, text=["kind"], label="kind")
    with pytest.raises(TableError, match="web address"):
        infer_schema(products, image=["url"])
    with pytest.raises(TableError, match="schema"):
        Schema.from_json({"columns": [{"nom": 1}]})
    with pytest.raises(TableError, match="unknown kind"):
        Schema.from_json({"columns": [{"name": "a", "kind": "k", "role": "input"}]})


def test_a_quantity_is_no_label():
    table = read_table(
        {"t": ["some words here"] * 200, "y": [i / 7 for i in range(200)], "k": list(range(200))}
    )
    for label in ("y", "k"):
        with pytest.raises(UsageError, match="--target number"):
            infer_schema(table, label=label)
    many = read_table({"t": ["some words here"] * 400, "y": [i % 102 for i in range(400)]})
    assert infer_schema(many, label="y").label == "y"


def test_pictures_as_bytes_and_of_datasets():
    png = b"\x89PNG\r\n\x1a\n..."
    table = read_table(
        {"a": [png, None], "b": [{"bytes": png, "path": None}, None], "c": [b"12", b"3"], "v": [[1.0], [2.0]]}
    )
    kinds = {c.name: c.kind for c in infer_schema(table).columns}
    assert kinds == {"a": "image", "b": "image", "c": "other", "v": "vector"}


def test_pictures_that_are_not_there_stay_pictures_and_say_so(tmp_path):
    (tmp_path / "t.csv").write_text("p,t\n" + "".join(f"x/{i}.jpg,some words {i}\n" for i in range(20)))
    column = infer_schema(read_table(tmp_path / "t.csv")).columns[0]
    assert column.kind == "image" and "none of" in column.why


def test_patterns_by_hand():
    for order in permutations(["text", "image", "tabular", "b", "a"]):
        assert pattern_name(order) == "image+text+tabular+a+b"
    assert pattern_name([]) == "none"
    assert all_patterns(["text", "image"]) == ["image+text", "image", "text", "none"]
    assert len(set(all_patterns("abcd"))) == 16


def test_a_web_address_with_one_slash_is_one():
    table = read_table({"photo": [f"http:/x.org/{i}.jpg" for i in range(20)], "t": ["a b c d e f"] * 20})
    (photo,) = [c for c in infer_schema(table).columns if c.name == "photo"]
    assert photo.role == "ignored" and "web addresses" in photo.why
    with pytest.raises(TableError, match="every picture is a web address"):
        infer_schema(table, image=["photo"])
