"""`motet predict` of one picture, one text, one sound, or several of them: printed, and as a card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from motet.runtime import Model, Prediction, ZeroShot


def predict_sample(
    model: Model | ZeroShot,
    image: Path | None,
    text: str | None,
    audio: Path | None,
    card: Path | None,
    asked: dict[str, float | None],
    explain: bool,
    json: bool,
) -> None:
    """Answer one sample, print it, and write its card; UsageError for a kind that the model does not read."""
    from motet.cli.console import bar, message, print_json, print_table, shortened
    from motet.data.media import decode_image, read_media
    from motet.errors import MediaError, UsageError
    from motet.report import render_card, thumbnail

    schema = model.manifest.schema
    row: dict[str, list[object]] = {}
    for value, kind in ((image, "image"), (text, "text"), (audio, "audio")):
        if value is not None and not schema.inputs(kind):
            raise UsageError(f"this model reads no {kind} (it reads {', '.join(schema.modalities)})")
    picture = None
    if image is not None:
        try:
            data = read_media(image)
        except MediaError as error:
            raise UsageError(f"--image: {error}") from error
        row[schema.inputs("image")[0]] = [data]
        try:
            picture = thumbnail(decode_image(data), size=640)
        except MediaError:
            picture = None  # the answer below lists what is wrong with it
    if text is not None:
        row[schema.inputs("text")[0]] = [text]
    if audio is not None:
        try:
            row[schema.inputs("audio")[0]] = [read_media(audio)]
        except MediaError as error:
            raise UsageError(f"--audio: {error}") from error
    answer = model.predict(
        row, coverage=asked["coverage"], abstain_below=asked["abstain_below"], explain=explain
    )[0]
    if answer.issue:
        message(f"issue: {answer.issue}")
    for note in model.notes_on({answer.pattern: 1}):
        message(f"note: {note}")
    if card is not None:
        page = render_card(answer.to_json(), picture=picture, text=text, coverage=asked["coverage"])
        card.write_text(page, encoding="utf-8")
        message(f"card: {card}")
    if json:
        print_json(answer.to_json())
        return
    if answer.probabilities is None:
        message(f"{answer.prediction:g} ({answer.pattern})")
        _explain(answer)
        if answer.interval is not None:
            low, high = answer.interval
            known = low is not None and high is not None
            message(
                f"between {low:g} and {high:g}" if known else "too few rows were held out for this coverage"
            )
        return
    ranked = sorted(answer.probabilities.items(), key=lambda pair: -pair[1])
    rows = [[shortened(name), f"{value:.3f}", bar(value)] for name, value in ranked[:10]]
    told = (
        ", ".join(answer.prediction) or "no label"
        if isinstance(answer.prediction, list)
        else answer.prediction
    )
    print_table(f"{told} ({answer.pattern})", ["class", "probability", ""], rows, left=("",))
    _explain(answer)
    if answer.classes is not None:
        message(f"one of: {', '.join(answer.classes)}")
    if answer.abstain:
        message("less sure than asked: for a person to look at")


def _explain(answer: Prediction) -> None:
    """One line for each thing that was answered: what it is from nothing, and what each modality adds."""
    from motet.cli.console import message

    for name, whole, shares in answer.explained():
        gains = ", ".join(f"{value:+.3f} {modality}" for modality, value in shares.items())
        message(f"{name}: {whole - sum(shares.values()):.3f} from nothing, {gains or 'and nothing is there'}")
