"""From what a user writes (`auto`, a name, a directory, a hub id) to an encoder that is ready to encode.

`auto` never touches the network: it takes a recommended pretrained model that already lies in the local Hugging Face
cache, else the embedded encoder, and says which, and what would get a better one. A hub name that the user writes is
downloaded, after its size and licence are shown.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from motet.data import modality_kind
from motet.data.scripts import Script
from motet.encoders.encoder import Encoder
from motet.encoders.licences import NOT_STATED, Licence, card_name, licence_of
from motet.encoders.pretrained import PretrainedEncoder
from motet.encoders.registry import (
    DEFAULT,
    EMBEDDED,
    HUB_NAME,
    RECOMMENDED,
    Recommended,
    embedded,
    recommended,
)
from motet.encoders.torch_files import WEIGHTS, own_name, weight_files
from motet.encoders.torch_pretrained import prepare
from motet.encoders.word_vectors import KIND, WordVectorsEncoder
from motet.errors import EncoderError, UsageError

log = logging.getLogger("motet")
AUTO = "auto"
PRETRAINED = ("image", "text", "audio")  # what networks read
FILES = ("*.json", "*.txt", "*.model", "*.jinja", "README.md")
_SCRIPTS = {"latin": "Latin letters", "chinese": "Chinese characters", "other": "another script"}


@dataclass(frozen=True)
class Found:
    """A pretrained model on this machine, its name, and its licences: the card's own, and what is known of it."""

    directory: Path
    name: str
    licences: tuple[Licence, ...]

    @property
    def licence(self) -> Licence:
        """The one that forbids most, then the first that says something."""
        stated = [one for one in self.licences if one.name != NOT_STATED] or [Licence(NOT_STATED, "")]
        return next((one for one in stated if one.non_commercial), stated[0])


def open_encoder(
    wanted: str,
    modality: str,
    *,
    accept_licence: bool = False,
    script: Script | None = None,
    pooling: str | None = None,
) -> Encoder:
    """Open the encoder that `wanted` names for a modality.

    modality : `image`, `text`, `audio`, `tabular`, or the name of a vector column; its own name means `auto`.
    script : what the texts are written in, where that is known: `auto` then takes only a model that reads it.
    pooling : `cls`, `mean` or `max` over the tokens of a pretrained model; default: its own convention.

    Raises EncoderError where there is none, UsageError where its licence must be accepted first.
    """
    if wanted in (AUTO, modality):
        return _auto(modality, script, pooling)
    made = embedded(modality, wanted)
    if made is not None:
        return made
    if wanted.startswith(f"{KIND}:") and modality == "text":
        return WordVectorsEncoder(wanted.removeprefix(f"{KIND}:"))
    if modality_kind(modality) not in PRETRAINED:
        raise EncoderError(
            f"no encoder {wanted!r} of {modality}: numbers are read by {DEFAULT[modality_kind(modality)]} alone"
        )
    _refuse_other_modality(wanted, modality)
    found = _find(wanted, modality, accept_licence)
    _require_acceptance(wanted, found.licence, accept_licence)
    return _opened(found, modality, pooling)


def _opened(found: Found, modality: str, pooling: str | None) -> PretrainedEncoder:
    licence = found.licence.name
    place = prepare(str(found.directory), modality, pooling=pooling, name=found.name, licence=licence)
    return PretrainedEncoder(place, name=found.name, licence=licence)


def _auto(modality: str, script: Script | None, pooling: str | None) -> Encoder:
    for model in recommended(modality):
        if model.non_commercial:
            continue
        snapshot = _in_local_cache(model.hub)
        if snapshot is None:
            continue
        found = Found(snapshot, model.name, (licence_of(snapshot), _listed(model)))
        if found.licence.non_commercial:
            log.info(
                "%s is in the local cache and was not taken: %s, says %s",
                model.name,
                found.licence.name,
                found.licence.read_in,
            )
        elif script is not None and modality == "text" and not model.reads(script):
            log.info(
                "%s is in the local cache and was not taken: it reads %s, and most of the words here are in %s",
                model.name,
                model.languages,
                _SCRIPTS[script],
            )
        else:
            log.info("%s encoder: %s (from the local cache; %s)", modality, model.name, found.licence.name)
            return _opened(found, modality, pooling)
    _advise(modality)
    made = embedded(modality)
    assert made is not None
    return made


@cache
def _advise(modality: str) -> None:
    """Name what reads better than the embedded encoder; once, however many models a process trains."""
    choices = recommended(modality)
    if not choices:
        return
    better = choices[1] if modality == "text" else choices[0]
    log.info(
        "%s encoder: %s (embedded, nothing to download). A pretrained one reads better: "
        "add --%s-encoder %s (%d MB%s, %s)",
        modality,
        DEFAULT[modality_kind(modality)],
        modality,
        better.name,
        better.megabytes,
        f", {better.languages}" if better.languages else "",
        better.licence,
    )


def _refuse_other_modality(wanted: str, modality: str) -> None:
    """Raise UsageError for the name of an encoder that reads something else."""
    others = [kind for kind, name in EMBEDDED if name == wanted]
    others += [model.modality for model in RECOMMENDED if wanted in (model.name, model.hub)]
    if others and modality not in others:
        raise UsageError(
            f"no {modality} encoder {wanted!r}: it reads {' and '.join(dict.fromkeys(others))}; "
            f"of {modality} there are {', '.join(_names(modality))}"
        )


def _names(modality: str) -> list[str]:
    """What may be written for an encoder of a modality, beside a directory and a hub name."""
    names = [name for kind, name in EMBEDDED if kind == modality_kind(modality)]
    names += [m.name for m in recommended(modality)]
    names += ["small"] if modality != "audio" else []
    names += [f"{KIND}:FILE"] if modality == "text" else []
    return names


def _find(wanted: str, modality: str, accept_licence: bool) -> Found:
    here = _here(wanted)
    if here is not None:
        return here
    named = next((m for m in RECOMMENDED if wanted in (m.name, m.hub) and m.modality == modality), None)
    hub = named.hub if named is not None else wanted
    if not HUB_NAME.match(hub):
        raise EncoderError(
            f"no {modality} encoder {wanted!r}: neither a directory here nor one of {', '.join(_names(modality))}; "
            "a hub name has the form owner/name"
        )
    known = (_listed(named),) if named is not None else ()
    for licence in known:
        _require_acceptance(hub, licence, accept_licence)
    name = named.name if named is not None else hub.split("/")[1].lower()
    return _from_hub(hub, name, accept_licence, known)


def find_model(wanted: str, accept_licence: bool) -> Found:
    """A directory here, or a model of the hub by its name: from the local cache, else downloaded.

    Size and licence are shown before anything is downloaded. Raises EncoderError where there is none, UsageError where
    its licence must be accepted first.
    """
    found = _here(wanted)
    if found is None:
        if not HUB_NAME.match(wanted):
            raise EncoderError(
                f"no model {wanted!r}: neither a directory here nor a hub name of the form owner/name"
            )
        found = _from_hub(wanted, wanted, accept_licence)
    _require_acceptance(wanted, found.licence, accept_licence)
    return found


def _here(wanted: str) -> Found | None:
    """The directory that is named, None where there is none."""
    directory = Path(wanted).expanduser()
    if not (wanted and directory.is_dir()):
        return None
    return Found(directory, own_name(directory), (licence_of(directory),))


def _from_hub(hub: str, name: str, accept_licence: bool, known: tuple[Licence, ...] = ()) -> Found:
    """A model of the hub, from the local cache or downloaded; known : licences beside those of its card."""
    snapshot = _in_local_cache(hub)
    if snapshot is None:
        snapshot, stated = _download(hub, accept_licence)
        known = (*known, stated)
    return Found(snapshot, name, (licence_of(snapshot), *known))


def _listed(model: Recommended) -> Licence:
    return Licence(model.licence, "the list of recommended models")


def _in_local_cache(hub: str) -> Path | None:
    """The newest snapshot of a hub model in the local cache that has weights; never touches the network."""
    from huggingface_hub import snapshot_download

    try:
        snapshot = Path(snapshot_download(hub, local_files_only=True))
    except (OSError, ValueError):
        return None
    usable = (snapshot / "config.json").is_file() and bool(weight_files(snapshot))
    return snapshot if usable else None


def _download(hub: str, accept_licence: bool) -> tuple[Path, Licence]:
    """Fetch what is needed of a hub model; its licence is looked at first."""
    from huggingface_hub import HfApi, snapshot_download

    # Which exceptions the hub's client lets through differs between its versions and those of its transport.
    try:
        info = HfApi().model_info(hub, files_metadata=True, timeout=20)
    except Exception as error:
        raise _not_fetched(hub, error) from error
    sizes = {f.rfilename: f.size or 0 for f in info.siblings or [] if f.rfilename.endswith(".safetensors")}
    sizes = {name: size for name, size in sizes.items() if "/" not in name}
    if WEIGHTS in sizes:
        sizes = {WEIGHTS: sizes[WEIGHTS]}
    if not sizes:
        raise EncoderError(f"{hub}: has no safetensors weights (other weight formats are not read)")
    card = info.card_data
    stated = card_name(card.get("license"), card.get("license_name")) if card else ""
    licence = Licence(stated or NOT_STATED, f"the model card of {hub}")
    log.info("%s: %.0f MB, licence: %s", hub, sum(sizes.values()) / 1e6, licence.name)
    _require_acceptance(hub, licence, accept_licence)
    try:
        return Path(snapshot_download(hub, allow_patterns=[*FILES, *sizes])), licence
    except Exception as error:
        raise _not_fetched(hub, error) from error


def _not_fetched(hub: str, error: Exception) -> EncoderError:
    from huggingface_hub.errors import RepositoryNotFoundError

    why = "has no such model, or none that is open" if isinstance(error, RepositoryNotFoundError) else ""
    return EncoderError(
        f"{hub}: no directory here, not in the local cache, and the hub {why or 'was not reached'} "
        f"({type(error).__name__}): give the directory of a model on this machine (encoders that are embedded need "
        "neither: leave the option out)"
    )


def _require_acceptance(model: str, licence: Licence, accepted: bool) -> None:
    if licence.non_commercial and not accepted:
        raise UsageError(
            f"{model}: its licence ({licence.name}, says {licence.read_in}) forbids commercial use: "
            "add --accept-licence if that suits you"
        )
