"""`--term local` from a table to a model whose search is put in a better order by words and regions."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers

from motet.data import ImageCells, infer_schema, read_pairs, read_table
from motet.deployment import MatchOptions, build_match_model
from motet.errors import UsageError
from motet.runtime import MatchModel
from motet.runtime.match_parts import embed_parts, local_similarity
from motet.training.match_settings import MatchSettings

SETTINGS = MatchSettings(width=32, hidden=32, epochs=2, least_steps=4, members=1)
PARTS = MatchSettings(width=16, pictures=20, sentences=1, epochs=2, least_steps=0)
NAMES = ["red", "blue", "green", "black", "white", "phone", "camera", "laptop", "shirt", "lamp", "a"]
WORDS = ["<pad>", "<unk>", *NAMES]


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A picture network of 3 x 3 patches, and one of words: random weights, in the form that is published."""
    folder = tmp_path_factory.mktemp("published")
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24}
    vision = transformers.ViTConfig(**shape, image_size=24, patch_size=8)
    transformers.ViTModel(vision, add_pooling_layer=False).eval().save_pretrained(folder / "patches")
    said = {"image_processor_type": "ViTImageProcessor", "size": {"height": 24, "width": 24}}
    (folder / "patches" / "preprocessor_config.json").write_text(json.dumps(said))
    words = transformers.BertConfig(
        **shape, vocab_size=len(WORDS), max_position_embeddings=32, pad_token_id=0
    )
    transformers.BertModel(words, add_pooling_layer=False).eval().save_pretrained(folder / "words")
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "words" / "tokenizer.json"))
    (folder / "words" / "tokenizer_config.json").write_text(json.dumps({"pad_token": "<pad>"}))
    return folder / "patches", folder / "words"


@pytest.fixture(scope="module")
def space(
    catalogue: Any, encoders: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    table = read_table(catalogue.table)
    schema = infer_schema(table, image=["image"], text=["title", "description"], split="split")
    options = MatchOptions(
        image_encoders=(str(encoders[0]),),
        text_encoders=(str(encoders[1]),),
        terms={"local": 1.0},
        training=SETTINGS,
        parts=PARTS,
    )
    place = tmp_path_factory.mktemp("space") / "model"
    return place, build_match_model(table, schema, place, options)


def test_the_evaluation_shows_both_orders(space: tuple[Path, dict[str, Any]]) -> None:
    place, evaluation = space
    better = evaluation["reranked"]
    assert set(better["directions"]) == {"text->image", "image->text"} and better["depth"] == 100
    assert set(evaluation["history"]) == {"trained", "local"}
    for direction, entry in better["directions"].items():
        assert entry["gallery"] == evaluation["directions"][direction]["gallery"]
    for file in ("README.md", "report.html"):
        assert "by words and regions" in (place / file).read_text(encoding="utf-8")


def test_the_search_orders_its_answers_by_both(
    motet: Callable[..., Any], catalogue: Any, space: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    """Each score recomputed from the model's own vectors and parts."""
    model = MatchModel(space[0])
    place = tmp_path / "things.index"
    assert motet("index", "build", catalogue.table, "-m", space[0], "-o", place).code == 0
    asked = ("index", "search", place, "-m", space[0], "--text", "a red phone", "-k", 5, "--json")
    found = json.loads(motet(*asked, "--rerank").out)["found"]
    table = read_table(catalogue.table)
    cells = ImageCells(table, ["image"])
    row_of = {name: row for row, name in enumerate(table.column("image").to_pylist())}
    rows = np.array([row_of[one["metadata"]["image"]] for one in found])
    cosines = model.embed_images(cells, rows).vectors @ model.embed_texts(["a red phone"]).vectors[0]
    entry = model.space.parts
    assert entry is not None and len(found) == 5
    sentence = read_pairs(
        read_table(
            {"image": table.column("image").to_pylist()[:1], "title": ["a red phone"]}, image_root=table.root
        ),
        infer_schema(read_table({"image": ["a.png"], "title": ["a"]}), image=["image"], text=["title"]),
    ).sentences
    words, regions = embed_parts(model, "text", sentence), embed_parts(model, "image", cells, rows)
    wanted = cosines + entry.weight * local_similarity(words.of(0), regions, np.arange(5))
    np.testing.assert_allclose([one["score"] for one in found], wanted, atol=3e-3)
    assert (np.diff([one["score"] for one in found]) <= 0).all()
    assert len(words.of(0)) == 3 and len(regions.of(0)) >= 9


def test_wrong_usage(
    motet: Callable[..., Any], catalogue: Any, space: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    table = read_table(catalogue.table)
    schema = infer_schema(table, image=["image"], text=["title"], split="split")
    pooled = MatchOptions(
        image_encoders=("descriptor",), text_encoders=("lexical",), terms={"local": 1.0}, training=SETTINGS
    )
    with pytest.raises(UsageError, match="no image source here has tokens: name a pretrained image encoder"):
        build_match_model(table, schema, tmp_path / "m", pooled)
    with pytest.raises(UsageError, match="chosen on validation pictures"):
        MatchOptions(terms={"local": 0.5})
    done = motet("index", "search", tmp_path, "--like", "3", "--rerank")
    assert done.code == 2 and "ask with words alone" in done.err
