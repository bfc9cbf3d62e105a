"""A training that was interrupted goes on exactly: after each epoch, all that the next one depends on is on disk.

JSON and safetensors, each state written beside its place and renamed into it: a kill at any moment leaves the last one.
"""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from motet.errors import UsageError
from motet.fusion.dropout import generators_of
from motet.training.epoch import Epoch
from motet.training.learning import Learning

log = logging.getLogger("motet")
ABOUT = "training.json"
ENCODERS = "encoders"  # in ABOUT, once they are open
SAID = "said"  # in the header of a state: what is no tensor, as JSON


@dataclass(frozen=True)
class Progress:
    """How far a training is: what each epoch gave, the best of them, its held-out loss and its weights by name."""

    history: list[Epoch]
    best_epoch: int
    lowest: float
    best: dict[str, Tensor]


class Checkpoints:
    """The folder beside a model directory that is being trained: one state for each training that the model needs.

    What an earlier training left there stays until this one has finished an epoch of its own.
    """

    def __init__(
        self, place: Path, about: Mapping[str, Any], *, earlier: Mapping[str, Any] | None = None
    ) -> None:
        """earlier : what the training followed from that goes on here; None where this one begins."""
        self.place, self.folder = place, folder_beside(place)
        self.about = json.loads(json.dumps(about, default=str))
        self._earlier = earlier
        self.anew = earlier is None and self.folder.exists()

    @classmethod
    def begin(cls, place: Path, about: Mapping[str, Any], *, resume: bool) -> Checkpoints:
        """The states beside the model `place`: those of an earlier run where `resume` says so, else none yet.

        about : what the training follows from (table, options, versions), as JSON.

        Raises UsageError where there is nothing to resume, it is damaged, or it followed from something else.
        """
        if not resume:
            made = cls(place, about)
            if made.anew:
                log.warning(
                    "%s: an interrupted training lies here and is begun anew: --resume goes on with one",
                    place,
                )
            return made
        folder = folder_beside(place)
        if not folder.exists():
            raise UsageError(
                f"{place}: no interrupted training lies beside it, or it was written to the end: leave --resume out"
            )
        earlier = _said(folder / ABOUT)
        if earlier is None:
            raise damaged(folder / ABOUT)
        made = cls(place, about, earlier=earlier)
        made._refuse_another({name: said for name, said in earlier.items() if name != ENCODERS}, made.about)
        return made

    def encoded_by(self, encoders: Mapping[str, str]) -> None:
        """Hashes by name of the encoders that are read, once they are open.

        Raises UsageError where a training that goes on read others.
        """
        self.about[ENCODERS] = dict(encoders)
        if self._earlier is not None:
            self._refuse_another(self._earlier.get(ENCODERS, {}), self.about[ENCODERS], f"{ENCODERS}.")

    def of(self, name: str) -> Checkpoint:
        """The state of one of the trainings."""
        return Checkpoint(self, name)

    def make_room(self) -> None:
        """Make the folder, without what is begun anew, and with what this training follows from."""
        if self.anew:
            shutil.rmtree(self.folder)
            self.anew = False
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / ABOUT).exists():
            making = self.folder / f"{ABOUT}.making"
            making.write_text(json.dumps(self.about), encoding="utf-8")
            making.replace(self.folder / ABOUT)

    def remove(self) -> None:
        """The model is written: nothing is left to go on with."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _refuse_another(self, earlier: Mapping[str, Any], now: Mapping[str, Any], within: str = "") -> None:
        other = sorted({_in_words(name) for name in _differing(earlier, now, within)})
        if other:
            raise UsageError(
                f"{self.place}: the interrupted training had another {', '.join(other)}: say the same as then, or "
                "leave --resume out to begin anew"
            )


def damaged(path: Path) -> UsageError:
    """What is said of a file of an interrupted training that cannot be read."""
    return UsageError(
        f"{path}: this file of the interrupted training is damaged or gone, so it cannot go on: leave --resume out to "
        "begin anew"
    )


def folder_beside(place: Path) -> Path:
    """Where states of trainings for the model `place` are kept until it is written."""
    place = place.resolve()
    return place.with_name(f".{place.name}.training")


@dataclass(frozen=True)
class Checkpoint:
    """The state of one training after its last whole epoch."""

    among: Checkpoints
    name: str

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self.among.folder

    def save(self, learning: Learning, progress: Progress) -> None:
        """Write the state in place of the one before; where the disk refuses that, it is said and training goes on."""
        try:
            self._write(learning, progress)
        except (OSError, SafetensorError) as error:
            log.warning(
                "%s: the state after epoch %d could not be kept (%s): --resume goes on from the last that was",
                self.folder,
                len(progress.history),
                error,
            )
            with contextlib.suppress(OSError):
                self._making.unlink(missing_ok=True)

    def _write(self, learning: Learning, progress: Progress) -> None:
        tensors = {f"learned.{name}": value for name, value in changing(learning.learned)}
        tensors |= {f"best.{name}": value for name, value in progress.best.items()}
        for number, state in learning.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{number}.{name}": value for name, value in state.items()}
        tensors["random"] = torch.get_rng_state()
        for number, generator in enumerate(generators_of(learning.learned)):
            tensors[f"dropout.{number}"] = generator.get_state()
        said = {
            "told": learning.told,
            "history": [asdict(epoch) for epoch in progress.history],
            "best_epoch": progress.best_epoch,
            "lowest": progress.lowest,
            "steps": learning.schedule.last_epoch,
            "rates": [group["lr"] for group in learning.optimiser.param_groups],
            "random": learning.random.bit_generator.state,
        }
        self.among.make_room()
        # Weights that are tied or not whole in memory are written as they are read: each by itself.
        whole = {name: value.detach().clone().contiguous() for name, value in tensors.items()}
        save_file(whole, self._making, metadata={SAID: json.dumps(said)})
        self._making.replace(self.folder / f"{self.name}.safetensors")

    @property
    def _making(self) -> Path:
        return self.folder / f"{self.name}.making"

    def load(self, learning: Learning) -> Progress | None:
        """Put everything back as `save` found it, and log from where it goes on; None where no epoch was finished.

        Raises UsageError where the state cannot be read.
        """
        state = self.folder / f"{self.name}.safetensors"
        if self.among.anew or not state.is_file():
            return None
        try:
            progress = self._read(state, learning)
        except (OSError, SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
            raise damaged(state) from error
        log.info("%s: resumed after epoch %d", self.name, len(progress.history))
        return progress

    def _read(self, state: Path, learning: Learning) -> Progress:
        with safe_open(state, framework="pt") as opened:
            said = json.loads(opened.metadata()[SAID])
        tensors = load_file(state)
        learning.learned.load_state_dict(
            _under("learned.", tensors), strict=False
        )  # what is frozen is as it was
        states: dict[int, dict[str, Tensor]] = {}
        for name, value in _under("optimiser.", tensors).items():
            number, _, what = name.partition(".")
            states.setdefault(int(number), {})[what] = value
        groups = learning.optimiser.state_dict()["param_groups"]
        learning.optimiser.load_state_dict({"state": states, "param_groups": groups})
        for group, rate in zip(learning.optimiser.param_groups, said["rates"], strict=True):
            group["lr"] = rate
        learning.schedule.last_epoch = said["steps"]
        torch.set_rng_state(tensors["random"])
        for place, generator in enumerate(generators_of(learning.learned)):
            generator.set_state(tensors[f"dropout.{place}"])
        learning.random.bit_generator.state = said["random"]
        learning.told[:] = said["told"]
        history = [Epoch(**epoch) for epoch in said["history"]]
        return Progress(history, said["best_epoch"], said["lowest"], _under("best.", tensors))


def changing(learned: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Weights and buffers by name, without weights that are frozen."""
    # A weight that is tied has two names, and is frozen under both.
    every = learned.named_parameters(remove_duplicate=False)
    frozen = {name for name, weight in every if not weight.requires_grad}
    return ((name, value) for name, value in learned.state_dict().items() if name not in frozen)


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _said(path: Path) -> dict[str, Any] | None:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return said if isinstance(said, dict) else None


def _in_words(name: str) -> str:
    """What a training followed from, as a user would say it: `training.width` is the width of training."""
    group, _, what = name.partition(".")
    if group == "table":
        return "table (its columns or cells)"
    if group == "columns":
        return "choice of columns"
    if group == "files":
        return what
    if group == ENCODERS:
        return f"encoder {what}"
    if group == "versions":
        return f"version of {what}"
    return f"{what} of {group}".replace("_", " ") if what else group.replace("_", " ")


def _differing(found: Mapping[str, Any], wanted: Mapping[str, Any], within: str = "") -> list[str]:
    """Names of what differs; of a group, of what differs in it."""
    names = []
    for name in {*found, *wanted}:
        one, other = found.get(name), wanted.get(name)
        if isinstance(one, dict) and isinstance(other, dict):
            names += _differing(one, other, f"{name}.")
        elif one != other:
            names.append(f"{within}{name}")
    return names
