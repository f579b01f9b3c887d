"""Pages that people look at: one HTML file with tables that sort and plots by Plotly, which loads nothing.

The report of a run, the comparison of runs, the report of a sweep and the event display are such pages. A plot is
written as Plotly's own JSON of traces and layout (https://plotly.com/javascript/reference); Plotly's script is in the
page once, compressed, so that a page begins at 2 MB.
"""

from __future__ import annotations

import base64
import gzip
import html
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from e2e_tf.figure import PlotStyle

__all__ = [
    "Cell",
    "Plot",
    "Section",
    "cards",
    "details",
    "escaped",
    "facts",
    "page",
    "plots",
    "table",
    "to_json",
]


@dataclass(frozen=True)
class Plot:
    """A plot of a page.

    Attributes:
        data: Plotly's traces; arrays of NumPy are fine.
        layout: Plotly's layout, which is completed with the style of all pages.
        caption: what is to be seen, below the plot.
        height: in pixels.
    """

    data: Sequence[Mapping[str, Any]]
    layout: Mapping[str, Any] = field(default_factory=dict)
    caption: str = ""
    height: int = 400


@dataclass(frozen=True)
class Section:
    """A part of a page, with an entry in its list of contents.

    Attributes:
        title: as text.
        content: HTML.
    """

    title: str
    content: str


@dataclass(frozen=True)
class Cell:
    """A cell of a table that sorts by another value than its text.

    Attributes:
        text: what is shown.
        value: what the column sorts by; None stays below all others.
        style: a class of the page's style sheet.
        hint: shown where the pointer rests on it.
    """

    text: str
    value: float | str | None = None
    style: str = ""
    hint: str = ""


def page(
    title: str,
    sections: Iterable[Section],
    *,
    head: str = "",
    scripts: Sequence[str] = (),
    style: PlotStyle | None = None,
) -> str:
    """A whole page.

    Args:
        title: of the page, as text.
        sections: its parts, in order.
        head: HTML between the title and the first section.
        scripts: names of further scripts in ``e2e_tf/assets``.
        style: whose labels stand above the frame of every plot; None writes none.

    Returns:
        The content of the file. The same arguments give the same bytes.
    """
    parts = list(sections)
    names = [re.sub(r"\W+", "-", part.title.lower()).strip("-") for part in parts]
    links = "".join(f"<a href='#{n}'>{escaped(p.title)}</a>" for n, p in zip(names, parts, strict=True))
    body = "".join(
        f"<section><h2 id='{n}'>{escaped(p.title)}</h2>{p.content}</section>\n"
        for n, p in zip(names, parts, strict=True)
    )
    packed = ""
    if "class='plot'" in head + body or scripts:
        packed = f"<script type='text/plain' id='plotly'>{_plotly()}</script>\n"
        if style is not None:
            packed += f"<script type='application/json' id='labels'>{to_json(_labels(style))}</script>\n"
    code = "".join(f"<script>{_asset(name)}</script>\n" for name in ("page.js", *scripts))
    return (
        f"<!doctype html>\n<html lang='en'><head><meta charset='utf-8'><title>{escaped(title)}</title>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<link rel='icon' href='data:,'><style>{_asset('page.css')}</style></head>\n"
        f"<body><div class='layout'><nav>{links}</nav><main><h1>{escaped(title)}</h1>{head}\n"
        "<noscript><p class='bad'>Plots and sorting need JavaScript; nothing is loaded from elsewhere.</p></noscript>"
        f"{body}</main></div>\n{packed}{code}</body></html>\n"
    )


def plots(*drawn: Plot) -> str:
    """Plots side by side where there is room.

    Args:
        drawn: the plots; none gives no HTML.

    Returns:
        HTML for a section.
    """
    if not drawn:
        return ""
    figures = []
    for plot in drawn:
        content = to_json({"data": list(plot.data), "layout": dict(plot.layout)})
        caption = f"<figcaption>{escaped(plot.caption)}</figcaption>" if plot.caption else ""
        figures.append(
            f"<figure><div class='plot' style='height:{plot.height}px'></div>"
            f"<script type='application/json'>{content}</script>{caption}</figure>"
        )
    return f"<div class='row'>{''.join(figures)}</div>"


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    keys: Sequence[str] | None = None,
    sortable: bool = True,
) -> str:
    """A table whose columns sort by a click.

    Args:
        head: names of the columns.
        rows: cells of each row: text, a number, None, or a :class:`Cell`.
        keys: of the rows; pointing at one lights up the traces of the same ``meta``.
        sortable: leave the rows to be sorted.

    Returns:
        HTML for a section.
    """
    lines = [list(row) for row in rows]
    numeric = [
        bool(lines)
        and all(row[i] is None or _number(row[i]) is not None or _shown(row[i]) in ("", "-") for row in lines)
        for i in range(len(head))
    ]
    cells = "".join(
        f"<th{' class=n' if right else ''}>{escaped(name)}</th>"
        for name, right in zip(head, numeric, strict=True)
    )
    body = []
    for i, row in enumerate(lines):
        key = "" if keys is None else f" data-key='{escaped(keys[i])}'"
        body.append(
            f"<tr{key}>{''.join(_cell(c, right) for c, right in zip(row, numeric, strict=True))}</tr>"
        )
    kind = " class='sortable'" if sortable and len(lines) > 1 else ""
    content = f"<thead><tr>{cells}</tr></thead><tbody>{''.join(body)}</tbody>"
    return f"<div class='scroll'><table{kind}>{content}</table></div>"


def facts(entries: Iterable[tuple[str, Any]]) -> str:
    """Names and what they are, below each other.

    Args:
        entries: pairs of text.

    Returns:
        HTML for a section.
    """
    rows = "".join(
        f"<tr><th>{escaped(name)}</th><td>{escaped(_shown(value))}</td></tr>" for name, value in entries
    )
    return f"<div class='scroll'><table class='facts'><tbody>{rows}</tbody></table></div>"


def cards(entries: Iterable[tuple[str, str]]) -> str:
    """The numbers of a page that count most, in large.

    Args:
        entries: name and number of each.

    Returns:
        HTML.
    """
    one = "".join(f"<div class='card'><b>{escaped(v)}</b><span>{escaped(k)}</span></div>" for k, v in entries)
    return f"<div class='cards'>{one}</div>"


def details(summary: str, text: str) -> str:
    """Text that opens by a click.

    Args:
        summary: its name.
        text: shown as it is, in a fixed width.

    Returns:
        HTML for a section.
    """
    return f"<details><summary>{escaped(summary)}</summary><pre>{escaped(text)}</pre></details>"


def escaped(text: str) -> str:
    """Text as HTML.

    Args:
        text: any.

    Returns:
        The text with the characters that mean something in HTML and in attributes replaced.
    """
    return html.escape(text, quote=True)


def to_json(value: Any) -> str:
    """JSON that can stand in a page: arrays as lists, numbers of six digits, what is not finite as null.

    Args:
        value: of dictionaries, sequences, arrays, numbers and texts.

    Returns:
        The text, in which no tag can end.
    """
    text = json.dumps(_plain(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


def _labels(style: PlotStyle) -> dict[str, str]:
    """The texts of a style with Plotly's tags instead of Matplotlib's."""
    left = f"<b>{escaped(style.experiment)}</b> <i>{escaped(style.left)}</i>"
    return {"left": left.strip(), "right": escaped(style.right).replace("$^{-1}$", "<sup>−1</sup>")}


def _cell(content: Any, right: bool) -> str:
    style, value, hint = "n" if right else "", None, ""
    if isinstance(content, Cell):
        style, value, hint = f"{style} {content.style}".strip(), content.value, content.hint
        value = "" if value is None and content.text else value
    elif (number := _number(content)) is not None and _shown(content) != str(number):
        value = number
    attributes = f" class='{style}'" if style else ""
    attributes += "" if value is None else f" data-value='{escaped(str(value))}'"
    attributes += f" title='{escaped(hint)}'" if hint else ""
    return f"<td{attributes}>{escaped(_shown(content))}</td>"


def _number(content: Any) -> float | None:
    if isinstance(content, Cell):
        content = content.value
    return None if isinstance(content, (bool, str)) or content is None else float(content)


def _shown(content: Any) -> str:
    if isinstance(content, Cell):
        return content.text
    if content is None:
        return ""
    return f"{content:.5g}" if isinstance(content, (float, np.floating)) else str(content)


def _asset(name: str) -> str:
    return files("e2e_tf").joinpath("assets", name).read_text(encoding="utf-8")


@cache
def _plotly() -> str:
    """Plotly's script, compressed for a browser's DecompressionStream."""
    script = files("plotly").joinpath("package_data", "plotly.min.js").read_bytes()
    return base64.b64encode(gzip.compress(script, 6, mtime=0)).decode("ascii")
