"""Exports against the embedded databases themselves, and the page of what was found."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pytest
from made_vectors import unit

from motet.errors import SearchError
from motet.retrieval.contact_sheet import Shown, contact_sheet
from motet.retrieval.export_lancedb import export_lancedb
from motet.retrieval.export_qdrant import export_qdrant


def test_qdrant_gives_the_same_answers(small):
    qdrant = pytest.importorskip("qdrant_client", reason="qdrant-client is not installed")
    small.remove(["货3"])
    client = qdrant.QdrantClient(":memory:")
    assert export_qdrant(small, client, "things", rows_at_once=7) == 39
    for query, ids in zip(unit(5, seed=1), small.search(unit(5, seed=1), 5).ids, strict=True):
        points = client.query_points("things", query=query.tolist(), limit=5).points
        assert [point.payload["id"] for point in points] == ids
    payload = points[0].payload
    number = int(payload["id"][1:])
    assert payload["metadata"] == {"price": float(number), "品牌": f"牌{number % 3}"}
    cheap = qdrant.models.FieldCondition(key="metadata.price", range=qdrant.models.Range(lt=10))
    found = client.query_points(
        "things", query=query.tolist(), limit=5, query_filter=qdrant.models.Filter(must=[cheap])
    ).points
    assert [one.payload["id"] for one in found] == small.search(query[None], 5, "price < 10").ids[0]
    with pytest.raises(SearchError, match="'things' is there already"):
        export_qdrant(small, client, "things")


def test_lancedb_gives_the_same_answers(small, tmp_path):
    lancedb = pytest.importorskip("lancedb", reason="lancedb is not installed")
    small.remove(["货3"])
    database = lancedb.connect(tmp_path / "lance")
    assert export_lancedb(small, database, "things", rows_at_once=7) == 39
    table = database.open_table("things")
    for query, ids in zip(unit(5, seed=1), small.search(unit(5, seed=1), 5).ids, strict=True):
        assert table.search(query).metric("dot").limit(5).to_arrow()["id"].to_pylist() == ids
    cheap = table.search(query).metric("dot").where("price < 10", prefilter=True).limit(5).to_arrow()
    assert cheap["id"].to_pylist() == small.search(query[None], 5, "price < 10").ids[0]
    np.testing.assert_array_equal(
        np.array(cheap["vector"].to_pylist())[0], small.vector(cheap["id"][0].as_py())
    )
    with pytest.raises(SearchError, match="'things' is there already"):
        export_lancedb(small, database, "things")


class Read(HTMLParser):
    """Tags with their attributes, and all text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said = ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.said += data


def test_a_sheet_shows_what_was_found_and_runs_nothing():
    evil = '"><script>alert(1)</script>'
    picture = "data:image/jpeg;base64,AAAA"
    page = Read(
        contact_sheet(
            f"红色台灯 {evil}",
            [Shown(f"货1{evil}", 0.98765, picture, {f"品牌{evil}": evil, "price": None}), Shown("货2", -0.1)],
            asked=picture,
            where=f"品牌 = '{evil}'",
        )
    )
    assert not [tag for tag, _ in page.tags if tag in ("script", "link", "iframe")]
    assert {value for tag, of in page.tags for key, value in of.items() if key in ("src", "href")} == {
        picture
    }
    assert page.said.count(evil) == 6 and "红色台灯" in page.said  # title, heading, filter, id, name, value
    assert "0.988" in page.said and "-0.100" in page.said and "no picture" in page.said
    assert page.said.index("0.988") < page.said.index("货2")
    assert "price" not in page.said
