"""Docstrings as Markdown: formulas, roles and literal blocks are written there as Sphinx has them."""

from __future__ import annotations

import re
import textwrap
from typing import Any

import griffe

__all__ = ["Markdown", "markdown"]

_BLOCK = re.compile(
    r"^(?P<indent> *)(?P<head>\.\. math|[^\n]*?):: *\n(?P<body>(?:(?P=indent) +[^\n]*\n|\n)+)", re.MULTILINE
)


def markdown(text: str) -> str:
    """A docstring with formulas between dollar signs, names in code and literal blocks as fences.

    Args:
        text: as it stands in the source, without its indentation.

    Returns:
        The same in Markdown.
    """
    text = _BLOCK.sub(_block, text + "\n")
    text = re.sub(r":math:`([^`]+)`", r"$\1$", text)
    text = re.sub(r"\]\[(\d)", r"]\\[\1", text)  # shapes, no references
    return re.sub(r":(?:attr|class|data|func|meth|mod):`~?([^`]+)`", r"`\1`", text).rstrip("\n")


def _block(found: re.Match[str]) -> str:
    head, body = found["head"], textwrap.dedent(found["body"]).strip("\n")
    if head == ".. math":
        written = "\n\n".join(f"$$\n{formula}\n$$" for formula in re.split(r"\n{2,}|(?<=\\quad)\n", body))
    else:
        written = (f"{head}:\n\n" if head else "") + f"```text\n{body}\n```"
    return textwrap.indent(f"{written}\n\n", found["indent"])


class Markdown(griffe.Extension):
    """Rewrites every docstring by :func:`markdown`."""

    def on_instance(self, *, obj: griffe.Object, **_options: Any) -> None:
        """Called for each object that griffe has read.

        Args:
            obj: it.
        """
        if obj.docstring is not None:
            obj.docstring.value = markdown(obj.docstring.value)
