from __future__ import annotations

import io
import json
from itertools import combinations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from measuring_data import measuring
from motet.data import Split, audit, infer_schema, labels, read_table
from motet.data.duplicates import NEAR_BITS, NEAR_SHARE, near_prints, picture_hash
from motet.data.harm import harmful_findings


def drawn(seed, size=96):
    generator = np.random.default_rng(seed)
    image = Image.new("RGB", (size, size), tuple(generator.integers(0, 255, 3).tolist()))
    pen = ImageDraw.Draw(image)
    for _ in range(6):
        corners = np.sort(generator.integers(0, size, (2, 2)), axis=0)
        pen.rectangle(corners.ravel().tolist(), fill=tuple(generator.integers(0, 255, 3).tolist()))
    return image


@pytest.fixture
def folder(tmp_path):
    lines = ["image,text,label,split"]
    for row in range(12):
        drawn(row).save(tmp_path / f"{row}.png")
        lines.append(f"{row}.png,a picture of thing {row},{'ab'[row % 2]},{'train' if row < 9 else 'test'}")
    (tmp_path / "copy.png").write_bytes((tmp_path / "0.png").read_bytes())
    drawn(1).resize((80, 80)).save(tmp_path / "near.jpg", quality=80)
    (tmp_path / "cut.png").write_bytes((tmp_path / "2.png").read_bytes()[:100])
    lines += [
        "copy.png,a picture of thing 0,b,test",  # row 12: exactly row 0, another label and side
        "near.jpg,A picture: of THING 1!,b,train",  # row 13: nearly row 1
        "cut.png,words alone are left,a,train",  # row 14
        "gone.png,,rare,train",  # row 15
        ",,,train",  # row 16
    ]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    return tmp_path


def test_what_an_audit_finds(folder):
    table = read_table(folder / "t.csv")
    schema = infer_schema(table, label="label", image=["image"], text=["text"], split="split")
    found = audit(table, schema)
    columns = {c["name"]: (c["present"], c["absent"], c["broken"]) for c in found.columns}
    assert columns == {"image": (14, 1, 2), "text": (15, 2, 0), "label": (16, 1, 0), "split": (17, 0, 0)}
    assert found.patterns == {"image+text": 14, "none": 2, "text": 1}
    assert [(issue.row, issue.column) for issue in found.broken] == [(14, "image"), (15, "image")]
    assert found.classes == {"b": 8, "a": 7, "rare": 1} and found.few == {"rare": 1} and found.unlabelled == 1
    assert found.splits == {"train": 13, "validation": 0, "test": 4}
    exact = found.duplicates["exact"]
    assert (exact["groups"], exact["rows"], exact["across_splits"], exact["conflicting_labels"]) == (
        1,
        2,
        1,
        1,
    )
    assert exact["examples"] == [[0, 12]]
    for kind in ("near_image", "near_text"):
        near = found.duplicates[kind]
        assert near["examples"] == [[1, 13]] and near["across_splits"] == 0, kind
    json.dumps(found.to_json())


def test_warnings_are_in_order_of_harm(folder):
    table = read_table(folder / "t.csv")
    found = audit(table, infer_schema(table, label="label", image=["image"], text=["text"], split="split"))
    words = ["across", "the same inputs", "broken", "without a label", "under 5", "nothing that can be read"]
    messages = [one["message"] for one in found.warnings]
    places = [next(i for i, message in enumerate(messages) if word in message) for word in words]
    assert places == sorted(places), messages
    levels = [one["level"] for one in found.warnings]
    assert levels == sorted(levels, key=["error", "warning", "note"].index)


def test_without_decoding_nothing_is_read(folder):
    table = read_table(folder / "t.csv")
    found = audit(table, infer_schema(table, label="label", image=["image"], text=["text"]), decode=False)
    assert found.broken == [] and "near_image" not in found.duplicates


@pytest.mark.parametrize(
    ("columns", "options", "words"),
    [
        ({"t": ["some words", "more words"], "y": ["a", "a"]}, {"text": ["t"]}, "constant"),
        ({"t": ["some words", "more words"], "y": [None, None]}, {"text": ["t"]}, "empty in all"),
        ({"t": [None, ""], "y": ["a", "b"]}, {"text": ["t"]}, "empty in every row"),
        ({"p": ["x.png", "y.png"], "y": ["a", "b"]}, {"image": ["p"]}, "all 2 cells are broken"),
        ({"q": [1, 2], "y": ["a", "b"]}, {}, "no column of pictures, words, sounds or vectors"),
        (
            {"t": ["u v", "w x"], "y": ["a", "b"], "s": ["train", "oops"]},
            {"text": ["t"], "split": "s"},
            "'oops'",
        ),
        (
            {"t": ["u v", "w x"], "y": ["a", "b"], "s": ["train", "test"]},
            {"text": ["t"], "split": "s"},
            "never trained",
        ),
    ],
)
def test_what_makes_training_impossible_comes_first(columns, options, words, tmp_path):
    table = read_table(columns, image_root=tmp_path)
    found = audit(table, infer_schema(table, label="y", **options))
    assert found.warnings[0]["level"] == "error" and words in found.warnings[0]["message"], found.warnings


def test_a_text_that_says_its_label():
    y = ["cat", "dog"] * 10
    table = read_table({"t": [f"this is a {label} indeed {i}" for i, label in enumerate(y)], "y": y})
    found = audit(table, infer_schema(table, label="y", text=["t"]))
    assert "says the label itself in 100%" in found.warnings[0]["message"]


def test_near_pictures_are_those_of_the_slow_way():
    images = [drawn(seed) for seed in range(30)]
    for seed in range(10):
        data = io.BytesIO()
        drawn(seed).resize((77, 77)).save(data, "JPEG", quality=70)
        images.append(Image.open(data).convert("RGB"))
    hashes, thumbnails = zip(*map(picture_hash, images), strict=True)
    numbers, crowd = near_prints(np.array(hashes, np.uint64), np.stack(thumbnails))
    assert crowd == 0
    # every pair by the definition, closed over chains
    alike = np.eye(len(images), dtype=int)
    for one, other in combinations(range(len(images)), 2):
        left, right = thumbnails[one].astype(float), thumbnails[other].astype(float)
        share = np.abs(left - right).mean() / min(left.std(), right.std())
        near = bin(hashes[one] ^ hashes[other]).count("1") <= NEAR_BITS and share <= NEAR_SHARE
        alike[one, other] = alike[other, one] = near
    for _ in range(6):
        alike = (alike @ alike > 0).astype(int)
    np.testing.assert_array_equal(numbers[:, None] == numbers, alike > 0)
    assert sum(numbers[i] == numbers[i + 30] for i in range(10)) >= 6
    assert len(np.unique(numbers[:30])) == 30


def test_hashes_in_every_band_are_found():
    # four bits that differ leave one of five bands whole, wherever they are
    generator = np.random.default_rng(0)
    flat = np.tile(np.arange(256, dtype=np.uint8), 3)
    for _ in range(200):
        one = int(generator.integers(0, 2**63))
        flips = generator.choice(64, 4, replace=False)
        other = one ^ sum(1 << int(bit) for bit in flips)
        far = other ^ (1 << int(np.setdiff1d(np.arange(64), flips)[0]))
        pair, _ = near_prints(np.array([one, other], np.uint64), np.stack([flat, flat]))
        apart, _ = near_prints(np.array([one, far], np.uint64), np.stack([flat, flat]))
        assert pair[0] == pair[1] and apart[0] != apart[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "absent", "classes"),
    [("flipkart1050", 3, 7), ("noto_emoji", 0, 9), ("flickr8k_bilingual", 0, None)],
)
def test_real_tables(folder, absent, classes):
    table = read_table(measuring(f"data/{folder}") / "data.csv")
    schema = infer_schema(table, label="label" if classes else None)
    found = audit(table, schema)
    image = next(column for column in found.columns if column["name"] == "image")
    assert (image["kind"], image["absent"], image["broken"]) == ("image", absent, 0)
    assert (len(found.classes) if found.classes else None) == classes
    assert not any(one["level"] == "error" for one in found.warnings)


def said(columns, **options):
    table = read_table({"t": [f"text number {i}" for i in range(len(columns["y"]))], **columns})
    schema = infer_schema(table, label="y", text=["t"], **options)
    return [(w["level"], w["message"]) for w in audit(table, schema).warnings]


PATIENTS = [f"P-{i // 3:04d}" for i in range(60)]
LABELS = ["a", "b"] * 30


def test_codes_that_rows_share_suggest_a_group():
    (level, message), *more = [w for w in said({"y": LABELS, "patient": PATIENTS}) if "--group" in w[1]]
    assert not more and level == "note"
    assert message.startswith("column 'patient' holds 20 codes such as 'P-0000', which 60 rows share")
    assert "say --group patient (in Python group=)" in message and "--id patient (id=)" in message


def test_the_suggested_option_can_be_typed_as_it_stands():
    ((_, message),) = [w for w in said({"y": LABELS, "patient id": PATIENTS}) if "--group" in w[1]]
    assert "say --group 'patient id' (in" in message


def test_codes_on_both_sides_of_a_split_are_a_warning():
    # 2 of 40 rows share a code: too few to be noted, if it were not for the split
    codes = [f"P-{max(i, 1):04d}" for i in range(40)]
    columns = {"y": ["a", "b"] * 20, "patient": codes}
    assert not [w for w in said(columns) if "--group" in w[1]]
    columns["split"] = ["train", "test"] * 20
    ((level, message),) = [w for w in said(columns) if "--group" in w[1]]
    assert level == "warning" and "1 of them stand on two sides" in message
    columns["split"] = ["train"] * 20 + ["test"] * 20
    assert not [w for w in said(columns) if "--group" in w[1]]


@pytest.mark.parametrize(
    "values",
    [
        [f"P-{i:04d}" for i in range(60)],  # each its own
        [f"size-{i % 5:02d}" for i in range(60)],  # categories
        [["red", "blue", "green"][i % 3] for i in range(60)],
        [f"20{10 + i // 12}-{i % 12 + 1:02d}" for i in range(60)],  # months
        [str(i // 3) for i in range(60)],  # counts
        [f"{'abcdefghijklmnopqrstu'[i // 3]} word" for i in range(60)],
    ],
)
def test_columns_that_are_no_codes_of_a_thing(values):
    assert not [w for w in said({"y": LABELS, "c": values}) if "--group" in w[1]]


def test_a_named_group_is_suggested_no_more():
    assert not [w for w in said({"y": LABELS, "patient": PATIENTS}, group="patient") if "--group" in w[1]]


def test_a_column_that_is_nearly_a_split_is_a_warning():
    sides = ["train"] * 40 + ["tset"] + ["test"] * 19
    ((level, message),) = [w for w in said({"y": LABELS, "split": sides}) if "looks like" in w[1]]
    assert level == "warning" and "row 40 says 'tset'" in message


def test_classes_that_differ_only_in_case_or_spaces():
    columns = {"y": ["Running shoes", "running  Shoes", " lamps", "lamps"] * 15}
    ((level, message),) = [w for w in said(columns) if "differ only" in w[1]]
    assert level == "warning" and "'Running shoes', 'running  Shoes'" in message


def telling(columns, **roles):
    table = read_table({"y": ["a", "b", "B "] * 20, **columns})
    schema = infer_schema(table, label="y", **roles)
    return [w["message"] for w in audit(table, schema).warnings if "known beforehand" in w["message"]]


def test_a_column_that_gives_the_label_away():
    sizes = [n % 3 * 10 + n % 2 for n in range(60)]
    assert telling({"k": ["A", "B", "b"] * 20}, categorical=["k"]) == [
        "column 'k' equals the label: is it known beforehand?"
    ]
    told = telling({"k": sizes}, numeric=["k"])
    assert len(told) == 1 and told[0].startswith("column 'k' determines the label: each of its values")
    assert telling({"k": [11, *sizes[1:]]}, numeric=["k"]) == []  # one row says otherwise
    assert telling({"k": list(range(60))}, numeric=["k"]) == []  # a value of its own in every row
    assert telling({"k": [*sizes[:20], *[None] * 40]}, numeric=["k"]) == []  # most rows lack it


def test_findings_of_harm_that_training_tells():
    words = [f"a thing called number {n}" for n in range(40)]
    words[1] = words[0].upper() + "!"
    words[3] = words[2]
    table = read_table({"t": words, "y": ["lamp", "chair"] * 18 + ["Lamp", "Lamp", "hat", "hat"]})
    schema = infer_schema(table, label="y", text=["t"])
    found = labels(table, schema)
    rows = np.arange(40)
    units = np.arange(40)
    units[3] = 2
    split = Split(rows[rows != 1], rows[:0], rows[1:2], (), units)
    told = harmful_findings(table, schema, found, split)
    assert [note.split(":")[0] for note in told] == [
        "1 group of rows with nearly the same text across train, validation and test",
        "1 group of the same inputs, different labels",
        "1 group of nearly the same text, different labels",
        "classes with under 5 rows",
        "classes that differ only in case or spaces are learned as several",
    ]
    one_side = Split(rows, rows[:0], rows[:0], (), None)
    told = harmful_findings(table, schema, found, one_side)
    assert not any("across" in note or "same inputs" in note for note in told)
