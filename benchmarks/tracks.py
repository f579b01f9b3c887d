"""Tracks of the simulation beside those of the full simulation of CMS, and beside published numbers.

usage: python -m benchmarks.tracks --data ../shared/data --out tracks_out

Jets of up, down and strange quarks of 20 to 50 GeV, or with ``--gluons`` of gluons, on which nothing was tuned. Prints
the Markdown that stands in docs/simulation.md and writes the picture ``simulation_tracks.png`` to ``--out``; simulated
tracks that are there already are not made again.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from e2e_tf.data.grid import delta_phi
from e2e_tf.data.table import joined
from e2e_tf.figure import COLOURS, LINES, MARKERS, PlotStyle, picture, shrink_png
from e2e_tf.sim.cluster import ReconstructedJets
from e2e_tf.sim.flight import PRIMARY, fly
from e2e_tf.sim.flown import FlownPool, fly_pool, place_tracks
from e2e_tf.sim.kinematics import four_momentum, ranges
from e2e_tf.sim.measurement import measure
from e2e_tf.sim.particles import Particles, collision_points, visible_particles
from e2e_tf.sim.pileup import Pool, draw_collisions, minimum_bias
from e2e_tf.sim.pythia import PROCESSES, EventGenerator, Events, Process
from e2e_tf.sim.selection import select_jets
from e2e_tf.sim.tracker import measure_tracks
from e2e_tf.sim.tracking import reconstruct_tracks
from e2e_tf.sim.truth import generated_jets

HERE = Path(__file__).parent
FULL = "cms_fullsim_jets/uds_vs_g.h5"
JET_PT = (20.0, 50.0)
MAX_ETA = 2.4
RADIUS = 0.4
MIN_PT = 1.0  # the full simulation keeps few tracks below
PILEUP = 20.0
BATCH = 25
# Softer than what the samples need: jets from 20 GeV on.
SOFT = ("PhaseSpace:pTHatMin = 15", "PhaseSpace:pTHatMax = 80", "PhaseSpace:bias2SelectionRef = 30")
PT_STEPS = np.arange(20.0, 51.0, 5.0)
NAMES = {"full": "CMS full simulation", "new": "tracks of detector objects", "old": "tracks of candidates"}
COLUMNS = ("jet", "pt", "d0", "significance", "d0_3d", "significance_3d", "degrees", "chi2")


@dataclass(frozen=True)
class Side:
    """Tracks of the vertex in jets.

    Attributes:
        tracks: columns by name, float64 (tracks,).
        weight: float64 (jets,).
    """

    tracks: dict[str, np.ndarray]
    weight: np.ndarray

    def of(self, name: str, low: float = MIN_PT, high: float = np.inf) -> tuple[np.ndarray, np.ndarray]:
        """A column and its weights, of the tracks between two pT [GeV]."""
        kept = (self.tracks["pt"] > low) & (self.tracks["pt"] < high)
        return self.tracks[name][kept], self.weight[self.tracks["jet"][kept].astype(int)]

    def share(
        self, name: str, least: float, low: float = MIN_PT, high: float = np.inf
    ) -> tuple[float, float]:
        """Share of the tracks with more than ``least``, and its error."""
        values, weight = self.of(name, low, high)
        passing = weight[values > least]
        share = passing.sum() / weight.sum()
        return share, share * np.sqrt((passing**2).sum()) / max(passing.sum(), 1e-9)

    def per_jet(self) -> np.ndarray:
        """Number of tracks of each jet, float64 (jets,)."""
        kept = self.tracks["pt"] > MIN_PT
        return np.bincount(self.tracks["jet"][kept].astype(int), minlength=len(self.weight)).astype(
            np.float64
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--out", type=Path, default=HERE.parent / "tracks_out")
    parser.add_argument(
        "--events", type=int, default=2500, help="generated events of z_jet and of dijet each"
    )
    parser.add_argument("--passes", type=int, default=4, help="how often each goes through the detector")
    parser.add_argument("--gluons", action="store_true", help="jets of gluons, on which nothing was tuned")
    options = parser.parse_args()
    options.out.mkdir(exist_ok=True)
    full = full_simulation(options.data / FULL, options.gluons)
    spectrum = np.histogram(full.pop("jet_pt"), PT_STEPS)[0]
    count = int(spectrum.sum())
    sides = {"full": Side(full, np.ones(count))}
    for name, columns in simulated(options.out, options.events, options.passes, options.gluons).items():
        jet_pt = columns.pop("jet_pt")
        step = np.clip(np.digitize(jet_pt, PT_STEPS) - 1, 0, len(spectrum) - 1)
        made = np.bincount(step, minlength=len(spectrum))
        sides[name] = Side(columns, (spectrum / count * len(jet_pt) / np.maximum(made, 1))[step])
    table(sides)
    if not options.gluons:
        anchors()
    draw(sides, options.out / f"simulation_tracks{'_gluons' if options.gluons else ''}.png")


def full_simulation(path: Path, gluons: bool) -> dict[str, np.ndarray]:
    """Columns of the tracks that are nearest to the chosen vertex along the beam, and ``jet_pt``."""
    with h5py.File(path) as file:
        jet_pt = 10 ** file["globalvars"][:, 0].astype(np.float64)
        chosen = (jet_pt > JET_PT[0]) & (jet_pt < JET_PT[1]) & (file["is_gluon"][:] == gluons)
        tracks, jet_pt = file["cpf"][:][chosen].astype(np.float64), jet_pt[chosen]
    jet, slot = np.nonzero((tracks != 0).any(2) & (tracks[:, :, 13] >= 2))
    found = tracks[jet, slot]
    degrees = found[:, 16]
    return {
        "jet_pt": jet_pt,
        "jet": jet,
        "pt": found[:, 10] * jet_pt[jet],
        "d0": found[:, 5],
        "significance": found[:, 6],
        "d0_3d": found[:, 7],
        "significance_3d": found[:, 8],
        "degrees": degrees,
        "chi2": np.round(found[:, 15] / np.maximum(degrees, 1)),
    }


def simulated(out: Path, events: int, passes: int, gluons: bool) -> dict[str, dict[str, np.ndarray]]:
    """The same columns of simulated jets: with the tracks of detector objects and with those of candidates."""
    path = out / f"tracks_{events}_{passes}{'_gluons' if gluons else ''}.npz"
    if not path.exists():
        rng = np.random.default_rng(2016)
        pool = minimum_bias(2016, 1000)
        flown = fly_pool(rng, pool)
        parts: dict[str, list[np.ndarray]] = {"new": [], "old": [], "jet_pt": []}
        spent, made, jets = 0.0, 0, 0
        for process, batch in generated(events, int(gluons)):
            for _ in range(passes):
                tracks, seconds = jets_of(rng, process, batch, pool, flown)
                spent, made = spent + seconds, made + len(batch)
                for name in ("new", "old"):
                    tracks[name][:, 0] += jets
                jets += len(tracks["jet_pt"])
                for name, rows in tracks.items():
                    parts[name].append(rows)
        print(f"{jets} jets; {1e3 * spent / made:.2f} ms an event for flights, tracks and vertices")
        np.savez(path, **{name: np.concatenate(rows) for name, rows in parts.items()})  # type: ignore[arg-type]
    with np.load(path) as stored:
        return {
            name: {**dict(zip(COLUMNS, stored[name].T, strict=True)), "jet_pt": stored["jet_pt"]}
            for name in ("new", "old")
        }


def generated(events: int, source: int) -> Iterator[tuple[Process, Events]]:
    """Batches of events with quark jets (source 0) or gluon jets (1)."""
    for name in ("z_jet", "dijet"):
        process = replace(PROCESSES[name], sources=(PROCESSES[name].sources[source],), jet_pt=JET_PT)
        generator = EventGenerator((*process.sources[0].cards, *SOFT), 77)
        for _ in range(events // BATCH):
            yield process, generator.next(BATCH)


def jets_of(
    rng: np.random.Generator, process: Process, events: Events, pool: Pool, flown: FlownPool
) -> tuple[dict[str, np.ndarray], float]:
    """Rows of ``COLUMNS`` of both kinds of tracks, ``jet_pt``, and the processor time of flights and tracks [s]."""
    count = len(events)
    vertex_z = collision_points(rng, count)
    particles = visible_particles(events, vertex_z)
    start = time.process_time()
    collisions = draw_collisions(rng, pool, count, PILEUP)
    hard = measure(rng, fly(rng, particles))
    soft, of = place_tracks(collisions, flown)
    tracks, vertices = reconstruct_tracks(
        rng,
        joined([hard, soft]),
        np.concatenate([hard.event, of + count]),
        np.concatenate([np.arange(count), collisions.event]),
        np.concatenate([vertex_z, collisions.z]),
        count,
    )
    spent = time.process_time() - start

    jets = generated_jets(particles, count, RADIUS, JET_PT[0])
    kept, truth = select_jets(process, process.sources[0], events, jets)
    first = vertices.take(vertices.chosen)
    # As the full simulation's jets do, these have their vertex.
    kept &= (truth["is_uds"] + truth["is_gluon"] == 1) & (first.collision == np.arange(count))[jets.event]
    kept &= (jets.pt < JET_PT[1]) & (np.abs(jets.eta) < MAX_ETA)
    jets = jets.take(np.flatnonzero(kept))

    near = tracks.take(np.flatnonzero(tracks.from_pv == 1))
    jet, row = nearby(jets, near.event, near.eta, near.phi)
    new, vertex = near.take(row), first.take(jets.event[jet])
    d0_error, sine = np.hypot(new.d0_error, vertex.xy_error), 1 / np.cosh(new.eta)
    three, three_error = in_space(
        new.d0, d0_error, new.dz * sine, np.hypot(new.dz_error, vertex.z_error) * sine
    )
    rows = {
        "new": (
            jet,
            new.pt,
            np.abs(new.d0),
            np.abs(new.d0) / d0_error,
            three,
            three / three_error,
            new.n_hits + new.n_pixel_hits - 5.0,
            np.floor(new.chi2),
        )
    }

    old = measure_tracks(rng, particles, vertex_z)
    found = np.flatnonzero(old.found & (np.abs(old.dz) < np.maximum(0.1, 3 * old.dz_error)))
    jet, row = nearby(jets, particles.event[found], old.eta[found], old.phi[found])
    plain = old.take(found[row])
    sine = 1 / np.cosh(plain.eta)
    three, three_error = in_space(plain.d0, plain.d0_error, plain.dz * sine, plain.dz_error * sine)
    none = np.full(len(row), np.nan)
    significance = np.abs(plain.d0) / plain.d0_error
    rows["old"] = (jet, plain.pt, np.abs(plain.d0), significance, three, three / three_error, none, none)
    return {name: np.stack(columns, 1) for name, columns in rows.items()} | {"jet_pt": jets.pt}, spent


def nearby(
    jets: ReconstructedJets, event: np.ndarray, eta: np.ndarray, phi: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Jet and row of the tracks within ΔR < 0.4 of jets; tracks by rising event."""
    first = np.searchsorted(event, jets.event)
    counts = np.searchsorted(event, jets.event, side="right") - first
    jet, row = np.repeat(np.arange(len(jets.event)), counts), ranges(first, counts)
    near = np.hypot(eta[row] - jets.eta[jet], delta_phi(phi[row], jets.phi[jet])) < RADIUS
    return jet[near], row[near]


def in_space(
    across: np.ndarray, across_error: np.ndarray, along: np.ndarray, along_error: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Distance of two perpendicular parts, and its error."""
    distance = np.hypot(across, along)
    error = np.hypot(across * across_error, along * along_error) / np.maximum(distance, 1e-12)
    return distance, error


def table(sides: dict[str, Side]) -> None:
    print("\n| tracks of the vertex, pT > 1 GeV | " + " | ".join(NAMES[name] for name in sides) + " |")
    print("|---" * (len(sides) + 1) + "|")
    print("| jets | " + " | ".join(str(len(side.weight)) for side in sides.values()) + " |")
    cells = []
    for side in sides.values():
        number = side.per_jet()
        mean = np.average(number, weights=side.weight)
        cells.append(f"{mean:.2f} ± {number.std() / np.sqrt(len(number)):.2f}")
    print("| tracks per jet | " + " | ".join(cells) + " |")
    for title, name, least in (
        ("abs(Sip2D) > 3", "significance", 3.0),
        ("abs(Sip2D) > 10", "significance", 10.0),
        ("abs(Sip3D) > 3", "significance_3d", 3.0),
        ("abs(Sip3D) > 10", "significance_3d", 10.0),
        ("abs(d0) > 1 mm", "d0", 0.1),
        ("abs(d0) > 1 cm", "d0", 1.0),
    ):
        print(
            f"| {title} | " + " | ".join(percent(*side.share(name, least)) for side in sides.values()) + " |"
        )
    for low, high in ((1.0, 2.0), (2.0, 5.0), (5.0, 100.0)):
        shares = [percent(*side.share("significance", 3.0, low, high)) for side in sides.values()]
        print(f"| abs(Sip2D) > 3, {low:g}-{high:g} GeV | " + " | ".join(shares) + " |")
        cells = []
        for side in sides.values():
            d0, _ = side.of("d0", low, high)
            significance, _ = side.of("significance", low, high)
            seen = significance > 0
            error = np.median(d0[seen] / significance[seen])
            cells.append(f"{1e4 * np.median(d0):.0f} µm, {1e4 * error:.0f} µm, {np.median(significance):.2f}")
        print(f"| medians of abs(d0), error, abs(Sip2D), {low:g}-{high:g} GeV | " + " | ".join(cells) + " |")
    cells = [
        f"{np.average(degrees, weights=weight):.1f}" if np.isfinite(degrees).all() else ""
        for degrees, weight in (side.of("degrees") for side in sides.values())
    ]
    print("| degrees of freedom | " + " | ".join(cells) + " |")


def percent(share: float, error: float) -> str:
    return f"{100 * share:.1f} ± {100 * error:.1f} %"


def anchors() -> None:
    """Efficiency and resolution of single particles beside the abstract of the tracking paper."""
    rng = np.random.default_rng(1)
    print("\n| single particles | published | simulated |\n|---|---|---|")
    for low, high, published in ((0.0, 0.9, "94 %"), (0.9, 2.5, "85 %")):
        found = measure(rng, fly(rng, gun(rng, 211, 20_000, (low, high), (0.9, 10.0))))
        share = (found.process == PRIMARY).sum() / 20_000
        print(
            f"| pions of 0.9-10 GeV found, abs(η) {low:g}-{high:g} | {published} of charged particles | {share:.1%} |"
        )
    muons = measure(rng, fly(rng, gun(rng, 13, 20_000, (0.0, 2.4), (2.0, 50.0))))
    print(f"| muons of 2-50 GeV found | essentially all | {len(muons) / 20_000:.1%} |")
    hard = measure(rng, fly(rng, gun(rng, 13, 20_000, (0.0, 1.4), (100.0, 100.1))))
    for title, values, scale, published in (
        ("σ(pT)/pT", hard.pt, 1.0, "2.8 %"),
        ("σ(d0)", hard.d0, 1e4, "10 µm"),
        ("σ(dz)", hard.z0, 1e4, "30 µm"),
    ):
        width = np.subtract(*np.percentile(values, [84.13, 15.87])) / 2 * scale
        shown = f"{width / 100:.1%}" if scale == 1.0 else f"{width:.0f} µm"
        print(f"| {title} of muons of 100 GeV, abs(η) < 1.4 | {published} | {shown} |")


def gun(
    rng: np.random.Generator, pdg_id: int, count: int, eta: tuple[float, float], pt: tuple[float, float]
) -> Particles:
    """One particle an event, flat in η and in log pT, from the middle of the detector."""
    momentum = four_momentum(
        np.exp(rng.uniform(*np.log(pt), count)),
        rng.uniform(*eta, count),
        rng.uniform(-np.pi, np.pi, count),
        0.13957 if pdg_id == 211 else 0.10566,
    )
    charge = np.full(count, 1.0 if pdg_id == 211 else -1.0)
    kinds = np.full(count, pdg_id, np.int32)
    return Particles(np.arange(count), kinds, charge, momentum, np.zeros((count, 3)), np.arange(count))


def draw(sides: dict[str, Side], path: Path) -> None:
    """Distributions of all sides with their ratios to the full simulation below."""
    panels = (
        (
            r"$|d_0|$ [cm]",
            "d0",
            np.array([2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.3, 1.0, 3.0, 10.0]),
        ),
        (
            r"$|S_\mathrm{IP,2D}|$",
            "significance",
            np.array([0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0]),
        ),
        (
            r"$|S_\mathrm{IP,3D}|$",
            "significance_3d",
            np.array([0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0]),
        ),
        (r"$p_\mathrm{T}$ [GeV]", "pt", np.array([1.0, 1.4, 2.0, 3.0, 4.5, 7.0, 10.0, 15.0, 25.0])),
        ("Degrees of freedom", "degrees", np.arange(-0.5, 23.0, 2.0)),
        ("Tracks per jet", "", np.arange(-0.5, 13.0, 1.0)),
    )
    style = PlotStyle(status="(parametrised CMS response)", energy=13.0, formats=(), dpi=80)
    drawn = dict(zip(sides, ("black", COLOURS[2], COLOURS[0]), strict=True))
    heights = (3, 1, 3, 1)
    with picture(
        path, style, force=True, rows=4, columns=3, size=(15, 13), heights=heights, sharex=False, fontsize=15
    ) as axes:
        for number, panel in enumerate(panels):
            main_axis = axes[2 * (number // 3), number % 3]
            draw_panel(main_axis, axes[2 * (number // 3) + 1, number % 3], panel, sides, drawn)
        axes[0, 0].figure.legend(
            *axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=len(sides)
        )
    shrink_png(path)


def draw_panel(
    main_axis: Any,
    ratio_axis: Any,
    panel: tuple[str, str, np.ndarray],
    sides: dict[str, Side],
    drawn: dict[str, str],
) -> None:
    """One distribution of all sides with its ratio to the first of them."""
    title, column, edges = panel
    reference: tuple[np.ndarray, np.ndarray] | None = None
    for i, (name, side) in enumerate(sides.items()):
        values, weight = side.of(column) if column else (side.per_jet(), side.weight)
        if not np.isfinite(values).all():
            continue
        height, _ = np.histogram(values, edges, weights=weight)
        error = np.sqrt(np.histogram(values, edges, weights=weight**2)[0])
        height, error = height / weight.sum(), error / weight.sum()
        main_axis.stairs(height, edges, label=NAMES[name], color=drawn[name], linestyle=LINES[i], linewidth=2)
        low, high = np.maximum(height - error, 1e-9), height + error
        main_axis.stairs(high, edges, baseline=low, fill=True, color=drawn[name], alpha=0.2)
        if reference is None:
            reference = height, error
            band = error / np.maximum(height, 1e-12)
            ratio_axis.stairs(1 + band, edges, baseline=1 - band, fill=True, color="0.85")
            continue
        ratio = np.where(reference[0] > 0, height / np.maximum(reference[0], 1e-12), np.nan)
        bars = ratio * error / np.maximum(height, 1e-12)
        middle = np.sqrt(edges[1:] * edges[:-1]) if edges[0] > 0 else (edges[1:] + edges[:-1]) / 2
        ratio_axis.errorbar(middle, ratio, bars, fmt=MARKERS[i], ms=5, color=drawn[name])
    ratio_axis.axhline(1.0, color="black", lw=0.8)
    for line in (0.8, 1.2):
        ratio_axis.axhline(line, color="black", lw=0.5, ls=":")
    assert reference is not None
    filled = reference[0][reference[0] > 0]
    main_axis.set(yscale="log", ylim=(filled.min() / 3, filled.max() * 3))
    main_axis.set_ylabel("Share of the jets" if not column else "Share of the tracks")
    ratio_axis.set_ylim(0.0, 2.0)
    ratio_axis.set_xlabel(title)
    ratio_axis.set_ylabel("Ratio to full", loc="center", fontsize=12)
    for axis in (main_axis, ratio_axis):
        if edges[0] > 0:
            axis.set_xscale("log")
        axis.set_xlim(edges[0], edges[-1])
    main_axis.tick_params(labelbottom=False)


if __name__ == "__main__":
    main()
