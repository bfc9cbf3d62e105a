"""Every command: help with examples, one JSON object or nothing on stdout, exit codes, no traceback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

COMMANDS = ("inspect", "train", "evaluate", "predict", "demo", "cache")
Motet = Callable[..., Any]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(motet: Motet, command: str) -> None:
    done = motet(command, "--help")
    assert done.code == 0 and done.err == ""
    assert "Examples:" in done.out and f"motet {command}" in done.out.partition("Examples:")[2]


def test_help_names_every_command(motet: Motet) -> None:
    done = motet("--help")
    assert done.code == 0
    assert all(name in done.out for name in COMMANDS)


def test_version(motet: Motet) -> None:
    from motet import __version__

    assert motet("--version").out == f"{__version__}\n"


def test_python_dash_m(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "motet", "--version"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train"], "TABLE"),
        (["train", "t.csv", "-o", "m"], "--label"),
        (["predict"], "MODEL_DIR"),
        (["no-such-command"], "no-such-command"),
        (["train", "t.csv", "--label", "l", "-o", "m", "--seed", "many"], "--seed"),
        (["train", "t.csv", "--label", "l", "-o", "m", "--no-such-option"], "--no-such-option"),
        (["demo", "--rows", "three"], "--rows"),
        (["demo", "--rows", "3", "-o", "{}/demo"], "at least 20"),
    ],
)
def test_wrong_usage_is_2_and_said_on_stderr(
    motet: Motet, tmp_path: Path, arguments: list[str], said: str
) -> None:
    done = motet(*(argument.format(tmp_path) for argument in arguments))
    assert done.code == 2, done.err
    assert done.out == "" and said in done.err and "Traceback" not in done.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--fusion", "stirred"], "no fusion 'stirred': one of auto, late, late-mean"),
        (["--class-weights", "heavy"], "balanced"),
        (["--test-size", "0.7", "--val-size", "0.4"], "leave no rows to train on"),
        (["--test-size", "-0.1"], "test and validation sizes"),
        (["--text", "titel"], "did you mean 'title'?"),
        (["--image", "title", "--text", "title"], "'title' is named as image input and as text input"),
        (["--group", "categoryy"], "did you mean 'category'?"),
        (["--image-root", "/no/such/folder"], "is not a folder"),
    ],
)
def test_a_bad_option_value_says_what_would_be_right(
    motet: Motet, catalogue: Any, tmp_path: Path, options: list[str], said: str
) -> None:
    done = motet("train", catalogue.table, "--label", "category", "-o", tmp_path / "model", *options)
    assert done.code == 2, done.err
    assert said in done.err and done.out == "" and "Traceback" not in done.err
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "give a table with -o FILE, or one sample"),
        (["{table}"], "say where the answers go"),
        (["{table}", "--text", "a lamp"], "not both"),
        (["{table}", "-o", "a.csv", "--card", "c.html"], "--card is for one sample"),
        (["--text", "a lamp", "-o", "a.csv"], "-o is for tables"),
        (["--image", "/no/such/picture.jpg"], "--image /no/such/picture.jpg: no such file"),
        (["--image", "/tmp"], "--image /tmp: is a folder"),
        (["--text", "a lamp", "--image-root", "/no/such/folder"], "--image-root is for tables"),
        (["--text", "a lamp", "--card", "c.pdf"], "c.pdf: give the output a name that ends in .html or .htm"),
    ],
)
def test_predict_refuses_what_does_not_go_together(
    motet: Motet, model_directory: Path, catalogue: Any, options: list[str], said: str
) -> None:
    done = motet("predict", model_directory, *(option.format(table=catalogue.table) for option in options))
    assert done.code == 2, done.err
    assert said in done.err and done.out == ""


def test_a_failed_job_is_1_and_debug_shows_the_traceback(motet: Motet, tmp_path: Path) -> None:
    empty = tmp_path / "none.csv"
    empty.write_text("")
    done = motet("inspect", empty)
    assert done.code == 1 and done.out == ""
    assert done.err == f"error: {empty} is empty\n"
    from motet.errors import TableError

    with pytest.raises(TableError):
        motet("inspect", empty, "--debug")


TABLE_COMMANDS = {
    "inspect": ["inspect", "{table}"],
    "train": ["train", "{table}", "--label", "category", "-o", "{place}/new"],
    "evaluate": ["evaluate", "{model}", "{table}"],
    "predict": ["predict", "{model}", "{table}", "-o", "{place}/a.csv"],
}


@pytest.mark.parametrize("command", TABLE_COMMANDS)
@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("{place}/none.csv", "none.csv does not exist"),
        ("{place}", "is a folder"),
        ("https://example.org/t.csv", "web address"),
        ("n" * 5000, "is not a path"),
    ],
    ids=["missing", "folder", "address", "too long"],
)
def test_a_table_that_is_not_there_is_wrong_usage_everywhere(
    motet: Motet, model_directory: Path, tmp_path: Path, command: str, table: str, said: str
) -> None:
    table = table.format(place=tmp_path)
    arguments = [
        a.format(table=table, model=model_directory, place=tmp_path) for a in TABLE_COMMANDS[command]
    ]
    done = motet(*arguments)
    assert done.code == 2, done.err
    assert done.out == "" and said in done.err and len(done.err.splitlines()) == 1
    assert not any(tmp_path.iterdir())


def test_a_place_under_a_file_is_refused_before_the_demo_draws(motet: Motet, tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("mine")
    done = motet("demo", "-o", tmp_path / "demo")
    assert done.code == 1 and "is a file, so no folder can be made in it" in done.err
    assert done.err.startswith("error: ")


def test_a_bad_seed_is_refused_before_the_demo_draws(motet: Motet, tmp_path: Path) -> None:
    done = motet("demo", "-o", tmp_path / "demo", "--seed", "-1")
    assert done.code == 2 and "the seed is a whole number from 0" in done.err
    assert not any(tmp_path.iterdir())


def test_a_training_that_is_terminated_leaves_no_half_of_a_model(
    motet: Motet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from motet.model import new_model_directory

    def terminated(place: Path, *_: object) -> None:
        with new_model_directory(place) as making:
            (making / "half").write_text("")
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(10)

    monkeypatch.setattr(
        "motet.deployment.build_encoders", lambda table, schema, place, options: terminated(place)
    )
    (tmp_path / "t.csv").write_text("photo,said\na.png,a\n")
    asked = ("--image", "photo", "--text", "said", "-o", tmp_path / "encoders")
    before = signal.getsignal(signal.SIGTERM)
    try:
        done = motet("pretrain", tmp_path / "t.csv", *asked)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert done.code == 143 and "stopped: it is not finished" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


@pytest.mark.parametrize("stopped", ["inspect", "train"])
def test_ctrl_c_says_one_line_and_is_130(
    motet: Motet, monkeypatch: pytest.MonkeyPatch, catalogue: Any, tmp_path: Path, stopped: str
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("motet.data.infer_schema", interrupted)
    more = ["--label", "category", "-o", tmp_path / "model"] if stopped == "train" else []
    done = motet(stopped, catalogue.table, *more)
    assert done.code == 130 and done.out == ""
    lines = [line for line in done.err.splitlines() if not line.startswith("label column")]
    assert len(lines) == 1 and lines[0].startswith("stopped: it is not finished")
    assert not any(tmp_path.iterdir())


def test_help_names_the_exit_codes(motet: Motet) -> None:
    done = motet("--help")
    assert "Exit codes: 0 done, 1 the job failed, 2 wrong usage, 130 stopped" in " ".join(done.out.split())


@pytest.mark.parametrize(
    "options",
    [
        ["--fusion", "stirred"],
        ["--class-weights", "heavy"],
        ["--test-size", "0.7", "--val-size", "0.4"],
        ["--test-size", "-0.1"],
        ["--seed", "-1"],
    ],
)
def test_options_are_checked_before_the_table_is_read(
    motet: Motet, monkeypatch: pytest.MonkeyPatch, catalogue: Any, tmp_path: Path, options: list[str]
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("the table was read")

    monkeypatch.setattr("motet.data.read_table", never)
    done = motet("train", catalogue.table, "--label", "category", "-o", tmp_path / "model", *options)
    assert done.code == 2, done.err


def test_training_says_which_columns_are_not_read(
    motet: Motet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("motet.cli.train_table.refuse_broken", stop)
    numbers = [f"n{n}" for n in range(12)]
    table = tmp_path / "t.csv"
    rows = [
        f"a {word} lamp,{'ab'[n % 2]},{','.join('3' * 12)}" for n, word in enumerate(("red", "old", "new"))
    ]
    table.write_text("\n".join([f"title,kind,{','.join(numbers)}", *rows]))
    done = motet("train", table, "--label", "kind", "-o", tmp_path / "model", "--strict")
    said = [line for line in done.err.splitlines() if line.startswith("not read: ")]
    assert said == [f"not read: {', '.join(map(repr, numbers[:10]))} and 2 more (motet inspect says why)"]


def test_an_error_that_nobody_foresaw_has_no_traceback_either(
    motet: Motet, monkeypatch: pytest.MonkeyPatch, catalogue: Any
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("motet.data.audit", broken)
    done = motet("inspect", catalogue.table)
    assert done.code == 1 and done.out == ""
    assert "ZeroDivisionError: by zero" in done.err and "--debug" in done.err and "Traceback" not in done.err


def test_json_is_one_object_and_nothing_else(
    motet: Motet, model_directory: Path, catalogue: Any, tmp_path: Path
) -> None:
    calls = {
        "inspect": ["inspect", catalogue.table],
        "evaluate": ["evaluate", model_directory, catalogue.table],
        "predict": ["predict", model_directory, catalogue.table, "-o", tmp_path / "a.csv"],
        "sample": ["predict", model_directory, "--text", "a lamp"],
        "cache": ["cache"],
    }
    for name, call in calls.items():
        done = motet(*call, "--json")
        assert done.code == 0, (name, done.err)
        assert isinstance(json.loads(done.out), dict), name
        assert "NaN" not in done.out and "Infinity" not in done.out


def test_evaluate_prints_a_table_of_every_pattern(
    motet: Motet, model_directory: Path, catalogue: Any
) -> None:
    done = motet("evaluate", model_directory, catalogue.table)
    assert done.code == 0
    for name in ("image+text", "image", "text", "none", "baseline majority", "baseline text:lexical"):
        assert name in done.out
    assert "10 rows that column 'split' calls test" in done.err
    everything = motet("evaluate", model_directory, catalogue.table, "--all-rows", "--json")
    assert json.loads(everything.out)["n"] == catalogue.rows


def test_one_sample_prints_its_classes(motet: Motet, model_directory: Path, catalogue: Any) -> None:
    picture = catalogue.table.parent / "images" / "0002.jpg"
    done = motet("predict", model_directory, "--image", picture)
    assert done.code == 0 and done.err == ""
    assert "(image)" in done.out.splitlines()[0]
    assert all(name in done.out for name in catalogue.classes)


def test_a_sample_that_is_no_picture_is_answered_and_said(
    motet: Motet, model_directory: Path, tmp_path: Path
) -> None:
    page = tmp_path / "picture.jpg"
    page.write_text("<!DOCTYPE html><p>404")
    card = tmp_path / "card.html"
    done = motet("predict", model_directory, "--image", page, "--text", "a lamp", "--card", card, "--json")
    assert done.code == 0
    answer = json.loads(done.out)
    assert answer["pattern"] == "text" and "HTML" in answer["issue"] and "HTML" in done.err
    assert card.is_file()


def test_clearing_the_cache(motet: Motet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MOTET_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache" / "encoders" / "one").mkdir(parents=True)
    (tmp_path / "cache" / "engines.json").write_text("{}")
    assert motet("cache").code == 0
    assert json.loads(motet("cache", "--clear", "--json").out) == {"freed_bytes": 0}
    assert (tmp_path / "cache" / "encoders" / "one").is_dir()
    assert motet("cache", "--clear", "--all").code == 0
    assert not (tmp_path / "cache" / "encoders").exists()
    assert not (tmp_path / "cache" / "engines.json").exists()


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_a_folder_that_is_no_model(motet: Motet, catalogue: Any, tmp_path: Path, command: str) -> None:
    more = ["-o", tmp_path / "a.csv"] if command == "predict" else []
    done = motet(command, tmp_path, catalogue.table, *more)
    assert done.code == 1 and "not a model directory" in done.err and done.out == ""
    done = motet(command, tmp_path / "none", catalogue.table, *more)
    assert done.code == 2 and "no such model directory" in done.err and done.out == ""
    done = motet(command, catalogue.table, catalogue.table, *more)
    assert done.code == 2 and "is a file, not a model directory" in done.err and done.out == ""


def test_an_output_never_replaces_an_input(motet, catalogue, model_copy, tmp_path):
    table = tmp_path / "table.csv"
    table.write_bytes(catalogue.table.read_bytes())
    before = table.read_bytes()
    picture = next((catalogue.table.parent / "images").glob("*.jpg"))
    for arguments in (
        ("predict", model_copy, table, "-o", table),
        ("evaluate", model_copy, table, "--report", table),
        ("predict", model_copy, "--image", picture, "--card", picture),
    ):
        ran = motet(*arguments)
        assert ran.code == 2, ran.err
        assert "another name" in ran.err or "ends in .html" in ran.err
    assert table.read_bytes() == before


@pytest.mark.parametrize(
    ("rows", "options", "said"),
    [
        ("a lamp,home,test", [], "1 test row; brackets"),
        ("a lamp,home,test", ["--all-rows"], "1 row; brackets"),
        ("a lamp,home,test\na cap,home,test", ["--all-rows"], "2 rows; brackets"),
    ],
)
def test_rows_are_counted_in_words(
    motet: Motet, model_directory: Path, tmp_path: Path, rows: str, options: list[str], said: str
) -> None:
    (tmp_path / "t.csv").write_text(f"title,category,split\n{rows}\n")
    done = motet("evaluate", model_directory, tmp_path / "t.csv", *options)
    assert done.code == 0 and done.out.startswith(said)


def test_sets_and_doubts_are_columns_where_they_are_asked_for(
    motet: Motet, model_directory: Path, catalogue: Any, tmp_path: Path
) -> None:
    import pyarrow.parquet

    def answers(*options: object) -> Any:
        done = motet("predict", model_directory, catalogue.table, "-o", tmp_path / "out.parquet", *options)
        assert done.code == 0, done.err
        return pyarrow.parquet.read_table(tmp_path / "out.parquet")

    plain = answers()
    assert not {"set", "abstain"} & set(plain.column_names)
    asked = answers("--coverage", 0.9, "--abstain-below", 0.7)
    sets = [json.loads(cell) for cell in asked.column("set").to_pylist()]
    for named, best, confidence, abstain in zip(
        sets, *(asked.column(c).to_pylist() for c in ("prediction", "confidence", "abstain")), strict=True
    ):
        assert named[0] == best
        assert abstain == (confidence < 0.7)
    assert len({len(named) for named in sets}) > 1
    smaller = [json.loads(cell) for cell in answers("--coverage", 0.5).column("set").to_pylist()]
    assert all(set(few) <= set(many) for few, many in zip(smaller, sets, strict=True))


@pytest.mark.parametrize(
    "options,said",
    [(("--coverage", 0.2), "from 0.5 to 0.99"), (("--abstain-below", 2), "from 0 to 1, not 2")],
)
def test_shares_that_are_none_are_wrong_usage(
    motet: Motet, model_directory: Path, options: tuple[object, ...], said: str
) -> None:
    done = motet("predict", model_directory, "--text", "lamp", *options)
    assert done.code == 2 and said in done.err


def test_one_sample_with_its_set(motet: Motet, model_directory: Path) -> None:
    done = motet("predict", model_directory, "--text", "lamp", "--coverage", 0.95, "--json")
    record = json.loads(done.out)
    assert record["set"][0] == record["prediction"] and "abstain" not in record


def test_the_cache_names_the_encoders_it_knows(
    motet: Motet, model_directory: Path, catalogue: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whoever put features there: the encoders of a saved model too."""
    from motet.encoders.descriptor import DescriptorEncoder

    monkeypatch.setenv("MOTET_CACHE", str(tmp_path))
    known = DescriptorEncoder().fingerprint
    assert motet("predict", model_directory, catalogue.table, "-o", tmp_path / "answers.csv").code == 0
    (tmp_path / "features" / ("f" * 32)).mkdir()  # as an older version left it
    lines = {line.split()[-3]: line.split() for line in motet("cache").out.splitlines() if " 0." in line}
    assert lines[known][:3] == ["descriptor", "│", "image"]
    assert lines["f" * 32][0] == "?"
    found = json.loads(motet("cache", "--json").out)
    assert found["encoders"] == {known: {"name": "descriptor", "modality": "image"}}
    assert set(found["shelves"]) == {known, "f" * 32}


def test_a_limit_of_the_cache_that_is_no_number_is_said(
    motet: Motet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTET_CACHE_BYTES", "abc")
    done = motet("cache")
    assert done.code == 2 and "MOTET_CACHE_BYTES is a number of bytes" in done.err and "'abc'" in done.err
    monkeypatch.setenv("MOTET_CACHE_BYTES", "")
    assert motet("cache").code == 0


def test_a_terminal_that_cannot_print_a_letter_gets_its_code(model_directory: Path) -> None:
    asked = [sys.executable, "-m", "motet", "predict", str(model_directory), "--text", "台灯"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    for options in ([], ["--json"]):
        done = subprocess.run([*asked, *options], capture_output=True, env=environment)
        assert done.returncode == 0, done.stderr
        assert done.stdout.isascii() and done.stdout
    assert json.loads(done.stdout)["pattern"] == "text"
    done = subprocess.run(
        [*asked[:4], "no-such-台灯.csv"], capture_output=True, env={**environment, "PYTHONUTF8": "0"}
    )
    assert (
        done.returncode == 2 and b"Traceback" not in done.stderr and b"UnicodeEncodeError" not in done.stderr
    )


def test_a_workbook_and_the_current_folder_are_wrong_usage(
    motet: Motet, catalogue: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "t.xlsx").write_bytes(b"PK\x03\x04 and more")
    done = motet("train", tmp_path / "t.xlsx", "--label", "category", "-o", tmp_path / "model")
    assert done.code == 2 and ".xlsx is not one of CSV" in done.err
    monkeypatch.chdir(tmp_path)
    done = motet("train", catalogue.table, "--label", "category", "-o", ".")
    assert done.code == 2 and "the current folder is not replaced" in done.err
    done = motet(
        "train", catalogue.table, "--label", "category", "-o", tmp_path / "m", "--text-encoder", "descriptor"
    )
    assert done.code == 2 and "no text encoder 'descriptor': it reads image" in done.err


def test_a_place_where_nothing_can_be_made_is_said_before_training(
    motet: Motet, catalogue: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import motet.model.directory as directory

    def refuse(**_: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(directory.tempfile, "mkdtemp", refuse)
    done = motet("train", catalogue.table, "--label", "category", "-o", tmp_path / "x")
    assert done.code == 1
    assert f"no folder can be made in {tmp_path} (Permission denied): choose another place" in done.err


def test_an_empty_picture_is_broken_as_one_sample(
    motet: Motet, model_directory: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty.png").touch()
    done = motet("predict", model_directory, "--image", tmp_path / "empty.png", "--json")
    assert done.code == 0
    assert "the picture is empty (0 bytes)" in json.loads(done.out)["issue"]


def test_a_label_that_was_found_by_its_name_is_not_called_named(motet: Motet, tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    long = "a class whose name goes on " * 8
    rows = "".join(f"some words for row {n},{long if n % 2 else 'b'}\n" for n in range(20))
    table.write_text("words,label\n" + rows)
    column = json.loads(motet("inspect", table, "--json").out)["columns"][1]
    assert column["role"] == "label" and column["why"].startswith("its name; ")
    column = json.loads(motet("inspect", table, "--label", "label", "--json").out)["columns"][1]
    assert column["why"].startswith("named; ")
    shown = motet("inspect", table).out
    assert long.strip() not in shown and "a class whose name goes on" in shown and "…" in shown


class TestSizesAndASplitColumn:
    @pytest.fixture
    def train(self, motet: Motet, tmp_path: Path) -> Motet:
        def run(name: str, sides: str, *options: str) -> Any:
            table = tmp_path / "t.csv"
            words = {"lamp": "bright light shade", "chair": "oak seat legs"}
            rows = [
                f"{words[kind]} of thing {n},{kind},{sides.split()[n % len(sides.split())]}"
                for n, kind in enumerate(["lamp", "chair"] * 45)
            ]
            table.write_text("\n".join([f"words,kind,{name}", *rows, ""]))
            place = tmp_path / "model"
            return motet(
                "train", table, "--label", "kind", "-o", place, "--fusion", "late", "--json", *options
            )

        return run

    def test_a_named_column_and_sizes_are_wrong_usage(self, train: Motet) -> None:
        done = train("part", "train train test", "--split-column", "part", "--test-size", "0.2")
        assert done.code == 2 and "--test-size and --split-column part" in done.err
        done = train("part", "train test val", "--split-column", "part", "--val-size", "0.2")
        assert done.code == 2 and "--val-size and --split-column part" in done.err

    def test_a_column_found_by_its_name_is_followed_and_said(self, train: Motet) -> None:
        done = train("split", "train test val", "--test-size", "0.5", "--val-size", "0.2")
        assert done.code == 0
        assert "is followed: --test-size and --val-size are not used" in done.err
        assert json.loads(done.out)["data"]["rows"] == {"train": 30, "validation": 30, "test": 30}

    def test_without_a_refit_validation_rows_are_fitted_on_by_nothing(
        self, train: Motet, tmp_path: Path
    ) -> None:
        done = train("part", "train train val test", "--split-column", "part", "--no-refit")
        assert done.code == 0, done.err
        fitted = json.loads((tmp_path / "model" / "motet.json").read_text())["training"]["fitted"]
        sides = json.loads(done.out)["data"]["rows"]
        assert fitted["rows"] == sides["train"] and fitted["held_out"] == [sides["validation"]]

    def test_rows_without_a_label_teach_beside_the_same_without_them(
        self, motet: Motet, tmp_path: Path
    ) -> None:
        table = tmp_path / "things.csv"
        rows = [
            f"{words} of thing {n},{words if n % 3 else ''}" for n, words in enumerate(["lamp", "chair"] * 45)
        ]
        table.write_text("\n".join(["words,kind", *rows, ""]))
        said = ("train", table, "--label", "kind", "-o", tmp_path / "model", "--fusion", "late")
        done = motet(*said, "--semi-supervised")
        assert done.code == 0, done.err
        assert "of 30 rows without a label were sure enough to learn from" in done.err
        assert "baseline supervised:text" in done.out + done.err
        assert "supervised:text" in (tmp_path / "model" / "report.html").read_text(encoding="utf-8")
        done = motet(*said, "--semi-supervised", "--target", "labels")
        assert done.code == 2 and "is of classes" in done.err

    def test_validation_rows_are_taken_where_the_column_has_none(self, train: Motet) -> None:
        done = train("part", "train train test", "--split-column", "part", "--val-size", "0.4")
        assert done.code == 0 and "not used" not in done.err
        assert json.loads(done.out)["data"]["rows"] == {"train": 36, "validation": 24, "test": 30}
