"""The training loop: repeatable, keeps its best epoch, hides modalities as it says, solves what needs two."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from motet.encoders import ArrayRows, Features, FeatureTable
from motet.evaluation import log_loss
from motet.fusion import FUSIONS, Source
from motet.runtime.combination import log_softmax
from motet.tasks import FusedClassifier
from motet.training import Settings, fit_probe, predict_logits, train_head
from motet.training.loop import Trained, hide_modalities

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.int64]
IMAGE, TEXT = Source("image:a", "image", 6), Source("text:b", "text", 4)
QUICK = Settings(epochs=6, patience=6, learning_rate=1e-3, batch_size=32)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Heads this small are slower on several threads, and far slower where other tests run beside them."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def head_of(
    *sources: Source, fusion: str = "concat", classes: int = 2, width: int = 32, seed: int = 0
) -> FusedClassifier:
    torch.manual_seed(seed)
    return FusedClassifier(FUSIONS[fusion](sources or (IMAGE, TEXT), width=width), classes)


def problem(n: int = 300, *, seed: int = 0, gaps: bool = True) -> tuple[dict[str, FeatureTable], Labels]:
    """Two classes that each source tells a little of; a third of the cells are empty."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, n)
    tables = {}
    for source in (IMAGE, TEXT):
        values = generator.normal(size=(n, source.width)) + labels[:, None] * 0.5
        present = generator.random(n) < 0.67 if gaps else np.ones(n, bool)
        tables[source.name] = FeatureTable(ArrayRows(values.astype(np.float32)), present)
    return tables, labels


def rows_of(n: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    return np.arange(2 * n // 3), np.arange(2 * n // 3, n)


def same(one: Trained, other: Trained) -> bool:
    first, second = one.module.state_dict(), other.module.state_dict()
    return all(torch.equal(first[key], second[key]) for key in first) and one.history == other.history


@pytest.mark.parametrize("fusion", sorted(FUSIONS))
def test_equal_seeds_give_equal_weights(fusion: str) -> None:
    tables, labels = problem()
    train, validation = rows_of(300)

    def run(seed: int) -> Trained:
        torch.rand(7)  # what happened before must not matter
        head = head_of(fusion=fusion)
        return train_head(head, tables, labels, train, validation, Settings(epochs=4, seed=seed))

    assert same(run(1), run(1))
    assert not same(run(1), run(2))


def test_the_best_epoch_is_kept() -> None:
    """Labels that are noise: the loop overfits, and the weights that it returns are those from before."""
    tables, _ = problem(120, gaps=False)
    labels = np.random.default_rng(5).integers(0, 2, 120)
    train, validation = rows_of(120)
    asked = Settings(epochs=60, patience=5, learning_rate=3e-3, modality_dropout=0.0)
    trained = train_head(head_of(width=64), tables, labels, train, validation, asked)
    losses = [epoch.validation_loss for epoch in trained.history]
    assert len(losses) < 60  # it stopped early
    assert losses[-1] > min(losses) + 0.01
    assert [epoch.epoch for epoch in trained.history] == list(range(1, len(losses) + 1))
    logits = predict_logits(trained.module, tables, validation)
    got = log_loss(log_softmax(logits), labels[validation])
    # Improvements under 1e-4 do not count, so it may miss the lowest by as much.
    assert min(losses) - 1e-6 <= got <= min(losses) + 1e-4 + 1e-6
    kept = next(e for e in trained.history if e.validation_loss == pytest.approx(got, abs=1e-6))
    accuracy = (logits.argmax(axis=1) == labels[validation]).mean()
    assert kept.validation_accuracy == pytest.approx(accuracy)
    assert not trained.module.training


def test_without_validation_rows() -> None:
    tables, labels = problem()
    trained = train_head(head_of(), tables, labels, np.arange(300), np.zeros(0, np.int64), QUICK)
    assert all(e.validation_loss is None and e.validation_accuracy is None for e in trained.history)
    assert trained.history[-1].train_loss < trained.history[0].train_loss
    assert trained.history[0].to_json()["validation_loss"] is None


def test_numbers_of_absent_cells_change_no_weight() -> None:
    tables, labels = problem()
    train, validation = rows_of(300)
    spoiled = {
        name: FeatureTable(
            ArrayRows(np.where(table.present[:, None], table.rows.dense(np.arange(300)), np.nan)),
            table.present,
        )
        for name, table in tables.items()
    }
    one, two = (train_head(head_of(), each, labels, train, validation, QUICK) for each in (tables, spoiled))
    assert same(one, two)
    assert all(torch.isfinite(value).all() for value in two.module.state_dict().values())


def test_features_are_standardised_by_present_training_rows() -> None:
    tables, labels = problem()
    train, validation = rows_of(300)
    trained = train_head(head_of(), tables, labels, train, validation, Settings(epochs=1))
    for source, projection in zip(trained.module.sources, trained.module.fusion.projections, strict=True):
        rows = train[tables[source.name].present[train]]
        values = tables[source.name].rows.dense(rows)
        np.testing.assert_allclose(projection.linear.mean.numpy(), values.mean(axis=0), atol=1e-5)
        np.testing.assert_allclose(projection.linear.scale.numpy(), 1 / values.std(axis=0), rtol=1e-4)


def test_class_weights_of_one_change_nothing_and_others_do() -> None:
    tables, labels = problem(400)
    labels = np.where(np.random.default_rng(0).random(400) < 0.7, 0, labels)  # one class is rare
    train, validation = rows_of(400)

    def run(weights: list[float] | None) -> Trained:
        array = None if weights is None else np.array(weights, np.float32)
        return train_head(head_of(), tables, labels, train, validation, QUICK, class_weights=array)

    plain, ones, rare = run(None), run([1, 1]), run([1, 8])
    a, b = plain.module.state_dict(), ones.module.state_dict()
    for key in a:
        torch.testing.assert_close(a[key], b[key], atol=1e-5, rtol=1e-4)
    found = [
        (predict_logits(t.module, tables, validation).argmax(axis=1) == 1)[labels[validation] == 1].mean()
        for t in (plain, rare)
    ]
    assert found[1] > found[0] + 0.2


@pytest.mark.parametrize("fusion", sorted(FUSIONS))
def test_what_needs_both_modalities_is_learnt_by_fusion_and_by_no_linear_probe(fusion: str) -> None:
    """The label is the exclusive or of two signs, one in each modality: either alone, and any sum of the two,
    says nothing of it (its best linear answer is the constant: log-loss ln 2)."""
    generator = np.random.default_rng(0)
    signs = generator.choice([-1.0, 1.0], (600, 2))
    labels = (signs[:, 0] != signs[:, 1]).astype(np.int64)
    tables, everything = {}, []
    for column, source in enumerate((IMAGE, TEXT)):
        values = generator.normal(size=(600, source.width)) * 0.3
        values[:, 0] += signs[:, column]
        tables[source.name] = FeatureTable(ArrayRows(values.astype(np.float32)), np.ones(600, bool))
        everything.append(values)
    joined = Source("image:both", "image", 10)
    tables[joined.name] = FeatureTable(
        ArrayRows(np.concatenate(everything, axis=1).astype(np.float32)), np.ones(600, bool)
    )
    train, validation, test = np.arange(300), np.arange(300, 450), np.arange(450, 600)
    # 150 fair coins: deviation sqrt(.25 / 150) = .041; three of those.
    for source in (IMAGE, TEXT, joined):
        probe = fit_probe(source, tables[source.name], labels, train, validation, 2)
        right = predict_logits(probe.module, tables, test).argmax(axis=1) == labels[test]
        assert abs(right.mean() - 0.5) < 3 * 0.041
    asked = Settings(epochs=30, patience=10, batch_size=32, learning_rate=3e-3)
    trained = train_head(head_of(fusion=fusion), tables, labels, train, validation, asked)
    right = predict_logits(trained.module, tables, test).argmax(axis=1) == labels[test]
    assert right.mean() > 0.95


# Modality dropout

PAIR = Source("text:c", "text", 2)  # a second source of the same modality


def batch_of(present: npt.NDArray[np.bool_]) -> dict[str, Features[torch.Tensor]]:
    """Columns of `present` [B, 2]: image, text."""
    return {
        source.name: Features(
            torch.zeros(len(present), source.width),
            torch.from_numpy(present[:, int(source.modality == "text")]),
        )
        for source in (IMAGE, TEXT, PAIR)
    }


def hidden_by(
    present: npt.NDArray[np.bool_], rate: float, seed: int = 0
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """What is shown afterwards [B, 2], and the same of the second text source [B]."""
    head = head_of(IMAGE, TEXT, PAIR, width=4)
    shown = hide_modalities(head, batch_of(present), rate, np.random.default_rng(seed))
    columns = [shown[source.name].present.numpy() for source in (IMAGE, TEXT)]
    return np.stack(columns, axis=1), shown[PAIR.name].present.numpy()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=20),
    st.floats(0, 1),
    st.integers(0, 1000),
)
def test_hiding_never_empties_a_row_nor_shows_what_is_absent(
    rows: list[tuple[bool, bool]], rate: float, seed: int
) -> None:
    present = np.array(rows, bool)
    shown, pair = hidden_by(present, rate, seed)
    assert not (shown & ~present).any()
    np.testing.assert_array_equal(shown.any(axis=1), present.any(axis=1))
    np.testing.assert_array_equal(pair, shown[:, 1])  # sources of one modality go together


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.5, 1.0])
def test_hiding_happens_as_often_as_it_says(rate: float) -> None:
    """Of N rows with both modalities each is hidden with chance r, but not where both would be: r - r^2.

    Counts are binomial: N p with deviation sqrt(N p (1 - p)); five of those.
    """
    n = 4000
    shown, _ = hidden_by(np.ones((n, 2), bool), rate)
    p = rate - rate**2
    for column in range(2):
        count = (~shown[:, column]).sum()
        assert abs(count - n * p) <= 5 * math.sqrt(n * p * (1 - p))
    alone, _ = hidden_by(np.tile([True, False], (50, 1)), rate)
    assert alone[:, 0].all()  # the only one that a row has is never hidden


def test_a_source_that_has_less_than_its_modality_is_not_shown_where_it_is_absent() -> None:
    batch = batch_of(np.ones((30, 2), bool))
    gone = torch.arange(30) % 3 == 0
    batch[PAIR.name] = Features(batch[PAIR.name].pooled, ~gone)
    head = head_of(IMAGE, TEXT, PAIR, width=4)
    shown = hide_modalities(head, batch, 0.3, np.random.default_rng(0))
    assert not shown[PAIR.name].present[gone].any()
    assert shown[TEXT.name].present[gone].any()


# Prediction


def test_logits_do_not_depend_on_the_size_of_batches_nor_on_the_order() -> None:
    tables, labels = problem()
    head = train_head(head_of(), tables, labels, *rows_of(300), Settings(epochs=2)).module
    rows = np.random.default_rng(0).permutation(300)
    want = predict_logits(head, tables, np.arange(300))
    np.testing.assert_allclose(predict_logits(head, tables, rows, size=7), want[rows], atol=1e-5)


def test_hidden_modalities_are_as_though_absent() -> None:
    tables, labels = problem()
    head = train_head(head_of(), tables, labels, *rows_of(300), Settings(epochs=2)).module
    rows = np.arange(300)
    without = {**tables, TEXT.name: FeatureTable(tables[TEXT.name].rows, np.zeros(300, bool))}
    got = predict_logits(head, tables, rows, shown=frozenset({"image"}))
    np.testing.assert_array_equal(got, predict_logits(head, without, rows))
    nothing = predict_logits(head, tables, rows, shown=frozenset())
    assert (nothing == nothing[0]).all()
    everything = predict_logits(head, tables, rows, shown=frozenset({"image", "text"}))
    np.testing.assert_array_equal(everything, predict_logits(head, tables, rows))


def test_no_rows_give_no_logits() -> None:
    tables, _ = problem()
    assert predict_logits(head_of(classes=5), tables, np.zeros(0, np.int64)).shape == (0, 5)


@pytest.mark.parametrize("rows,size", [(1, 128), (1050, 128), (3000, 128), (6000, 256), (10**6, 512)])
def test_batches_grow_with_the_table(rows: int, size: int) -> None:
    """About 24 steps an epoch: 1050 / 24 = 44, under the least of 128; 3000 / 24 = 125, so 128."""
    assert Settings().rows_a_batch(rows) == size
    assert Settings(batch_size=7).rows_a_batch(rows) == 7
