"""High-level features of detector objects."""

from __future__ import annotations

import numpy as np

from e2e_tf.data.detector_features import detector_quantities, node_kinds
from e2e_tf.data.grid import delta_phi
from e2e_tf.data.jets import Jets
from e2e_tf.errors import InputError
from e2e_tf.graph import KINDS
from e2e_tf.training.baseline.rows import RINGS, Rows, at, jet_columns, need, ratio, table
from e2e_tf.training.baseline.tau import Objects, tau_columns

__all__ = ["detector_features"]

_FACE = (0.02, 0.05, 0.1, 0.2)  # rad, around where the leading track meets the calorimeter
_LAYERS = _DEPTHS = 4


def detector_features(jets: Jets) -> tuple[list[str], np.ndarray]:
    """High-level features of tracks, crystals, towers and clusters of pixels, with the jet's own pT, mass and |η|.

    The 119 of :func:`e2e_tf.training.baseline.tau.tau_columns`, with crystals as electromagnetic and towers as hadronic
    objects; per kind number, sum of pT [GeV], share of it, share of the leading one and widths [rad], numbers and sums
    in rings of ΔR < 0.1, 0.1-0.2 and 0.2-0.5; charge in the signal cone; around where the leading track meets the
    calorimeter energy over momentum and numbers of cells within 0.02 to 0.2, and the widths of the shower; energy of
    the HCAL by depth; clusters of pixels by layer and around the leading track; quality of the leading tracks; mean
    time of crystals; vertices. Tracks count as those of the chosen vertex where ``from_pv`` says so or is not known.
    What a jet or a sample does not have is 0.

    Args:
        jets: n jets with ``objects`` and the columns ``pt``, ``mass`` and ``eta``.

    Returns:
        Names and a finite float32 array (n, number of names).

    Raises:
        InputError: the jets have no objects, or a column is missing.
    """
    if not jets.objects:
        raise InputError("features of detector objects need objects; these jets have none")
    need(jets.columns, ("pt", "mass", "eta"), "jets")
    raw, n_node = detector_quantities(jets)
    zero = np.zeros(int(n_node.sum()))
    q = {name: values.astype(np.float64) for name, values in raw.items()}
    q |= {
        name: q.get(name, zero)
        for name in ("d0_significance", "dz_significance", "chi2", "n_hits", "n_pixel_hits", "time", "depth")
    }
    kind = node_kinds(raw)
    track = kind == 0
    chosen = track & (q["from_pv"] != 0) if "from_pv" in q else track
    n, owner = len(jets), np.repeat(np.arange(len(jets)), n_node)
    objects = Objects(
        owner,
        n,
        q["pt"],
        q["deta"],
        q["dphi"],
        jets["eta"].astype(np.float64),
        track=chosen,
        pileup=track & ~chosen,
        electromagnetic=kind == 1,
        strip=kind == 1,
        hadronic=kind == 2,
        charge=q.get("charge", zero),
        d0_significance=q["d0_significance"],
        dz_significance=q["dz_significance"],
    )
    of = Rows(owner, n)
    columns = jet_columns(jets)
    if "rho" in jets.columns:
        columns["jet_rho"] = jets["rho"]
    columns |= tau_columns(objects, jets["pt"].astype(np.float64))
    columns |= _sums(of, q, kind, chosen)
    leading = of.leading(q["pt"], chosen, 3)
    columns |= _at_the_face(of, q, kind, leading[:, 0])
    columns |= _tracks(of, q, leading, objects, jets["pt"].astype(np.float64))
    columns["n_pileup_tracks"] = of.count(track & ~chosen)
    columns["pileup_sum"] = of.sum(q["pt"], track & ~chosen)
    columns |= _vertices(jets)
    return table(columns)


def _sums(of: Rows, q: dict[str, np.ndarray], kind: np.ndarray, chosen: np.ndarray) -> dict[str, np.ndarray]:
    """Numbers, sums and widths of each kind around the jet axis."""
    columns: dict[str, np.ndarray] = {}
    total = of.sum(q["pt"])
    for number, name in enumerate(KINDS):
        mask = chosen if name == "track" else kind == number
        columns[f"n_{name}"] = of.count(mask)
        for low, high in RINGS:
            ring = mask & (q["delta_r"] >= low) & (q["delta_r"] < high)
            columns[f"n_{name}_{low:g}_{high:g}"] = of.count(ring)
            if name != "pixel":
                columns[f"{name}_sum_{low:g}_{high:g}"] = of.sum(q["pt"], ring)
        if name == "pixel":
            continue
        pt = of.sum(q["pt"], mask)
        columns[f"{name}_sum"] = pt
        columns[f"{name}_fraction"] = ratio(pt, total)
        columns[f"{name}_leading_fraction"] = ratio(of.largest(q["pt"], mask), pt)
        columns[f"{name}_mean_delta_r"] = ratio(of.sum(q["pt"] * q["delta_r"], mask), pt)
        columns[f"{name}_rms_delta_r"] = np.sqrt(ratio(of.sum(q["pt"] * q["delta_r"] ** 2, mask), pt))
    energy = of.sum(q["energy"], kind == 2)
    for depth in range(1, _DEPTHS + 1):
        columns[f"hcal_depth_{depth}"] = ratio(
            of.sum(q["energy"], (kind == 2) & (q["depth"] == depth)), energy
        )
    columns["ecal_time"] = ratio(of.sum(q["energy"] * q["time"], kind == 1), of.sum(q["energy"], kind == 1))
    return columns


def _at_the_face(
    of: Rows, q: dict[str, np.ndarray], kind: np.ndarray, first: np.ndarray
) -> dict[str, np.ndarray]:
    """What lies around the place where the leading track meets the calorimeter."""
    columns: dict[str, np.ndarray] = {}
    deta = q["deta_face"] - at(q["deta_face"], first)[of.owner]
    dphi = delta_phi(q["dphi_face"], at(q["dphi_face"], first)[of.owner])
    away, momentum = np.hypot(deta, dphi), at(q["energy"], first)
    for radius in _FACE:
        for number, name in ((1, "ecal"), (2, "hcal")):
            near = (kind == number) & (away < radius)
            columns[f"face_{name}_{radius:g}"] = ratio(of.sum(q["energy"], near), momentum)
            columns[f"face_n_{name}_{radius:g}"] = of.count(near)
    near = (kind == 1) & (away < _FACE[-1])
    weight = of.sum(q["energy"], near)
    columns["face_width_eta"] = np.sqrt(ratio(of.sum(q["energy"] * deta**2, near), weight))
    columns["face_width_phi"] = np.sqrt(ratio(of.sum(q["energy"] * dphi**2, near), weight))
    # Photons beside the track: energy in the ECAL farther than a shower, over the track's momentum.
    columns["face_beside"] = ratio(of.sum(q["energy"], near & (away > _FACE[1])), momentum)
    return columns


def _tracks(
    of: Rows, q: dict[str, np.ndarray], leading: np.ndarray, o: Objects, jet_pt: np.ndarray
) -> dict[str, np.ndarray]:
    """Quality of the leading tracks, charge, and clusters of pixels around the first."""
    columns: dict[str, np.ndarray] = {}
    for rank in range(leading.shape[1]):
        for name in ("chi2", "n_hits", "n_pixel_hits"):
            columns[f"track_{rank + 1}_{name}"] = at(q[name], leading[:, rank])
    first = leading[:, 0]
    around = np.hypot(o.deta - at(o.deta, first)[o.owner], delta_phi(o.dphi, at(o.dphi, first)[o.owner]))
    inside = o.track & (around < np.clip(ratio(np.full(o.n, 3.0), jet_pt), 0.05, 0.1)[o.owner])
    columns["charge_in_cone"] = np.abs(of.sum(o.charge, inside))
    columns["n_tracks_in_cone"] = of.count(inside)
    columns["leading_track_delta_r"] = at(q["delta_r"], first)
    if "layer" in q:
        for layer in range(1, _LAYERS + 1):
            clusters = q["layer"] == layer
            columns[f"n_pixel_layer_{layer}"] = of.count(clusters)
            columns[f"n_pixel_near_{layer}"] = of.count(clusters & (around < 0.05))
    return columns


def _vertices(jets: Jets) -> dict[str, np.ndarray]:
    """Number of vertices, and how the chosen one compares."""
    if "vertex" not in jets.objects:
        return {}
    vertices, n = jets.objects["vertex"], len(jets)
    of = Rows(vertices.owner, n)
    first = np.zeros(len(vertices.owner), bool)
    first[vertices.offsets[:-1][vertices.counts > 0]] = True
    columns = {"n_vertices": of.count()}
    distance = np.where(first, 1e3, np.abs(vertices["z"].astype(np.float64)))
    nearest = np.full(n, 1e3)
    np.minimum.at(nearest, vertices.owner, distance)
    columns["vertex_distance"] = np.minimum(nearest, 1e3)
    for name in ("sum_pt2", "n_tracks"):
        if name in vertices.columns:
            values = vertices[name].astype(np.float64)
            columns[f"vertex_{name}"] = of.sum(values, first)
            columns[f"vertex_{name}_share"] = ratio(of.sum(values, first), of.sum(values))
    return columns
