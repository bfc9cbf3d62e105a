"""The terms of pretraining: each against a slow reference or a known value, and each parameter gets a gradient."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from motet.encoders.torch_small_vision import SmallVision, VisionConfig
from motet.encoders.torch_small_words import SmallWords, WordsConfig
from motet.errors import UsageError
from motet.tasks.pretrain import (
    TERMS,
    Encoded,
    PretrainBatch,
    Pretrainer,
    Shape,
    make_pretrainer,
    words_of_picture,
)
from motet.tasks.pretrain.masked_patches import SIDE, patches
from motet.tasks.pretrain.matching import Matching
from motet.tasks.pretrain.shared import beside, whole_pictures_count
from motet.tasks.pretrain.words_of_picture import WordsOfPicture, mirrored

VOCABULARY, MASKED = 30, 1
SHAPE = Shape(
    pictures=8, words=12, grid=(4, 4), vocabulary=VOCABULARY, masked=MASKED, longest=9, texts=30,
    texts_with=np.full(VOCABULARY, 2), width=16, heads=2, dropout=0.0,
)  # fmt: skip


class Dirac:
    """A distribution of which every sample is the same."""

    def __init__(self, value: Tensor) -> None:
        self.value = value

    def sample(self) -> Tensor:
        """The value."""
        return self.value


def norms_of(model: Pretrainer) -> list[Any]:
    return [one for one in model.shared.image.modules() if isinstance(one, nn.BatchNorm2d)]


def pretrainer(terms: dict[str, float] | None = None) -> Pretrainer:
    torch.manual_seed(0)
    image = SmallVision(VisionConfig(side=16, widths=(4, 8)))
    words = WordsConfig(VOCABULARY, 12, 1, 2, max_position_embeddings=9, dropout=0.0)
    return make_pretrainer(image, SmallWords(words), SHAPE, terms or dict.fromkeys(TERMS, 1.0))


def batch_of(pairs: int, lone_pictures: int = 0, lone_texts: int = 0, seed: int = 0) -> PretrainBatch:
    random = torch.Generator().manual_seed(seed)
    texts = pairs + lone_texts
    lengths = torch.randint(1, 8, (texts, 1), generator=random)
    mask = (torch.arange(7) < lengths).long()
    ids = torch.randint(2, VOCABULARY, (texts, 7), generator=random) * mask
    pixels = torch.rand(pairs + lone_pictures, 3, 16, 16, generator=random) * 2 - 1
    return PretrainBatch(pixels, ids, mask, torch.eye(pairs, dtype=torch.bool))


def test_each_parameter_of_each_term_gets_a_gradient() -> None:
    model = pretrainer()
    losses = model(batch_of(6, 2, 3))
    assert list(losses) == list(TERMS)
    total = model.total(losses)
    assert total is not None
    total.backward()
    without = [name for name, value in model.named_parameters() if value.grad is None or not value.grad.any()]
    assert not without


@pytest.mark.parametrize("name", TERMS)
def test_a_term_teaches_the_encoders_that_it_says(name: str) -> None:
    model = pretrainer({name: 1.0})
    total = model.total(model(batch_of(6, 2, 3)))
    assert total is not None
    total.backward()
    networks = {"image": model.shared.image, "text": model.shared.text}
    taught = [kind for kind, one in networks.items() if any(p.grad is not None for p in one.parameters())]
    assert taught == list(TERMS[name].teaches)


def test_the_total_is_the_weighted_sum() -> None:
    model = pretrainer({"contrastive": 2.0, "words-from-picture": 0.25}).eval()
    with torch.no_grad():
        losses = model(batch_of(5))
        total = model.total(losses)
    assert float(total) == pytest.approx(
        2 * float(losses["contrastive"]) + 0.25 * float(losses["words-from-picture"])
    )
    assert model.total({}) is None


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"contrast": 1.0}, "no term 'contrast'"),
        ({"matching": 0.0}, "above 0"),
        ({"matching": math.nan}, "above 0"),
        ({"matching": True}, "not True"),
    ],
)
def test_terms_that_are_none(terms: dict[str, float], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        pretrainer(terms)


def test_no_term_at_all() -> None:
    image = SmallVision(VisionConfig(side=16, widths=(4, 8)))
    with pytest.raises(UsageError, match="needs a term"):
        make_pretrainer(image, SmallWords(WordsConfig(VOCABULARY, 12)), SHAPE, {})


def test_before_learning_hidden_words_cost_about_what_guessing_does() -> None:
    """Weights of the last layer are 0: all V tokens are as likely, so the loss is ln V whatever was hidden."""
    model = pretrainer({"masked-words": 1.0}).eval()
    torch.nn.init.zeros_(model.terms["masked-words"].tell.weight)
    torch.nn.init.zeros_(model.terms["masked-words"].tell.bias)
    with torch.no_grad():
        (loss,) = model(batch_of(6)).values()
    assert float(loss) == pytest.approx(math.log(VOCABULARY), rel=1e-5)


def test_a_hidden_word_is_not_seen() -> None:
    """With every token hidden, which words a text has changes the targets and nothing else that is told."""
    model = pretrainer({"masked-words": 1.0}).eval()
    model.terms["masked-words"].rate = 1.0
    given, told = batch_of(3), []
    other = PretrainBatch(
        given.pixels, (given.ids + 1).clamp(max=VOCABULARY - 1) * given.mask, given.mask, given.positives
    )
    model.terms["masked-words"].tell.register_forward_hook(lambda module, inputs, output: told.append(output))
    with torch.no_grad():
        model(given)
        model(other)
    torch.testing.assert_close(told[0], told[1])


def test_a_hidden_patch_is_not_seen() -> None:
    model = pretrainer({"masked-patches": 1.0}).eval()
    model.terms["masked-patches"].rate = 1.0
    given, told = batch_of(3), []
    other = PretrainBatch(-given.pixels, given.ids, given.mask, given.positives)
    model.terms["masked-patches"].tell.register_forward_hook(
        lambda module, inputs, output: told.append(output)
    )
    with torch.no_grad():
        model(given)
        model(other)
    torch.testing.assert_close(told[0], told[1])


def test_patches_are_the_squares_of_the_picture_row_by_row() -> None:
    """The slow reference: each square cut out by itself, at a side where nothing is averaged."""
    pixels = torch.rand(2, 3, 2 * SIDE, 3 * SIDE, generator=torch.Generator().manual_seed(0))
    made = patches(pixels, (2, 3))
    for row in range(2):
        for column in range(3):
            square = pixels[:, :, row * SIDE : (row + 1) * SIDE, column * SIDE : (column + 1) * SIDE].flatten(
                1
            )
            wanted = (square - square.mean(1, keepdim=True)) / (square.var(1, keepdim=True) + 1e-3).sqrt()
            torch.testing.assert_close(made[:, row * 3 + column], wanted)


def test_pictures_with_hidden_patches_leave_running_moments_alone() -> None:
    network = SmallVision(VisionConfig(side=16, widths=(4, 8))).train()
    before = network.stem_norm.running_mean.clone()
    with whole_pictures_count(network):
        network(torch.rand(4, 3, 16, 16))
    torch.testing.assert_close(network.stem_norm.running_mean, before)
    network(torch.rand(4, 3, 16, 16))
    assert not torch.allclose(network.stem_norm.running_mean, before)


def test_negatives_never_belong_and_near_ones_are_drawn_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Text 1 says what text 0 does: it is no negative of picture 0. Of texts 2 and 3, the nearer is drawn e^10c times
    as often as the other, c the difference of cosines."""
    drawn: list[torch.Tensor] = []
    multinomial = torch.multinomial

    def seen(chances: torch.Tensor, count: int) -> torch.Tensor:
        drawn.append(chances)
        return multinomial(chances, count)

    monkeypatch.setattr(torch, "multinomial", seen)
    model = pretrainer({"matching": 1.0}).eval()
    given = batch_of(4)
    given.positives[0, 1] = given.positives[1, 0] = True
    encoded = Encoded(model.shared, given)
    assert model.terms["matching"](model.shared, given, encoded) is not None
    chances, cosines = drawn[0], encoded.pictures @ encoded.texts.T
    assert chances[0, 0] == chances[0, 1] == 0
    ratio = float(chances[0, 2] / chances[0, 3])
    assert ratio == pytest.approx(math.exp(10 * float((cosines[0, 2] - cosines[0, 3]).detach())), rel=1e-4)


def test_where_all_belong_together_matching_has_nothing_to_learn() -> None:
    model = pretrainer({"matching": 1.0})
    given = batch_of(2)
    given.positives[:] = True
    assert Matching(SHAPE)(model.shared, given, Encoded(model.shared, given)) is None


def test_what_stands_alone_has_zeros_beside_it() -> None:
    made = beside(torch.ones(2, 3, 4), 5)
    assert made.shape == (5, 3, 4) and made[:2].all() and not made[2:].any()


@settings(max_examples=20, deadline=None)
@given(pairs=st.integers(0, 4), pictures=st.integers(0, 3), texts=st.integers(0, 3), seed=st.integers(0, 99))
def test_any_mixture_gives_finite_losses(pairs: int, pictures: int, texts: int, seed: int) -> None:
    """Contrastive and matching need two pairs, generation one; what is masked needs none."""
    model = pretrainer()
    torch.manual_seed(seed)
    losses = model(batch_of(pairs, pictures, texts, seed))
    assert all(value.isfinite().all() for value in model.state_dict().values())  # running moments
    assert all(np.isfinite(float(loss)) for loss in losses.values())
    assert ("contrastive" in losses) == (pairs > 1)
    assert ("words-from-picture" in losses) == (pairs > 0)
    assert pictures or pairs or "masked-patches" not in losses


def test_a_picture_that_is_hidden_from_a_lone_text_changes_nothing() -> None:
    """The joint state of a text alone does not depend on what stands where its picture would."""
    model = pretrainer().eval()
    cells = torch.rand(2, 16, 8, generator=torch.Generator().manual_seed(0))
    tokens, mask = torch.rand(2, 7, 12), torch.ones(2, 7, dtype=torch.long)
    seen = torch.tensor([True, False])
    with torch.no_grad():
        one = model.shared.joint(cells, seen, tokens, mask).tokens
        two = model.shared.joint(cells + 100, seen, tokens, mask).tokens
    torch.testing.assert_close(one[1], two[1])
    assert not torch.allclose(one[0], two[0])


def test_words_of_a_picture_against_a_slow_reference() -> None:
    """Cross-entropy of the common words of each text in even shares; a text without one teaches nothing."""
    texts_with = np.full(VOCABULARY, 2)
    texts_with[10:20] = 1  # of 30 texts a common word is in 2 at least
    shape = replace(SHAPE, texts_with=texts_with)
    model, term = pretrainer().eval(), WordsOfPicture(shape).eval()
    given = batch_of(5, 2, 3)
    given.ids[0], given.mask[0] = 10, 1  # ten times a word that is not common
    with torch.no_grad():
        encoded = Encoded(model.shared, given)
        losses = []
        for picture in range(1, 5):
            logs = dict(
                zip(
                    [word for word in range(MASKED + 1, VOCABULARY) if not 10 <= word < 20],
                    term.tell(encoded.cells[picture].mean(dim=0)).log_softmax(dim=0),
                    strict=True,
                )
            )
            words = {
                int(one) for one, there in zip(given.ids[picture], given.mask[picture], strict=True) if there
            }
            common = [word for word in words if word > MASKED and not 10 <= word < 20]
            if common:
                losses.append(-sum(float(logs[word]) for word in common) / len(common))
        assert float(term(model.shared, given, encoded)) == pytest.approx(np.mean(losses), abs=1e-5)
        given.ids[:] = 10
        assert term(model.shared, given, Encoded(model.shared, given)) is None


@pytest.mark.parametrize("share", [1.0, 0.3])
def test_mixed_pictures_against_a_slow_reference(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """In training, two pictures are one, with the words of both in their shares."""
    model, term = pretrainer(), WordsOfPicture(replace(SHAPE, texts_with=np.full(VOCABULARY, 2)), dropout=0.0)
    given = batch_of(4)
    given.ids[:, 0], given.mask[:, 0] = MASKED + 1, 1  # each has a common word
    monkeypatch.setattr(words_of_picture, "mirrored", lambda pixels: pixels)
    monkeypatch.setattr(words_of_picture, "Beta", lambda *_: Dirac(torch.tensor(share)))
    monkeypatch.setattr(torch, "randperm", lambda count: torch.arange(count - 1, -1, -1))
    found = term(model.shared, given, Encoded(model.shared, given))
    assert found is not None
    mixed, wanted = torch.zeros_like(given.pixels), torch.zeros(4, VOCABULARY)
    for k in range(4):
        for of, part in ((k, share), (3 - k, 1 - share)):
            words = set(given.ids[of][given.mask[of] > 0].tolist())
            mixed[k] += part * given.pixels[of]
            wanted[k, sorted(words)] += part / len(words)
    wanted = wanted[:, MASKED + 1 :]
    with torch.no_grad():
        logs = term.tell(model.shared.image(mixed)[0]).log_softmax(dim=1)
    assert float(found) == pytest.approx(-float((wanted * logs).sum()) / 4, abs=1e-4)


@pytest.mark.parametrize(("texts", "least"), [(24, 2), (900, 6), (100_000, 10)])
def test_how_often_a_word_is_common(texts: int, least: int) -> None:
    """In one of 150 texts, but in 2 at least, and 10 are always enough."""
    term = WordsOfPicture(replace(SHAPE, texts=texts, texts_with=np.arange(VOCABULARY)))
    assert term.common.tolist() == list(range(max(least, MASKED + 1), VOCABULARY))


def test_without_a_common_word_there_is_nothing_to_tell() -> None:
    with pytest.raises(UsageError, match="no word is in 2 texts"):
        WordsOfPicture(replace(SHAPE, texts_with=np.ones(VOCABULARY, np.int64)))


def test_half_of_the_pictures_are_mirrored() -> None:
    torch.manual_seed(0)
    whole = torch.rand(400, 3, 4, 4)
    found = mirrored(whole)
    same = sum(torch.equal(a, b) for a, b in zip(found, whole, strict=True))
    turned = sum(torch.equal(a, b.flip(2)) for a, b in zip(found, whole, strict=True))
    assert abs(same - 200) < 4 * 10 and same + turned == 400  # four standard deviations of 400 coins


@pytest.mark.parametrize("name", [name for name, term in TERMS.items() if "image" in term.teaches])
def test_running_moments_are_learned_with_the_picture_encoder(name: str) -> None:
    """Features are made with them: a term that leaves them as they began would spoil all that it teaches."""
    model = pretrainer({name: 1.0})
    before = [norm.running_var.clone() for norm in norms_of(model)]
    model(batch_of(6, 2, 3))
    after = [norm.running_var for norm in norms_of(model)]
    assert before and not any(torch.equal(a, b) for a, b in zip(after, before, strict=True))


def test_encoders_read_only_what_a_term_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The words of pictures are taught without the text network: it costs nothing where nothing asks it."""
    read: list[str] = []
    for kind in (SmallVision, SmallWords):
        asked = kind.forward

        def told(self: nn.Module, *given: Tensor, asked: Any = asked, name: str = kind.__name__) -> Any:
            read.append(name)
            return asked(self, *given)

        monkeypatch.setattr(kind, "forward", told)
    pretrainer({"words-of-picture": 1.0})(batch_of(6, 2, 3))
    assert read == ["SmallVision"]
    read.clear()
    pretrainer({"contrastive": 1.0, "masked-words": 1.0})(batch_of(6, 2, 3))
    assert sorted(read) == [
        "SmallVision",
        "SmallWords",
        "SmallWords",
    ]  # the texts, and the texts with hidden words
