"""How users say the balance of modalities, and what it comes to."""

from __future__ import annotations

import numpy as np
import pytest

from motet.errors import UsageError
from motet.training.balance import Balance


def test_rates_grow_over_the_curriculum_and_each_modality_may_have_its_own() -> None:
    balance = Balance.of({"dropout": 0.4, "text.dropout": 0.1, "curriculum": 0.5})
    for along, share in ((0.0, 0.0), (0.25, 0.5), (0.5, 1.0), (0.9, 1.0)):
        assert balance.rates(["image", "text"], along) == pytest.approx(share * np.array([0.4, 0.1]))
    assert Balance().rates(["image"], 0.0) == pytest.approx([0.2])


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"droput": 0.1}, "one of dropout, curriculum"),
        ({"learning_rate": 0.1}, "MODALITY.learning_rate"),
        ({"dropout": 1.0}, "below 1"),
        ({"image.dropout": -0.1}, "image.dropout is a chance"),
        ({"auxiliary": float("nan")}, "auxiliary is a weight"),
        ({"curriculum": 2}, "from 0 to 1"),
        ({"image.learning_rate": 0.0}, "above 0"),
        ({"auxiliary": "much"}, "is a number"),
    ],
)
def test_what_makes_no_sense_is_refused(said: dict[str, float], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Balance.of(said)


def test_a_modality_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match="'sound'; the modalities are image, text"):
        Balance.of({"sound.dropout": 0.1}).check(["image", "text"])
