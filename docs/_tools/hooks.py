"""What MkDocs calls while it builds the site: pages that are not in ``docs``, formulas, the navigation."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.structure.files import File, Files
from nbconvert import MarkdownExporter

from e2e_tf.version import __version__

sys.path.insert(0, str(Path(__file__).parent))
from reference import FOLDERS, LAYERS, MODELS, PACKAGES, pages

ROOT = Path(__file__).resolve().parents[2]
ELSEWHERE = {"changelog.md": "CHANGELOG.md", "contributing.md": "CONTRIBUTING.md"}
"""Pages that stand in the root of the repository."""


def on_config(config: Any) -> Any:
    """Fill the lists of generated pages, and say in the footer which version they describe."""
    lists = {
        "Layers": [f"layers/{name}.md" for name in LAYERS],
        "Models": [f"models/{name}.md" for name in MODELS],
        "API": [f"api/{name}.md" for name in PACKAGES],
        "Notebooks": [f"notebooks/{path.stem}.md" for path in _notebooks()],
    }
    config.nav = [{name: lists.get(name, entry)} for item in config.nav for name, entry in item.items()]
    config.copyright = f"e2e-tf {__version__}"
    return config


def _lay_out() -> None:
    """The packages as they are installed, in the folder where mkdocstrings looks for them."""
    layout = ROOT / "build" / "docs"
    shutil.rmtree(layout, ignore_errors=True)
    for package in sorted(FOLDERS):  # e2e_tf first, into which the others go
        copy = layout.joinpath(*package.split("."))
        shutil.copytree(ROOT / FOLDERS[package], copy, ignore=_no_sources)


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are not in ``docs``."""
    for name, text in pages().items():
        files.append(File.generated(config, name, content=text))
    for name, source in ELSEWHERE.items():
        text = (ROOT / source).read_text(encoding="utf-8").replace("](docs/", "](")
        files.append(File.generated(config, name, content=text))
    for path in _notebooks():
        executed = ROOT / "build" / "notebooks" / path.name
        body, resources = MarkdownExporter().from_filename(str(executed if executed.exists() else path))
        for name, data in resources["outputs"].items():
            body = body.replace(f"]({name})", f']({path.stem}/{name}){{ width="{_width(data)}" }}')
            files.append(File.generated(config, f"notebooks/{path.stem}/{name}", content=data))
        files.append(File.generated(config, f"notebooks/{path.stem}.md", content=body))
    return files


def on_page_content(html: str, **_options: Any) -> str:
    """Write formulas as MathML, which browsers show without a script."""
    html = re.sub(
        r'<div class="arithmatex">\\\[(.*?)\\\]</div>', lambda m: _math(m[1], "block"), html, flags=re.DOTALL
    )
    return re.sub(
        r'<span class="arithmatex">\\\((.*?)\\\)</span>',
        lambda m: _math(m[1], "inline"),
        html,
        flags=re.DOTALL,
    )


def _width(png: bytes) -> int:
    """How wide a picture of a notebook is on a page, in pixels: half its own, and no wider than the text."""
    return min(int.from_bytes(png[16:20], "big") // 2, 680)  # the header of a PNG begins with its width


def _no_sources(folder: str, names: list[str]) -> list[str]:
    """What is no module and no folder of modules."""
    return [
        name for name in names if name == "build" or not (name.endswith(".py") or Path(folder, name).is_dir())
    ]


def _math(text: str, display: str) -> str:
    from html import unescape

    return convert(unescape(text).strip(), display=display)


def _notebooks() -> list[Path]:
    return sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


# When this file is read, before any plugin is set up: folders that are not there then are never searched.
_lay_out()
