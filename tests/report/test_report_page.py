from __future__ import annotations

import json
import math
from typing import Any

import pytest
from reading_html import Node, read, rows
from sample_evaluation import CLASSES, drawn_uri, large, sample, sample_thumbnails

from motet.errors import UsageError
from motet.report import render_report, write_report


def page(evaluation: dict[str, Any], title: str = "a title", **more: Any) -> Node:
    return read(render_report(evaluation, title=title, **more))


def three(value: float) -> str:
    return f"{value:.3f}"


def test_the_sample_reads_and_has_every_section() -> None:
    root = page(sample(), thumbnails=sample_thumbnails())
    assert [heading.attributes["id"] for heading in root.all("h2")] == [
        "patterns", "notice", "selection", "slices", "modalities", "risk", "classes", "confusion", "training", "alone",
        "mistakes", "broken", "making",
    ]  # fmt: skip
    assert root.one("title").text == "a title"


def test_every_score_shown_is_the_one_given() -> None:
    evaluation = sample()
    table = page(evaluation).all("table", "scores")[0]
    shown = {row[0].removesuffix(" baseline"): row for row in rows(table) if len(row) > 1}
    expected = {
        "all rows as they are": evaluation["overall"],
        "image and text": evaluation["patterns"]["image+text"],
        "image alone": evaluation["patterns"]["image"],
        "text alone": evaluation["patterns"]["text"],
        "nothing present": evaluation["patterns"]["none"],
        **evaluation["baselines"],
    }
    assert shown.keys() - {"Present"} == expected.keys()
    for name, score in expected.items():
        row = shown[name]
        assert row[1] == str(score["n"])
        for place, metric in ((2, "accuracy"), (4, "macro_f1"), (5, "log_loss"), (6, "ece")):
            given = score["metrics"][metric]
            written = three(given["value"]) + f"{three(given['low'])}–{three(given['high'])}"
            assert row[place].replace(" ", "") == written, (name, metric)


def test_baselines_stand_beneath_their_pattern() -> None:
    groups = page(sample()).all("table", "scores")[0].all("tbody")
    names = [[cell.text for cell in group.all("th")] for group in groups]
    assert names == [
        ["all rows as they are"],
        ["image and text"],
        ["image alone", "image:mobilenet_v2 baseline"],
        ["text alone", "text:lexical baseline", "text:minilm baseline"],
        ["nothing present", "majority baseline"],
    ]


def test_classes_confusion_selection_and_making_show_what_was_given() -> None:
    evaluation = sample()
    root = page(evaluation)
    classes = rows(root.all("table", "classes")[1])[1:]
    given = sorted(evaluation["per_class"].items(), key=lambda item: item[1]["f1"])
    assert [row[:5] for row in classes] == [
        [name, str(score["support"]), *(three(score[key]) for key in ("precision", "recall", "f1"))]
        for name, score in given
    ]
    confusion = rows(root.one("table", "confusion"))
    assert confusion[0][1:] == CLASSES
    counted = [[0 if cell == "·" else int(cell) for cell in row[1:]] for row in confusion[1:]]
    assert counted == evaluation["confusion"]["matrix"]
    wrong = sum(map(sum, counted)) - sum(counted[i][i] for i in range(len(CLASSES)))
    assert f"{wrong} of {sum(map(sum, counted))} rows are taken for another class" in root.text
    for choice in evaluation["selection"].values():
        assert choice["why"] in root.text
        for candidate in choice["candidates"]:
            assert f"{three(candidate['log_loss'])}{three(candidate['accuracy'])}" in root.text
    for fact in (
        "train 735 · validation 161 · test 154",
        "rows left out31",
        "encode 13.2",
        "train 8.4",
        "motet 0.1.0",
        "20,000",
    ):
        assert fact in root.text


def test_mistakes_carry_their_thumbnails_and_others_say_that_they_have_none() -> None:
    thumbnails = sample_thumbnails()
    gallery = page(sample(), thumbnails=thumbnails).one("div", "gallery")
    images = gallery.all("img")
    assert [image.attributes["src"] for image in images] == [thumbnails[row] for row in (12, 40, 101, 120)]
    assert all(image.attributes["alt"].startswith("Picture of row ") for image in images)
    assert len(gallery.all("div", "none")) == 1
    assert "0.987" in gallery.text


def test_words_from_the_table_are_escaped_everywhere() -> None:
    # Hostile text in the place of every string and many keys: the reader fails on any tag of it.
    hostile = "\"'><script>alert(1)</script><img src=http://x onerror=y>{{ 7*7 }}<!--"

    def poisoned(value: Any, depth: int = 0) -> Any:
        if isinstance(value, dict):
            keep = depth < 2 or not value or not isinstance(next(iter(value.values())), dict)
            return {
                (key if keep else f"{hostile}{key}"): poisoned(inner, depth + 1)
                for key, inner in value.items()
            }
        if isinstance(value, list):
            return [poisoned(inner, depth + 1) for inner in value]
        return hostile if isinstance(value, str) else value

    evaluation = poisoned(sample())
    evaluation["per_class"] = {hostile: {"support": 1, "f1": 0.5}}
    evaluation["history"] = {hostile: sample()["history"]["concat"]}
    evaluation["sources"] = {hostile: {"licence": hostile}}
    evaluation["patterns"][hostile] = sample()["patterns"]["image"]
    evaluation["baselines"][hostile] = sample()["baselines"]["majority"]
    root = page(evaluation, title=hostile, thumbnails=sample_thumbnails())
    assert root.all("script") == []
    assert root.text.count("<script>alert(1)</script>") > 20
    assert "49" not in root.one("title").text
    names = [f"{hostile}{index}" for index in range(30)]
    matrix = [[int(row == (column + 1) % 30) for column in range(30)] for row in range(30)]
    page({"confusion": {"labels": names, "matrix": matrix}})


def test_what_cannot_be_written_is_replaced_and_the_file_is_utf8(tmp_path: Any) -> None:
    evaluation = sample()
    evaluation["mistakes"][0]["text"] = "lone \ud800 and NUL \x00 and bell \x07"
    evaluation["broken"][0]["value"] = "\udfff"
    written = write_report(tmp_path / "report.html", evaluation, title="标题 \ud800")
    text = written.read_text(encoding="utf-8")
    assert "\x00" not in text and "lone \ufffd and NUL \ufffd and bell \ufffd" in text
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    read(text)


def test_a_report_that_cannot_be_put_in_place_leaves_nothing(tmp_path: Any) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OSError):
        write_report(tmp_path / "report.html", sample(), title="t")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_chinese_and_right_to_left_say_what_they_are() -> None:
    root = page(sample(), title="七类商品")
    assert root.one("h1").one("bdi").attributes["lang"] == "zh-CN"
    said = {node.text: node.attributes for node in root.all("div", "said")}
    chinese = next(text for text in said if text.startswith("手工"))
    arabic = next(text for text in said if "زجاجة" in text)
    assert said[chinese]["lang"] == "zh-CN" and said[chinese]["dir"] == "auto"
    assert said[arabic]["dir"] == "auto"
    assert root.one("html").attributes["lang"] == "en"


def test_long_texts_are_folded_and_very_long_ones_cut() -> None:
    evaluation = sample()
    evaluation["mistakes"] = [{"row": 0, "text": "长" * 5_000}, {"row": 1, "text": "long " * 2_000_000}]
    rendered = render_report(evaluation, title="t")
    assert len(rendered) < 150_000
    folded = read(rendered).one("div", "gallery").all("summary")
    assert [summary.text for summary in folded] == [
        "All 5,000 characters",
        "The first 5,001 of 10,000,000 characters",
    ]


def test_long_classes_are_cut_in_the_gallery_and_whole_in_their_title() -> None:
    evaluation = sample()
    long = "a class whose name goes on " * 20
    evaluation["mistakes"] = [{"row": 0, "label": long, "prediction": "short"}]
    gallery = read(render_report(evaluation, title="t")).one("div", "gallery")
    label, prediction = gallery.all("dd")[:2]
    assert len(label.text) == 80 and label.text.endswith("…") and label.attributes["title"] == long
    assert prediction.text.startswith("short") and "title" not in prediction.attributes


def test_broken_cells_are_listed_up_to_two_thousand_and_counted_beyond() -> None:
    cells = [{"row": row, "column": "image", "reason": "gone", "value": f"{row}.jpg"} for row in range(2_100)]
    root = page({"broken": cells, "issues": {"broken": 2_345}})
    assert len(root.one("table", "broken").all("tr")) == 2_001
    assert "and 345 more in evaluation.json" in root.text
    assert "2,345 broken cells were treated as absent" in root.text
    small = page({"broken": cells[:1], "issues": {"broken": 1}})
    assert "more in evaluation.json" not in small.text and "1 broken cell was treated as absent" in small.text


def test_many_classes_are_drawn_as_a_map_with_the_worst_pairs() -> None:
    for classes in (21, 60, 500):
        evaluation = large(classes)
        root = page(evaluation)
        assert root.all("table", "confusion") == []
        counts = evaluation["confusion"]["matrix"]
        filled = sum(value > 0 for row in counts for value in row)
        titles = root.one("svg", "map").all("title")
        assert len(titles) == filled
        assert len(root.one("svg", "map").all("text", "row")) == (classes if classes <= 60 else 0)
        worst = max(counts[i][j] for i in range(classes) for j in range(classes) if i != j)
        assert rows(root.one("table", "pairs"))[1][2] == str(worst)


def test_one_class_no_mistakes_and_empty_histories() -> None:
    root = page(
        {
            "per_class": {"only": {"support": 3, "precision": 1.0, "recall": 1.0, "f1": 1.0}},
            "confusion": {"labels": ["only"], "matrix": [[3]]},
            "mistakes": [],
            "history": {"concat": [], "gated": None, "one": [{"epoch": 1, "train_loss": 0.5}]},
        }
    )
    assert "1 class" in root.text and "None: every row was answered rightly." in root.text
    assert "0 of 3 rows are taken for another class" in root.text
    assert [heading.text for heading in root.all("h3")] == ["one"]


def test_an_empty_evaluation_and_one_of_nulls_are_pages_too() -> None:
    for evaluation in ({}, dict.fromkeys(sample())):
        root = page(evaluation)
        assert "Nothing was measured." in root.text
        assert root.all("h2") == []


def test_null_metrics_are_dashes() -> None:
    evaluation = sample()
    evaluation["patterns"]["image"]["metrics"] = {"accuracy": {"value": None, "low": None, "high": None}}
    evaluation["patterns"]["text"]["metrics"]["ece"] = {"value": math.nan, "low": 0.0, "high": 1.0}
    evaluation["patterns"]["text"]["metrics"]["accuracy"] = {"value": 0.5, "low": None, "high": 0.6}
    shown = {row[0]: row for row in rows(page(evaluation).all("table", "scores")[0])}
    assert shown["image alone"][2:] == ["–", "", "–", "–", "–"]
    assert shown["text alone"][2] == "0.500" and shown["text alone"][6] == "–"


def test_candidates_that_nothing_measured_have_dashes() -> None:
    evaluation = sample()
    for candidate in evaluation["selection"]["image+text"]["candidates"]:
        candidate |= {"log_loss": None, "accuracy": None}
    choice = page(evaluation).all("article")[0]
    told = rows(choice.one("table"))[1:]
    assert told and all(row[1:] == ["–", "–"] for row in told)


def test_the_page_is_the_same_from_memory_and_from_the_file() -> None:
    evaluation = sample()
    again = json.loads(json.dumps(evaluation))
    assert render_report(evaluation, title="t") == render_report(again, title="t")


def test_ceilings_are_drawn_only_beside_accuracy() -> None:
    evaluation = sample()
    assert len(page(evaluation).all("table", "scores")[0].all("path", "ceiling")) == 3
    for score in [evaluation["overall"], *evaluation["patterns"].values(), *evaluation["baselines"].values()]:
        del score["metrics"]["accuracy"]
    assert page(evaluation).all("path", "ceiling") == []


def test_a_thumbnail_from_outside_is_refused() -> None:
    bad = [
        "https://x/y.jpg",
        "data:text/html;base64,AA==",
        "data:image/svg+xml;base64,AA==",
        'data:image/png;base64,A" x="',
    ]
    for uri in bad:
        with pytest.raises(UsageError, match=r"thumbnails\[3\]"):
            render_report(sample(), title="t", thumbnails={3: uri})
    render_report(sample(), title="t", thumbnails={3: drawn_uri(3)})


def test_slices_stand_the_worst_first_and_have_no_interval_where_there_are_few() -> None:
    table = page(sample()).all("table", "scores")[1]
    shown = [row for row in rows(table)[1:] if len(row) > 1]
    assert [row[:2] for row in shown] == [
        ["1 other value", "3"], ["茶道", "30"], ["no value", "81"], ["Elegance", "40"],
    ]  # fmt: skip
    assert shown[0][2] == "0.667" and shown[0][4:] == ["–", "–", "–"]
    assert shown[1][2].replace(" ", "") == "0.9000.800–0.980"
    assert page({**sample(), "slices": {}}).all("h2")[3].attributes["id"] == "modalities"


def test_interaction_is_said_in_words() -> None:
    evaluation = sample()
    assert (
        "Between image and text: accuracy 0.965 with interaction, 0.951 without; log-loss 0.025 better with it "
        "(95 % interval 0.004 to 0.048). Interaction is used, and helps."
    ) in page(evaluation).text
    gap = evaluation["emap"]["parts"]["image"]["gap"]
    for low, high, said in (
        (-0.01, 0.06, "No gain from interaction can be told from chance."),
        (-0.06, -0.01, "Interaction is used, and does harm on these rows."),
    ):
        gap["log_loss"] = {"value": (low + high) / 2, "low": low, "high": high}
        assert said in page(evaluation).text
    gap["log_loss"] = {"value": -1e-17, "low": -1e-16, "high": 1e-16}
    assert "Between image and text nothing: the model only adds up what each says." in page(evaluation).text


def test_risk_is_drawn_of_all_answers_and_of_classes_that_have_some() -> None:
    section = page(sample()).text
    assert "154 answers: 0.045 wrong; 0.000 of the surest 90 %, 0.000 of the surest 80 %" in section
    assert "24 answers: 0.125 wrong" in section
    assert "22 answers" not in section and "3 answers: 0.333" not in section


def test_modalities_alone_are_drawn_beside_what_was_trained_on_them_alone() -> None:
    root = page(sample())
    assert "loss, image alone, by epoch" in root.text and "log-loss, image alone" not in root.text
    assert "a model of it alone reaches 0.498" in root.text and "0.410;" not in root.text
    evaluation = sample()
    for epochs in evaluation["history"].values():
        for epoch in epochs:
            del epoch["alone"]
    assert "alone" not in [heading.attributes["id"] for heading in page(evaluation).all("h2")]


def of_numbers() -> dict[str, Any]:
    """The sample as if a number were told: the same figures under the names that a number has."""
    evaluation = sample() | {"task": "regress", "target": "number"}
    for choice in evaluation["selection"].values():
        for candidate in choice.get("candidates", ()):
            candidate["relative_squared_error"] = candidate.pop("log_loss")
            candidate["r2"] = candidate.pop("accuracy")
    rates = [
        {"rate": rate / 10, "r2": 0.9 - rate / 8, "relative_squared_error": rate / 8} for rate in range(10)
    ]
    evaluation["missing_rate"] = {"image": rates, "text": rates}
    gap = {"relative_squared_error": {"value": 0.21, "low": 0.1, "high": 0.3}}
    evaluation["emap"]["parts"] = {"image": {"model": {}, "additive": {}, "gap": gap}}
    return evaluation


def test_what_modalities_give_to_a_number_is_drawn_in_its_own_words() -> None:
    root = page(of_numbers())
    assert (
        "takes off the squared error, as a share of the variance" in root.text
        and "nats a row" not in root.text
    )
    assert "What R2 becomes when" in root.text and "R2, image missing" in root.text
    said = (
        "Between image and text: relative squared error 0.210 better with it (95 % interval 0.100 to 0.300)"
    )
    assert f"{said}. Interaction is used, and helps." in root.text
    lowest = [
        panel for panel in root.all("svg", "panel") if "R2, text missing" in panel.attributes["aria-label"]
    ]
    assert "from 0.900 to -0.225" in lowest[0].attributes["aria-label"]  # below 0, which only R2 can be
    assert "a model of it alone reaches 0.498" in root.text  # the reference of a fusion's curves


def test_what_modalities_give_to_labels_is_drawn_in_its_own_words() -> None:
    evaluation = sample() | {"target": "labels"}
    rates = [{"rate": rate / 10, "micro_f1": 0.9 - rate / 20, "log_loss": 0.2} for rate in range(10)]
    evaluation["missing_rate"] = {"image": rates}
    both = {"label_accuracy": 0.9, "log_loss": 0.2}
    gap = {name: {"value": 0.1, "low": 0.05, "high": 0.2} for name in both}
    evaluation["emap"]["parts"] = {"image": {"model": both, "additive": both, "gap": gap}}
    root = page(evaluation)
    assert "nats a label" in root.text and "micro-F1, image missing" in root.text
    assert "share of labels right 0.900 with interaction, 0.900 without; log-loss 0.100 better" in root.text
