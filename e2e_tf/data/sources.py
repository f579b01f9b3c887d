"""From a configuration, or the name of a file, to where jets come from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from e2e_tf.data.images import Images
from e2e_tf.data.jets import Jets
from e2e_tf.data.settings import DataConfig
from e2e_tf.data.source import JetSource, SourceFile, SourcePart
from e2e_tf.errors import InputError

__all__ = ["load_jets", "load_sample", "source_of"]


def source_of(data: DataConfig) -> JetSource:
    """The source of the jets that a configuration describes; nothing is looked at yet.

    Args:
        data: the section ``[data]``.

    Returns:
        The source, see :meth:`e2e_tf.data.source.JetSource.located`.
    """
    parts = tuple(
        SourcePart(
            tuple(map(SourceFile, one.names)),
            one.reader or data.reader,
            {**data.options, **one.options},
            name=name,
            settings=one.settings,
        )
        for name, one in data.samples.items()
    )
    return JetSource(
        parts or (SourcePart(tuple(map(SourceFile, data.names)), data.reader, data.options),),
        columns=_given(
            jets=data.columns, candidates=data.candidate_columns, candidate_selection=data.candidate_selection
        ),
        selection={
            "jet_pt": None if data.jet_pt is None else list(data.jet_pt),
            **_given(selection=data.selection),
        },
        weights={
            "use_event_weights": data.weighted,
            "reweight_pt": data.reweight_pt,
            **_given(weight=data.weight),
        },
    )


def _given(**entries: Any) -> dict[str, Any]:
    """The entries that say something, so that the source of a run without them is as before."""
    return {name: value for name, value in entries.items() if value}


def load_sample(
    sample: str, reader: str = "", base: Path | None = None, options: Mapping[str, Any] | None = None
) -> tuple[Jets | Images, dict[str, Any]]:
    """Jets or images of a shipped sample or of a file, and what identifies them.

    Args:
        sample: a name in :data:`SAMPLES` or a path, relative to ``base``.
        reader: a name in :data:`e2e_tf.data.readers.READERS`; empty recognises the format.
        options: more arguments of the reader.
        base: a folder; the working folder if None.

    Returns:
        The sample, and its name, file name and SHA-256.

    Raises:
        InputError: there is no such sample, or it cannot be read.
    """
    base = base or Path()
    source = JetSource((SourcePart((SourceFile(sample),), reader, options or {}),)).located(base)
    return source.read(base), source.identity()


def load_jets(
    sample: str, reader: str = "", base: Path | None = None, options: Mapping[str, Any] | None = None
) -> tuple[Jets, dict[str, Any]]:
    """As :func:`load_sample`, for jets only.

    Args:
        sample: a name in :data:`SAMPLES` or a path, relative to ``base``.
        reader: a name in :data:`e2e_tf.data.readers.READERS`; empty recognises the format.
        base: a folder; the working folder if None.
        options: more arguments of the reader.

    Returns:
        The jets, and their sample's name, file name and SHA-256.

    Raises:
        InputError: there is no such sample, it cannot be read, or it holds images.
    """
    jets, source = load_sample(sample, reader, base, options)
    if not isinstance(jets, Jets):
        raise InputError(f"{sample} holds images; this needs jets with hits or candidates")
    return jets, source
