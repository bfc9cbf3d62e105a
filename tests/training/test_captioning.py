"""How a decoder is learned: packed sentences are read as if they stood alone, and what ships reads whole tokens."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from motet.encoders import ArrayRows, FeatureTable
from motet.encoders.features import VectorTokens
from motet.runtime.caption_tokens import CaptionTokens
from motet.tasks.caption import CaptionDecoder, DecoderShape, pack, token_losses
from motet.training.caption_settings import CaptionSettings
from motet.training.caption_words import learn_caption_tokenizer, sentence_ids
from motet.training.captioning import _multiplied_out, fit_captioner
from motet.training.latent_tokens import _directions, tokens_to_latent
from motet.training.written import Written

SHAPE = DecoderShape(
    vocabulary=11, source=6, width=16, layers=2, memory_layers=1, heads=2, positions=12, dropout=0
)
SENTENCE = st.lists(st.integers(3, 10), min_size=0, max_size=6).map(lambda ids: np.array([1, *ids, 2]))


@pytest.fixture(scope="module")
def decoder() -> CaptionDecoder:
    torch.manual_seed(0)
    return CaptionDecoder(SHAPE).eval()


def pictures(count: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    mask = torch.rand(count, 4, generator=random) > 0.3
    mask[:, 0] = True
    return torch.rand(count, 4, 6, generator=random), mask


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(st.lists(SENTENCE, min_size=1, max_size=3), min_size=1, max_size=3))
def test_packed_sentences_are_read_as_if_alone(decoder: CaptionDecoder, rows: list[list[np.ndarray]]) -> None:
    """The slow reference: one sentence at a time, one picture at a time."""
    tokens, mask = pictures(len(rows))
    with torch.no_grad():
        packed = token_losses(decoder, tokens, mask, pack(rows))
        alone = [
            token_losses(decoder, tokens[at : at + 1], mask[at : at + 1], pack([[ids]]))
            for at, row in enumerate(rows)
            for ids in row
        ]
    torch.testing.assert_close(packed, torch.cat(alone), atol=1e-5, rtol=1e-4)


def test_a_word_sees_none_that_follow_and_no_padding(decoder: CaptionDecoder) -> None:
    tokens, mask = pictures(1)
    mask[0, 3] = False
    one, other = np.array([1, 4, 5, 6, 2]), np.array([1, 4, 5, 9, 2])
    with torch.no_grad():
        first = token_losses(decoder, tokens, mask, pack([[one]]))
        tokens[0, 3] = 1e6  # padding of pictures is not looked at
        second = token_losses(decoder, tokens, mask, pack([[other]]))
    torch.testing.assert_close(first[:2], second[:2])
    assert not torch.isclose(first[2], second[2])


def test_each_parameter_learns() -> None:
    made = CaptionDecoder(SHAPE)
    tokens, mask = pictures(2)
    token_losses(
        made, tokens, mask, pack([[np.array([1, 4, 5, 2])], [np.array([1, 6, 2])]]), smoothing=0.1
    ).mean().backward()
    still = [name for name, one in made.named_parameters() if one.grad is None or not one.grad.any()]
    assert not still


def test_smoothing_is_that_of_its_formula(decoder: CaptionDecoder) -> None:
    """(1 - s) times the loss plus s times the mean of that of all words (Szegedy et al., 2016)."""
    tokens, mask = pictures(1)
    packed = pack([[np.array([1, 7, 2])]])
    with torch.no_grad():
        plain = token_losses(decoder, tokens, mask, packed)
        smooth = token_losses(decoder, tokens, mask, packed, smoothing=0.2)
        others = [replace(packed, following=torch.full_like(packed.ids, n)) for n in range(SHAPE.vocabulary)]
        every = torch.stack([token_losses(decoder, tokens, mask, one) for one in others]).mean(dim=0)
    torch.testing.assert_close(smooth, 0.8 * plain + 0.2 * every)


def feature_table(rows: int, width: int = 6, seed: int = 0) -> FeatureTable:
    values = ArrayRows(np.random.default_rng(seed).normal(3, 2, (rows, width)).astype(np.float32))
    return FeatureTable(values, np.ones(rows, bool), tokens=VectorTokens(values, np.arange(rows)))


def test_what_ships_reads_whole_tokens() -> None:
    table = feature_table(40)
    latent, basis = tokens_to_latent(table, np.arange(30))
    torch.manual_seed(0)
    made = CaptionDecoder(DecoderShape(11, latent.width, 16, 1, 1, 2, 12, 0.0)).eval()
    assert table.tokens is not None
    rows = np.arange(30, 40)
    with torch.no_grad():
        few = made.of_pictures(*map(torch.from_numpy, latent.dense(rows)))
        whole = _multiplied_out(made, basis).of_pictures(*map(torch.from_numpy, table.tokens.dense(rows)))
    for one, other in zip(few, whole, strict=True):
        torch.testing.assert_close(one, other, atol=5e-3, rtol=5e-3)  # coordinates are float16


def test_the_best_epoch_is_kept_and_training_stops() -> None:
    """Words of held pictures that cannot be told from their pictures: soon nothing gets better."""
    random = np.random.default_rng(0)
    written = Written([[np.array([1, *random.integers(3, 11, 5), 2])] for _ in range(30)])
    small = CaptionSettings(
        width=16, heads=2, layers=1, dropout=0, epochs=60, least_steps=0, pictures=5, learning_rate=0.02, patience=2,
        longest=12,
    )  # fmt: skip
    made = fit_captioner(feature_table(30), written, 11, np.arange(20), np.arange(20, 30), small)
    held = [one.validation_loss for one in made.history]
    assert len(held) < 60 and made.best_epoch == 1 + int(np.argmin(held)) == len(held) - 2
    with torch.no_grad():
        table = feature_table(30)
        assert table.tokens is not None
        tokens, mask = map(torch.from_numpy, table.tokens.dense(np.arange(20, 30)))
        packed = pack([list(written.sentences[p]) for p in range(20, 30)])
        found = float(token_losses(made.decoder, tokens, mask, packed).mean())
    assert found == pytest.approx(min(held), abs=0.02)


def test_sentences_are_cut_and_case_is_one() -> None:
    tokenizer = learn_caption_tokenizer(["A dog  runs", "a dog runs"], vocabulary=300)
    one, other = sentence_ids(CaptionTokens(tokenizer), ["A DOG\n runs", "a dog runs"], 20)
    assert one.tolist() == other.tolist() and one[0] == 1 and one[-1] == 2
    assert sentence_ids(CaptionTokens(tokenizer), ["a dog runs"], 2)[0].tolist() == one[:2].tolist()


@pytest.mark.parametrize("rows", [4, 40])
def test_directions_of_few_positions_are_those_of_many(rows: int) -> None:
    """Against singular vectors, which may point either way; of fewer positions than numbers the others are zeros."""
    x = torch.from_numpy(np.random.default_rng(rows).normal(size=(rows, 9)).astype(np.float32))
    found = _directions(x)
    _, _, wanted = torch.linalg.svd(x, full_matrices=False)
    there = min(rows, 9)
    assert found.shape == (9, 9) and not found[:, there:].any()
    overlap = (found[:, :there] * wanted.T[:, :there]).sum(dim=0).abs()
    torch.testing.assert_close(overlap, torch.ones(there), atol=1e-3, rtol=0)
    assert not _directions(torch.zeros(3, 9)).any()


def test_special_tokens_that_a_person_wrote_are_words() -> None:
    tokens = CaptionTokens(learn_caption_tokenizer(["a dog runs"], vocabulary=300))
    (ids,) = sentence_ids(tokens, ["a <|end|> dog <|start|><|padding|>"], 100)
    assert ids[0] == tokens.start and ids[-1] == tokens.end
    assert not {tokens.start, tokens.end, 0} & set(ids[1:-1].tolist())
    assert tokens.text(ids[1:-1]) == "a <|end|> dog <|start|><|padding|>"


def test_few_pictures_are_seen_in_more_epochs() -> None:
    """300 steps at least: 64 pictures are 2 batches of 32, so 150 epochs; 65 are 3, so 100; many are the 15 said."""
    settings = CaptionSettings()
    assert [settings.epochs_for(pictures) for pictures in (64, 65, 6400)] == [150, 100, 15]
