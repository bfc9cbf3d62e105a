"""The training loop: repeatable, keeps its best epoch, hides modalities as it says, solves what needs two."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

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
from motet.runtime.target import ClassTarget
from motet.selection import fit_temperature
from motet.tasks import FusedClassifier, classification_loss, objective_of
from motet.training import Fold, Settings, Trained, fit_probe, predict_logits, side_by_side, train_heads
from motet.training.balance import Balance
from motet.training.batches import read_batch, shown_modalities
from motet.training.loop import MakeHead
from motet.training.schedule import warm_then_cosine
from motet.training.stacked import StackedHeads

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.int64]
IMAGE, TEXT = Source("image:a", "image", 6), Source("text:b", "text", 4)
TWO = objective_of(ClassTarget(("a", "b")))
QUICK = Settings(epochs=6, patience=6, batch_size=32, least_steps=0)


def maker(fusion: str = "concat", *, classes: int = 2, width: int = 32, dropout: float = 0.2) -> MakeHead:
    def make(sources: Sequence[Source]) -> FusedClassifier:
        return FusedClassifier(
            FUSIONS[fusion](sources, width=width, dropout=dropout), classes, dropout=dropout
        )

    return make


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


def fold_of(tables: dict[str, FeatureTable], labels: Labels, *, held: bool = True) -> Fold:
    """The first two thirds to fit on; the last to look at."""
    rows = np.arange(len(labels))
    cut = 2 * len(rows) // 3
    return Fold(tables, labels, rows[:cut], rows[cut:] if held else rows[:0])


def train(fold: Fold, asked: Settings = QUICK, make: MakeHead | None = None, **options: object) -> Trained:
    return train_heads(make or maker(), (IMAGE, TEXT), [fold], TWO, asked, **options)  # type: ignore[arg-type]


def same(one: Trained, other: Trained) -> bool:
    pairs = zip(one.heads, other.heads, strict=True)
    states = [(a.state_dict(), b.state_dict()) for a, b in pairs]
    return all(torch.equal(a[key], b[key]) for a, b in states for key in a) and one.history == other.history


@pytest.mark.parametrize("fusion", sorted(FUSIONS))
def test_equal_seeds_give_equal_weights(fusion: str) -> None:
    fold = fold_of(*problem())

    def run(seed: int) -> Trained:
        torch.rand(7)  # what happened before must not matter
        return train(fold, Settings(epochs=4, seed=seed), maker(fusion))

    assert same(run(1), run(1))
    assert not same(run(1), run(2))


BALANCED = Balance(
    dropout=0.3, dropout_of={"text": 0.1}, curriculum=1.0, auxiliary=0.5, learning_rate_of={"image": 0.4}
)


@pytest.mark.parametrize(
    ("fusion", "balance"),
    [*((name, Balance(dropout=0.3)) for name in sorted(FUSIONS)), ("gated", BALANCED), ("concat", BALANCED)],
)
def test_stacked_heads_learn_what_each_would_learn_alone(fusion: str, balance: Balance) -> None:
    """The slow way: one head at a time, with PyTorch's own modules, optimiser and clipping. Without dropout, which
    draws its noise otherwise. Two folds of other sizes, two members each."""
    tables, labels = problem(100)
    rows = np.arange(100)
    folds = [Fold(tables, labels, rows[:60], rows[60:]), Fold(tables, labels, rows[40:], rows[:40])]
    asked = Settings(epochs=2, batch_size=20, members=2, least_steps=0, balance=balance, seed=3)
    made = train_heads(maker(fusion, dropout=0.0), (IMAGE, TEXT), folds, TWO, asked, stop_after=2)
    torch.manual_seed(3)
    heads = [maker(fusion, dropout=0.0)((IMAGE, TEXT)) for _ in range(4)]
    order = np.random.default_rng(3)
    for number, head in enumerate(heads):
        for source, projection in zip(head.sources, head.fusion.projections, strict=True):
            fit = folds[number // 2].fit
            seen = tables[source.name].rows.dense(fit[tables[source.name].present[fit]])
            projection.linear.standardise(
                torch.from_numpy(seen.mean(axis=0)), torch.from_numpy(1 / seen.std(axis=0))
            )
    optimizers = []
    for head in heads:
        image = list(head.fusion.projections[0].parameters())
        others = [p for p in head.parameters() if all(p is not own for own in image)]
        groups = [{"params": image}, {"params": others}]
        optimizers.append(torch.optim.AdamW(groups, lr=0.0, weight_decay=asked.weight_decay))
    factors = (balance.learning_rate_of.get("image", 1.0), 1.0)
    step = 0
    for epoch in range(2):
        hide = np.array([0.3, 0.1]) * epoch / 2 if balance is BALANCED else 0.3
        shuffled = [order.permutation(fold.fit) for fold in folds]
        for begin in range(0, 60, 20):
            chosen = [np.sort(each[begin : begin + 20]) for each in shuffled]
            have = np.stack(
                [np.stack([tables[s.name].present[rows] for s in (IMAGE, TEXT)], axis=-1) for rows in chosen]
            )
            shown = shown_modalities(have, hide, order)
            for number, (head, optimizer) in enumerate(zip(heads, optimizers, strict=True)):
                rows = chosen[number // 2]
                batch = {
                    s.name: Features(
                        torch.from_numpy(tables[s.name].rows.dense(rows)),
                        torch.from_numpy(shown[number // 2, :, column]),
                    )
                    for column, s in enumerate((IMAGE, TEXT))
                }
                optimizer.zero_grad()
                wanted = torch.from_numpy(labels[rows])
                loss = classification_loss(head.train()(batch), wanted)
                for own in ("image", "text") if balance.auxiliary else ():
                    alone = {
                        s.name: replace(batch[s.name], present=batch[s.name].present & (s.modality == own))
                        for s in (IMAGE, TEXT)
                    }
                    has = alone["image:a" if own == "image" else "text:b"].present
                    if has.any():
                        loss = loss + balance.auxiliary / 2 * classification_loss(
                            head(alone)[has], wanted[has]
                        )
                loss.backward()
                torch.nn.utils.clip_grad_norm_(head.parameters(), 1.0)
                for group, factor in zip(optimizer.param_groups, factors, strict=True):
                    group["lr"] = factor * asked.learning_rate * warm_then_cosine(step, 6, asked.warmup)
                optimizer.step()
            step += 1
    for ensemble, pair in zip(made.heads, (heads[:2], heads[2:]), strict=True):
        for member, head in zip(ensemble.members, pair, strict=True):
            for key, value in head.state_dict().items():
                torch.testing.assert_close(member.state_dict()[key], value, atol=2e-4, rtol=2e-3, msg=key)


def test_gradients_are_clipped_head_by_head() -> None:
    heads = [maker()((IMAGE, TEXT)) for _ in range(2)]
    stack = StackedHeads(heads, torch.device("cpu"), seed=0)
    for parameter in stack.parameters.values():
        parameter.grad = torch.zeros_like(parameter)
        parameter.grad[0], parameter.grad[1] = 1.0, 1e-5
    stack.clip_gradients(1.0)
    norms = [
        math.sqrt(
            sum(float(p.grad[head].square().sum()) for p in stack.parameters.values() if p.grad is not None)
        )
        for head in range(2)
    ]
    count = sum(p[0].numel() for p in stack.parameters.values())
    assert norms == [pytest.approx(1.0, rel=1e-4), pytest.approx(1e-5 * math.sqrt(count), rel=1e-4)]


def test_the_best_epoch_is_kept() -> None:
    """Labels that are noise: the loop overfits, and the weights that it returns are those from before.

    Without features of any use the temperature makes every answer even, at ln 2; what counts is that the loop stops
    `patience` epochs after the best, and that the weights are those of that epoch.
    """
    tables, _ = problem(120, gaps=False)
    fold = fold_of(tables, np.random.default_rng(5).integers(0, 2, 120))
    asked = Settings(epochs=60, patience=5, balance=Balance(dropout=0), batch_size=64)
    trained = train(fold, asked, maker(width=64))
    assert len(trained.history) == trained.best_epoch + 5 < 60
    assert [epoch.epoch for epoch in trained.history] == list(range(1, len(trained.history) + 1))
    logits = predict_logits(trained.heads[0], fold.tables, fold.held)
    kept = trained.history[trained.best_epoch - 1]
    assert kept.validation_loss == pytest.approx(
        log_loss(log_softmax(logits), fold.labels[fold.held]), abs=1e-5
    )
    assert kept.validation_accuracy == (logits.argmax(axis=1) == fold.labels[fold.held]).mean()
    assert not trained.heads[0].training


def test_a_given_number_of_epochs_is_the_beginning_of_the_same_schedule() -> None:
    tables, labels = problem()
    long = train(fold_of(tables, labels), replace(QUICK, patience=99))
    short = train(fold_of(tables, labels, held=False), QUICK, stop_after=3)
    assert [e.train_loss for e in short.history] == [e.train_loss for e in long.history[:3]]
    assert short.best_epoch == 3


def test_without_validation_rows() -> None:
    trained = train(fold_of(*problem(), held=False))
    assert all(e.validation_loss is None and e.validation_accuracy is None for e in trained.history)
    assert trained.best_epoch == 6
    assert trained.history[-1].train_loss < trained.history[0].train_loss
    assert trained.history[0].to_json()["validation_loss"] is None


def test_numbers_of_absent_cells_change_no_weight() -> None:
    tables, labels = problem()
    spoiled = {
        name: FeatureTable(
            ArrayRows(np.where(table.present[:, None], table.rows.dense(np.arange(300)), np.nan)),
            table.present,
        )
        for name, table in tables.items()
    }
    one, two = (train(fold_of(each, labels)) for each in (tables, spoiled))
    assert same(one, two)
    assert all(torch.isfinite(value).all() for value in two.heads[0].state_dict().values())


def test_features_are_standardised_by_present_training_rows() -> None:
    fold = fold_of(*problem())
    for member in train(fold, Settings(epochs=1, least_steps=0)).heads[0].members:
        for source, projection in zip(member.sources, member.fusion.projections, strict=True):
            rows = fold.fit[fold.tables[source.name].present[fold.fit]]
            values = fold.tables[source.name].rows.dense(rows)
            np.testing.assert_allclose(projection.linear.mean.numpy(), values.mean(axis=0), atol=1e-5)
            np.testing.assert_allclose(projection.linear.scale.numpy(), 1 / values.std(axis=0), rtol=1e-4)


def test_folds_of_other_widths_are_filled_with_what_is_never_looked_at() -> None:
    """A vocabulary learned in each fold differs in size."""
    tables, labels = problem()
    wide = dict(tables)
    extra = np.pad(tables[TEXT.name].rows.dense(np.arange(300)), ((0, 0), (0, 2)))
    wide[TEXT.name] = FeatureTable(ArrayRows(extra), tables[TEXT.name].present)
    rows = np.arange(300)
    folds = [Fold(tables, labels, rows[:200], rows[200:]), Fold(wide, labels, rows[100:], rows[:100])]
    trained = train_heads(maker(), (IMAGE, TEXT), folds, TWO, QUICK)
    for head, fold in zip(trained.heads, folds, strict=True):
        right = predict_logits(head, fold.tables, fold.held).argmax(axis=1) == labels[fold.held]
        assert right.mean() > 0.6


def test_class_weights_of_one_change_nothing_and_others_do() -> None:
    tables, labels = problem(400)
    labels = np.where(np.random.default_rng(0).random(400) < 0.7, 0, labels)  # one class is rare
    fold = fold_of(tables, labels)

    def run(weights: list[float] | None) -> Trained:
        return train(
            fold if weights is None else replace(fold, weights=np.array(weights, np.float32)[labels])
        )

    plain, ones, rare = run(None), run([1, 1]), run([1, 8])
    a, b = plain.heads[0].state_dict(), ones.heads[0].state_dict()
    for key in a:
        torch.testing.assert_close(a[key], b[key], atol=1e-5, rtol=1e-4)
    found = [
        (predict_logits(t.heads[0], tables, fold.held).argmax(axis=1) == 1)[labels[fold.held] == 1].mean()
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
    fold, test = Fold(tables, labels, np.arange(300), np.arange(300, 450)), np.arange(450, 600)
    # 150 fair coins: deviation sqrt(.25 / 150) = .041; three of those.
    for source in (IMAGE, TEXT, joined):
        probe = fit_probe(source, fold, [fold], TWO)
        right = predict_logits(probe.module, tables, test).argmax(axis=1) == labels[test]
        assert abs(right.mean() - 0.5) < 3 * 0.041
    trained = train(fold, Settings(epochs=30, patience=10, batch_size=32), maker(fusion))
    right = predict_logits(trained.heads[0], tables, test).argmax(axis=1) == labels[test]
    assert right.mean() > 0.95


# Modality dropout


def hidden_by(present: npt.NDArray[np.bool_], rate: float, seed: int = 0) -> npt.NDArray[np.bool_]:
    return shown_modalities(present, rate, np.random.default_rng(seed))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=20),
    st.floats(0, 1),
    st.integers(0, 1000),
)
def test_hiding_never_empties_a_row_nor_shows_what_is_absent(
    rows: list[tuple[bool, bool, bool]], rate: float, seed: int
) -> None:
    present = np.array(rows, bool)
    shown = hidden_by(present, rate, seed)
    assert not (shown & ~present).any()
    np.testing.assert_array_equal(shown.any(axis=1), present.any(axis=1))


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.5, 1.0])
def test_hiding_happens_as_often_as_it_says(rate: float) -> None:
    """Of N rows with both modalities each is hidden with chance r, but not where both would be: r - r^2.

    Counts are binomial: N p with deviation sqrt(N p (1 - p)); five of those.
    """
    n = 4000
    shown = hidden_by(np.ones((n, 2), bool), rate)
    p = rate - rate**2
    for column in range(2):
        count = (~shown[:, column]).sum()
        assert abs(count - n * p) <= 5 * math.sqrt(n * p * (1 - p))
    alone = hidden_by(np.tile([True, False], (50, 1)), rate)
    assert alone[:, 0].all()  # the only one that a row has is never hidden


def test_sources_of_one_modality_are_hidden_together_and_never_shown_where_absent() -> None:
    """A head that tells which of its sources it was shown, by rows that hold only their own number."""
    pair = Source("text:c", "text", 2)
    present = {IMAGE.name: np.ones(60, bool), TEXT.name: np.ones(60, bool), pair.name: np.arange(60) % 3 > 0}
    sources = (IMAGE, TEXT, pair)
    tables = {
        s.name: FeatureTable(ArrayRows(np.zeros((60, s.width), np.float32)), present[s.name]) for s in sources
    }
    fold = Fold(tables, np.zeros(60, np.int64), np.arange(60))
    hide = np.full(2, 0.4)
    batch, *_ = read_batch(
        sources, [fold], [np.arange(60)], TWO, 2, hide, np.random.default_rng(0), torch.device("cpu")
    )
    shown = {name: has.numpy() for name, (_, has) in batch.items()}
    assert shown[TEXT.name].shape == (2, 60)
    np.testing.assert_array_equal(shown[pair.name], shown[TEXT.name] & present[pair.name])
    assert (~shown[TEXT.name]).any() and (~shown[IMAGE.name]).any()
    assert (shown[TEXT.name] | shown[IMAGE.name]).all()


# Prediction


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train(fold_of(*problem()), Settings(epochs=2, least_steps=0))


def test_logits_do_not_depend_on_the_size_of_batches_nor_on_the_order(trained: Trained) -> None:
    tables, _ = problem()
    rows = np.random.default_rng(0).permutation(300)
    want = predict_logits(trained.heads[0], tables, np.arange(300))
    np.testing.assert_allclose(predict_logits(trained.heads[0], tables, rows, size=7), want[rows], atol=1e-5)


def test_hidden_modalities_are_as_though_absent(trained: Trained) -> None:
    tables, _ = problem()
    head, rows = trained.heads[0], np.arange(300)
    without = {**tables, TEXT.name: FeatureTable(tables[TEXT.name].rows, np.zeros(300, bool))}
    got = predict_logits(head, tables, rows, shown=frozenset({"image"}))
    np.testing.assert_array_equal(got, predict_logits(head, without, rows))
    nothing = predict_logits(head, tables, rows, shown=frozenset())
    assert (nothing == nothing[0]).all()
    everything = predict_logits(head, tables, rows, shown=frozenset({"image", "text"}))
    np.testing.assert_array_equal(everything, predict_logits(head, tables, rows))


def test_no_rows_give_no_logits() -> None:
    tables, _ = problem()
    head = maker(classes=5)((IMAGE, TEXT))
    assert predict_logits(head, tables, np.zeros(0, np.int64)).shape == (0, 5)


@pytest.mark.parametrize(
    "rows,size,epochs",
    [(1, 1, 60), (40, 10, 15), (600, 96, 10), (3000, 96, 10), (6400, 200, 10), (10**6, 512, 3)],
)
def test_batches_grow_and_epochs_shrink_with_the_table(rows: int, size: int, epochs: int) -> None:
    """A quarter of 40 is 10: 4 steps, so 15 epochs make 60; 600 / 96 are 7 steps, and 9 epochs would do;
    6400 / 32 = 200; three million rows shown are 3 epochs of a million."""
    assert Settings().rows_a_batch(rows) == size
    assert Settings(batch_size=7).rows_a_batch(rows) == 7
    assert Settings().epochs_for(rows) == epochs


def test_curves_of_one_modality_alone_are_those_of_the_others_hidden() -> None:
    """After one epoch, which is kept: the log-loss of the same head, shown one modality, on the rows that have it."""
    tables, labels = problem()
    fold = fold_of(tables, labels)
    asked = replace(QUICK, curves=True)
    told = train(fold, asked, stop_after=1)
    (head,), (epoch,) = told.heads, told.history
    assert epoch.alone is not None and list(epoch.alone) == ["image", "text"]
    for source in (IMAGE, TEXT):
        rows = fold.held[tables[source.name].present[fold.held]]
        logits = predict_logits(head, tables, rows, shown=frozenset({source.modality}))
        logs = log_softmax(logits / fit_temperature(logits, labels[rows]))
        assert epoch.alone[source.modality] == pytest.approx(log_loss(logs, labels[rows]), abs=1e-4)
        assert epoch.to_json()["alone"][source.modality] == epoch.alone[source.modality]
    plain = train(fold, stop_after=1)
    assert plain.history[0].alone is None and "alone" not in plain.history[0].to_json()
    assert same(replace(told, history=plain.history), plain)


def test_trainings_side_by_side_give_what_each_gives_alone() -> None:
    """Dropout and first weights of one are not moved by another in another thread, three times over."""
    fold = fold_of(*problem())
    jobs = [
        partial(train, fold, Settings(epochs=3), maker(name)) for name in ("concat", "gated", "transformer")
    ]
    alone = [job() for job in jobs]
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        for _ in range(3):
            together = side_by_side(jobs)
            assert all(same(one, other) for one, other in zip(alone, together, strict=True))
    finally:
        torch.set_num_threads(threads)
