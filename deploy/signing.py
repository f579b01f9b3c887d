"""The manifest's own checksum: a changed threshold, name or graph is noticed like a changed file.

Among the ``checksums`` of ``manifest.json`` is one of ``manifest.json`` itself: the SHA-256 of its bytes with 64 zeros
in place of that entry. So any language checks it with a replacement in a text and needs no rule for writing numbers.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from e2e_tf.files import new_file

__all__ = ["MANIFEST_FILE", "manifest_digest", "write_manifest"]

MANIFEST_FILE = "manifest.json"
_ZEROS = "0" * 64


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest of a bundle with its own checksum, in one step.

    Args:
        folder: the bundle.
        manifest: what it says; an earlier checksum of itself is replaced.

    Raises:
        InputError: the disk is full.
    """
    others = {name: value for name, value in manifest["checksums"].items() if name != MANIFEST_FILE}

    def text(digest: str) -> str:
        checksums = dict(sorted({**others, MANIFEST_FILE: digest}.items()))
        return json.dumps({**manifest, "checksums": checksums}, indent=1, ensure_ascii=False) + "\n"

    digest = hashlib.sha256(text(_ZEROS).encode()).hexdigest()
    with new_file(folder / MANIFEST_FILE, force=True) as part:
        part.write_text(text(digest), encoding="utf-8", newline="\n")


def manifest_digest(folder: Path, listed: str) -> str:
    """The checksum that a manifest has.

    Args:
        folder: the bundle.
        listed: the checksum that it lists of itself.

    Returns:
        64 digits, those of ``listed`` if nothing has changed.
    """
    content = (folder / MANIFEST_FILE).read_bytes()
    if len(listed) == len(_ZEROS):
        content = content.replace(listed.encode(), _ZEROS.encode())
    return hashlib.sha256(content).hexdigest()
