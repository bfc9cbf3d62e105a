"""Linear probes: equal to scikit-learn at the penalty they chose, defined where there is little to learn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
import torch

from motet.encoders import ArrayRows, Features, FeatureTable, SparseRows
from motet.evaluation import log_loss
from motet.fusion import Source
from motet.runtime.combination import log_softmax
from motet.runtime.labels_target import LabelsTarget
from motet.runtime.number_target import NumberTarget
from motet.runtime.target import ClassTarget
from motet.tasks import Objective, objective_of
from motet.training import Fold, Probe, fit_probe
from motet.training.designs import standardisation
from motet.training.probe import MAXIMUM_ITERATIONS, START_DENSE, START_SPARSE, STEPS

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.int64]
TRAIN, VALIDATION, TEST = np.arange(0, 200), np.arange(200, 300), np.arange(300, 400)
ALL = np.arange(400)
WIDTH = 12


def sample(classes: int, *, seed: int = 0, spread: float = 1.0) -> tuple[Floats, Labels]:
    """Overlapping classes, in features of very different means and sizes."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, 400)
    centres = generator.normal(size=(classes, WIDTH)) * spread
    values = centres[labels] + generator.normal(size=(400, WIDTH))
    return (values * np.logspace(-2, 2, WIDTH) + np.arange(WIDTH) * 10).astype(np.float32), labels


def dense_table(values: Floats, present: npt.NDArray[np.bool_] | None = None) -> FeatureTable:
    return FeatureTable(ArrayRows(values), np.ones(len(values), bool) if present is None else present)


def sparse_table(values: Floats) -> FeatureTable:
    where = [np.flatnonzero(row) for row in values]
    rows = SparseRows(
        np.cumsum([0] + [len(w) for w in where]),
        np.concatenate(where).astype(np.int32),
        np.concatenate([row[w] for row, w in zip(values, where, strict=True)]).astype(np.float32),
        values.shape[1],
    )
    return FeatureTable(rows, np.ones(len(values), bool))


def sparse_sample(classes: int, *, seed: int = 0) -> tuple[Floats, Labels]:
    """Rows of unit length like TF-IDF: each class has terms that it uses more."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, 400)
    likely = generator.random((classes, 60)) ** 4
    counts = generator.random((400, 60)) < likely[labels] * 0.5
    values = counts * generator.uniform(1, 3, 60)
    return (values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-9)).astype(
        np.float32
    ), labels


def source_of(table: FeatureTable) -> Source:
    return Source("text:some.encoder", "text", table.width)


def fitted(table: FeatureTable, labels: Labels, classes: int, **options: object) -> Probe:
    """One fold: fitted on the training rows, its penalty chosen on the validation rows."""
    train, validation = options.pop("train", TRAIN), options.pop("validation", VALIDATION)
    weights = options.pop("class_weights", None)
    fold = Fold(
        {source_of(table).name: table},
        labels,
        train,  # type: ignore[arg-type]
        validation,  # type: ignore[arg-type]
        None if weights is None else weights[labels],  # type: ignore[index]
    )
    return fit_probe(source_of(table), fold, [fold], objective(classes))


def objective(classes: int) -> Objective:
    return objective_of(ClassTarget(tuple(map(str, range(classes)))))


def logits_of(probe: Probe, table: FeatureTable, rows: npt.NDArray[np.int64]) -> Floats:
    pooled, present = torch.from_numpy(table.rows.dense(rows)), torch.from_numpy(table.present[rows])
    with torch.no_grad():
        made = probe.module({probe.module.sources[0].name: Features(pooled, present)})
    return made.numpy()


def probabilities(probe: Probe, table: FeatureTable, rows: npt.NDArray[np.int64] = TEST) -> Floats:
    return np.exp(log_softmax(logits_of(probe, table, rows)))


@pytest.mark.parametrize("kind", ["dense", "sparse"])
@pytest.mark.parametrize("classes,weighted", [(2, False), (4, False), (2, True), (3, True)])
def test_equals_scikit_learn_at_the_penalty_it_chose(kind: str, classes: int, weighted: bool) -> None:
    from sklearn.linear_model import LogisticRegression

    values, labels = sample(classes, spread=0.5) if kind == "dense" else sparse_sample(classes)
    table = dense_table(values) if kind == "dense" else sparse_table(values)
    weights = np.linspace(0.5, 2, classes, dtype=np.float32) if weighted else None
    probe = fitted(table, labels, classes, class_weights=weights)
    if kind == "dense":
        values = (values - values[TRAIN].mean(axis=0)) / values[TRAIN].std(axis=0)
    # For two classes scikit-learn penalises w of one, the difference; two that are w / 2 and -w / 2 cost half as much.
    penalty = probe.inverse_penalty * (2 if classes == 2 else 1)
    options = {"C": penalty, "class_weight": None if weights is None else dict(enumerate(weights.tolist()))}
    values = values.astype(np.float64)
    same = LogisticRegression(**options, max_iter=MAXIMUM_ITERATIONS).fit(values[TRAIN], labels[TRAIN])
    # Both stop at a gradient of 1e-4, and a weak penalty, as sparse features want, lets that lie far from the optimum.
    near = 5e-3 if kind == "dense" else 0.06
    assert np.abs(probabilities(probe, table) - same.predict_proba(values[TEST])).max() < near
    # The solver stops at a gradient of 1e-4 in each weight: how near is that to the optimum itself?
    best = LogisticRegression(**options, tol=1e-10, max_iter=10_000).fit(values[TRAIN], labels[TRAIN])

    def objective(coefficients: Floats, logs: Floats) -> float:
        each = np.ones(classes) if weights is None else weights
        share = each[labels[TRAIN]]
        losses = -logs[np.arange(len(TRAIN)), labels[TRAIN]]
        return float(
            (share * losses).sum() / share.sum() + np.square(coefficients).sum() / (2 * penalty * share.sum())
        )

    got = objective(
        probe.module.linear.weight.detach().numpy().T * (2**0.5 if classes == 2 else 1),
        log_softmax(logits_of(probe, table, TRAIN)),
    )
    assert got - objective(best.coef_, best.predict_log_proba(values[TRAIN])) < 1e-3


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_of_numbers_it_is_ridge_regression(kind: str, weighted: bool) -> None:
    from sklearn.linear_model import Ridge

    values, _ = sample(3, spread=0.5) if kind == "dense" else sparse_sample(3)
    random = np.random.default_rng(0)
    y = 40 + 3 * (values @ random.normal(size=values.shape[1]) + random.normal(size=400))
    table = dense_table(values) if kind == "dense" else sparse_table(values)
    weights = random.uniform(0.2, 3, 400).astype(np.float32) if weighted else None
    fold = Fold({source_of(table).name: table}, y, TRAIN, VALIDATION, weights)
    target = NumberTarget(float(y[TRAIN].mean()), float(y[TRAIN].std()))
    probe = fit_probe(source_of(table), fold, [fold], objective_of(target))
    if kind == "dense":
        values = (values - values[TRAIN].mean(axis=0)) / values[TRAIN].std(axis=0)
    share = None if weights is None else weights[TRAIN]
    same = Ridge(alpha=1 / probe.inverse_penalty).fit(
        values[TRAIN].astype(np.float64), target.deviations(y[TRAIN]), sample_weight=share
    )
    want = same.predict(values[TEST]) * target.scale + target.mean
    got = target.answers(logits_of(probe, table, TEST))[:, 0]
    assert np.abs(got - want).max() < 0.01 * target.scale
    held = target.answers(probe.held_logits[0])[:, 0]
    error = np.mean(((held - y[VALIDATION]) / target.scale) ** 2)
    assert error == pytest.approx(probe.tried[probe.inverse_penalty]) == min(probe.tried.values())


def test_of_labels_it_is_a_logistic_regression_of_each() -> None:
    from sklearn.linear_model import LogisticRegression

    values, _ = sample(3, spread=0.5)
    random = np.random.default_rng(0)
    standard = ((values - values[TRAIN].mean(axis=0)) / values[TRAIN].std(axis=0)).astype(np.float64)
    y = (standard @ random.normal(size=(WIDTH, 4)) + random.logistic(size=(400, 4)) > 1).astype(np.float32)
    y[:, 2], y[:, 3] = 0, 1  # a label that no row has, and one that each has
    target = LabelsTarget(("a", "b", "never", "always"))
    table = dense_table(values)
    fold = Fold({source_of(table).name: table}, y, TRAIN, VALIDATION)
    probe = fit_probe(source_of(table), fold, [fold], objective_of(target))
    got = target.answers(target.spread(logits_of(probe, table, TEST)))
    for k in range(2):
        same = LogisticRegression(C=probe.inverse_penalty, tol=1e-8, max_iter=1000)
        want = same.fit(standard[TRAIN], y[TRAIN, k]).predict_proba(standard[TEST])[:, 1]
        np.testing.assert_allclose(got[:, k], want, atol=5e-3)
    assert (got[:, 2] < 1e-3).all() and (got[:, 3] > 0.999).all()


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_its_validation_loss_is_the_lowest_of_those_tried(kind: str, seed: int) -> None:
    values, labels = sample(4, seed=seed, spread=0.4) if kind == "dense" else sparse_sample(4, seed=seed)
    table = dense_table(values) if kind == "dense" else sparse_table(values)
    probe = fitted(table, labels, 4)
    assert probe.tried[probe.inverse_penalty] == min(probe.tried.values())
    assert set(probe.tried) <= set(STEPS)
    assert STEPS[START_DENSE if kind == "dense" else START_SPARSE] in probe.tried
    # What is reported is what the module gives, and both neighbours were tried.
    got = log_loss(log_softmax(logits_of(probe, table, VALIDATION)), labels[VALIDATION])
    assert got == pytest.approx(probe.tried[probe.inverse_penalty], abs=1e-5)
    step = STEPS.index(probe.inverse_penalty)
    assert {STEPS[s] for s in (step - 1, step + 1) if 0 <= s < len(STEPS)} <= set(probe.tried)


@pytest.mark.slow
def test_the_walk_finds_what_trying_every_penalty_finds() -> None:
    from sklearn.linear_model import LogisticRegression

    values, labels = sample(3, spread=0.3)
    probe = fitted(dense_table(values), labels, 3)
    standard = ((values - values[TRAIN].mean(axis=0)) / values[TRAIN].std(axis=0)).astype(np.float64)
    losses = {}
    for penalty in STEPS:
        model = LogisticRegression(C=penalty, max_iter=5000, tol=1e-8).fit(standard[TRAIN], labels[TRAIN])
        losses[penalty] = log_loss(model.predict_log_proba(standard[VALIDATION]), labels[VALIDATION])
    assert losses[probe.inverse_penalty] <= min(losses.values()) + 1e-4


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_held_rows_are_answered_by_probes_that_never_saw_them(kind: str) -> None:
    """Each fold's held logits are those of scikit-learn fitted on its other rows, with the penalty of the first."""
    from sklearn.linear_model import LogisticRegression

    values, labels = sample(3, spread=0.4) if kind == "dense" else sparse_sample(3)
    present = np.random.default_rng(2).random(400) < 0.8
    table = dense_table(values) if kind == "dense" else sparse_table(values)
    table = FeatureTable(table.rows, present)
    name = source_of(table).name
    folds = [Fold({name: table}, labels, np.setdiff1d(ALL, ALL[k::4]), ALL[k::4]) for k in range(4)]
    whole = Fold({name: table}, labels, ALL)
    probe = fit_probe(source_of(table), whole, folds, objective(3))
    assert (
        probe.inverse_penalty == fit_probe(source_of(table), whole, folds[:1], objective(3)).inverse_penalty
    )
    for fold, held in zip(folds, probe.held_logits, strict=True):
        fit, asked = fold.fit[present[fold.fit]], present[fold.held]
        assert np.isnan(held[~asked]).all()
        x = values.astype(np.float64)
        if kind == "dense":
            x = (x - x[fit].mean(axis=0)) / x[fit].std(axis=0)
        same = LogisticRegression(C=probe.inverse_penalty, max_iter=MAXIMUM_ITERATIONS).fit(
            x[fit], labels[fit]
        )
        want = same.predict_log_proba(x[fold.held[asked]])
        # The solver stops at a gradient of 1e-4 in float32, which a weak penalty lets lie further from the optimum.
        near = 1e-3 if kind == "dense" else 0.06
        np.testing.assert_allclose(np.exp(log_softmax(held[asked])), np.exp(want), atol=near)
    alone = fit_probe(source_of(table), whole, [], objective(3))
    assert alone.held_logits == [] and alone.tried == {}


def test_torch_equals_numpy() -> None:
    values, labels = sample(4)
    table = dense_table(values)
    probe = fitted(table, labels, 4)
    state = {key: value.numpy().astype(np.float64) for key, value in probe.module.state_dict().items()}
    assert set(state) == {"linear.mean", "linear.scale", "linear.weight", "linear.bias"}
    x = (values[TEST].astype(np.float64) - state["linear.mean"]) * state["linear.scale"]
    want = x @ state["linear.weight"] + state["linear.bias"]
    np.testing.assert_allclose(logits_of(probe, table, TEST), want, atol=1e-4)


def test_rows_without_the_source_are_neither_learnt_from_nor_looked_at() -> None:
    values, labels = sample(3)
    present = np.random.default_rng(1).random(400) < 0.6
    spoiled = np.where(present[:, None], values, np.nan).astype(np.float32)
    probe = fitted(dense_table(spoiled, present), labels, 3)
    kept = fitted(
        dense_table(values),
        labels,
        3,
        train=TRAIN[present[TRAIN]],
        validation=VALIDATION[present[VALIDATION]],
    )
    assert probe.tried == kept.tried
    table = dense_table(spoiled, present)
    made = logits_of(probe, table, ALL)
    assert np.isfinite(made).all()
    # An absent row gets the biases: what is known of a row of which nothing is known.
    bias = probe.module.linear.bias.detach().numpy()
    np.testing.assert_array_equal(made[~present], np.tile(bias, ((~present).sum(), 1)))


@pytest.mark.parametrize("classes,missing", [(4, (2,)), (3, (0,)), (5, (1, 3, 4))])
def test_a_class_without_training_rows_is_improbable_and_disturbs_nothing(
    classes: int, missing: Sequence[int]
) -> None:
    values, labels = sample(classes)
    table = dense_table(values)
    train = TRAIN[~np.isin(labels[TRAIN], missing)]
    probe = fitted(table, labels, classes, train=train)
    made = probabilities(probe, table)
    # The lowest bias less ten: e^-10 of the least probable class at the mean; some rows lie further out.
    assert made[:, list(missing)].max() < 0.02
    seen = [k for k in range(classes) if k not in missing]
    validation = VALIDATION[~np.isin(labels[VALIDATION], missing)]
    compact = fitted(table, np.searchsorted(seen, labels), len(seen), train=train, validation=validation)
    if compact.inverse_penalty == probe.inverse_penalty:
        want = probabilities(compact, table)
        got = made[:, seen] / made[:, seen].sum(axis=1, keepdims=True)
        assert np.abs(got - want).max() < 2e-3


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_without_validation_rows_the_usual_penalty_is_taken(kind: str) -> None:
    values, labels = sample(3) if kind == "dense" else sparse_sample(3)
    table = dense_table(values) if kind == "dense" else sparse_table(values)
    probe = fitted(table, labels, 3, validation=np.zeros(0, np.int64))
    assert probe.inverse_penalty == STEPS[START_DENSE if kind == "dense" else START_SPARSE]
    assert probe.tried == {}
    right = probabilities(probe, table).argmax(axis=1) == labels[TEST]
    assert right.mean() > 0.6


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_training_rows_of_one_class_only(kind: str) -> None:
    """A column that only one kind of thing has: nothing to tell apart, and no reason to stop."""
    values, labels = sample(3) if kind == "dense" else sparse_sample(3)
    table = dense_table(values) if kind == "dense" else sparse_table(values)
    probe = fitted(table, labels, 3, train=TRAIN[labels[TRAIN] == 1])
    made = probabilities(probe, table)
    assert (made.argmax(axis=1) == 1).all()
    assert (made[:, 1] > 0.999).all()


def test_no_training_row_has_the_source() -> None:
    values, labels = sample(3)
    table = dense_table(values, np.zeros(400, bool))
    np.testing.assert_allclose(probabilities(fitted(table, labels, 3), table), np.full((100, 3), 1 / 3))


def test_validation_labels_never_seen_do_not_break_the_search() -> None:
    values, labels = sample(3)
    labels[VALIDATION[::7]] = -2
    probe = fitted(dense_table(values), labels, 3)
    assert np.isfinite(list(probe.tried.values())).all()


def test_the_answer_is_the_same_twice() -> None:
    values, labels = sample(4)
    one, two = (fitted(dense_table(values), labels, 4).module.state_dict() for _ in range(2))
    for key in one:
        assert torch.equal(one[key], two[key])


def test_standardisation_equals_numpy_and_keeps_noise_small() -> None:
    values, _ = sample(3)
    values[:, 4] = 7.5  # constant
    values[:, 5] = 3 + 1e-6 * np.random.default_rng(0).normal(size=400)  # as good as constant
    present = np.random.default_rng(0).random(400) < 0.7
    mean, scale = standardisation(dense_table(np.where(present[:, None], values, np.nan), present), TRAIN)
    rows = TRAIN[present[TRAIN]]
    np.testing.assert_allclose(mean, values[rows].mean(axis=0), rtol=1e-5)
    varied = [k for k in range(WIDTH) if k not in (4, 5)]
    np.testing.assert_allclose(scale[varied], 1 / values[rows].std(axis=0)[varied], rtol=1e-4)
    assert scale[[4, 5]].tolist() == [0, 0]


def test_sparse_features_are_not_shifted() -> None:
    values, _ = sparse_sample(3)
    mean, scale = standardisation(sparse_table(values), TRAIN)
    assert not mean.any()
    assert (scale == 1).all()
