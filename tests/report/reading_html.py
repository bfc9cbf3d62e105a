"""A strict reader of pages: well-formed, and nothing in them that could run or leave the page."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "img", "br", "link", "input", "hr"}
# Whatever these hold is fetched, followed or run.
REFERENCES = {"src", "href", "srcset", "action", "formaction", "data", "poster", "xlink:href", "background"}


@dataclass
class Node:
    tag: str
    attributes: dict[str, str]
    children: list[Node | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        parts = (child if isinstance(child, str) else child.text for child in self.children)
        return " ".join("".join(parts).split())

    def all(self, tag: str, css: str = "") -> list[Node]:
        found = []
        for child in self.children:
            if isinstance(child, Node):
                if child.tag == tag and (not css or css in child.attributes.get("class", "").split()):
                    found.append(child)
                found.extend(child.all(tag, css))
        return found

    def one(self, tag: str, css: str = "") -> Node:
        found = self.all(tag, css)
        assert len(found) == 1, f"{len(found)} {tag}.{css}"
        return found[0]


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"an attribute of {tag} stands twice"
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Node(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def read(page: str) -> Node:
    """Read a page; fails where a tag is left open, and where anything could run or leave the page."""
    page.encode("utf-8")
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == [reader.root]
    check(reader.root)
    policies = [
        meta
        for meta in reader.root.all("meta")
        if meta.attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert [policy.attributes["content"] for policy in policies] == [
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    ]
    ids = identifiers(reader.root)
    assert len(ids) == len(set(ids))
    return reader.root


def check(node: Node) -> None:
    assert node.tag not in {"script", "iframe", "object", "embed", "base", "form", "link", "foreignobject"}
    for name, value in node.attributes.items():
        assert not name.startswith("on"), f"{name} on {node.tag}"
        if name in REFERENCES:
            assert value.startswith(("#", "data:image/")), f"{name}={value[:60]}"
        if name == "style":
            assert value.startswith("--share:") and value.count(":") == 1
            assert 0 <= float(value.removeprefix("--share:")) <= 1
    if node.tag == "style":
        written = node.text.lower()
        assert not any(word in written for word in ("url(", "@import", "expression(", "http"))
    for child in node.children:
        if isinstance(child, Node):
            check(child)


def identifiers(node: Node) -> list[str]:
    below = [name for child in node.children if isinstance(child, Node) for name in identifiers(child)]
    return ([node.attributes["id"]] if "id" in node.attributes else []) + below


def rows(table: Node) -> list[list[str]]:
    """The texts of a table's rows, headers included."""
    return [
        [cell.text for cell in row.children if isinstance(cell, Node) and cell.tag in ("td", "th")]
        for row in table.all("tr")
    ]
