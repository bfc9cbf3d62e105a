"""Every objective of matching against its equation, written as slow loops, and the contract that all share."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import pytest
import torch
from torch import Tensor

from motet.errors import UsageError
from motet.tasks.match import OBJECTIVES, TERMS, Local, MatchBatch, late_interaction, make_objective
from motet.tasks.match.batch import MatchObjective, over_negatives

W = 6
EVERY = {**OBJECTIVES, **TERMS}


def unit(*shape: int, seed: int) -> Tensor:
    made = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(made, dim=-1)


def batch(positives: list[list[int]], seed: int = 0) -> MatchBatch:
    """N pictures, M sentences; of each sentence a row of which pictures it belongs to."""
    marks = torch.tensor(positives, dtype=torch.bool).T
    n, m = marks.shape
    return MatchBatch(unit(n, W, seed=seed), unit(m, W, seed=seed + 1), marks)


def parts(n: int, m: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Regions of N pictures and words of M sentences, each with its mask."""
    shown = torch.arange(5).expand(n, 5) < torch.arange(n)[:, None] + 2
    said = torch.arange(4).expand(m, 4) < torch.arange(m)[:, None] % 3 + 1
    return unit(n, 5, W, seed=2), shown, unit(m, 4, W, seed=3), said


# Three pictures; the first has two sentences, and the last sentence is said of two pictures.
MANY = [[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 1]]


def pairs(of: MatchBatch) -> list[tuple[int, int]]:
    return [(n, m) for n, m in product(*map(range, of.positives.shape)) if of.positives[n, m]]


def slow_infonce(of: MatchBatch, similarity: Tensor, scale: float) -> float:
    logits = scale * similarity
    there, back = [], []
    for n, m in pairs(of):
        row = sum(math.exp(logits[n, k]) for k in range(logits.shape[1]) if not of.positives[n, k])
        column = sum(math.exp(logits[k, m]) for k in range(logits.shape[0]) if not of.positives[k, m])
        there.append(-math.log(math.exp(logits[n, m]) / (math.exp(logits[n, m]) + row)))
        back.append(-math.log(math.exp(logits[n, m]) / (math.exp(logits[n, m]) + column)))
    return (sum(there) / len(there) + sum(back) / len(back)) / 2


def test_infonce() -> None:
    of = batch(MANY)
    found = make_objective("infonce", W)(of)
    assert float(found.detach()) == pytest.approx(slow_infonce(of, of.images @ of.texts.T, 20.0), rel=1e-4)


def test_sigmoid() -> None:
    of = batch(MANY)
    cosines, total = of.images @ of.texts.T, 0.0
    for n, m in product(range(3), range(4)):
        sign = 1 if of.positives[n, m] else -1
        total += math.log(1 / (1 + math.exp(-sign * (10 * float(cosines[n, m]) - 10))))
    assert float(make_objective("sigmoid", W)(of).detach()) == pytest.approx(-total / 4, rel=1e-4)


def test_triplet() -> None:
    of = batch(MANY)
    cosines, losses = of.images @ of.texts.T, []
    for n, m in pairs(of):
        sentences = [float(cosines[n, k]) for k in range(4) if not of.positives[n, k]]
        pictures = [float(cosines[k, m]) for k in range(3) if not of.positives[k, m]]
        here = float(cosines[n, m])
        losses.append(max(0, 0.2 + max(sentences) - here) + max(0, 0.2 + max(pictures) - here))
    assert float(make_objective("triplet", W)(of).detach()) == pytest.approx(
        sum(losses) / len(losses), rel=1e-4
    )


def test_distance() -> None:
    of = batch(MANY)
    squares = [float((of.images[n] - of.texts[m]).square().sum()) for n, m in pairs(of)]
    assert float(TERMS["distance"](W)(of).detach()) == pytest.approx(sum(squares) / len(squares), rel=1e-4)


def test_local() -> None:
    regions, shown, words, said = parts(3, 4)
    similarity = torch.zeros(3, 4)
    for n, m in product(range(3), range(4)):
        each = regions[n][shown[n]] @ words[m][said[m]].T
        similarity[n, m] = (each.max(dim=0).values.mean() + each.max(dim=1).values.mean()) / 2
    torch.testing.assert_close(late_interaction(regions, shown, words, said), similarity)
    of = batch(MANY)
    assert float(Local()(similarity, of.positives).detach()) == pytest.approx(
        slow_infonce(of, similarity, 20.0), rel=1e-4
    )


def test_what_has_no_part_is_like_nothing_and_its_numbers_are_never_looked_at() -> None:
    regions, shown, words, said = parts(3, 4)
    whole = late_interaction(regions, shown, words, said)
    shown[1] = False
    regions[~shown] = 9.0
    found = late_interaction(regions, shown, words, said)
    assert (found[1] == 0).all()
    torch.testing.assert_close(found[[0, 2]], whole[[0, 2]])


@pytest.mark.parametrize("positives", [[[1]], [[1], [1]], [[1, 1], [1, 1]], MANY])
def test_local_sends_finite_gradients_to_both_sides(positives: list[list[int]]) -> None:
    marks, objective = batch(positives).positives, Local()
    regions, shown, words, said = parts(*marks.shape)
    read = regions.requires_grad_(), words.requires_grad_(), *objective.parameters()
    objective(late_interaction(regions, shown, words, said), marks).backward()
    assert all(torch.isfinite(one.grad).all() for one in read)
    if positives == MANY:
        assert all(one.grad.abs().sum() > 0 for one in read)


def test_cycle() -> None:
    of = batch(MANY)
    term = TERMS["cycle"](W)
    f, g = (
        lambda x, layer=layer: x @ layer.weight.T + layer.bias for layer in (term.to_words, term.to_pictures)
    )

    def mean(rows: list[Tensor]) -> float:
        return sum(float(row.square().sum()) for row in rows) / len(rows)

    wanted = mean([g(f(x)) - x for x in of.images]) + mean([f(g(y)) - y for y in of.texts])
    wanted += mean([f(of.images[n]) - of.texts[m] for n, m in pairs(of)])
    wanted += mean([g(of.texts[m]) - of.images[n] for n, m in pairs(of)])
    assert float(term(of).detach()) == pytest.approx(wanted, rel=1e-4)


def test_the_discriminator_descends_where_the_heads_ascend() -> None:
    """One step along the gradient's negative lowers the loss by the discriminator's parameters, and raises it by the
    vectors: there the gradient is reversed."""
    term = TERMS["adversarial"](W)
    images, texts = unit(4, W, seed=1).requires_grad_(), unit(5, W, seed=2).requires_grad_()
    marks = torch.zeros(4, 5, dtype=torch.bool)
    loss = term(MatchBatch(images, texts, marks))
    loss.backward()
    with torch.no_grad():
        moved = MatchBatch(images - 0.1 * images.grad, texts - 0.1 * texts.grad, marks)
        assert term(moved) > loss
        for parameter in term.parameters():
            parameter -= 0.1 * parameter.grad
        assert term(MatchBatch(images, texts, marks)) < loss


def test_masked_tells_what_is_hidden_from_the_other_side() -> None:
    """With weights that copy the other side, which here is equal, nothing is left to be wrong about."""
    term = TERMS["masked"](W)
    vectors = unit(4, W, seed=0)
    of = MatchBatch(vectors, vectors, torch.eye(4, dtype=torch.bool))
    torch.manual_seed(0)
    before = float(term(of).detach())
    with torch.no_grad():
        for network in (term.pictures, term.words):
            network.weight.copy_(torch.cat([torch.zeros(W, W), torch.eye(W)], dim=1))
            network.bias.zero_()
    assert before > 0.1 and float(term(of).detach()) == pytest.approx(0, abs=1e-6)


# The contract.


@pytest.mark.parametrize("name", EVERY)
def test_a_gradient_reaches_every_parameter_and_both_sides(name: str) -> None:
    objective: MatchObjective = EVERY[name](W)
    of = batch(MANY)
    for tensor in (of.images, of.texts):
        tensor.requires_grad_()
    torch.manual_seed(0)
    objective(of).backward()
    for parameter in objective.parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0
    for tensor in (of.images, of.texts):
        assert tensor.grad is not None and tensor.grad.abs().sum() > 0


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("positives", [[[1]], [[1], [1]], [[1, 1], [1, 1]], MANY])
def test_finite_whatever_a_batch_holds(name: str, positives: list[list[int]]) -> None:
    """One pair, one picture, everything positive: a loss and gradients that are numbers."""
    objective: MatchObjective = EVERY[name](W)
    of = batch(positives)
    of.images.requires_grad_()
    loss = objective(of)
    loss.backward()
    assert torch.isfinite(loss)
    for parameter in objective.parameters():
        assert parameter.grad is None or torch.isfinite(parameter.grad).all()
    assert of.images.grad is None or torch.isfinite(of.images.grad).all()


@pytest.mark.parametrize("name", EVERY)
def test_all_sentences_equal(name: str) -> None:
    of = batch(MANY)
    alike = replace(of, texts=of.texts[:1].expand_as(of.texts))
    assert torch.isfinite(EVERY[name](W)(alike))


@pytest.mark.parametrize("name", ["infonce", "triplet"])
def test_positives_are_never_negatives_of_each_other(name: str) -> None:
    """A further sentence of picture 0, as near as can be: what the other pairs of picture 0 lose among their row
    is the same with it and without."""
    of = batch(MANY)
    texts = torch.cat([of.texts, of.images[:1]])
    without = torch.cat([of.positives, torch.zeros(3, 1, dtype=torch.bool)], dim=1)
    with_it = without.clone()
    with_it[0, -1] = True
    logits = 20 * of.images @ texts.T
    plain = over_negatives(20 * of.images @ of.texts.T, of.positives)
    torch.testing.assert_close(over_negatives(logits, with_it)[0, :4], plain[0])
    assert (over_negatives(logits, without)[0, :2] > plain[0, :2] + 1).all()  # as a negative it costs much
    objective = EVERY[name](W)
    assert objective(MatchBatch(of.images, texts, with_it)) < objective(MatchBatch(of.images, texts, without))


@pytest.mark.parametrize("name", ["infonce", "sigmoid", "triplet", "distance"])
def test_pictures_and_words_may_change_places(name: str) -> None:
    of = batch(MANY)
    other = MatchBatch(of.texts, of.images, of.positives.T)
    torch.testing.assert_close(EVERY[name](W)(of), EVERY[name](W)(other))


def test_terms_are_added_by_weight() -> None:
    of = batch(MANY)
    whole = make_objective("infonce", W, {"distance": 0.5, "triplet": 2.0})
    parts = OBJECTIVES["infonce"](W)(of) + 0.5 * TERMS["distance"](W)(of) + 2 * TERMS["triplet"](W)(of)
    torch.testing.assert_close(whole(of), parts)


@pytest.mark.parametrize(
    ("name", "terms", "said"),
    [
        ("clip", {}, "one of infonce"),
        ("infonce", {"nearness": 1.0}, "one of .*triplet, local"),
        ("infonce", {"cycle": 0.0}, "a weight is a number above 0"),
    ],
)
def test_unknown_names_and_weights_of_nothing_are_told(name: str, terms: dict[str, float], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        make_objective(name, W, terms)
