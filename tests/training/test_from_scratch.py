"""The `small` encoders: what is learned end to end opens without PyTorch and says the same there."""

from __future__ import annotations

import io
import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from motet.data import ImageCells, TextCells, cells, infer_schema, labels, make_split, read_table
from motet.data.catalogue import write_catalogue
from motet.encoders import Features
from motet.encoders.pretrained import PretrainedEncoder
from motet.encoders.torch_small import load, write_encoder
from motet.encoders.torch_small_vision import SmallVision, VisionConfig
from motet.encoders.torch_small_words import SmallWords, WordsConfig
from motet.errors import EncoderError, TableError, TrainingError, UsageError
from motet.preprocessing import WordPreprocessor
from motet.training import from_scratch, scratch_rows
from motet.training.from_scratch import EndToEnd, fit_small, further
from motet.training.head_first import head_over
from motet.training.picture_changes import moved_and_lit, parts_of
from motet.training.scratch_rows import Batch, PictureReader, WordReader, square_pixels
from motet.training.small import SmallSettings, make_small, pooled_rows

ROWS = 48
TINY = SmallSettings(
    vision=VisionConfig(side=24, widths=(8, 16, 16)),
    words=WordsConfig(
        vocab_size=400, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, max_position_embeddings=24
    ),
    epochs=6,
    learning_rate=1e-2,
    shift=2,
)
WORDS = (("red lamp", "a lamp of brass"), ("blue chair", "oak and linen"), ("红色的台灯", "黄铜台灯"))


def picture(label: int, seed: int) -> bytes:
    """Noise around a colour that the label decides."""
    noise = np.random.default_rng(seed).integers(-40, 40, (30, 34, 3))
    colour = np.eye(3)[label] * 160 + 40
    file = io.BytesIO()
    Image.fromarray(np.clip(colour + noise, 0, 255).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def table_of(columns: dict[str, list[object]]):
    return read_table(pa.table(columns))


@pytest.fixture(scope="module")
def given_labels() -> np.ndarray:
    return np.arange(ROWS, dtype=np.int64) % 3


@pytest.fixture(scope="module")
def text_cells(given_labels) -> TextCells:
    texts = [f"{WORDS[label][row % 2]} {row}" for row, label in enumerate(given_labels)]
    texts[7] = None
    return TextCells(table_of({"text": texts}), ["text"])


@pytest.fixture(scope="module")
def image_cells(given_labels) -> ImageCells:
    pictures = [picture(int(label), row) for row, label in enumerate(given_labels)]
    pictures[4], pictures[5] = b"not a picture", None
    return ImageCells(table_of({"image": pictures}), ["image"])


@pytest.fixture
def any_cells(request, text_cells, image_cells):
    return {"text": text_cells, "image": image_cells}[request.param]


both = pytest.mark.parametrize("any_cells", ["text", "image"], indirect=True)
TRAIN, VALIDATION = np.arange(36), np.arange(36, ROWS)


def fit(any_cells, given_labels, folder: Path, **changed):
    asked = {"train": TRAIN, "validation": VALIDATION, "classes": 3, "settings": TINY} | changed
    return fit_small(any_cells.modality, any_cells, given_labels, folder=folder, **asked)


@both
def test_the_directory_opens_without_pytorch_and_its_features_tell_the_classes_apart(
    any_cells, given_labels, tmp_path
):
    path, history = fit(any_cells, given_labels, tmp_path)
    encoder = PretrainedEncoder(path)
    assert (encoder.name, encoder.modality, encoder.licence) == ("small", any_cells.modality, "Apache-2.0")
    assert path == tmp_path / encoder.identity
    features = encoder.encode(any_cells, np.arange(ROWS))
    assert features.width == encoder.width
    assert features.present.sum() == ROWS - (1 if any_cells.modality == "text" else 2)
    pooled = features.rows.dense(np.arange(ROWS))
    means = np.stack(
        [pooled[TRAIN][(given_labels[TRAIN] == k) & features.present[TRAIN]].mean(axis=0) for k in range(3)]
    )
    nearest = ((pooled[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
    rows = VALIDATION[features.present[VALIDATION]]
    assert (nearest[rows] == given_labels[rows]).mean() > 0.9
    assert history[-1].train_loss < history[0].train_loss
    assert [epoch.epoch for epoch in history] == list(range(1, len(history) + 1))
    assert {file.name for file in tmp_path.iterdir()} == {path.name}  # nothing half-written stays behind


@both
def test_a_network_with_earlier_weights_is_learned_on_from_a_probe_and_slowly(
    any_cells, given_labels, tmp_path, monkeypatch
):
    """The first logits are those of a linear probe; at no learning rate at all the weights stay as they were."""
    start, _ = fit(any_cells, given_labels, tmp_path)
    train = TRAIN[any_cells.present[TRAIN]]
    small = make_small(
        any_cells.modality, any_cells, train, TRAIN[:0], TINY, np.random.default_rng(0), start=start
    )
    head = head_over(small, given_labels, train, 3)
    module = EndToEnd(small.network, 3, 0.2).eval()
    module.begin_with(head)
    batch = small.reader.read(train)
    with torch.inference_mode():
        pooled = pooled_rows(small.network, batch)
        wanted = head({"small": Features(pooled, torch.ones(len(pooled), dtype=torch.bool))})
        assert torch.allclose(module(batch), wanted, atol=1e-4)
    assert (wanted.argmax(dim=1).numpy() == given_labels[batch.rows]).mean() > 0.9
    monkeypatch.setattr("motet.training.from_scratch.further", lambda rows: 0.0)
    asked = []
    monkeypatch.setattr("motet.training.from_scratch.head_over", lambda *said: asked.append(said) or head)
    weights = np.array([1, 2, 3], np.float32)
    still, history = fit(any_cells, given_labels, tmp_path / "still", start=start, class_weights=weights)
    assert asked[0][-1] is weights
    assert history[0].train_loss < 0.7  # a head drawn at random has about log 3
    monkeypatch.undo()
    moved, _ = fit(any_cells, given_labels, tmp_path / "moved", start=start)
    before = dict(load(start).named_parameters())
    for path, same in ((still, True), (moved, False)):
        assert all(torch.equal(value, before[name]) for name, value in load(path).named_parameters()) is same


@pytest.mark.parametrize(("rows", "share"), [(1, 0.1), (60, 0.1), (300, 0.5), (600, 1.0), (10_000, 1.0)])
def test_few_rows_learn_on_slowly(rows: int, share: float) -> None:
    assert further(rows) == share


@both
def test_onnx_gives_the_numbers_of_the_weights_that_lie_beside_it(any_cells, given_labels, tmp_path):
    path, _ = fit(any_cells, given_labels, tmp_path)
    network = load(path)
    random = torch.Generator().manual_seed(1)
    if any_cells.modality == "image":
        inputs = {"pixel_values": torch.randn(7, 3, 24, 24, generator=random)}
    else:
        ids = torch.randint(0, 300, (7, 11), generator=random)
        mask = (torch.arange(11) < torch.tensor([11, 1, 4, 9, 2, 11, 6])[:, None]).long()
        inputs = {"input_ids": ids, "attention_mask": mask}
    session = onnxruntime.InferenceSession(str(path / "model.onnx"), providers=["CPUExecutionProvider"])
    pooled, tokens = session.run(["pooled", "tokens"], {k: v.numpy() for k, v in inputs.items()})
    with torch.inference_mode():
        wanted, wanted_tokens = network(**inputs)
    np.testing.assert_allclose(pooled, wanted, atol=2e-5)
    np.testing.assert_allclose(tokens, wanted_tokens, atol=2e-5)


@both
def test_the_same_seed_gives_the_same_encoder_and_another_seed_another(any_cells, given_labels, tmp_path):
    state = torch.random.get_rng_state()
    first, one = fit(any_cells, given_labels, tmp_path / "a", seed=3)
    torch.rand(5)
    second, other = fit(any_cells, given_labels, tmp_path / "b", seed=3)
    third, _ = fit(any_cells, given_labels, tmp_path / "b", seed=4)
    assert first.name == second.name and one == other
    assert (first / "model.safetensors").read_bytes() == (second / "model.safetensors").read_bytes()
    assert third.name != second.name
    torch.random.set_rng_state(state)
    fit(any_cells, given_labels, tmp_path / "b", seed=3)  # lies there already
    assert torch.equal(torch.random.get_rng_state(), state)  # the caller's randomness is left alone


@both
def test_rows_that_are_neither_training_nor_validation_change_nothing(any_cells, given_labels, tmp_path):
    fewer = {"train": TRAIN[:20], "validation": TRAIN[20:30]}
    first, _ = fit(any_cells, given_labels, tmp_path / "a", **fewer)
    changed = given_labels.copy()
    changed[30:] = -1
    second, _ = fit(any_cells, changed, tmp_path / "b", **fewer)
    assert first.name == second.name


@both
def test_rows_without_a_label_are_left_out(any_cells, given_labels, tmp_path):
    unlabelled = given_labels.copy()
    unlabelled[[0, 40]] = -1
    unlabelled[41] = -2
    first, _ = fit(any_cells, unlabelled, tmp_path / "a")
    left = {"train": TRAIN[1:], "validation": np.delete(VALIDATION, [4, 5])}
    second, _ = fit(any_cells, given_labels, tmp_path / "b", **left)
    assert first.name == second.name


@both
def test_without_validation_rows_the_training_loss_chooses(any_cells, given_labels, tmp_path):
    path, history = fit(any_cells, given_labels, tmp_path, validation=np.arange(0))
    assert all(epoch.validation_loss is None and epoch.validation_accuracy is None for epoch in history)
    assert PretrainedEncoder(path).encode(any_cells, TRAIN).present.any()


@both
def test_a_class_with_one_row_and_a_class_with_none(any_cells, given_labels, tmp_path):
    few = np.where(np.arange(ROWS) == 1, 2, given_labels % 2)
    weights = np.array([1, 1, 5, 1], np.float32)
    path, history = fit(any_cells, few, tmp_path, classes=4, class_weights=weights)
    assert np.isfinite(history[-1].train_loss)
    assert (path / "model.onnx").is_file()


@both
def test_two_training_rows_are_enough(any_cells, given_labels, tmp_path):
    path, _ = fit(any_cells, given_labels, tmp_path, train=TRAIN[:2], validation=VALIDATION[:1])
    assert PretrainedEncoder(path).encode(any_cells, TRAIN[:4]).present.all()


@both
def test_nothing_to_learn_from_is_an_error_that_says_what_to_do(any_cells, given_labels, tmp_path):
    with pytest.raises(TableError, match=f"no labelled training row .* choose another {any_cells.modality}"):
        fit(any_cells, given_labels - 10, tmp_path)
    broken = [4, 5] if any_cells.modality == "image" else [7]
    with pytest.raises(TableError, match="no labelled training row"):
        fit(any_cells, given_labels, tmp_path, train=np.array(broken))
    other = "text" if any_cells.modality == "image" else "image"
    with pytest.raises(UsageError, match="cannot read"):
        fit_small(other, any_cells, given_labels, TRAIN, VALIDATION, 3, folder=tmp_path)
    assert not any(tmp_path.iterdir())


def network_of(kind: str):
    torch.manual_seed(0)
    return SmallVision(TINY.vision) if kind == "image" else SmallWords(TINY.words)


@pytest.mark.parametrize("kind", ["image", "text"])
def test_every_parameter_gets_a_gradient(kind):
    module = EndToEnd(network_of(kind), 3, 0.0)
    if kind == "image":
        inputs = {"pixel_values": torch.randn(6, 3, 24, 24)}
    else:
        inputs = {
            "input_ids": torch.randint(2, 400, (6, 9)),
            "attention_mask": torch.ones(6, 9, dtype=torch.long),
        }
    batch = Batch(np.arange(6), inputs, torch.arange(6))
    torch.nn.functional.cross_entropy(module(batch), torch.arange(6) % 3).backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 1e-8, name
    assert {name for name, _ in module.named_parameters()} <= set(module.state_dict())


@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=5),
    padding=st.integers(0, 9),
    fill=st.integers(0, 399),
)
def test_padding_whatever_it_holds_changes_no_answer(lengths, padding, fill):
    network = network_of("text").eval()
    width = max(lengths) + padding
    ids = torch.randint(2, 400, (len(lengths), width), generator=torch.Generator().manual_seed(1))
    mask = (torch.arange(width) < torch.tensor(lengths)[:, None]).long()
    padded = torch.where(mask.bool(), ids, fill)
    with torch.inference_mode():
        pooled, tokens = network(padded, mask)
        for row, length in enumerate(lengths):
            alone, alone_tokens = network(ids[row : row + 1, :length], mask[row : row + 1, :length])
            torch.testing.assert_close(pooled[row], alone[0], atol=1e-5, rtol=0)
            torch.testing.assert_close(tokens[row, :length], alone_tokens[0], atol=1e-5, rtol=0)


def test_a_row_of_padding_alone_gives_numbers():
    pooled, _ = network_of("text").eval()(
        torch.zeros(1, 3, dtype=torch.long), torch.zeros(1, 3, dtype=torch.long)
    )
    assert torch.isfinite(pooled).all()


@pytest.mark.parametrize("kind", ["image", "text"])
def test_in_eval_mode_a_row_does_not_depend_on_its_batch(kind):
    network = network_of(kind).eval()
    if kind == "image":
        inputs = {"pixel_values": torch.randn(5, 3, 24, 24)}
    else:
        inputs = {
            "input_ids": torch.randint(2, 400, (5, 9)),
            "attention_mask": torch.ones(5, 9, dtype=torch.long),
        }
    with torch.inference_mode():
        together = network(**inputs)[0]
        for row in range(5):
            alone = network(**{name: value[row : row + 1] for name, value in inputs.items()})[0]
            torch.testing.assert_close(alone[0], together[row], atol=1e-5, rtol=0)


def test_attention_equals_the_sum_written_out():
    layer = network_of("text").layers[0].eval()
    x, mask = torch.randn(2, 5, 16), torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    bias = (1 - mask.float())[:, None, None, :] * -1e9
    with torch.inference_mode():
        made = layer(x, bias)
        for row in range(2):
            length = int(mask[row].sum())
            inner = layer.attention_norm(x[row])
            query, key, value = layer.query(inner), layer.key(inner), layer.value(inner)
            heads = []
            for part in (slice(0, 8), slice(8, 16)):  # two heads, 8 wide
                scores = query[:, part] @ key[:length, part].T / 8**0.5
                heads.append(scores.softmax(dim=1) @ value[:length, part])
            slow = x[row] + layer.output(torch.cat(heads, dim=1))
            slow = slow + layer.narrow(torch.nn.functional.gelu(layer.widen(layer.feed_norm(slow))))
            torch.testing.assert_close(made[row, :length], slow[:length], atol=1e-5, rtol=0)


def test_words_that_are_all_chinese_are_read_and_told_apart(tmp_path):
    kinds = ("台灯", "椅子", "书本")
    texts = [f"一{'个大小新旧'[row % 5]}的{kinds[row % 3]}，质量很好" for row in range(ROWS)]
    chinese = TextCells(table_of({"text": texts}), ["text"])
    wanted = np.arange(ROWS) % 3
    path, history = fit(chinese, wanted, tmp_path, settings=replace(TINY, epochs=12))
    words = WordPreprocessor.from_directory(path, max_length=128)
    assert words.max_length == TINY.words.max_position_embeddings
    ids = words.ids(["台灯", "没见过：鸿鹄"])
    assert len(ids[0]) < len("台灯".encode())  # merged, and not byte by byte
    assert words.tokenizer.decode(ids[1].tolist()).strip() == "没见过:鸿鹄"  # NFKC makes the colon narrow
    assert min(epoch.validation_loss for epoch in history) < 0.5 * np.log(3)


def test_the_vocabulary_is_learned_from_training_rows_alone(text_cells, given_labels, tmp_path):
    path, _ = fit(text_cells, given_labels, tmp_path, train=np.flatnonzero(given_labels[:36] == 0))
    words = WordPreprocessor.from_directory(path)
    assert len(words.ids(["lamp"])[0]) == 1
    assert len(words.ids(["chair"])[0]) > 1
    assert words.tokenizer.get_vocab_size() <= TINY.words.vocab_size
    assert words.tokenizer.token_to_id("<|padding|>") == words.pad_id == 0


def test_what_is_read_for_validation_is_what_the_finished_encoder_reads(image_cells, text_cells, tmp_path):
    rows = np.array([9, 4, 0, 5, 30])
    reader = PictureReader(image_cells, square_pixels(24), np.arange(ROWS), shift=3, light=0.2)
    batch = reader.read(rows)
    assert batch.rows.tolist() == [9, 0, 30]  # 4 is broken, 5 is empty
    decoded = [Image.open(io.BytesIO(picture(row % 3, row))) for row in (9, 0, 30)]
    np.testing.assert_allclose(batch.inputs["pixel_values"], square_pixels(24).batch(decoded), atol=1e-6)
    words = scratch_rows.learn_tokenizer(
        text_cells, TRAIN, vocabulary=300, max_length=9, random=np.random.default_rng(0)
    )
    rows = np.array([3, 40, 0])
    read = WordReader(text_cells, words, np.arange(ROWS), masked=0.5).read(rows)
    for wanted in words.batches(text_cells.take(rows), 8):
        for place, row in enumerate(wanted.rows):
            assert (read.inputs["input_ids"][row].numpy() == wanted.input_ids[place]).all()
            assert (read.inputs["attention_mask"][row].numpy() == wanted.attention_mask[place]).all()


def test_pictures_that_do_not_fit_in_memory_are_read_again_and_give_the_same(
    image_cells, given_labels, tmp_path, monkeypatch
):
    kept, history = fit(image_cells, given_labels, tmp_path / "a", train=np.delete(TRAIN, [4, 5]))
    monkeypatch.setattr(scratch_rows, "PICTURES_KEPT", 3)
    again, same = fit(image_cells, given_labels, tmp_path / "b", train=np.delete(TRAIN, [4, 5]))
    assert kept.name == again.name and history == same
    path, _ = fit(image_cells, given_labels, tmp_path / "c")  # with the broken one among the training rows
    assert (path / "model.onnx").is_file()


def test_several_pictures_of_a_row_are_averaged(given_labels):
    front = [picture(row % 3, row) for row in range(6)]
    back = [None, picture(2, 90), b"broken", None, None, picture(1, 91)]
    two = ImageCells(table_of({"front": front, "back": back}), ["front", "back"])
    batch = PictureReader(two, square_pixels(24), np.arange(6)).read(np.array([5, 0, 2]))
    assert batch.owner.tolist() == [0, 0, 1, 2]
    module = EndToEnd(network_of("image"), 3, 0.0).eval()
    with torch.inference_mode():
        pooled, _ = module.network(**batch.inputs)
        wanted = module.classify(torch.stack([pooled[:2].mean(dim=0), pooled[2], pooled[3]]))
        torch.testing.assert_close(module(batch), wanted)


@settings(max_examples=25, deadline=None)
@given(rows=st.integers(1, 60), size=st.integers(1, 16), seed=st.integers(0, 9))
def test_every_epoch_shows_every_row_once(text_reader, image_reader, rows, size, seed):
    asked = np.random.default_rng(seed).permutation(60)[:rows]
    for reader in (text_reader, image_reader):
        parts = reader.parts(asked, size, np.random.default_rng(seed))
        assert sorted(np.concatenate(parts)) == sorted(asked)
        assert all(1 <= len(part) <= size for part in parts)


@pytest.fixture(scope="module")
def text_reader() -> WordReader:
    some = TextCells(table_of({"text": ["lamp " * (row % 7 + 1) for row in range(60)]}), ["text"])
    words = scratch_rows.learn_tokenizer(
        some, np.arange(60), vocabulary=300, max_length=9, random=np.random.default_rng(0)
    )
    return WordReader(some, words, np.arange(60))


def test_texts_with_a_token_are_counted_once_each(text_reader: WordReader) -> None:
    reader, rows = text_reader, np.arange(0, 60, 7)
    slow: Counter[int] = Counter()
    for row in rows.tolist():
        read = reader.read(np.array([row])).inputs
        slow.update(set(read["input_ids"][0][read["attention_mask"][0] > 0].tolist()))
    counts = reader.texts_with(rows, 300)
    assert {token: count for token, count in enumerate(counts.tolist()) if count} == dict(slow)
    assert not reader.texts_with(rows[:0], 300).any()


@pytest.fixture(scope="module")
def image_reader() -> PictureReader:
    some = ImageCells(table_of({"image": [picture(0, 0)] * 60}), ["image"])
    return PictureReader(some, square_pixels(8), np.arange(60))


def test_pictures_move_by_whole_pixels_and_keep_their_range():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 9, 9, 3), dtype=np.uint8)
    same = moved_and_lit(pixels, np.random.default_rng(1), 0, 0.0)
    np.testing.assert_allclose(same, pixels, atol=1e-3)
    moved = moved_and_lit(pixels, np.random.default_rng(1), 2, 0.0)
    for before, after in zip(pixels.astype(float), moved, strict=True):
        edged = np.pad(before, ((2, 2), (2, 2), (0, 0)), mode="edge")
        places = [(i, j) for i in range(5) for j in range(5)]
        assert min(np.abs(edged[i : i + 9, j : j + 9] - after).max() for i, j in places) < 1e-3
    lit = moved_and_lit(pixels, np.random.default_rng(1), 2, 0.5)
    assert lit.min() >= 0 and lit.max() <= 255 and lit.dtype == np.float32


def test_parts_of_pictures_are_theirs():
    """Of slopes to the right and down, how steep a part is tells its width and height, and how high its place."""
    slope = torch.linspace(-1, 1, 32)
    across = slope.expand(400, 1, 32, 32)
    pixels = torch.cat([across, across.transpose(2, 3)], dim=1)
    cut = parts_of(pixels, np.random.default_rng(0), 0.25)
    inner = cut[:, :, 4:-4, 4:-4]
    step = float(slope[1] - slope[0])
    width = inner[:, 0].diff(dim=2).mean(dim=(1, 2)).numpy() / step
    height = inner[:, 1].diff(dim=1).mean(dim=(1, 2)).numpy() / step
    assert cut.min() >= -1 and cut.max() <= 1 and max(width.max(), height.max()) < 1.01
    area, tall = width * height, np.log(width / height)
    assert 0.24 < area.min() < 0.3 and area.max() > 0.85 and np.std(area) > 0.15
    assert 0.35 < np.abs(tall).max() < 0.41 and abs(tall.mean()) < 0.05  # the logarithm of both is .2 at most
    for place in (cut[:, 0, 16, 16], cut[:, 1, 16, 16]):
        assert place.std() > 0.1 and abs(place.mean()) < 0.06
    assert abs(np.corrcoef(cut[:, :, 16, 16].T)[0, 1]) < 0.2
    whole = torch.rand(12, 3, 16, 16)
    torch.testing.assert_close(parts_of(whole, np.random.default_rng(0), 1.0, 0.0), whole)
    assert parts_of(whole[:0], np.random.default_rng(0), 0.5).shape == (0, 3, 16, 16)


def test_parts_of_pictures_are_seen_in_training_alone():
    pixels = ImageCells(table_of({"image": [picture(k % 3, k) for k in range(8)]}), ["image"])
    reader = PictureReader(pixels, square_pixels(24), np.arange(8), area=0.3)
    whole = reader.read(np.arange(8)).inputs["pixel_values"]
    again = reader.read(np.arange(8)).inputs["pixel_values"]
    seen = reader.read(np.arange(8), np.random.default_rng(0)).inputs["pixel_values"]
    assert torch.equal(whole, again) and seen.shape == whole.shape
    assert all(not torch.equal(a, b) for a, b in zip(seen, whole, strict=True))


def test_a_directory_that_is_no_small_encoder_is_an_error(tmp_path, given_labels, text_cells):
    with pytest.raises(EncoderError, match=r"no config\.json here"):
        load(tmp_path)
    path, _ = fit(text_cells, given_labels, tmp_path)
    said = (path / "config.json").read_text()
    (path / "config.json").write_text(said.replace('"hidden_size": 16', '"hidden_size": 8'))
    with pytest.raises(EncoderError, match="cannot be loaded"):
        load(path)
    (path / "config.json").write_text(said)
    weights = (path / "model.safetensors").read_bytes()
    (path / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    with pytest.raises(EncoderError, match="cannot be loaded"):
        load(path)


@pytest.mark.parametrize("good", [0, 2])
def test_a_training_that_diverges_keeps_what_was_best_or_is_an_error(
    image_cells, given_labels, tmp_path, monkeypatch, caplog, good
):
    measured = from_scratch._validate
    calls: list[int] = []

    def diverging(*given):
        calls.append(1)
        return measured(*given) if len(calls) <= good else (math.nan, 0.0)

    monkeypatch.setattr(from_scratch, "_validate", diverging)
    if not good:
        with pytest.raises(TrainingError, match="diverged in epoch 1"):
            fit(image_cells, given_labels, tmp_path)
        return
    _, history = fit(image_cells, given_labels, tmp_path)
    assert len(history) == good and "diverged in epoch 3" in caplog.text


def test_an_encoder_that_cannot_be_written_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("motet.encoders.torch_small.save_file", full)
    with pytest.raises(OSError, match="No space"):
        write_encoder(network_of("image"), square_pixels(24), tmp_path / "encoders")
    assert list((tmp_path / "encoders").iterdir()) == []


def test_large_tables_take_fewer_epochs_and_larger_batches():
    asked = SmallSettings()
    assert asked.epochs_for(560) == asked.epochs
    assert [asked.vocabulary_for(rows) for rows in (2, 560, 10**6)] == [1000, 1120, 8000]
    assert asked.epochs_for(100_000) == 5 and asked.epochs_for(10**6) == 3
    assert [asked.rows_a_batch(rows) for rows in (2, 560, 10**6)] == [8, 32, 64]


@pytest.mark.slow
def test_on_the_demo_catalogue_both_come_near_the_best_possible(tmp_path):
    """Best possible .85 and .88; chance 3 * sqrt(.85 * .15 / 880) = .036; the rest 560 rows do not teach."""
    catalogue = write_catalogue(tmp_path / "catalogue", rows=1600, seed=1)
    table = read_table(catalogue.table)
    schema = infer_schema(table, label=catalogue.label, split=catalogue.split)
    wanted = labels(table, schema)
    split = make_split(table, schema, wanted, seed=0)
    train, validation = split.train[:560], split.validation[:120]
    other = np.setdiff1d(np.arange(len(table)), np.concatenate([train, validation]))
    for modality, least in (("image", 0.75), ("text", 0.75)):
        of = cells(table, schema)[modality]
        path, _ = fit_small(modality, of, wanted.values, train, validation, 4, folder=tmp_path)
        features = PretrainedEncoder(path).encode(of, np.arange(len(table)))
        rows = other[features.present[other]]
        pooled = features.rows.dense(np.arange(len(table)))
        shown = train[features.present[train]]
        means = np.stack([pooled[shown][wanted.values[shown] == k].mean(axis=0) for k in range(4)])
        nearest = ((pooled[rows][:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
        assert (nearest == wanted.values[rows]).mean() > least
