from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from motet.cli import app
from motet.errors import UsageError


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "t.csv"
    rows = "".join(f"{i}.jpg,some words for row {i},{'ab'[i % 2]}\n" for i in range(30))
    path.write_text("photo,words,label\n" + rows)
    return path


def test_inspect_prints_what_it_found(table):
    result = CliRunner().invoke(app, ["inspect", str(table)])
    assert result.exit_code == 0
    for words in ("photo", "broken", "30", "2 classes", "and 10 more with --json", "no such file"):
        assert words in result.stdout, words


def test_inspect_prints_one_json_object(table):
    result = CliRunner().invoke(app, ["inspect", str(table), "--label", "label", "--text", "words", "--json"])
    found = json.loads(result.stdout)
    assert found["rows"] == 30 and found["classes"] == {"a": 15, "b": 15}
    assert [column["role"] for column in found["schema"]["columns"]] == ["ignored", "input", "label"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["no.csv"], UsageError),
        (["https://x.org/t.csv"], UsageError),
        (["TABLE", "--label", "lable"], UsageError),
    ],
)
def test_inspect_fails_in_words(table, arguments, error):
    result = CliRunner().invoke(app, ["inspect", *[str(table) if a == "TABLE" else a for a in arguments]])
    assert isinstance(result.exception, error)
