"""The retriever in Python: fit, embed, zero-shot, save, copies."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import motet
from motet.deployment import match
from motet.errors import ModelError, TableError, UsageError


@pytest.fixture(scope="module")
def fitted(catalogue: Any) -> motet.MultimodalRetriever:
    """On the catalogue, with towers so small that it takes a second."""
    whole = match.fit_match
    with pytest.MonkeyPatch.context() as patch:
        small = {"width": 16, "hidden": 16, "epochs": 2, "least_steps": 4, "members": 1}
        patch.setattr(match, "fit_match", lambda f, t, h, s, **k: whole(f, t, h, replace(s, **small), **k))
        return motet.MultimodalRetriever(
            image_encoder="descriptor", text_encoder="lexical", image="image", text=["title"], test_size=0.2
        ).fit(catalogue.table)


def test_it_embeds_and_measures(fitted: motet.MultimodalRetriever, catalogue: Any) -> None:
    assert set(fitted.evaluation_["directions"]) == {"text->image", "image->text"}
    images, texts = fitted.embed_images(catalogue.table), fitted.embed_texts(["a lamp", ""])
    assert images.shape == (72, 16) and texts.shape == (2, 16)
    np.testing.assert_allclose(np.linalg.norm(texts, axis=1), [1, 0], atol=1e-5)
    both = fitted.evaluate(catalogue.table, all_rows=True)["directions"]
    mean = np.mean([one["metrics"]["recall@1"]["value"] for one in both.values()])
    assert fitted.score(catalogue.table) == pytest.approx(mean)


def test_pictures_are_embedded_by_their_paths(
    fitted: motet.MultimodalRetriever, catalogue: Any, tmp_path: Path
) -> None:
    """As in the table, wherever they lie; a broken one is zeros, a missing one is told."""
    table = motet.read_table(catalogue.table)
    rows = [row for row, name in enumerate(table.column("image").to_pylist()) if name][:3]
    paths = [Path(catalogue.table).parent / table.column("image")[row].as_py() for row in rows]
    (tmp_path / "broken.jpg").write_bytes(b"nothing")
    made = fitted.embed_images([*map(str, paths), tmp_path / "broken.jpg"])
    np.testing.assert_allclose(made[:3], fitted.embed_images(catalogue.table)[rows], atol=1e-5)
    assert np.linalg.norm(made[0]) == pytest.approx(1, abs=1e-5) and not made[3].any()
    with pytest.raises(UsageError, match=r"no\.jpg: no such file"):
        fitted.embed_images([tmp_path / "no.jpg"])


def test_zero_shot_from_python(fitted: motet.MultimodalRetriever) -> None:
    (answer,) = fitted.zero_shot(["shirt", "lamp"], ["a {}"]).predict([{"title": "a shirt"}])
    assert answer.prediction in ("shirt", "lamp")


def test_what_is_saved_or_copied_gives_the_same_vectors(
    fitted: motet.MultimodalRetriever, tmp_path: Path
) -> None:
    wanted = fitted.embed_texts(["a warm cap"])
    fitted.save(tmp_path / "space")
    np.testing.assert_array_equal(motet.load(tmp_path / "space").embed_texts(["a warm cap"]).vectors, wanted)
    copied = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copied.embed_texts(["a warm cap"]), wanted)
    kept = copied.model_
    del copied
    np.testing.assert_array_equal(kept.embed_texts(["a warm cap"]).vectors, wanted)


def test_it_must_be_fitted_and_needs_pairs() -> None:
    with pytest.raises(ModelError, match="not fitted yet"):
        motet.MultimodalRetriever().embed_texts(["a"])
    with pytest.raises(TableError, match="no column of picture to learn pairs from"):
        motet.MultimodalRetriever(text="words").fit([{"words": "a"}, {"words": "b"}])


def test_parameters_are_as_scikit_learn_has_them() -> None:
    from sklearn.base import clone

    made = motet.MultimodalRetriever(seed=3, text=["a", "b"])
    copied = clone(made)
    assert copied is not made and copied.get_params() == made.get_params()
    assert repr(copied) == "MultimodalRetriever(text=['a', 'b'], seed=3)"
    with pytest.raises(UsageError, match="no parameter 'fusion'"):
        made.set_params(fusion="concat")
