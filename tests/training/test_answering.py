"""Learning to answer: each different cell of a batch is encoded once, and heads of one modality stay alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from motet.data import ImageCells, Table, TextCells
from motet.data.answers import Answers, count_answers
from motet.encoders import ArrayRows, FeatureTable
from motet.encoders.torch_small_vision import VisionConfig
from motet.encoders.torch_small_words import SmallWords, WordsConfig
from motet.fusion import Source
from motet.tasks.answer import answer_loss, answer_targets
from motet.training.answer_settings import SMALL, AnswerSettings
from motet.training.answer_sources import AskedRows, AskedSource, LiveEncoders, token_rows
from motet.training.answering import Answering, AnswerNetwork, finish_heads, fit_answers, question_batches
from motet.training.latent_tokens import LatentTokens, TokenBasis
from motet.training.scratch_rows import Batch
from motet.training.small import make_small

QUESTIONS = ["what colour?", "is it red?", "is it blue?"]
SETTINGS = AnswerSettings(
    width=16, epochs=30, patience=30, learning_rate=5e-3, small=replace(SMALL, words=WordsConfig(300, 32, 1))
)
TRAIN, HELD = np.arange(0, 240), np.arange(240, 300)


def world() -> tuple[list[AskedSource], Any]:
    """Fifty pictures of four cells, one of which is red or blue; rows ask one of three questions about one of them."""
    random = np.random.default_rng(0)
    red = np.arange(50) % 2 == 0
    tokens = random.normal(size=(50, 4, 8)).astype(np.float16)
    tokens[np.arange(50), random.integers(0, 4, 50), 0] = np.where(red, 6, -6)
    latent = LatentTokens(tokens.reshape(200, 8), np.arange(50) * 4, np.full(50, 4))
    table = FeatureTable(ArrayRows(np.zeros((50, 8), np.float32)), np.ones(50, bool), tokens=latent)
    rows = np.arange(300)
    picture, question = rows // 6, random.integers(0, 3, 300)
    said = [
        ("red" if red[p] else "blue") if q == 0 else "yes" if red[p] == (q == 1) else "no"
        for p, q in zip(picture, question, strict=True)
    ]
    cells = TextCells(Table(pa.table({"q": QUESTIONS})), ["q"])
    torch.manual_seed(0)
    small = make_small("text", cells, np.arange(3), np.arange(0), SETTINGS.small, random)
    sources = [
        AskedSource(Source("image:a", "image", 8, read="tokens"), picture, table=table),
        AskedSource(Source("text:small", "text", 32, read="tokens"), question, small=small, at=np.arange(3)),
    ]
    counts = count_answers(Answers(tuple((one,) for one in said)), ["yes", "no", "red", "blue"])
    return sources, counts


def accuracy(made: Answering, head: str, counts: Any, **shown: Any) -> float:
    return float((made.logits(head, HELD, **shown).argmax(axis=1) == counts.common[HELD]).mean())


@pytest.mark.parametrize("fusion", ["film", "transformer", "coattention", "bilinear", "concat"])
def test_fusions_learn_what_neither_modality_tells_alone(fusion: str) -> None:
    """Alone the question leaves two answers that are equally frequent, and the picture three questions."""
    sources, counts = world()
    made = fit_answers(sources, counts, TRAIN, HELD, fusion, SETTINGS)
    assert accuracy(made, made.network.fused, counts) > 0.9
    for name in ("question-only", "image-only"):
        assert accuracy(made, name, counts) < 0.75
    hidden = accuracy(made, made.network.fused, counts, shown=frozenset({"text"}))
    assert hidden < 0.75
    assert [epoch.epoch for epoch in made.history] == list(range(1, 31))


def test_the_same_seed_gives_the_same_answers() -> None:
    settings = replace(SETTINGS, epochs=2)
    found = []
    for _ in range(2):
        sources, counts = world()
        made = fit_answers(sources, counts, TRAIN, HELD, "film", settings)
        found.append(made.logits(made.network.fused, HELD))
    np.testing.assert_array_equal(*found)


def test_each_different_cell_of_a_batch_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty rows ask three questions: the word network sees three."""
    sources, _ = world()
    seen = []
    forward = SmallWords.forward

    def counted(self: SmallWords, input_ids: Any, attention_mask: Any) -> Any:
        seen.append(len(input_ids))
        return forward(self, input_ids, attention_mask)

    monkeypatch.setattr(SmallWords, "forward", counted)
    network = AnswerNetwork(sources, "transformer", 4, SETTINGS).eval()
    asked = AskedRows(sources, 300)
    logits = network(asked.read(HELD))["transformer-tokens"]
    assert logits.shape == (60, 4) and seen == [3]
    with torch.inference_mode():  # and each row has its own cells
        for row in HELD[:7]:
            one = network(asked.read(np.array([row])))["transformer-tokens"]
            torch.testing.assert_close(one[0], logits[row - 240], atol=1e-4, rtol=0)


def test_heads_of_one_modality_move_no_encoder() -> None:
    sources, counts = world()
    network = AnswerNetwork(sources, "film", 4, SETTINGS)
    batch = AskedRows(sources, 300).read(TRAIN[:32])
    targets = torch.from_numpy(answer_targets(counts.dense(TRAIN[:32]), counts.totals[TRAIN[:32]]))
    logits = network(batch)
    answer_loss(logits["question-only"], targets).backward()  # type: ignore[no-untyped-call]
    assert all(parameter.grad is None for parameter in network.encoders.parameters())
    answer_loss(logits["film-tokens"], targets).backward()  # type: ignore[no-untyped-call]
    assert all(parameter.grad is not None for parameter in network.encoders.parameters())


def test_a_missing_picture_or_question_is_read_as_absent() -> None:
    sources, _ = world()
    number = sources[0].number.copy()
    number[:3] = -1
    rows = AskedRows([replace(sources[0], number=number), sources[1]], 300)
    assert rows.present("image", np.arange(5)).tolist() == [False, False, False, True, True]
    batch = rows.read(np.arange(5), shown=frozenset({"image"}))
    assert batch["image:a"].present.tolist() == [False, False, False, True, True]
    assert not batch["text:small"].present.any() and batch["text:small"].cells is None
    network = AnswerNetwork([replace(sources[0], number=number), sources[1]], "film", 4, SETTINGS).eval()
    logits = network(batch)["film-tokens"]
    assert torch.isfinite(logits).all()
    torch.testing.assert_close(
        logits[0], logits[1]
    )  # nothing is there: the learned missing tokens alone answer


def test_a_picture_that_turns_out_broken_gives_no_other_row_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too many pictures to be kept are decoded batch by batch: the second of three is broken."""
    monkeypatch.setattr("motet.training.scratch_rows.PICTURES_KEPT", 0)
    for number, light in enumerate((10, 100, 240)):
        Image.new("L", (16, 16), light).save(tmp_path / f"{number}.png")
    (tmp_path / "1.png").write_bytes(b"no picture")
    table = Table(pa.table({"p": ["0.png", "1.png", "2.png"]}), tmp_path)
    settings = replace(SMALL, vision=VisionConfig(16, (4, 8)), shift=0, light=0.0)
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    small = make_small("image", ImageCells(table, ["p"]), np.arange(3), np.arange(0), settings, random)
    source = Source("image:small", "image", 8, read="tokens")
    asked = AskedRows([AskedSource(source, np.array([2, 1, 0, 2, -1]), small=small, at=np.arange(3))], 5)
    batch = asked.read(np.arange(5))
    assert batch["image:small"].present.tolist() == [True, False, True, True, False]
    features = LiveEncoders(asked.sources).eval()(batch)["image:small"]
    alone = small.network.eval()(**small.reader.read(np.array([0, 2])).inputs)[1]
    for row, picture in ((0, 1), (2, 0), (3, 1)):
        torch.testing.assert_close(features.tokens[row], alone[picture])
    nothing = asked.read(np.array([1]))["image:small"]
    assert nothing.cells is None and not nothing.present.any()


def test_training_hides_modalities_but_never_all() -> None:
    sources, _ = world()
    batch = AskedRows(sources, 300).read(TRAIN, hide=0.5, random=np.random.default_rng(0))
    image, text = batch["image:a"].present, batch["text:small"].present
    assert (image | text).all() and not image.all() and not text.all()


def test_tokens_of_several_pictures_of_a_row_stand_one_after_the_other() -> None:
    class Numbers(torch.nn.Module):
        def forward(self, pixel_values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return pixel_values.mean(1), pixel_values

    pixels = torch.arange(12.0).reshape(3, 2, 2)  # three pictures of two cells
    batch = Batch(np.array([5, 9]), {"pixel_values": pixels}, torch.tensor([0, 0, 1]))
    tokens, mask = token_rows(Numbers(), batch)  # type: ignore[arg-type]
    assert mask.tolist() == [[True] * 4, [True, True, False, False]]
    torch.testing.assert_close(tokens[0], pixels[:2].reshape(4, 2))
    torch.testing.assert_close(tokens[1, :2], pixels[2])


@given(
    st.lists(st.integers(-1, 5), min_size=1, max_size=60),
    st.integers(1, 20),
    st.integers(1, 4),
    st.integers(0, 99),
)
@example([4, -1, 4], 1, 2, 1)
def test_batches_hold_every_row_once_and_runs_of_one_picture(
    picture: list[int], size: int, questions: int, seed: int
) -> None:
    rows = np.arange(len(picture))
    parts = question_batches(rows, np.array(picture), size, questions, np.random.default_rng(seed))
    order = np.concatenate(parts)
    assert sorted(order) == rows.tolist()
    assert max(map(len, parts)) <= size
    changes = int((np.diff(np.array(picture)[order]) != 0).sum()) + 1
    runs = sum(-(-picture.count(p) // questions) for p in set(picture) - {-1}) + picture.count(-1)
    assert changes <= runs


def test_targets_are_vqa_scores_in_sum_one() -> None:
    """Of ten references 6, 3 and 1: scores 1, .9 and .3."""
    targets = answer_targets(np.array([[6.0, 3, 1, 0], [0, 0, 0, 0]]), np.array([10, 10]))
    np.testing.assert_allclose(targets[0], np.array([1, 0.9, 0.3, 0]) / 2.2, rtol=1e-6)
    assert not targets[1].any()
    # Two people who disagree: either is right by the other half of the times that one is left out.
    np.testing.assert_allclose(answer_targets(np.array([[1.0, 1]]), np.array([2])), [[0.5, 0.5]])


def test_the_loss_of_one_answer_is_cross_entropy() -> None:
    logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    truth = torch.tensor([0, 2, 1, 1])
    torch.testing.assert_close(
        answer_loss(logits, torch.nn.functional.one_hot(truth, 3).float()),
        torch.nn.functional.cross_entropy(logits, truth),
    )


def test_finished_heads_read_whole_features_and_leave_the_network_as_it_was() -> None:
    sources, counts = world()
    made = fit_answers(sources, counts, TRAIN, HELD, "film", replace(SETTINGS, epochs=1))
    before = made.logits(made.network.fused, HELD)
    random = np.random.default_rng(0)
    basis = TokenBasis(
        np.zeros(16, np.float32), np.ones(16, np.float32), random.normal(size=(16, 8)).astype("f4")
    )
    heads = finish_heads(made.network, {"image:a": basis})
    widths = [source.width for name in made.network.names for source in heads[name].sources]
    assert sorted(widths) == [16, 16, 32, 32]
    np.testing.assert_array_equal(made.logits(made.network.fused, HELD), before)


def test_a_time_limit_stops_between_epochs() -> None:
    sources, counts = world()
    made = fit_answers(sources, counts, TRAIN, HELD, "film", SETTINGS, time_limit=1e-9)
    assert made.cut and len(made.history) == 1
