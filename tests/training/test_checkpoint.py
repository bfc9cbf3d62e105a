"""A training that is interrupted after any epoch ends with the weights of one that never was."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from motet.errors import TrainingError, UsageError
from motet.fusion.dropout import Dropout, draw_from
from motet.training.checkpoint import ABOUT, Checkpoint, Checkpoints, changing
from motet.training.epoch import Epoch
from motet.training.epoch_loop import Held, learn_epochs
from motet.training.learning import Learning

EPOCHS = 5


class Interrupted(Exception):
    """What stops a training here."""


class Network(nn.Module):
    """Two kinds of dropout, running statistics and a frozen weight: all that a state may depend on."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), Dropout(0.3), nn.Dropout(0.3))
        self.last = nn.Linear(8, 1)
        self.frozen = nn.Parameter(torch.ones(1), requires_grad=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.last(self.layers(x)) * self.frozen
        return made


def train(
    checkpoint: Checkpoint | None, stop_after: int = EPOCHS, held: Callable[[int], float | None] | None = None
) -> tuple[Network, list[Epoch], int]:
    """Five epochs of eight steps; stopped as by a kill after some of them."""
    torch.manual_seed(0)
    module = Network()
    draw_from(module, torch.Generator().manual_seed(0))
    x = torch.rand(32, 4)
    optimiser = torch.optim.AdamW([weight for weight in module.parameters() if weight.requires_grad], lr=0.05)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 / (1 + step))
    random = np.random.default_rng(0)
    done = 0

    def learn() -> float:
        total = 0.0
        for rows in np.split(random.permutation(32), 8):
            loss = (module(x[rows]) - x[rows].sum(dim=1, keepdim=True)).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += float(loss.detach())
        return total

    def measure() -> Held:
        nonlocal done
        done = schedule.last_epoch // 8
        with torch.no_grad():
            loss = float((module(x) - x.sum(dim=1, keepdim=True)).square().mean())
        return (loss if held is None else held(done)), None

    def advance(epochs: int) -> None:
        if done >= stop_after < EPOCHS:
            raise Interrupted

    learning = Learning(module, optimiser, schedule, random)
    history, best = learn_epochs(
        learning, EPOCHS, EPOCHS, learn, measure, checkpoint=checkpoint, advance=advance
    )
    return module, history, best


@settings(max_examples=12, deadline=None)
@given(stops=st.lists(st.integers(1, EPOCHS - 1), min_size=1, max_size=3, unique=True).map(sorted))
def test_interrupted_and_resumed_is_never_interrupted(
    stops: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("training") / "model"
    whole, history, best = train(None)
    for number, stop in enumerate(stops):
        kept = Checkpoints.begin(place, {"seed": 0}, resume=number > 0)
        with pytest.raises(Interrupted):
            train(kept.of("one"), stop)
    kept = Checkpoints.begin(place, {"seed": 0}, resume=True)
    resumed, again, kept_epoch = train(kept.of("one"))
    assert again == history and kept_epoch == best
    for (name, one), other in zip(whole.state_dict().items(), resumed.state_dict().values(), strict=True):
        assert torch.equal(one, other), name
    finished, *_ = train(kept.of("one"))  # nothing is left to learn: it is only read
    assert torch.equal(finished.last.weight, whole.last.weight)


def test_the_lowest_held_loss_stays_and_without_one_the_last() -> None:
    losses = [3.0, 1.0, 2.0, math.nan, 1.5]
    assert train(None, held=lambda epoch: losses[epoch - 1])[2] == 2
    assert train(None, held=lambda epoch: None)[2] == EPOCHS


def test_nothing_to_resume_and_another_training_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "model"
    with pytest.raises(UsageError, match="no interrupted training"):
        Checkpoints.begin(place, {"seed": 0}, resume=True)
    with pytest.raises(Interrupted):
        train(Checkpoints.begin(place, {"seed": 0, "training": {"width": 8}}, resume=False).of("one"), 1)
    with pytest.raises(UsageError, match="another seed, width of training:"):
        Checkpoints.begin(place, {"seed": 1, "training": {"width": 9}}, resume=True)
    about = {"table": "a", "columns": {"columns": ["x"]}, "versions": {"torch": "1"}, "image_encoders": ["a"]}
    with pytest.raises(Interrupted):
        train(Checkpoints.begin(place, about, resume=False).of("one"), 1)
    words = r"choice of columns, image encoders, table \(its columns or cells\), version of torch:"
    with pytest.raises(UsageError, match=words):
        Checkpoints.begin(
            place,
            {"table": "b", "columns": {"columns": []}, "versions": {"torch": "2"}, "image_encoders": ["b"]},
            resume=True,
        )
    caplog.clear()
    Checkpoints.begin(place, {"seed": 1}, resume=False).remove()
    assert "begun anew: --resume goes on" in caplog.text
    caplog.clear()
    Checkpoints.begin(place, {"seed": 1}, resume=False)
    assert not caplog.text


@pytest.mark.parametrize("kept", [0, 1, 100])
def test_a_damaged_state_is_told_and_what_to_do(tmp_path: Path, kept: int) -> None:
    checkpoints = Checkpoints.begin(tmp_path / "model", {"seed": 0}, resume=False)
    with pytest.raises(Interrupted):
        train(checkpoints.of("one"), 2)
    state, about = checkpoints.folder / "one.safetensors", checkpoints.folder / ABOUT
    state.write_bytes(state.read_bytes()[:kept])
    again = Checkpoints.begin(tmp_path / "model", {"seed": 0}, resume=True)
    with pytest.raises(UsageError, match=r"one\.safetensors.*damaged.*leave --resume out"):
        train(again.of("one"))
    for content in (about.read_text()[: min(kept, 5)], "[]"):
        about.write_text(content)
        with pytest.raises(UsageError, match=r"training\.json.*damaged.*leave --resume out"):
            Checkpoints.begin(tmp_path / "model", {"seed": 0}, resume=True)
    about.unlink()
    with pytest.raises(UsageError, match=r"training\.json.*damaged or gone"):
        Checkpoints.begin(tmp_path / "model", {"seed": 0}, resume=True)


def test_from_which_epoch_a_training_goes_on_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "motet")
    kept = Checkpoints.begin(tmp_path / "model", {}, resume=False)
    with pytest.raises(Interrupted):
        train(kept.of("one"), 2)
    assert "resumed" not in caplog.text
    train(Checkpoints.begin(tmp_path / "model", {}, resume=True).of("one"))
    assert "one: resumed after epoch 2" in caplog.text


def test_a_state_that_is_cut_short_while_written_leaves_the_one_before(tmp_path: Path) -> None:
    kept = Checkpoints.begin(tmp_path / "model", {}, resume=False)
    with pytest.raises(Interrupted):
        train(kept.of("one"), 2)
    (kept.folder / "one.making").write_bytes(b"half")
    assert torch.equal(train(kept.of("one"))[0].last.weight, train(None)[0].last.weight)
    assert json.loads((kept.folder / ABOUT).read_text()) == {}
    kept.remove()
    assert not kept.folder.exists()


def test_a_disk_that_refuses_is_said_and_training_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / ".model.training").write_text("a file where the folder should be")
    made, history, _ = train(Checkpoints(tmp_path / "model", {}).of("one"))
    assert len(history) == EPOCHS and torch.equal(made.last.weight, train(None)[0].last.weight)
    assert "after epoch 1 could not be kept" in caplog.text


def test_a_state_that_the_disk_refuses_leaves_the_one_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Checkpoints.begin(tmp_path / "model", {}, resume=False)
    with pytest.raises(Interrupted):
        train(kept.of("one"), 2)

    def full(tensors: object, making: Path, **_: object) -> None:
        making.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched, pytest.raises(Interrupted):
        patched.setattr("motet.training.checkpoint.save_file", full)
        train(kept.of("one"), 4)
    assert "state after epoch 3 could not be kept" in caplog.text
    assert {path.name for path in kept.folder.iterdir()} == {ABOUT, "one.safetensors"}
    resumed, *_ = train(Checkpoints.begin(tmp_path / "model", {}, resume=True).of("one"))
    assert torch.equal(resumed.last.weight, train(None)[0].last.weight)


def test_an_interrupted_training_stays_until_another_has_an_epoch(tmp_path: Path) -> None:
    """A run that is refused for its table, or forgets --resume and is stopped at once, costs nothing."""
    place = tmp_path / "model"
    with pytest.raises(Interrupted):
        train(Checkpoints.begin(place, {"seed": 0}, resume=False).of("one"), 2)
    before = (Checkpoints.begin(place, {"seed": 0}, resume=True).folder / "one.safetensors").read_bytes()
    anew = Checkpoints.begin(place, {"seed": 1}, resume=False)
    assert (anew.folder / "one.safetensors").read_bytes() == before
    (anew.folder / "other.safetensors").write_bytes(b"of the earlier training")
    with pytest.raises(Interrupted):
        train(anew.of("one"), 1)  # begins at the beginning, and takes the place of the other
    assert json.loads((anew.folder / ABOUT).read_text()) == {"seed": 1}
    assert not (anew.folder / "other.safetensors").exists()
    with pytest.raises(UsageError, match="another seed"):
        Checkpoints.begin(place, {"seed": 0}, resume=True)


def test_another_encoder_is_refused_once_it_is_open(tmp_path: Path) -> None:
    place, about = tmp_path / "model", {"image_encoders": ["auto"]}
    kept = Checkpoints.begin(place, about, resume=False)
    kept.encoded_by({"image:mobilenet": "a1"})
    with pytest.raises(Interrupted):
        train(kept.of("one"), 1)
    again = Checkpoints.begin(place, about, resume=True)
    again.encoded_by({"image:mobilenet": "a1"})
    with pytest.raises(
        UsageError, match="model: the interrupted training had another encoder image:mobilenet:"
    ):
        again.encoded_by({"image:mobilenet": "b2"})


def test_a_frozen_weight_that_is_tied_is_not_kept() -> None:
    tied = nn.ModuleDict({"words": nn.Embedding(4, 3), "tell": nn.Linear(3, 4, bias=False)})
    tied["tell"].weight = tied["words"].weight
    tied.requires_grad_(False)
    assert not dict(changing(tied))


def test_a_training_that_diverges_keeps_what_was_best_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    losses = [3.0, 1.0, math.inf, 0.5, 0.1]
    _, history, best = train(None, held=lambda epoch: losses[epoch - 1])
    assert len(history) == best == 2
    assert "diverged in epoch 3" in caplog.text and "epoch 2 are kept" in caplog.text


def test_one_that_diverges_at_once_is_an_error() -> None:
    with pytest.raises(TrainingError, match="diverged in epoch 1: its loss is no finite number"):
        train(None, held=lambda epoch: math.nan)
