"""Word vectors of a local file: every format gives the same numbers, and what is saved answers as what was trained."""

from __future__ import annotations

import copy
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motet.data import TextCells, read_table
from motet.encoders import load_encoder, save_encoder, word_file
from motet.encoders.torch_choose import open_encoder
from motet.encoders.word_file import WordFile
from motet.encoders.word_vectors import WordVectorsEncoder, words_of
from motet.errors import EncoderError, MotetError

WORDS = ["the", "lamp", "Oslo", "oslo", "brass", "红色", "红", "色", "跑步鞋", "跑步", "a b", "rare"]
NUMBERS = np.random.default_rng(0).normal(size=(len(WORDS), 5)).astype(np.float16).astype(np.float32)
VECTOR = dict(zip(WORDS, NUMBERS, strict=True))
FORMATS = ["word2vec", "vec", "glove", "binary", "binary of gensim"]


def written(folder: Path, form: str = "vec") -> Path:
    lines = [f"{word} {' '.join(repr(float(x)) for x in row)}" for word, row in VECTOR.items()]
    path = folder / f"tiny.300.{'bin' if 'binary' in form else 'vec'}"
    if form.startswith("binary"):
        end = b"" if form.endswith("gensim") else b"\n"
        body = b"".join(
            word.replace(" ", "_").encode() + b" " + row.astype("<f4").tobytes() + end
            for word, row in VECTOR.items()
        )
        path.write_bytes(f"{len(WORDS)} 5\n".encode() + body)
        return path
    header = "" if form == "glove" else f"{len(WORDS)} 5\n"
    spaced = " \n" if form == "vec" else "\n"  # fastText ends its lines with a space
    path.write_text(header + spaced.join(lines) + spaced, encoding="utf-8")
    return path


def texts(*rows: str | None) -> TextCells:
    return TextCells(read_table({"t": list(rows)}), ["t"])


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_gives_the_same_vectors(form: str, tmp_path: Path) -> None:
    file = WordFile(written(tmp_path, form))
    assert file.width == 5 and file.binary == form.startswith("binary")
    names = [word.replace(" ", "_") if file.binary else word for word in WORDS]
    assert list(file.words) == names
    np.testing.assert_allclose(file.vectors(names), NUMBERS, atol=1e-6)
    np.testing.assert_allclose(file.vectors(["红色", "the"]), NUMBERS[[5, 0]], atol=1e-6)


def test_words_by_hand() -> None:
    assert list(words_of("The lamp, in OSLO and Oslo", VECTOR)) == [
        *("the", "lamp", None, "oslo", None, "Oslo")
    ]
    # the longest known word from the left: 红色 before 红, and 跑步鞋 before 跑步; 的 is unknown
    assert list(words_of("红色的跑步鞋brass", VECTOR)) == ["红色", None, "跑步鞋", "brass"]
    assert list(words_of("色红", VECTOR)) == ["色", "红"]
    assert list(words_of("", VECTOR)) == []


def test_a_text_is_the_mean_of_its_known_words(tmp_path: Path) -> None:
    encoder = WordVectorsEncoder(written(tmp_path))
    cells = texts("the brass lamp of Oslo", "红色的跑步鞋", None, "nothing known")
    encoder.fit(cells, np.array([0, 1]))
    assert encoder.coverage == pytest.approx(6 / 8)  # of, 的 are unknown
    table = encoder.encode(cells, np.arange(4))
    got = table.rows.dense(np.arange(4))
    assert table.present.tolist() == [True, True, False, True]
    expected = np.mean([VECTOR[word] for word in ("the", "brass", "lamp", "Oslo")], axis=0)
    np.testing.assert_allclose(got[0], expected, atol=1e-3)
    np.testing.assert_allclose(got[1], (VECTOR["红色"] + VECTOR["跑步鞋"]) / 2, atol=1e-3)
    assert not got[2:].any()


def test_kept_are_the_training_words_and_the_most_frequent(tmp_path: Path) -> None:
    encoder = WordVectorsEncoder(written(tmp_path), frequent=2)
    cells = texts("a rare 跑步", "brass lamp")
    encoder.fit(cells, np.array([0]))
    assert list(encoder._at) == ["the", "lamp", "跑步", "rare"]
    got = encoder.encode(cells, np.array([1])).rows.dense(np.array([0]))[0]
    np.testing.assert_allclose(got, VECTOR["lamp"], atol=1e-3)  # brass is in neither, so it is unknown


def test_a_fold_refits_a_copy_and_leaves_the_first_alone(tmp_path: Path) -> None:
    encoder = WordVectorsEncoder(written(tmp_path), frequent=1)
    cells = texts("rare brass", "lamp")
    encoder.fit(cells, np.array([0, 1]))
    before = encoder.fingerprint
    fresh = copy.copy(encoder)
    fresh.fit(cells, np.array([1]))
    assert list(fresh._at) == ["the", "lamp"] and fresh.fingerprint != before
    assert encoder.fingerprint == before and list(encoder._at) == ["the", "lamp", "brass", "rare"]
    np.testing.assert_allclose(fresh.transform(["the lamp"])[0], NUMBERS[:2].mean(axis=0), atol=1e-3)


def test_saved_and_opened_without_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "binary")
    encoder = open_encoder(f"word-vectors:{path}", "text")
    assert encoder.name == "tiny.300" and encoder.learns
    cells = texts("the brass lamp", "红色")
    encoder.fit(cells, np.arange(2))
    save_encoder(encoder, tmp_path / "saved")
    path.unlink()
    opened = load_encoder(tmp_path / "saved")
    assert (opened.name, opened.width, opened.fingerprint) == ("tiny.300", 5, encoder.fingerprint)
    np.testing.assert_array_equal(
        opened.encode(cells, np.arange(2)).rows.dense(np.arange(2)),
        encoder.encode(cells, np.arange(2)).rows.dense(np.arange(2)),
    )
    described = json.loads((tmp_path / "saved" / "encoder.json").read_text())
    assert described["coverage"] == 1.0 and described["words"] == len(WORDS)
    assert {one.name for one in (tmp_path / "saved").iterdir()} == {
        *("encoder.json", "words.json", "vectors.safetensors")
    }
    assert str(tmp_path) not in json.dumps(described)


def test_no_known_word_is_an_error(tmp_path: Path) -> None:
    encoder = WordVectorsEncoder(written(tmp_path))
    with pytest.raises(EncoderError, match="none of the words"):
        encoder.fit(texts("nothing here"), np.array([0]))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "cannot be read"),
        (b"\x1f\x8b\x08\0\0", "gzip"),
        (b"PK\x03\x04", "ZIP"),
        (b"\x80\x04\x95", "pickle"),
        (struct.pack("<i", 793712314) + bytes(20), "fastText model"),
        (b"just some words in a file\n", "no word vectors"),
        (b"one\n", "no word vectors"),
        (b"2 3\na 1 2 3\nb 1 2\n", "line 3: 2 numbers instead of 3"),
        (b"1 99999\na 1 2\n", "at most 4,096"),
        (b"2 3\n", "no word vectors"),
        (b"2 3\nab " + struct.pack("<3f", 1, 2, 3) + b"\ncd " + bytes(5), "word 2: the file is damaged"),
    ],
)
def test_other_files_are_refused(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "file.vec"
    path.write_bytes(content)
    with pytest.raises(EncoderError, match=words):
        WordFile(path)


def test_numbers_that_are_none_are_told_by_word(tmp_path: Path) -> None:
    path = tmp_path / "file.vec"
    path.write_text("3 2\na 1 2\nb x 2\nc nan 1\n")
    file = WordFile(path)
    for word in "bc":
        with pytest.raises(EncoderError, match=f"the vector of '{word}'"):
            file.vectors([word])
    with pytest.raises(EncoderError, match="no file of word vectors"):
        open_encoder("word-vectors:no/such/file", "text")


def test_only_the_first_words_of_a_huge_file_are_indexed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(word_file, "MAX_WORDS", 3)
    for form in ("vec", "binary"):
        assert list(WordFile(written(tmp_path, form)).words) == WORDS[:3]


@given(st.binary(max_size=300), st.sampled_from([b"", b"2 3\n", b"a 0.5 1 2\n", b"9 2\nab "]))
@settings(deadline=None)
def test_any_bytes_are_vectors_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, start: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.vec"
    path.write_bytes(start + data)
    try:
        file = WordFile(path)
        made = file.vectors(list(file.words))
    except MotetError:
        return
    assert made.shape == (len(file.words), file.width) and np.isfinite(made).all()
