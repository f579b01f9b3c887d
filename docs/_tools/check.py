"""Checks a built site: links and anchors lead somewhere, nothing is loaded from other hosts, no public name is missing.

python docs/_tools/check.py build/site
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

sys.path.insert(0, str(Path(__file__).parent))
from reference import public_names

LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src"}
"""Attributes whose content a browser fetches by itself; of ``link`` only style sheets, fonts and icons."""


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if (source := given.get(LOADED.get(tag, ""), "")) and given.get("rel", "") not in (
            "canonical",
            "next",
            "prev",
        ):
            self.loaded.append(source)


def faults(site: Path, names: set[str]) -> list[str]:
    """What is wrong with a site.

    Args:
        site: the built folder.
        names: anchors that must be on a page of the reference.

    Returns:
        A sentence each.
    """
    pages = {}
    for file in sorted(site.rglob("*.html")):
        page = pages[file.resolve()] = _Page()
        page.feed(file.read_text(encoding="utf-8"))
    found = []
    for file, page in pages.items():
        where = file.relative_to(site.resolve())
        for link in page.links + page.loaded:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                if link in page.loaded and parts.scheme != "data":
                    found.append(f"{where} loads {link} from another host")
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            if where.name == "404.html":
                continue  # served at any depth, so that its links begin at the root
            if not target.exists():
                found.append(f"{where} links to {link}, which is not there")
            elif (
                parts.fragment
                and target in pages
                and unquote(parts.fragment) not in pages[target].anchors | {"__tabbed"}
            ):
                found.append(f"{where} links to {link}, which has no such anchor")
    anchors = {anchor for page in pages.values() for anchor in page.anchors}
    return found + [f"{name} is public and on no page of the reference" for name in sorted(names - anchors)]


if __name__ == "__main__":
    wrong = faults(Path(sys.argv[1]), set(public_names().values()))
    print("\n".join(wrong) or f"{sys.argv[1]}: all links lead somewhere, every public name is there")
    sys.exit(1 if wrong else 0)
