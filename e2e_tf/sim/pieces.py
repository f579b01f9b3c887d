"""Finished chunks as files of flat columns (npz)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from e2e_tf.data.jets import Jets, Ragged

__all__ = ["load_columns", "pack", "save_columns", "unpack"]


def load_columns(path: Path) -> dict[str, np.ndarray]:
    """The columns of a file by name, in their order.

    Args:
        path: an npz file.

    Returns:
        Arrays by name.
    """
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def save_columns(path: Path, columns: Mapping[str, np.ndarray]) -> None:
    """Write columns to a file.

    Args:
        path: the file.
        columns: arrays by name.
    """
    with path.open("wb") as file:
        np.savez(file, **columns)  # type: ignore[arg-type]


def pack(jets: Jets) -> dict[str, np.ndarray]:
    """Flat columns by name, in the order of a file of jets.

    Args:
        jets: all of a piece.

    Returns:
        Arrays by name.
    """
    assert jets.label is not None
    columns = {f"jets/{name}": column for name, column in jets.columns.items()}
    columns |= {f"truth/{name}": column for name, column in jets.truth.items()}
    columns |= {"event": jets.event, "weight": jets.weight, "label": jets.label}
    groups = {f"hits/{channel}": hits for channel, hits in jets.hits.items()}
    if jets.candidates is not None:
        groups["candidates"] = jets.candidates
    groups |= {f"objects/{kind}": objects for kind, objects in jets.objects.items()}
    for group, ragged in groups.items():
        columns[f"{group}/offset"] = ragged.offsets
        columns |= {f"{group}/{name}": column for name, column in ragged.columns.items()}
    return columns


def unpack(columns: dict[str, np.ndarray]) -> Jets:
    """The jets of :func:`pack`'s columns.

    Args:
        columns: from :func:`pack`.

    Returns:
        The jets.
    """

    def group(prefix: str) -> dict[str, np.ndarray]:
        return {name[len(prefix) :]: column for name, column in columns.items() if name.startswith(prefix)}

    def ragged(prefix: str) -> Ragged:
        found = group(prefix)
        return Ragged({name: found[name] for name in found if name != "offset"}, found["offset"])

    kinds = dict.fromkeys(name.split("/")[0] for name in group("objects/"))
    return Jets(
        columns=group("jets/"),
        event=columns["event"],
        weight=columns["weight"],
        label=columns["label"],
        truth=group("truth/"),
        hits={channel: ragged(f"hits/{channel}/") for channel in ("track", "ecal", "hcal")},
        candidates=ragged("candidates/"),
        objects={kind: ragged(f"objects/{kind}/") for kind in kinds},
    )
