"""Detector objects of jets of 2012 collisions beside simulated ones, and a tagger on both.

Part of ``python -m benchmarks.real_data``. Compared are jets of 20 to 50 GeV with abs(η) < 1.2, where the public files
have towers; both sides pass the thresholds that the public collections have in effect, and simulated QCD jets get the
pT spectrum of the real ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.real_columns import COLUMNS, LINEAR, MEASURED, SIGNED, Column
from benchmarks.simulation import COLLISIONS, LEAST
from e2e_tf.data.graphs import graphs_of
from e2e_tf.data.jets import Jets, Ragged, concatenate_jets, read_jets
from e2e_tf.data.preprocess import read_preprocess
from e2e_tf.data.readers import READERS
from e2e_tf.data.track_columns import usual_errors, usual_pixel_hits
from e2e_tf.figure import PlotStyle, picture, shrink_png
from e2e_tf.files import read_json

BUNDLE = Path(__file__).parent.parent / "deploy" / "bundles" / "tau_detector"
PT = (20.0, 50.0)
MAX_ETA = 1.2
RADIUS = 0.4
PT_STEPS = (20.0, 25.0, 30.0, 40.0, 50.0)
SCORE_LOOKS = {
    "jets of 2012": ("black", "-"),
    "simulated QCD": ("tab:red", "-"),
    "the same, with as few crystals": ("tab:red", "--"),
    "simulated taus": ("tab:blue", "-"),
}


def real_jets(folder: Path, names: Sequence[str] = COLLISIONS) -> Jets:
    """Jets of the public event files, with every column of detector objects."""
    read = READERS["ispy"].read
    parts = [
        read(folder / name, min_pt=PT[0], max_pt=PT[1], max_abs_eta=MAX_ETA, absent="fill") for name in names
    ]
    return concatenate_jets(parts)


def simulated_jets(paths: Sequence[Path]) -> Jets:
    """Simulated jets in the range of the comparison, without candidates; the shipped sample by default."""
    if paths:
        jets = concatenate_jets([read_jets(path) for path in paths])
    else:
        with as_file(files("e2e_tf.data") / "samples" / "tau_detector.h5") as path:
            jets = read_jets(path)
    objects = {kind: rows for kind, rows in jets.objects.items() if kind != "candidate"}
    kept = (jets["pt"] >= PT[0]) & (jets["pt"] < PT[1]) & (np.abs(jets["eta"]) < MAX_ETA)
    return replace(jets, objects=objects).take(kept)


def like(jets: Jets, real: Jets) -> Jets:
    """The jets with weights that give them the pT spectrum of the real ones."""
    step, bins = np.digitize(jets["pt"], PT_STEPS), len(PT_STEPS) + 1
    wanted = np.bincount(np.digitize(real["pt"], PT_STEPS), minlength=bins)
    made = np.bincount(step, jets.weight, minlength=bins)
    weight = jets.weight * (wanted / np.maximum(made, 1e-9))[step]
    return replace(jets, weight=weight.astype(np.float32))


def comparable(jets: Jets) -> Jets:
    """Objects within :data:`RADIUS` of the axis and above the thresholds of the public collections."""

    def kept(kind: str, rows: Ragged) -> Ragged:
        if kind == "vertex":
            return rows
        near = np.hypot(rows["deta"], rows["dphi"]) < RADIUS
        if kind in LEAST:
            near &= rows["pt" if kind == "track" else "energy"] > LEAST[kind]
        return chosen(rows, near)

    return replace(jets, objects={kind: kept(kind, rows) for kind, rows in jets.objects.items()})


def chosen(rows: Ragged, mask: np.ndarray) -> Ragged:
    """The rows of a mask, bool (rows,)."""
    counts = np.bincount(rows.owner[mask], minlength=len(rows))
    return Ragged.from_counts({name: values[mask] for name, values in rows.columns.items()}, counts)


def as_in_public_files(jets: Jets) -> Jets:
    """Simulated jets with what public files lack taken away and filled by the reader's rules."""
    track, hcal, pixel = (jets.objects[kind] for kind in ("track", "hcal", "pixel"))
    columns = dict(track.columns)
    eta = columns["deta"] + jets["eta"][track.owner]
    pixels = usual_pixel_hits(eta, columns["dz"], columns["d0"])
    d0_error, dz_error = usual_errors(columns["pt"], eta)
    hits = columns["n_hits"].astype(np.int64) + columns["n_pixel_hits"] - pixels
    columns |= {
        "d0_error": d0_error.astype(np.float32),
        "dz_error": dz_error.astype(np.float32),
        "n_pixel_hits": pixels,
        "n_hits": np.maximum(hits, pixels).astype(np.uint8),
    }
    objects = {
        **jets.objects,
        "track": Ragged(columns, track.offsets),
        "hcal": undivided(hcal),
        "pixel": chosen(pixel, np.zeros(len(pixel["layer"]), bool)),
    }
    return replace(jets, objects=objects)


def undivided(towers: Ragged) -> Ragged:
    """Towers with one depth, as in most of the barrel of 2012."""
    place = np.stack([towers.owner, np.rint(1e3 * towers["deta"]), np.rint(1e3 * towers["dphi"])], 1)
    _, first, tower = np.unique(place, axis=0, return_index=True, return_inverse=True)
    energy = np.bincount(tower.ravel(), towers["energy"])
    order = np.argsort(first)
    columns = {name: values[first[order]] for name, values in towers.columns.items()}
    columns |= {"energy": energy[order].astype(np.float32), "depth": np.ones(len(first), np.uint8)}
    return Ragged.from_counts(columns, np.bincount(towers.owner[first], minlength=len(towers)))


def values_of(jets: Jets, column: Column) -> tuple[np.ndarray, np.ndarray]:
    """A quantity and the jet of each value; vertices are those of an event, of which one jet stands for all."""
    if column.kind == "vertex":
        jets = jets.take(np.unique(jets.event, return_index=True)[1])
    rows = jets.objects[column.kind]
    if column.name == "number":
        return rows.counts.astype(np.float64), np.arange(len(rows))
    values, owner = rows[column.name].astype(np.float64), rows.owner
    if (column.kind, column.name) == ("vertex", "z"):  # the chosen one is at 0
        other = np.ones(len(values), bool)
        other[rows.offsets[:-1][rows.counts > 0]] = False
        values, owner = values[other], owner[other]
    return values, owner


def distance(
    first: np.ndarray, first_weight: np.ndarray, other: np.ndarray, other_weight: np.ndarray
) -> float:
    """Largest difference of two cumulative distributions."""
    place = np.unique(np.concatenate([first, other]))

    def below(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
        order = np.argsort(values)
        total = np.concatenate([[0.0], np.cumsum(weight[order])])
        return total[np.searchsorted(values[order], place, side="right")] / total[-1]

    return float(np.abs(below(first, first_weight) - below(other, other_weight)).max())


def by_chance(values: np.ndarray, event: np.ndarray, times: int = 50) -> float:
    """The distance that real events drawn anew have from themselves, 84 % of the times at the most."""
    rng = np.random.default_rng(1)
    events, place = np.unique(event, return_inverse=True)
    one = np.ones(len(values))
    found = []
    for _ in range(times):
        weight = rng.multinomial(len(events), np.full(len(events), 1 / len(events)))[place].astype(float)
        found.append(distance(values, one, values, weight))
    return float(np.quantile(found, 0.84))


def quantiles(values: np.ndarray, weight: np.ndarray) -> list[float]:
    """Weighted 16 %, 50 % and 84 %."""
    order = np.argsort(values)
    total = np.cumsum(weight[order])
    return [float(values[order][np.searchsorted(total, q * total[-1])]) for q in (0.16, 0.5, 0.84)]


def table(real: Jets, simulated: Mapping[bool, Jets]) -> None:
    """Quantiles of every column on both sides, and how far the distributions are apart."""
    print(
        "\n| kind | column | real jets have it | real 16 %, 50 %, 84 % | simulated | distance | by chance |"
    )
    print("|---|---|---|---|---|---|---|")
    for column in COLUMNS:
        made = simulated[column.name == "depth"]
        values, owner = values_of(real, column)
        other, of = values_of(made, column)
        event = (
            real.take(np.unique(real.event, return_index=True)[1]) if column.kind == "vertex" else real
        ).event
        weight = made.weight if column.kind != "vertex" else np.ones(len(made), np.float32)
        cells = [", ".join(f"{q:.3g}" for q in quantiles(values, np.ones(len(values))))]
        cells.append(", ".join(f"{q:.3g}" for q in quantiles(other, weight[of].astype(float))))
        apart = distance(values, np.ones(len(values)), other, weight[of].astype(float))
        chance = by_chance(values, event[owner])
        print(
            f"| {column.kind} | `{column.name}` | {column.origin} | {cells[0]} | {cells[1]} | {apart:.2f} | "
            f"{chance:.2f} |"
        )


def of_vertex(jets: Jets) -> tuple[np.ndarray, np.ndarray]:
    """Tracks of the chosen vertex near the axis, and the share of the jet's pT that all tracks there have."""
    tracks = jets.objects["track"]
    near = np.hypot(tracks["deta"], tracks["dphi"]) < RADIUS
    owner = tracks.owner
    number = np.bincount(owner[near & (tracks["from_pv"] == 1)], minlength=len(jets))
    return number, np.bincount(owner[near], tracks["pt"][near], minlength=len(jets)) / jets["pt"]


def vertices(sides: dict[str, Jets]) -> None:
    """How much of each side's jets belongs to the chosen vertex, and how much of their pT tracks have."""
    print(
        "\n| jets | without a track of the chosen vertex | tracks / pT: 16 % | median | 84 % |\n|---|---|---|---|---|"
    )
    for name, jets in sides.items():
        number, share = of_vertex(jets)
        weight = jets.weight.astype(np.float64)
        cells = " | ".join(f"{q:.2f}" for q in quantiles(share, weight))
        print(f"| {name} | {weight[number == 0].sum() / weight.sum():.0%} | {cells} |")


def as_few_crystals(jets: Jets, real: Jets) -> Jets:
    """Simulated jets of which only so many leading crystals are left as a real jet has, drawn by chance."""
    rng = np.random.default_rng(1)
    ecal = jets.objects["ecal"]
    rank = np.arange(len(ecal["energy"])) - ecal.offsets[:-1][ecal.owner]
    left = rng.choice(real.objects["ecal"].counts, len(jets))
    return replace(jets, objects={**jets.objects, "ecal": chosen(ecal, rank < left[ecal.owner])})


def tagger(bundle: Path = BUNDLE) -> tuple[Callable[[Jets], np.ndarray], float]:
    """A function from jets to scores of the shipped tagger, and its working point of 70 %."""
    import keras

    from e2e_tf.training.examples import Examples
    from e2e_tf.training.predict import scorer

    preprocess = read_preprocess(bundle / "preprocess.json")
    score = scorer(keras.models.load_model(bundle / "model.keras", compile=False))
    points = read_json(bundle / "manifest.json")["working_points"]
    threshold = next(point["threshold"] for point in points if point["target"] == 0.7)

    def scores_of(jets: Jets) -> np.ndarray:
        graphs = graphs_of(jets, preprocess)
        return score(Examples(graphs.batch, nodes=graphs.node_inputs()), progress=False)[:, 0]

    return scores_of, threshold


def scores(sides: dict[str, Jets]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Scores and weights of each side; prints them."""
    score, threshold = tagger()
    print(
        "\n| jets | number | score: 16 % | median | 84 % | above the 70 % working point |\n|---|---|---|---|---|---|"
    )
    found = {}
    for name, jets in sides.items():
        values, weight = score(jets).astype(np.float64), jets.weight.astype(np.float64)
        found[name] = values, weight
        share = weight[values >= threshold].sum() / weight.sum()
        error = np.sqrt((weight**2 * ((values >= threshold) - share) ** 2).sum()) / weight.sum()
        low, middle, high = quantiles(values, weight)
        passing = f"{share:.1%} ± {error:.1%}" if share else "none"
        print(
            f"| {name} | {len(jets)} | {low:.3f} | {middle:.3f} | {high:.3f} | {passing} |",
            flush=True,
        )
    return found


def draw(
    real: Jets,
    simulated: Mapping[bool, Jets],
    found: dict[str, tuple[np.ndarray, np.ndarray]],
    path: Path,
) -> None:
    """Distributions of every column, and of the scores in the last frame."""
    style = PlotStyle(data=True, status="CMS Open Data of 2012 and simulation", energy=0, formats=(), dpi=70)
    rows = -(-(len(COLUMNS) + 1) // 5)
    with picture(
        path, style, force=True, rows=rows, columns=5, size=(22, 4 * rows), sharex=False, fontsize=14
    ) as axes:
        for axis, column in zip(axes.flat, COLUMNS, strict=False):
            panel(axis, column, real, simulated[column.name == "depth"])
        for axis in axes[:, 0]:
            axis.set_ylabel("Share")
        last = axes.flat[len(COLUMNS)]
        edges = np.linspace(0, 1, 11)
        drawn = (name for name in found if name in SCORE_LOOKS)
        for name in drawn:
            values, weight = found[name]
            height = np.histogram(values, edges, weights=weight)[0] / weight.sum()
            colour, line = SCORE_LOOKS[name]
            last.stairs(height, edges, label=name, color=colour, linestyle=line, linewidth=2)
        last.set(yscale="log", ylim=(2e-3, 60), xlabel="Score of the tagger")
        last.legend(fontsize=11, loc="upper center")
        for axis in axes.flat[len(COLUMNS) + 1 :]:
            axis.set_axis_off()
        axes[0, 0].figure.legend(
            *axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=16
        )
    shrink_png(path)


def panel(axis: Any, column: Column, real: Jets, made: Jets) -> None:
    """One distribution, normalised to one on both sides; what lies outside counts in the outer bins."""
    edges = column.edges
    inside = np.nextafter(edges[0], np.inf), np.nextafter(edges[-1], -np.inf)
    uneven = edges is SIGNED
    log = not uneven and edges[0] > 0 and edges[-1] / edges[0] > 20
    place = np.arange(len(edges)) if uneven else edges
    middle = np.sqrt(place[1:] * place[:-1]) if log else (place[1:] + place[:-1]) / 2
    values, _ = values_of(real, column)
    height = np.histogram(np.clip(values, *inside), edges)[0]
    axis.errorbar(
        middle,
        height / height.sum(),
        np.sqrt(height) / height.sum(),
        fmt="o",
        ms=5,
        color="black",
        label="jets of 2012",
    )
    values, owner = values_of(made, column)
    weight = np.ones(len(owner)) if column.kind == "vertex" else made.weight[owner].astype(np.float64)
    height = np.histogram(np.clip(values, *inside), edges, weights=weight)[0] / weight.sum()
    axis.stairs(height, place, color="tab:red", linewidth=2, label="simulated QCD jets")
    if log:
        axis.set_xscale("log")
        axis.xaxis.set_minor_formatter("")
    if uneven:
        shown = [0, 2, 4, 7, 10, 12, 14]
        axis.set_xticks(shown, [f"{edges[i]:g}" for i in shown], fontsize=10)
    if column.name in LINEAR:
        axis.set_ylim(0)
    else:
        axis.set_yscale("log")
    axis.set_xlim(place[0], place[-1])
    axis.set_xlabel(column.title + ("" if column.origin == MEASURED else f" ({column.origin})"))


def compare_objects(data: Path, out: Path, simulated: Sequence[Path]) -> None:
    """Tables and picture of the comparison.

    Args:
        data: the folder with ``ispy``.
        out: where the picture ``real_objects.png`` goes.
        simulated: files of jets with detector objects; the shipped sample by default.
    """
    real, jets = real_jets(data / "ispy"), simulated_jets(simulated)
    qcd, taus = like(jets.take(jets.label == 0), real), like(jets.take(jets.label == 1), real)
    print(
        f"\n{len(real)} real and {len(qcd)} simulated QCD jets of {PT[0]:g}-{PT[1]:g} GeV, abs(η) < {MAX_ETA:g}."
    )
    # Towers of 2012 are whole; the simulation's are compared so too, but for their depths.
    whole = replace(qcd, objects={**qcd.objects, "hcal": undivided(qcd.objects["hcal"])})
    made = {True: comparable(qcd), False: comparable(whole)}
    table(comparable(real), made)
    vertices({"jets of 2012": real, "simulated QCD": qcd, "simulated taus": taus})
    found = scores(
        {
            "jets of 2012": real,
            "simulated QCD": qcd,
            "simulated QCD, as in public files": as_in_public_files(qcd),
            "the same, with as few crystals": as_few_crystals(as_in_public_files(qcd), real),
            "simulated taus": taus,
            "simulated taus, as in public files": as_in_public_files(taus),
            "simulated taus, with as few crystals too": as_few_crystals(as_in_public_files(taus), real),
            "jets of 2012 with 10 crystals or more": real.take(real.objects["ecal"].counts >= 10),
            "jets of 2012 with 3 tracks of the chosen vertex or more": real.take(of_vertex(real)[0] >= 3),
        }
    )
    draw(comparable(real), made, found, out / "real_objects.png")
