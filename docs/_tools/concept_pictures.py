"""Draws the pictures of the concept pages from the shipped sample and the shipped bundle.

python docs/_tools/concept_pictures.py [FOLDER], by default docs/images/concepts.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from e2e_tf.data.graphs import GraphData, GraphRecipe, build_graphs
from e2e_tf.data.jets import read_jets
from e2e_tf.data.samples import sample_path

ROOT = Path(__file__).resolve().parents[2]
COLOURS = ("#3f51b5", "#e4572e", "#2e8b57", "#b08900")
STYLE = {
    "svg.hashsalt": "e2e-tf",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "savefig.facecolor": "white",
    "savefig.bbox": "tight",
}


def draw_all(folder: Path) -> list[Path]:
    """Draw every picture.

    Args:
        folder: an existing folder.

    Returns:
        The files.
    """
    drawn = []
    with plt.rc_context(STYLE):
        for picture in (graph, blocks, preprocessing, interfaces, validation):
            file = folder / f"{picture.__name__}.svg"
            picture().savefig(file, metadata={"Date": None})
            plt.close("all")
            drawn.append(file)
    return drawn


def _jets(edges: str, stop: int = 400) -> GraphData:
    features = ("pt", "deta", "dphi", "charge")
    return build_graphs(
        read_jets(sample_path("tau"), stop=stop), GraphRecipe("candidates", edges, node_features=features)
    )


def _draw_graph(axes: Any, jet: GraphData, title: str) -> None:
    place, pt = jet.positions, np.asarray(jet.p4)[:, 0]
    for sender, receiver in zip(jet.batch.senders, jet.batch.receivers, strict=True):
        arrow = FancyArrowPatch(
            place[sender],
            place[receiver],
            arrowstyle="-|>",
            mutation_scale=7,
            shrinkA=4,
            shrinkB=4,
            color="0.65",
        )
        axes.add_patch(arrow)
    axes.scatter(*place.T, s=25 + 12 * pt, color=COLOURS[0], zorder=2, alpha=0.85)
    axes.set(title=title, xlabel="Δη", aspect="equal")
    axes.margins(0.12)


def graph() -> Any:
    """One jet of some candidates with edges of four kinds."""
    found = _jets("knn:2")
    reach = np.maximum.reduceat(np.abs(found.positions).max(axis=1), found.batch.node_offsets[:-1])
    one = int(np.argmin(np.where(found.batch.n_node == 10, reach, np.inf)))
    kinds = (("knn:2", "knn:2"), ("radius:0.15", "radius:0.15"), ("delaunay", "delaunay"), ("full", "full"))
    figure, axes = plt.subplots(1, 4, figsize=(12, 3.6), sharex=True, sharey=True, layout="constrained")
    for ax, (edges, title) in zip(axes, kinds, strict=True):
        jet = _jets(edges, one + 1).take(np.array([one]))
        _draw_graph(ax, jet, f'edges = "{title}"\n{len(jet.batch.senders)} edges')
    axes[0].set_ylabel("Δφ [rad]")
    return figure


def blocks() -> Any:
    """Three jets as one batch, and as padded blocks with their adjacency."""
    found = _jets("knn:2")
    sizes = (4, 2, 5)
    batch = found.take(np.array([int(np.flatnonzero(found.batch.n_node == n)[0]) for n in sizes])).batch
    largest, total = max(sizes), sum(sizes)
    figure = plt.figure(figsize=(12, 4.4), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1.1, 1, 1.9))

    offsets = np.cumsum([0, *sizes])
    for jet, n in enumerate(sizes):
        for row in range(offsets[jet], offsets[jet + 1]):
            left.add_patch(plt.Rectangle((0, total - 1 - row), 4, 0.92, color=COLOURS[jet], alpha=0.75))
            left.text(-0.3, total - 0.55 - row, str(row), ha="right", va="center", fontsize=9)
        left.text(
            4.4,
            total - (offsets[jet] + offsets[jet + 1]) / 2,
            f"jet {jet}\nn_node {n}",
            va="center",
            color=COLOURS[jet],
        )
    left.set(
        xlim=(-1.2, 7.5),
        ylim=(-0.3, total + 0.2),
        title=f"batch: x ({total}, 4)\nnodes of all jets in one array",
    )
    left.axis("off")

    middle.set_title(f"edges: {len(batch.senders)} pairs\nno edge leaves its jet")
    for sender, receiver in zip(batch.senders, batch.receivers, strict=True):
        colour = COLOURS[int(np.searchsorted(offsets, receiver, side="right")) - 1]
        middle.scatter(sender, receiver, marker="s", s=60, color=colour)
    middle.set(xlabel="sender", ylabel="receiver", xlim=(-1, total), ylim=(total, -1), aspect="equal")

    right.set_title(
        f"blocks: x (3, {largest}, 4), adjacency (3, {largest}, {largest}), mask (3, {largest})\nwhite slots are empty"
    )
    for jet, n in enumerate(sizes):
        top = 2 - jet
        for slot in range(largest):
            y = top * (largest + 1.2) + largest - 1 - slot
            colour = COLOURS[jet] if slot < n else "white"
            right.add_patch(plt.Rectangle((0, y), 4, 0.92, facecolor=colour, edgecolor="0.6", alpha=0.75))
            right.text(12.6, y + 0.45, "1" if slot < n else "0", ha="center", va="center", fontsize=9)
        inside = (batch.receivers >= offsets[jet]) & (batch.receivers < offsets[jet + 1])
        pairs = zip(batch.senders[inside] - offsets[jet], batch.receivers[inside] - offsets[jet], strict=True)
        linked = set(map(tuple, np.array(list(pairs)).tolist()))
        for sender in range(largest):
            for receiver in range(largest):
                y = top * (largest + 1.2) + largest - 1 - receiver
                colour = COLOURS[jet] if (sender, receiver) in linked else "white"
                corner = (6 + sender, y)
                right.add_patch(
                    plt.Rectangle(corner, 0.92, 0.92, facecolor=colour, edgecolor="0.8", alpha=0.75)
                )
    top = 3 * (largest + 1.2)
    for x, text in ((2, "x"), (8.5, "adjacency"), (12.6, "mask")):
        right.text(x, top - 0.7, text, ha="center")
    right.set(xlim=(-0.5, 13.5), ylim=(-0.5, top + 0.3))
    right.axis("off")
    return figure


def preprocessing() -> Any:
    """The pT of candidates: as it is, transformed, normalised."""
    recipe = GraphRecipe("candidates", "knn:2", node_features=("pt",))
    raw = build_graphs(read_jets(sample_path("tau"), stop=2000), recipe)
    transformed = raw.batch.x[:, 0]
    normalised = raw.normalised(raw.fit_preprocess(recipe)).batch.x[:, 0]
    feature = raw.node_features[0]
    pt = np.asarray(raw.p4)[:, 0]
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.2), layout="constrained")
    steps = (
        (pt, "pT [GeV]", "as in the file"),
        (transformed, feature.name, f"transform: {feature.transform}"),
        (normalised, "what the network sees", "(x - median) * norm_factor, clamped to ±5"),
    )
    for ax, (values, label, title), colour in zip(axes, steps, COLOURS, strict=False):
        ax.hist(values, bins=60, color=colour, alpha=0.75)
        low, middle, high = np.quantile(values, (0.16, 0.5, 0.84))
        ax.axvline(middle, color="0.2", label="median")
        ax.axvspan(low, high, color="0.5", alpha=0.18, linewidth=0, label="16 % to 84 %")
        ax.set(xlabel=label, title=title)
    axes[0].set_ylabel("candidates")
    axes[0].legend(frameon=False)
    return figure


def interfaces() -> Any:
    """Which steps are in the exported model, and which are outside, for each interface."""
    figure, axes = plt.subplots(figsize=(12, 4.2), layout="constrained")
    rows = (
        ("padded", "points, features, mask, u"),
        ("edges", "x, edge_index, batch, u"),
        ("tensors", "the inputs of the model"),
    )
    for row, (name, tensors) in enumerate(rows):
        y = 2 * (2 - row)
        axes.text(-0.25, y + 0.5, name, ha="right", va="center", fontsize=13, weight="bold")
        boxes = {
            "padded": (("features", 0), ("padding", 0), ("graph", 1), ("layers", 1), ("score", 1)),
            "edges": (("features", 0), ("graph", 0), ("blocks", 1), ("layers", 1), ("score", 1)),
            "tensors": (("image", 0), ("scaling", 0), ("", 2), ("layers", 1), ("score", 1)),
        }[name]
        for i, (text, inside) in enumerate(boxes):
            if inside == 2:
                continue
            colour = ("#dfe3f4", "#3f51b5")[inside]
            axes.add_patch(
                FancyBboxPatch(
                    (2.1 * i, y + 0.1), 1.5, 0.8, boxstyle="round,pad=0.08", facecolor=colour, edgecolor="0.4"
                )
            )
            axes.text(
                2.1 * i + 0.75, y + 0.5, text, ha="center", va="center", color=("black", "white")[inside]
            )
            if i:
                start = 2.1 * (i - 1 - (boxes[i - 1][1] == 2)) + 1.6
                axes.annotate(
                    "",
                    (2.1 * i - 0.1, y + 0.5),
                    (start, y + 0.5),
                    arrowprops={"arrowstyle": "->", "color": "0.3"},
                )
        axes.plot([3.88, 3.88], [y - 0.15, y + 1.15], color=COLOURS[1], linewidth=2, linestyle=(0, (4, 2)))
        axes.text(3.88, y - 0.32, tensors, ha="center", va="top", color=COLOURS[1])
    axes.text(1.8, 5.75, "outside: C++ builder or CMSSW producer", ha="center")
    axes.text(7.1, 5.75, "inside the exported model", ha="center", color=COLOURS[0])
    axes.set(xlim=(-1.6, 10.2), ylim=(-0.9, 6.1))
    axes.axis("off")
    return figure


def validation() -> Any:
    """Differences of ONNX Runtime from Keras on the recorded tensors of the shipped bundle."""
    import onnxruntime

    bundle = ROOT / "deploy" / "bundles" / "tau_candidates"
    tolerance = json.loads((bundle / "manifest.json").read_text())["outputs"][0].get("tolerance", {})
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        str(bundle / "model.onnx"), options, providers=["CPUExecutionProvider"]
    )
    inputs, outputs = np.load(bundle / "inputs.npz"), np.load(bundle / "outputs.npz")
    names = sorted({name.partition("/")[0] for name in inputs})
    keras, found = [], []
    for name in names:
        tensors = {one.name: inputs[f"{name}/{one.name}"] for one in session.get_inputs()}
        keras.append(outputs[f"{name}/score"].ravel())
        found.append(session.run(None, tensors)[0].ravel())
    expected, scores = np.concatenate(keras), np.concatenate(found)
    difference = np.maximum(np.abs(scores - expected), 1e-9)
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
    left.scatter(expected, scores, s=10, color=COLOURS[0], alpha=0.5, rasterized=True)
    left.plot([0, 1], [0, 1], color="0.6", zorder=0, linewidth=1)
    left.set(xlabel="score in Keras", ylabel="score in ONNX Runtime", title=f"{len(scores)} recorded jets")
    right.hist(np.log10(difference), bins=np.linspace(-9.05, -4.5, 40), color=COLOURS[0], alpha=0.75)
    allowed = tolerance.get("absolute", 1e-5) if isinstance(tolerance, dict) else 1e-5
    right.axvline(np.log10(allowed), color=COLOURS[1], label="what is allowed")
    right.set(
        xlabel="difference of the scores",
        ylabel="jets",
        title=f"the largest is {difference.max():.1e}",
        yscale="log",
    )
    right.set_xticks([-9, -8, -7, -6, -5], ["0", "10⁻⁸", "10⁻⁷", "10⁻⁶", "10⁻⁵"])
    right.legend(frameon=False, loc="center", bbox_to_anchor=(0.66, 0.5))
    return figure


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images" / "concepts"
    for path in draw_all(target):
        print(path)
