"""The scikit-learn habit: parameters, clone, cross-validation, labels of their own type, saving."""

from __future__ import annotations

import copy
import pickle
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier
from sklearn.model_selection import cross_val_score, cross_validate

import motet
from motet import MultimodalClassifier
from motet.errors import ModelError, MotetError, TableError, UsageError

WORDS = {"lamp": "lamp light shade bulb bright", "chair": "chair seat wood oak legs"}


def products(rows: int = 36) -> tuple[pd.DataFrame, list[str]]:
    made = random.Random(0)
    kinds = [list(WORDS)[n % 2] for n in range(rows)]
    titles = [" ".join(made.choices(WORDS[kind].split(), k=4)) for kind in kinds]
    # an index that is not 0, 1, 2, ... must not matter
    return pd.DataFrame({"title": titles}, index=pd.RangeIndex(1000, 1000 + rows)), kinds


def quick(**parameters: Any) -> MultimodalClassifier:
    return MultimodalClassifier(
        **{"text": "title", "text_encoder": "lexical", "fusion": "late", **parameters}
    )


@pytest.fixture(scope="module")
def fitted() -> MultimodalClassifier:
    frame, kinds = products()
    return quick().fit(frame, kinds)


def test_parameters_are_read_changed_and_cloned() -> None:
    one = quick(seed=3, image_encoder=["descriptor", "small"], test_size=0.2)
    assert one.get_params()["seed"] == 3
    assert set(one.get_params()) >= {"image_encoder", "text_encoder", "fusion", "seed"}
    other = clone(one)
    assert other is not one and other.get_params() == one.get_params()
    assert one.set_params(seed=4) is one and one.seed == 4 and other.seed == 3
    with pytest.raises(UsageError, match="no parameter 'sed': one of image_encoder"):
        one.set_params(sed=4)
    assert is_classifier(one)


def test_a_clone_of_a_fitted_one_is_not_fitted(fitted: MultimodalClassifier) -> None:
    assert not hasattr(clone(fitted), "model_")


def test_it_shows_itself() -> None:
    assert "seed=3" in repr(quick(seed=3)) and "MultimodalClassifier" in repr(quick())


@pytest.mark.parametrize("call", ["predict", "predict_proba", "score", "evaluate", "save"])
def test_unfitted_says_call_fit(call: str, tmp_path: Path) -> None:
    frame, _ = products()
    argument = tmp_path / "model" if call == "save" else frame
    with pytest.raises(ModelError, match="not fitted yet: call fit first"):
        getattr(quick(), call)(argument)
    assert not any(tmp_path.iterdir())


def test_cross_val_score_with_a_frame_and_labels() -> None:
    frame, kinds = products()
    scores = cross_val_score(quick(), frame, kinds, cv=3, error_score="raise")
    # the words of the two classes share no letter n-gram worth speaking of: nearly every row is told
    assert scores.shape == (3,) and scores.min() > 0.8


def test_cross_validate_with_probabilities_and_named_scorers() -> None:
    frame, kinds = products(24)
    found = cross_validate(
        quick(), frame, np.array(kinds), cv=2, scoring=("accuracy", "neg_log_loss"), error_score="raise"
    )
    assert np.isfinite(found["test_neg_log_loss"]).all() and found["test_accuracy"].min() > 0.5


@pytest.mark.parametrize(
    "values",
    [[7, -2], [True, False], [0.5, 1.5], ["台灯", "椅子"], ["1", "0"]],
    ids=["integers", "booleans", "floats", "Chinese", "digits as text"],
)
@pytest.mark.parametrize("kind", [list, np.array, pd.Series])
def test_labels_come_back_in_their_own_type(values: list[Any], kind: Any) -> None:
    frame, names = products(30)
    labels = [values[list(WORDS).index(name)] for name in names]
    made = quick().fit(frame, kind(labels))
    assert made.classes_.tolist() == sorted(values)
    predicted = made.predict(frame)
    assert predicted.shape == (30,)
    assert {type(one) for one in predicted.tolist()} == {type(values[0])}
    assert made.score(frame, kind(labels)) == np.mean(predicted == np.array(labels)) > 0.9
    assert made.predict_proba(frame).shape == (30, 2)


def test_the_same_label_written_otherwise_is_still_right() -> None:
    frame, names = products(30)
    whole = [list(WORDS).index(name) for name in names]
    made = quick().fit(frame, whole)
    best = made.score(frame, whole)
    assert best > 0.9
    # a column of whole numbers becomes floating as soon as pandas has one missing value
    assert made.score(frame, np.array(whole, float)) == best
    assert made.score(frame, [str(value) for value in whole]) == best
    some = np.array(whole, float)
    some[::3] = np.nan
    assert made.score(frame, some) > 0.85  # rows without a label are left out, not counted as wrong
    with pytest.raises(UsageError, match="X has 30 rows and y 29"):
        made.score(frame, whole[1:])


def test_predictions_follow_the_order_of_the_rows(fitted: MultimodalClassifier) -> None:
    frame, kinds = products()
    assert (fitted.predict(frame) == np.array(kinds)).mean() > 0.9
    order = np.random.default_rng(0).permutation(len(frame))
    np.testing.assert_allclose(
        fitted.predict_proba(frame.iloc[order]), fitted.predict_proba(frame)[order], atol=1e-4
    )
    probabilities = fitted.predict_proba(frame)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (fitted.predict(frame) == fitted.classes_[probabilities.argmax(axis=1)]).all()


def test_y_or_label_but_not_both_nor_neither() -> None:
    frame, kinds = products()
    with pytest.raises(UsageError, match="give the labels once"):
        quick().fit(frame, kinds, label="title")
    with pytest.raises(UsageError, match="give the labels once"):
        quick().fit(frame)


@pytest.mark.parametrize("more", [-1, 1])
def test_y_of_another_length(more: int) -> None:
    frame, kinds = products()
    with pytest.raises(UsageError, match=f"X has 36 rows and y {36 + more}"):
        quick().fit(frame, (kinds * 2)[: 36 + more])


def test_label_that_is_not_a_column() -> None:
    frame, kinds = products()
    with pytest.raises(UsageError, match="did you mean 'kind'"):
        quick().fit(frame.assign(kind=kinds), label="knd")


def test_one_class_and_no_rows() -> None:
    frame, _ = products()
    with pytest.raises(TableError, match="at least two classes"):
        quick().fit(frame, ["lamp"] * 36)
    with pytest.raises(MotetError, match="no rows"):
        quick().fit(frame.iloc[:0], [])


def test_a_column_named_label_beside_y() -> None:
    frame, kinds = products()
    made = quick().fit(frame.assign(label="a price tag"), kinds)
    assert made.classes_.tolist() == ["chair", "lamp"]


def test_some_rows_without_a_label() -> None:
    frame, kinds = products()
    some = [None if n % 6 == 0 else kind for n, kind in enumerate(kinds)]
    made = quick().fit(frame, some)
    assert made.classes_.tolist() == ["chair", "lamp"] and len(made.predict(frame)) == 36


def test_score_and_evaluate_with_a_label_column(fitted: MultimodalClassifier) -> None:
    frame, kinds = products()
    made = quick().fit(frame.assign(kind=kinds), label="kind")
    measured = made.evaluate(frame.assign(kind=kinds))
    assert measured["n"] == 36 and set(measured["patterns"]) == {"text", "none"}
    accuracy = measured["overall"]["metrics"]["accuracy"]["value"]
    assert made.score(frame.assign(kind=kinds)) == accuracy == made.score(frame, kinds)


def test_without_test_rows_nothing_is_measured(fitted: MultimodalClassifier) -> None:
    assert fitted.evaluation_["n"] == 0 and "overall" not in fitted.evaluation_


def test_saved_and_loaded_answers_are_equal(trained: Any, model_directory: Path, catalogue: Any) -> None:
    loaded = motet.load(model_directory)
    assert loaded.classes == tuple(trained.classes_.tolist())
    np.testing.assert_array_equal(
        loaded.predict_proba(catalogue.table), trained.predict_proba(catalogue.table)
    )


def test_a_saved_model_outlives_its_estimator(tmp_path: Path) -> None:
    frame, kinds = products()
    made = quick().fit(frame, kinds)
    expected = made.predict_proba(frame)
    made.save(tmp_path / "model")
    del made
    np.testing.assert_array_equal(motet.load(tmp_path / "model").predict_proba(frame), expected)


def test_fitting_again_forgets_the_first(tmp_path: Path) -> None:
    frame, kinds = products()
    made = quick().fit(frame, kinds)
    made.fit(frame, [1 if kind == "lamp" else 0 for kind in kinds])
    assert made.classes_.tolist() == [0, 1]


def test_the_same_seed_gives_the_same_model_and_the_data_is_left_alone() -> None:
    frame, kinds = products()
    before = frame.copy()
    one, two = quick(seed=5).fit(frame, kinds), quick(seed=5).fit(frame, kinds)
    np.testing.assert_array_equal(one.predict_proba(frame), two.predict_proba(frame))
    pd.testing.assert_frame_equal(frame, before)


def test_tables_of_other_kinds_answer_alike(fitted: MultimodalClassifier, tmp_path: Path) -> None:
    import datasets

    frame, _ = products()
    expected = fitted.predict_proba(frame)
    columns = {"title": frame["title"].tolist()}
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    others = [
        columns,
        [{"title": title} for title in columns["title"]],
        datasets.Dataset.from_dict(columns),
        tmp_path / "t.csv",
        str(tmp_path / "t.parquet"),
    ]
    for other in others:
        np.testing.assert_allclose(fitted.predict_proba(other), expected, atol=1e-6)


def test_a_model_outlives_its_estimator_and_takes_its_files_with_it() -> None:
    frame, kinds = products()
    model = quick().fit(frame, kinds).model_  # nothing of it is open yet: the estimator is collected first
    place = model.directory.path
    answers = [answer.prediction for answer in model.predict(frame)]
    assert np.mean([a == kind for a, kind in zip(answers, kinds, strict=True)]) > 0.9
    other = pickle.loads(pickle.dumps(model))
    del model
    assert not place.parent.exists()
    assert [answer.prediction for answer in other.predict(frame)] == answers


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_fitted_one_can_be_copied_and_pickled(copied: Any, tmp_path: Path) -> None:
    frame, kinds = products()
    one = quick(seed=3).fit(frame, kinds)
    expected = one.predict_proba(frame)  # opens what cannot be copied
    other = copied(one)
    place = one.model_.directory.path
    del one
    assert (other.model_.directory.path == place) == place.exists()  # one shares the files, or has its own
    np.testing.assert_array_equal(other.predict_proba(frame), expected)
    assert other.get_params()["seed"] == 3 and other.classes_.tolist() == ["chair", "lamp"]
    other.save(tmp_path / "model")
    assert motet.load(tmp_path / "model").classes == ("chair", "lamp")


def test_a_model_is_copied_by_its_place(fitted: MultimodalClassifier, tmp_path: Path) -> None:
    frame, _ = products()
    fitted.save(tmp_path / "model")
    model = motet.load(tmp_path / "model")
    expected = model.predict_proba(frame)
    other = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(other.predict_proba(frame), expected)


def test_one_that_is_not_fitted_is_copied_too() -> None:
    other = pickle.loads(pickle.dumps(quick(seed=4)))
    assert other.seed == 4 and not hasattr(other, "model_")


def test_fit_without_the_learning_wing_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from motet import learning_wing

    frame, kinds = products()
    real = learning_wing.find_spec
    monkeypatch.setattr(learning_wing, "find_spec", lambda name: None if name == "torch" else real(name))
    monkeypatch.delitem(sys.modules, "motet.deployment", raising=False)
    with pytest.raises(UsageError, match=r"training needs torch, not installed here: .*extra 'train'"):
        quick().fit(frame, kinds)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"seed": "a"}, "the seed is a whole number from 0 to .*, not 'a'"),
        ({"seed": 1.5}, "the seed is a whole number"),
        ({"test_size": "a"}, "test_size is a share of the rows, .* not 'a'"),
    ],
)
def test_a_parameter_of_another_type_is_said(parameters: dict[str, Any], said: str) -> None:
    frame, kinds = products()
    with pytest.raises(UsageError, match=said):
        quick(**parameters).fit(frame, kinds)


def test_a_column_given_as_y_is_told_from_labels() -> None:
    frame, kinds = products()
    with pytest.raises(UsageError, match="to name a column of the table write label='kind'"):
        quick().fit(frame.assign(kind=kinds), "kind")


def test_an_image_root_that_is_no_folder_is_said_in_both_words() -> None:
    frame, kinds = products()
    with pytest.raises(UsageError, match=r"--image-root \(in Python image_root=\) /no/such is not a folder"):
        quick(image_root="/no/such").fit(frame, kinds)


def test_a_size_beside_a_split_column_is_refused_or_said() -> None:
    words = [f"{'a lamp' if n % 2 else 'an oak chair'} of number {n}" for n in range(24)]
    rows = {"t": words, "y": ["chair", "lamp"] * 12, "split": ["train", "train", "test"] * 8}
    with pytest.raises(UsageError, match=r"column 'split' says which rows test, so test_size=0.3 cannot"):
        MultimodalClassifier(text="t", split="split", test_size=0.3).fit(rows, label="y")
    with pytest.warns(
        UserWarning, match=r"column 'split' says which rows test, so test_size=0.3 is not used"
    ):
        made = MultimodalClassifier(text="t", fusion="late", test_size=0.3).fit(rows, label="y")
    assert made.evaluation_["n"] == 8
