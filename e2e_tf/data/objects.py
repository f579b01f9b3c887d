"""What the detector measured around a jet: tracks, calorimeter cells, clusters of pixels, and the event's vertices.

``Jets.objects`` holds one :class:`~e2e_tf.data.jets.Ragged` for each kind. Here is what its columns are called and
mean; nodes of graphs made of them stand in :mod:`e2e_tf.data.detector_features`. Places are relative to the jet
axis as those of candidates are. *At the face* means where the line or helix meets the front of the
electromagnetic calorimeter, its η and φ seen from the middle of the detector.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

from e2e_tf.errors import InputError

__all__ = ["OBJECTS", "ObjectColumn", "check_objects"]


@dataclass(frozen=True)
class ObjectColumn:
    """A column of one kind of objects.

    Attributes:
        name: in the file and in ``Jets.objects[kind].columns``.
        unit: empty for a pure number.
        description: what it is.
        dtype: how the simulation stores it; a reader may choose another.
        needed: there are no objects of this kind without it.
        negative: False where the number must not be negative.
    """

    name: str
    unit: str
    description: str
    dtype: str = "float32"
    needed: bool = False
    negative: bool = True


def _place(what: str) -> tuple[ObjectColumn, ...]:
    return (
        ObjectColumn("deta", "rad", f"η of the {what} relative to the jet axis", needed=True),
        ObjectColumn("dphi", "rad", f"φ of the {what} relative to the jet axis, wrapped", needed=True),
    )


def _energy(what: str) -> ObjectColumn:
    return ObjectColumn("energy", "GeV", f"energy of the {what}", needed=True, negative=False)


OBJECTS: dict[str, tuple[ObjectColumn, ...]] = {
    "track": (
        ObjectColumn("pt", "GeV", "transverse momentum", needed=True, negative=False),
        *_place("direction at the vertex"),
        ObjectColumn("deta_face", "rad", "η at the face relative to the jet axis", needed=True),
        ObjectColumn("dphi_face", "rad", "φ at the face relative to the jet axis, wrapped", needed=True),
        ObjectColumn("charge", "e", "electric charge", "int8", needed=True),
        ObjectColumn("d0", "cm", "transverse impact parameter with respect to the chosen vertex"),
        ObjectColumn("dz", "cm", "longitudinal impact parameter with respect to the chosen vertex"),
        ObjectColumn("d0_error", "cm", "uncertainty of d0", negative=False),
        ObjectColumn("dz_error", "cm", "uncertainty of dz", negative=False),
        ObjectColumn("chi2", "", "χ² of the fit over its degrees of freedom", negative=False),
        ObjectColumn("n_hits", "", "hits in the tracker", "uint8", negative=False),
        ObjectColumn("n_pixel_hits", "", "hits in the pixel layers", "uint8", negative=False),
        ObjectColumn(
            "from_pv",
            "",
            "1 if the chosen vertex is the nearest one, 0 if another is",
            "uint8",
            negative=False,
        ),
    ),
    "ecal": (
        _energy("crystal"),
        *_place("crystal"),
        ObjectColumn("time", "ns", "time relative to a photon from the middle of the detector"),
    ),
    "hcal": (
        _energy("tower in this depth"),
        *_place("tower"),
        ObjectColumn("depth", "", "segment in depth, from 1", "uint8", negative=False),
    ),
    "pixel": (
        *_place("cluster, seen from the chosen vertex,"),
        ObjectColumn(
            "layer", "", "layer of the pixel detector, from 1", "uint8", needed=True, negative=False
        ),
    ),
    "vertex": (
        ObjectColumn("z", "cm", "place along the beam relative to the chosen vertex", needed=True),
        ObjectColumn("sum_pt2", "GeV²", "sum of the squared pT of its tracks", negative=False),
        ObjectColumn("n_tracks", "", "tracks of the vertex", "uint16", negative=False),
    ),
    "candidate": (
        ObjectColumn("pt", "GeV", "transverse momentum", needed=True, negative=False),
        *_place("candidate"),
        _energy("candidate"),
        ObjectColumn("d0", "cm", "transverse impact parameter of its track, else 0"),
        ObjectColumn("dz", "cm", "longitudinal impact parameter of its track, else 0"),
        ObjectColumn("d0_error", "cm", "uncertainty of d0", negative=False),
        ObjectColumn("dz_error", "cm", "uncertainty of dz", negative=False),
        ObjectColumn("pdg_id", "", "kind that particle flow takes it for", "int16"),
        ObjectColumn("charge", "e", "electric charge", "int8"),
        ObjectColumn("from_pv", "", "that of its track, −1 without one", "int8"),
    ),
}
"""The columns of each kind. Objects of a jet are those within ΔR < 0.5 of its axis (tracks: by their direction at the
vertex or their place at the face); ``pixel`` holds clusters that no track uses, ``vertex`` all vertices of the event
with the chosen one first, ``candidate`` what particle flow reconstructs of tracks, ``ecal`` and ``hcal``."""


def check_objects(objects: Mapping[str, Set[str]]) -> None:
    """Kinds and their columns must be those of :data:`OBJECTS`; columns that only some samples have may be absent.

    Args:
        objects: names of the columns by kind. Further columns are accepted.

    Raises:
        InputError: a kind is unknown or lacks a column; the message lists what is accepted.
    """
    for kind, names in objects.items():
        if kind not in OBJECTS:
            raise InputError(f"objects must be of the kinds {', '.join(OBJECTS)}, not {kind!r}")
        missing = [column.name for column in OBJECTS[kind] if column.needed and column.name not in names]
        if missing:
            raise InputError(
                f"objects/{kind} needs the columns {', '.join(c.name for c in OBJECTS[kind] if c.needed)}; "
                f"it lacks {', '.join(missing)}"
            )
