"""The report of a run, section by section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from e2e_tf.figure import PlotStyle
from e2e_tf.page import Section, cards, escaped, page
from e2e_tf.terminal import with_error, with_interval
from e2e_tf.training.display import SCRIPT
from e2e_tf.training.prepare import Prepared
from e2e_tf.training.run import Run
from e2e_tf.training.run_report import sections
from e2e_tf.training.run_report.jets import examples

__all__ = ["run_report"]


def run_report(
    run: Run,
    prepared: Prepared,
    scores: Mapping[str, np.ndarray],
    found: Any,
    metrics: Mapping[str, Any],
    drops: Mapping[str, tuple[float, float]],
    sampled: int,
    style: PlotStyle | None = None,
) -> str:
    """The page: configuration, data, training, results, curves, importance, examples, provenance.

    Args:
        run: the run.
        prepared: its data.
        scores: float (n,) of the test part, by classifier; none if no output is the label.
        found: predictions of the test part by output, regressed ones in units.
        metrics: what :func:`e2e_tf.training.evaluate.evaluate` returns.
        drops: from :func:`e2e_tf.training.importance.permutation_importance`; may be empty.
        sampled: jets that it was measured on.
        style: labels of the plots; None takes those of the run's configuration.

    Returns:
        The content of ``report.html``.
    """
    name = run.config.model_name
    parts: list[Section] = []
    if scores:
        parts.append(sections.numbers(metrics))
        parts.append(sections.curves(prepared, scores, metrics))
        parts.append(sections.scores_by_class(prepared, scores[name]))
        parts.append(sections.working_points(metrics))
    if metrics.get("outputs"):
        parts.append(sections.outputs(run, prepared, found, metrics))
    if drops:
        parts.append(sections.importance(drops, sampled))
    if scores:
        parts.append(examples(prepared, scores[name]))
    parts += [
        sections.training(run),
        sections.data(prepared),
        sections.configuration(run),
        sections.provenance(run),
    ]
    return page(
        f"{name} on {run.config.data.sample}",
        parts,
        head=_head(run, metrics),
        scripts=(SCRIPT,),
        style=style or run.style,
    )


def _head(run: Run, metrics: Mapping[str, Any]) -> str:
    shown = [("test jets", f"{metrics['jets']['test']:,}")]
    result = metrics["classifiers"].get(run.config.model_name)
    if result is not None:
        overall = result["overall"]
        shown.append(("ROC-AUC", with_error(overall["auc"]["value"], overall["auc"]["error"])))
        shown += [
            (f"1/ε_B at {entry['efficiency']:.0%}", with_interval(entry)) for entry in overall["rejection"]
        ]
    text = (
        f"<p class='dim'>Run folder {escaped(run.folder.name)}; nodes are {escaped(run.preprocess.nodes)}, "
    )
    return cards(shown) + text + f"edges {escaped(run.preprocess.edges)}.</p>"
