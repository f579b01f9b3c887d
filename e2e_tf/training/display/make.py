"""A page of jets, of a run or of a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

import numpy as np

from e2e_tf.data.definition import collision_energy
from e2e_tf.data.features import UNITS
from e2e_tf.data.graphs import GraphRecipe, build_graphs, graphs_of
from e2e_tf.data.held import held_jets
from e2e_tf.data.jets import Jets
from e2e_tf.data.sources import load_jets
from e2e_tf.errors import InputError
from e2e_tf.figure import PlotStyle
from e2e_tf.files import new_file, refuse_existing
from e2e_tf.page import Section, page
from e2e_tf.training.display.attention import with_attention
from e2e_tf.training.display.nodes import drawn_jets
from e2e_tf.training.display.widget import SCRIPT, display_html
from e2e_tf.training.examples import Examples
from e2e_tf.training.predict import jets_of_file, predict_examples
from e2e_tf.training.prepare import model_rows, prepare_run
from e2e_tf.training.run import open_run
from e2e_tf.training.targets import label_output

__all__ = ["display"]

_CLASSES = ("background", "signal")


def display(
    what: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    sample: str = "",
    jets: int = 24,
    nodes: str = "",
    graph: str = "",
    reader: str = "",
    style: PlotStyle | None = None,
    force: bool = False,
) -> int:
    """Write a page that shows jets with their graph, one at a time, in η and φ and in space.

    Args:
        what: a run folder: jets of its test part, with scores and attention; or a file of jets in any format that the
            library reads, or the name of a shipped sample: jets alone.
        output: the new page.
        sample: with a run, take the jets of this file instead.
        jets: how many, as many of each class where there are labels; the first ones.
        nodes: with a file, ``hits``, ``candidates`` or ``detector``; empty takes what the file has.
        graph: with a file, the edges, such as ``knn:8``, which is what an empty text means.
        reader: format of the file; empty recognises it.
        style: labels above the frames; None takes those of the run, or the defaults.
        force: replace an existing page.

    Returns:
        The number of jets.

    Raises:
        InputError: the run or file cannot be used, or ``output`` exists and ``force`` is false.
    """
    if jets < 1:
        raise InputError(f"a display needs at least 1 jet, not {jets}")
    refuse_existing(Path(output), force)
    scores = None
    if (Path(what) / "config.json").is_file() or Path(what).is_dir():
        if nodes or graph:
            raise InputError(
                "nodes and graph of a run are those that it was trained on; give them with a file only"
            )
        run = open_run(what)
        style = style or run.style
        read = jets_of_file(run, sample, reader) if sample else prepare_run(run).test.jets
        found = held_jets(_chosen(cast("Jets", read), jets))
        drawn = drawn_jets(found, run.preprocess)  # refuses images
        graphs, model = graphs_of(found, run.preprocess), run.model()
        rows = model_rows(run.config.model_name, found, graphs, GraphRecipe.of(run.preprocess))
        examples = Examples(graphs.batch, nodes=graphs.node_inputs(), rows=rows)
        main = label_output(run.config)
        if main is not None:
            values = predict_examples(model, examples, what="the sample")
            scores = (values[main] if run.config.outputs else values)[:, 0]
        drawn = with_attention(model, examples, drawn)
        title = f"Jets of {run.folder.name}"
    else:
        if sample:
            raise InputError("a sample is given beside a run; to show jets of a file, give the file alone")
        found = _chosen(load_jets(str(what), reader)[0], jets)
        # Jets without truth may be recorded ones.
        style = style or PlotStyle(data=found.label is None, energy=collision_energy(found.attributes))
        recipe = GraphRecipe(nodes=nodes or _nodes(found), edges=graph or "knn:8")
        drawn = drawn_jets(found, build_graphs(found, recipe).fit_preprocess(recipe))
        title = f"Jets of {Path(what).name}"
    note = "The arrows and the slider go through them; a click on a name hides its marks."
    head = f"<p class='dim'>{len(found)} jets. {note}</p>"
    content = display_html(drawn, *_texts(found, scores))
    with new_file(output, force) as part:
        sections = [Section("Event display", content)]
        text = page(title, sections, head=head, scripts=(SCRIPT,), style=style)
        part.write_text(text, encoding="utf-8")
    return len(found)


def _chosen(jets: Jets, count: int) -> Jets:
    if jets.label is None:
        return jets.take(np.arange(min(count, len(jets))))
    rows = [np.flatnonzero(jets.label == value) for value in (1, 0)]
    # Signal and background in turn, as long as there are both.
    ranked = sorted((place, 1 - value, row) for value in (1, 0) for place, row in enumerate(rows[1 - value]))
    return jets.take(np.array([row for _, _, row in ranked[:count]], int))


def _nodes(jets: Jets) -> str:
    if jets.objects:
        return "detector"
    return "hits" if jets.hits else "candidates"


def _texts(jets: Jets, scores: np.ndarray | None) -> tuple[list[str], list[str]]:
    """A title and further facts of each jet."""
    titles, facts = [], []
    for i in range(len(jets)):
        title = "jet" if jets.label is None else _CLASSES[int(jets.label[i])]
        titles.append(title if scores is None else f"{title}, score {scores[i]:.4f}")
        known = [f"{n} {jets[n][i]:.3g} {UNITS[n]}".strip() for n in jets.columns if n in UNITS]
        facts.append(", ".join([f"event {jets.event[i]}", *known]))
    return titles, facts
