"""Sparse sources are trained on in few dimensions: exact once multiplied out, and near what was there."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from motet.encoders import ArrayRows, Features, FeatureTable, SparseRows
from motet.fusion import FUSIONS, Source
from motet.training import multiply_out, to_latent
from motet.training.designs import LatentRows, standardisation
from motet.training.latent import DIMENSIONS

N, WIDTH = 400, 900
TEXT, IMAGE = "text:lexical", "image:a"


def sparse(rank: int, seed: int = 0) -> SparseRows:
    """Rows that are sums of `rank` topics of some terms each."""
    random = np.random.default_rng(seed)
    topics = random.random((rank, WIDTH)) * (random.random((rank, WIDTH)) < 0.02)
    values = ((random.random((N, rank)) < 0.2) @ topics).astype(np.float32)
    values /= np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-9)
    start = np.concatenate([[0], np.cumsum((values != 0).sum(axis=1))])
    return SparseRows(start, np.nonzero(values)[1].astype(np.int32), values[values != 0], WIDTH)


def tables_of(rows: SparseRows) -> dict[str, FeatureTable]:
    image = np.random.default_rng(1).normal(size=(N, 5)).astype(np.float32)
    present = np.arange(N) % 7 > 0
    return {TEXT: FeatureTable(rows, present), IMAGE: FeatureTable(ArrayRows(image), np.ones(N, bool))}


@pytest.mark.parametrize("fusion", sorted(FUSIONS))
def test_a_head_multiplied_out_gives_the_same_on_the_whole_source(fusion: str) -> None:
    tables = tables_of(sparse(500))
    latent = to_latent(tables, np.arange(300), seed=0)
    assert latent.tables[TEXT].width == DIMENSIONS and latent.tables[IMAGE] is tables[IMAGE]
    torch.manual_seed(0)
    sources = [Source(IMAGE, "image", 5), Source(TEXT, "text", DIMENSIONS)]
    head = FUSIONS[fusion](sources, width=8).eval()
    rows = np.arange(N)

    def batch(given: dict[str, FeatureTable]) -> dict[str, Features[torch.Tensor]]:
        return {
            name: Features(torch.from_numpy(t.rows.dense(rows)), torch.from_numpy(t.present[rows]))
            for name, t in given.items()
        }

    with torch.no_grad():
        before = head(batch(dict(latent.tables))).pooled
        multiply_out(head, latent.bases)
        after = head(batch(tables)).pooled
    assert [s.width for s in head.sources] == [5, WIDTH]
    # Coordinates are kept in float16: three digits.
    torch.testing.assert_close(after, before, atol=5e-3, rtol=5e-3)


def test_rows_of_low_rank_keep_their_inner_products() -> None:
    """40 topics span all rows, so 256 dimensions lose nothing: x . y is that of the coordinates, times their scale."""
    tables = tables_of(sparse(40))
    latent = to_latent(tables, np.arange(N), seed=0)
    x, z = (t[TEXT].rows.dense(np.arange(N)).astype(np.float64) for t in (tables, latent.tables))
    scale = np.square(x).sum() / np.square(z).sum()
    np.testing.assert_allclose(z @ z.T * scale, x @ x.T, atol=5e-3)


def test_coordinates_are_not_standardised_one_by_one() -> None:
    latent = to_latent(tables_of(sparse(500)), np.arange(300), seed=0).tables[TEXT]
    assert isinstance(latent.rows, LatentRows)
    mean, scale = standardisation(latent, np.arange(300))
    assert not mean.any() and (scale == 1).all()
    deviation = latent.rows.dense(np.arange(300)).std(axis=0)
    assert deviation[:10].mean() > 2 * deviation[-10:].mean()


def test_what_is_narrow_or_absent_everywhere() -> None:
    narrow = SparseRows(np.arange(N + 1), np.arange(N, dtype=np.int32) % 9, np.ones(N, np.float32), 9)
    assert to_latent({TEXT: FeatureTable(narrow, np.ones(N, bool))}, np.arange(N), seed=0).bases == {}
    gone = {TEXT: FeatureTable(sparse(30), np.zeros(N, bool))}
    assert to_latent(gone, np.arange(N), seed=0).tables[TEXT].width == 1
