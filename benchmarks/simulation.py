"""Measurements of the simulation: its speed, and its jets beside real 2012 jets.

usage: python -m benchmarks.simulation --data ../shared/data --out simulation_out

Prints the Markdown that stands in docs/simulation.md. ``--only speed`` needs no data. The plots go to
``--out``; simulated jets that are there already are not made again.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.data.features import CHANNELS
from e2e_tf.data.jets import Jets, concatenate_jets, read_jets, write_jets
from e2e_tf.data.quantities import hit_positions
from e2e_tf.data.readers import READERS
from e2e_tf.figure import PlotStyle, looks, picture, shrink_png
from e2e_tf.sim import egamma
from e2e_tf.sim.chunk import BATCH_EVENTS, Chunk, Pileup, simulate_chunk, simulate_events
from e2e_tf.sim.detector import DETECTORS
from e2e_tf.sim.flown import flown_pool
from e2e_tf.sim.pileup import POOL_EVENTS, minimum_bias
from e2e_tf.sim.pythia import PROCESSES, EventGenerator, Process, Source
from e2e_tf.sim.simulate import PROCESS_NAMES

HERE = Path(__file__).parent
# Triggered by jets and taus; the other two public files are full of electrons and photons that count as jets.
COLLISIONS = ("BJetPlusX_Run2012C_0.ig", "TauParked_Run2012C_0.ig")
PILEUP_2012 = 16.0  # 11 reconstructed vertices an event, at an efficiency of about 0.7
# What both sides must pass to be compared: above every threshold and noise of the public collections.
LEAST = {"track": 0.8, "ecal": 0.2, "hcal": 2.0}
RADIUS, MAX_ETA = 0.4, 0.8  # the window of the comparison stays inside the public barrel towers, |η| < 1.26
PT_BINS = ((50.0, 100.0), (100.0, 300.0))
PT_STEPS = (
    50.0,
    60.0,
    75.0,
    100.0,
    130.0,
    180.0,
    300.0,
)  # simulated jets get the pT spectrum of the real ones
JETS_2012 = Process(
    sources=(
        Source(
            "QCD jets at 8 TeV",
            0,
            (
                "Beams:eCM = 8000",
                "HardQCD:all = on",
                "PhaseSpace:pTHatMin = 30",
                "PhaseSpace:pTHatMax = 320",
                "PhaseSpace:bias2Selection = on",
                "PhaseSpace:bias2SelectionPow = 4.5",
                "PhaseSpace:bias2SelectionRef = 60",
            ),
        ),
    ),
    jet_pt=(50.0, 300.0),
    visible_pt=(0.0, 0.0),
    max_eta=MAX_ETA,
    radius=0.7,
    match=0.3,
    subtract_pileup=False,  # as in the public collection of jets
)
STAGES = {
    "Pythia: start": "EventGenerator.__init__",
    "Pythia: events": "EventGenerator.next",
    "tracks": "measure_tracks",
    "material": "pass_material",
    "calorimeters": "impact_on_calorimeters",
    "candidates": "reconstruct",
    "jets": "cluster_jets",
    "hits": "jet_hits",
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--out", type=Path, default=HERE.parent / "simulation_out")
    parser.add_argument("--only", choices=("speed", "validation"))
    parser.add_argument("--jets", type=int, default=100, help="jets of each class for the speed")
    parser.add_argument("--validation-jets", type=int, default=600, help="simulated jets per detector")
    parser.add_argument("--process", action="append", help="measure only this one; may be given again")
    options = parser.parse_args()
    if options.only != "validation":
        speed(options.jets, options.process)
    if options.only != "speed":
        options.out.mkdir(exist_ok=True)
        validation(options.data / "ispy", options.out, options.validation_jets)


def speed(jets: int, processes: list[str] | None) -> None:
    """Processor time per jet of every process, extrapolated to whole chunks, and where it goes."""
    print(
        "| process | ms per jet: signal | background | jets/s on one core, both classes | CPU s for 200,000 jets |"
    )
    print("|---|---|---|---|---|")
    cases = [(name, 0.0, False) for name in processes or PROCESS_NAMES]
    flown = None
    if processes is None:
        # Made once, not for every chunk.
        flown = flown_pool(1, minimum_bias(1, POOL_EVENTS))
        cases += [("tau", 20.0, False), ("tau", 0.0, True), ("tau", 20.0, True)]
    for name, pileup, objects in cases:
        cost = {}
        for source in (0, 1):
            label = source if name == egamma.PROCESS else PROCESSES[name].sources[source].label
            start = time.process_time()
            if name == egamma.PROCESS:
                egamma.simulate_chunk(1, source, 0, 250)
            else:
                simulate_chunk(Chunk(name, 1, source, 0, 250, pileup, objects=objects), flown=flown)
            cost[label] = (time.process_time() - start) / 250
        mean = (cost[0] + cost[1]) / 2
        title = f"{name}, pileup {pileup:g}" if pileup else name
        title += ", objects" if objects else ""
        print(f"| {title} | {1e3 * cost[1]:.1f} | {1e3 * cost[0]:.1f} | {1 / mean:.0f} | {2e5 * mean:.0f} |")

    if processes is not None:
        return
    print("\n| share of the processor time, `tau` | signal | background |\n|---|---|---|")
    shares = [profile(source, jets) for source in (0, 1)]
    for stage in (*STAGES, "the rest"):
        print(f"| {stage} | {shares[0][stage]:.0%} | {shares[1][stage]:.0%} |")


def profile(source: int, jets: int) -> dict[str, float]:
    profiler = cProfile.Profile(time.process_time)
    profiler.enable()
    simulate_chunk(Chunk("tau", 1, source, 0, jets))
    profiler.disable()
    table = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    total = sum(entry[2] for entry in table.values())
    spent = {}
    for stage, name in STAGES.items():
        function = name.rpartition(".")[2]
        module = "pythia.py" if "." in name else ".py"
        spent[stage] = (
            sum(
                entry[3]
                for (file, _, found), entry in table.items()
                if found == function and "/sim/" in file.replace("\\", "/") and file.endswith(module)
            )
            / total
        )
    return spent | {"the rest": 1 - sum(spent.values())}


def validation(data: Path, out: Path, wanted: int) -> None:
    """Hits of real and simulated jets side by side."""
    read = READERS["ispy"].read
    real = concatenate_jets([read(data / name, min_pt=50.0, max_abs_eta=MAX_ETA) for name in COLLISIONS])
    sides = {"real 2012": real}
    for name in DETECTORS:
        path = out / f"qcd_{name}_{wanted}.h5"
        if not path.exists():
            write_jets(path, jets_2012(name, wanted))
        sides[name] = like(read_jets(path), real)
    for low, high in PT_BINS:
        chosen = {name: jets.take((jets["pt"] > low) & (jets["pt"] < high)) for name, jets in sides.items()}
        table(f"{low:g}-{high:g}", chosen)
    plots(sides, out)
    completeness(read, data)


def completeness(read: Callable[..., Jets], data: Path) -> None:
    """What is seen of a jet, by its pT: where the public collections stop holding what the detector saw."""
    real = concatenate_jets([read(data / name, min_pt=10.0, max_abs_eta=MAX_ETA) for name in COLLISIONS])
    with as_file(files("e2e_tf.data") / "samples" / "tau.h5") as path:
        shipped = read_jets(path)
    made = shipped.take((shipped.label == 0) & (np.abs(shipped["eta"]) < MAX_ETA))
    print(
        "\n| jets | pT [GeV] | number | without ECAL hit | without HCAL hit | tracks / pT | ECAL / pT | HCAL / pT |\n"
        "|---|---|---|---|---|---|---|---|"
    )
    for name, jets in (("real 2012", real), ("shipped QCD", made)):
        for low, high in ((10, 20), (20, 30), (30, 50), (50, 100), (100, 300)):
            part = jets.take((jets["pt"] > low) & (jets["pt"] < high))
            if not len(part):
                continue
            count, total = per_jet(part)
            seen = total.sum(0) / part["pt"].astype(np.float64).sum()
            empty = (count == 0).mean(0)
            print(
                f"| {name} | {low}-{high} | {len(part)} | {empty[1]:.0%} | {empty[2]:.0%} | "
                + " | ".join(f"{value:.2f}" for value in seen)
                + " |"
            )


def jets_2012(detector: str, wanted: int) -> Jets:
    """QCD jets under the conditions of 2012, unweighted in pT so that both bins are filled."""
    source = JETS_2012.sources[0]
    rng = np.random.default_rng(2012)
    generator = EventGenerator(source.cards, 2012)
    pileup = Pileup(np.random.default_rng(16), minimum_bias(2012, 500), PILEUP_2012)
    parts: list[Jets] = []
    first = 0
    while sum(map(len, parts)) < wanted:
        events = generator.next(BATCH_EVENTS)
        parts.append(simulate_events(rng, JETS_2012, source, events, first, DETECTORS[detector], pileup))
        first += BATCH_EVENTS
    return concatenate_jets([part for part in parts if len(part)])


def like(jets: Jets, real: Jets) -> Jets:
    """Simulated jets with weights that give them the pT spectrum of the real jets: triggers shape theirs."""
    step = np.digitize(jets["pt"], PT_STEPS)
    wanted = np.bincount(np.digitize(real["pt"], PT_STEPS), minlength=len(PT_STEPS) + 1)
    made = np.bincount(step, minlength=len(PT_STEPS) + 1)
    return replace(jets, weight=(wanted / np.maximum(made, 1))[step].astype(np.float32))


def near_hits(jets: Jets, channel: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Owner, energy or pT and transverse energy of the hits around the axis and above the threshold."""
    hits = jets.hits[channel]
    owner, deta, dphi = hit_positions(jets, channel)
    taken = (np.hypot(deta, dphi) < RADIUS) & (hits["value"] > LEAST[channel])
    value = hits["value"][taken].astype(np.float64)
    eta = deta + jets["eta"][owner]
    return owner[taken], value, value / (1.0 if channel == "track" else np.cosh(eta[taken]))


def per_jet(jets: Jets) -> tuple[np.ndarray, np.ndarray]:
    """float64 (n, 3) numbers of hits and summed transverse energies [GeV], in the order of ``CHANNELS``."""
    found = [near_hits(jets, channel) for channel in CHANNELS]
    count = [np.bincount(owner, minlength=len(jets)) for owner, _, _ in found]
    total = [np.bincount(owner, transverse, minlength=len(jets)) for owner, _, transverse in found]
    return np.stack(count, 1).astype(np.float64), np.stack(total, 1)


def averages(count: np.ndarray, total: np.ndarray, weight: np.ndarray) -> dict[str, float]:
    numbers = np.average(count, axis=0, weights=weight)
    sums = (total * weight[:, None]).sum(0)
    result = {f"{channel} hits": value for channel, value in zip(CHANNELS, numbers, strict=True)}
    return result | {
        f"{channel} share": value for channel, value in zip(CHANNELS, sums / sums.sum(), strict=True)
    }


def table(title: str, sides: dict[str, Jets]) -> None:
    names = list(sides)
    print(
        f"\n| jets of {title} GeV | "
        + " | ".join(names)
        + " | "
        + " | ".join(f"{n} / real" for n in names[1:])
        + " |"
    )
    print("|---" * (2 * len(names)) + "|")
    columns = {}
    for name, jets in sides.items():
        count, total = per_jet(jets)
        rng = np.random.default_rng(0)
        # Jets are drawn anew for the errors.
        drawn = [rng.integers(0, len(jets), len(jets)) for _ in range(200)]
        again = [averages(count[rows], total[rows], jets.weight[rows]) for rows in drawn]
        value = averages(count, total, jets.weight)
        columns[name] = {key: (value[key], float(np.std([a[key] for a in again]))) for key in value}
    print(
        "| jets | " + " | ".join(str(len(jets)) for jets in sides.values()) + " |" + " |" * (len(names) - 1)
    )
    for key in columns[names[0]]:
        digits = 3 if key.endswith("share") else 1
        cells = [f"{columns[n][key][0]:.{digits}f} ± {columns[n][key][1]:.{digits}f}" for n in names]
        true, error = columns[names[0]][key]
        for name in names[1:]:
            made, own = columns[name][key]
            ratio = made / true
            cells.append(f"{ratio:.2f} ± {ratio * np.hypot(own / made, error / true):.2f}")
        print(f"| {key} | " + " | ".join(cells) + " |")


def plots(sides: dict[str, Jets], out: Path) -> None:
    """Multiplicities, shares and spectra, each side normalised to one jet."""
    # Jets of CMS open data beside simulated ones.
    style = PlotStyle(
        data=True, status="CMS Open Data of 2012 and simulation", energy=8.0, formats=(), dpi=80
    )
    names = {"track": "Track", "ecal": "ECAL", "hcal": "HCAL"}
    with picture(
        out / "simulation_2012.png", style, force=True, rows=6, columns=3, size=(15, 17),
        heights=(3, 1) * 3, sharex=False, fontsize=15,
    ) as axes:  # fmt: skip
        for column, channel in enumerate(CHANNELS):
            title = names[channel]
            what = r"$p_\mathrm{T}$" if channel == "track" else "energy"
            top = {"track": 40, "ecal": 240, "hcal": 36}[channel]
            panels = (
                (np.linspace(0, top, 13), f"{title} hits per jet"),
                (np.linspace(0, 1, 13), f"{title} share of the energy"),
                (np.geomspace(LEAST[channel], 100 * LEAST[channel], 16), f"{title} hit {what} [GeV]"),
            )
            for row, (edges, label) in enumerate(panels):
                heights = {name: spectrum(jets, column, row, edges) for name, jets in sides.items()}
                draw_panel(axes[2 * row, column], axes[2 * row + 1, column], edges, heights, row == 2)
                axes[2 * row + 1, column].set_xlabel(label)
        for row, label in enumerate(("Share of the jets", "Share of the jets", "Hits per jet and GeV")):
            axes[2 * row, 0].set_ylabel(label)
            axes[2 * row + 1, 0].set_ylabel("Ratio to data", loc="center", fontsize=12)
        axes[0, 0].figure.legend(
            *axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=len(sides)
        )
    shrink_png(out / "simulation_2012.png")


def spectrum(jets: Jets, column: int, row: int, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Height and statistical error of one of the three distributions of a channel, for one jet."""
    count, total = per_jet(jets)
    share = total / np.maximum(total.sum(1, keepdims=True), 1e-9)
    owner, energy, _ = near_hits(jets, CHANNELS[column])
    values, weight = (
        (count[:, column], jets.weight), (share[:, column], jets.weight), (energy, jets.weight[owner]),
    )[row]  # fmt: skip
    scale = jets.weight.sum() * (np.diff(edges) if row == 2 else 1.0)
    height = np.histogram(values, edges, weights=weight)[0] / scale
    return height, np.sqrt(np.histogram(values, edges, weights=np.square(weight, dtype=float))[0]) / scale


def draw_panel(
    main: Any, ratio: Any, edges: np.ndarray, heights: dict[str, tuple[np.ndarray, np.ndarray]], log: bool
) -> None:
    """Points of the first side, lines with bands of the others, and their ratios to the first."""
    middle = np.sqrt(edges[1:] * edges[:-1]) if log else (edges[1:] + edges[:-1]) / 2
    base, error = next(iter(heights.values()))
    seen = base > 0
    main.errorbar(middle, base, error, fmt="ko", ms=5, label=next(iter(heights)))
    relative = np.where(seen, error / np.maximum(base, 1e-12), 0)
    ratio.stairs(1 + relative, edges, baseline=1 - relative, fill=True, color="0.85")
    ratio.axhline(1, color="black", linewidth=0.8)
    for look, (name, (height, spread)) in zip(looks(), list(heights.items())[1:], strict=False):
        look["linewidth"] = 2
        main.stairs(height, edges, label=name, **look)
        main.stairs(
            height + spread, edges, baseline=height - spread, fill=True, color=look["color"], alpha=0.2
        )
        divided = np.where(seen, height / np.maximum(base, 1e-12), np.nan)
        ratio.stairs(divided, edges, **look)
    main.set_xlim(edges[0], edges[-1])
    ratio.set(xlim=(edges[0], edges[-1]), ylim=(0.4, 1.6))
    main.tick_params(labelbottom=False)
    if log:
        # Errors reach zero where a bin has one hit.
        least = min(float(height[height > 0].min()) for height, _ in heights.values())
        main.set(xscale="log", yscale="log", ylim=(least / 3, None))
        ratio.set(xscale="log")
    else:
        main.set_ylim(bottom=0)


if __name__ == "__main__":
    main()
