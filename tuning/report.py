"""What a search leaves behind: ``trials.csv`` and ``sweep.html``, a page that needs nothing else."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from typing import Any

from e2e_tf.files import new_file
from e2e_tf.page import Cell, Plot, Section, details, escaped, facts, page, plots, table
from e2e_tf.tuning.importance import MIN_TRIALS, encode, importance
from e2e_tf.tuning.sweep import COMPLETED, FAILED, NoTrialCompleted, Record, Sweep

__all__ = ["write_report"]

_COLOURS = {"COMPLETED": "#2a6f97", "PRUNED": "#c77d0a", "INFEASIBLE": "#8a6fb0", "FAILED": "#b02a37"}


def write_report(sweep: Sweep, stopped: str = "") -> None:
    """Write ``trials.csv`` and ``sweep.html`` into the sweep folder.

    Args:
        sweep: the sweep, finished or not.
        stopped: why the search ended.
    """
    records = sweep.records()
    with new_file(sweep.folder / "trials.csv", force=True) as part:
        part.write_text(trials_csv(sweep, records), encoding="utf-8")
    with new_file(sweep.folder / "sweep.html", force=True) as part:
        part.write_text(sweep_html(sweep, records, stopped), encoding="utf-8")


def trials_csv(sweep: Sweep, records: Sequence[Record]) -> str:
    """One line per trial: number, status, objective, values, metrics, times, the last line of an error.

    Args:
        sweep: the sweep.
        records: its trials, by number.

    Returns:
        The content of ``trials.csv``.
    """
    values = _names(records)
    metrics = sorted({n for r in records for n in r.metrics} - {sweep.objective.name})
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    head = [
        "trial",
        "status",
        sweep.objective.name,
        "executions",
        "epochs",
        "total_s",
        "training_s",
        "overhead_s",
    ]
    writer.writerow([*head, "worker", *values, *metrics, "message"])
    for r in records:
        row: list[Any] = [
            r.trial,
            r.status,
            "" if r.score is None else repr(r.score),
            len(r.executions),
            r.epochs,
        ]
        row += [f"{r.seconds[k]:.3f}" if k in r.seconds else "" for k in ("total", "training", "overhead")]
        # All digits, unlike on the page: who runs the configuration again wants the same.
        given = [r.values.get(n, "") for n in values]
        row += [r.worker, *(repr(v) if isinstance(v, float) else _text(v) for v in given)]
        row += [repr(r.metrics[n]) if n in r.metrics else "" for n in metrics]
        writer.writerow([*row, _last_line(r.message)])
    return out.getvalue()


def sweep_html(sweep: Sweep, records: Sequence[Record], stopped: str = "") -> str:
    """The report as a page with everything in it.

    Args:
        sweep: the sweep.
        records: its trials, by number.
        stopped: why the search ended, if it has.

    Returns:
        The content of ``sweep.html``.
    """
    objective = sweep.objective
    counts = {s: sum(r.status == s for r in records) for s in _COLOURS}
    summary = (
        ", ".join(f"{count} {status.lower()}" for status, count in counts.items() if count) or "no trial"
    )
    unfinished = sweep.unfinished()
    known = [
        ("Search", f"{sweep.tune.algorithm}, objective {objective.name} ({objective.direction})"),
        (
            "Trials",
            summary + (f", {len(unfinished)} unfinished ({', '.join(unfinished)})" if unfinished else ""),
        ),
        ("Ended", stopped or "not ended"),
        ("Time in trials", f"{sum(r.seconds.get('total', 0) for r in records) / 60:.1f} min"),
        ("Overhead per trial", _median_overhead(records)),
    ]
    if sweep.config is not None:
        known.insert(0, ("Model", f"{sweep.config.model_name} on {sweep.config.data.title}"))
    try:
        best = sweep.best()
    except NoTrialCompleted as error:
        best_part = f"<p class='bad'>{escaped(str(error).partition(chr(10))[0])}</p>"
    else:
        best_part = _best_html(sweep, best)
    done = [r for r in records if r.score is not None and r.status != "INFEASIBLE"]
    return page(
        f"Sweep {sweep.folder.resolve().name}",
        [
            Section("Best configuration", best_part),
            Section("History", plots(*_history(sweep, done)) or _none("No trial has a score.")),
            Section(
                "Parallel coordinates",
                plots(*_parallel(done, objective.name)) or _none("Needs two trials with a score."),
            ),
            Section(
                "Parameter importance",
                plots(*_importance(records)) or _none(f"Needs {MIN_TRIALS} trials with scores that differ."),
            ),
            Section(
                "Learning curves", plots(*_curves(done, objective.monitor)) or _none("No trial has a curve.")
            ),
            Section("Trials", _table(sweep, records)),
            Section("Failures", _failures(records) or _none("None.")),
        ],
        head=facts(known),
        style=None if sweep.config is None else sweep.config.plots.style,
    )


def _best_html(sweep: Sweep, best: Record) -> str:
    assert best.score is not None
    spread = ""
    if len(best.executions) > 1:
        found = [e["metrics"][sweep.objective.name] for e in best.executions]
        spread = f", from {min(found):.5g} to {max(found):.5g} in {len(found)} trainings"
    text = f"<p>Trial {best.trial}: {escaped(sweep.objective.name)} {best.score:.6g}{spread}.</p>"
    text += facts((name, _text(value)) for name, value in best.values.items())
    if best.config is not None:
        text += details("The whole configuration", json.dumps(best.config, indent=1))
    return text


def _table(sweep: Sweep, records: Sequence[Record]) -> str:
    names = _names(records)
    sign = -1 if sweep.objective.direction == "max" else 1
    ranked = sorted(
        records, key=lambda r: (r.status != COMPLETED, math.inf if r.score is None else sign * r.score)
    )
    rows: list[list[Any]] = []
    for r in ranked:
        status = r.status.lower()
        row: list[Any] = [Cell(r.trial, int(r.trial)), Cell(status, status, r.status, _last_line(r.message))]
        row += [r.score, r.epochs or None, round(r.seconds.get("total", 0))]
        rows.append([*row, *(_value(r.values.get(n)) for n in names)])
    head = ["trial", "status", sweep.objective.name, "epochs", "s", *names]
    return table(head, rows, keys=[r.trial for r in ranked])


def _value(value: Any) -> Any:
    if isinstance(value, float):
        return Cell(_text(value), value)
    return (
        value if value is None or (isinstance(value, int) and not isinstance(value, bool)) else _text(value)
    )


def _failures(records: Sequence[Record]) -> str:
    return "".join(
        f"<h3>Trial {r.trial}</h3><pre>{escaped(r.message)}</pre>" for r in records if r.status == FAILED
    )


def _history(sweep: Sweep, records: Sequence[Record]) -> list[Plot]:
    """The score of each trial by number, and the best completed one so far."""
    if not records:
        return []
    ordered = sorted(records, key=lambda r: r.trial)
    data: list[dict[str, Any]] = []
    for status in dict.fromkeys(r.status for r in ordered):
        chosen = [r for r in ordered if r.status == status]
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": status.lower(),
                "x": [int(r.trial) for r in chosen],
                "y": [r.score for r in chosen],
                "marker": {"color": _COLOURS[status], "size": 8},
                "hovertemplate": "trial %{x}: %{y:.6g}<extra></extra>",
            }
        )
    best, steps = None, []
    choose = max if sweep.objective.direction == "max" else min
    for r in ordered:
        if r.status == COMPLETED and r.score is not None:
            best = r.score if best is None else choose(best, r.score)
        steps.append(best)
    line = {"color": "#1c2733", "width": 1.5, "shape": "hv"}
    data.append(
        {
            "type": "scatter",
            "mode": "lines",
            "name": "best so far",
            "x": [int(r.trial) for r in ordered],
            "y": steps,
        }
        | {"line": line, "hoverinfo": "skip"}
    )
    layout = {"xaxis": {"title": {"text": "trial"}}, "yaxis": {"title": {"text": sweep.objective.name}}}
    return [Plot(data, layout)]


def _parallel(records: Sequence[Record], objective: str) -> list[Plot]:
    """One line per trial over one axis per parameter; the colour is the score."""
    if len(records) < 2:
        return []
    import numpy as np

    names = [n for n in _names(records) if len({_text(r.values.get(n)) for r in records}) > 1]
    columns = [_scaled([r.values.get(name) for r in records]) for name in names]
    scores = np.array([r.score for r in records], float)
    columns.append(_scaled(scores.tolist()))
    shown = [
        *([_text(r.values.get(n, "-")) for r in records] for n in names),
        [f"{score:.5g}" for score in scores],
    ]
    data = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "meta": records[i].trial,
            "x": list(range(len(columns))),
            "y": [column[i] for column in columns],
            "text": [f"{n}: {t[i]}" for n, t in zip([*names, objective], shown, strict=True)],
            "line": {"color": _colour(float(columns[-1][i])), "width": 2},
            "marker": {"size": 6},
            "hovertemplate": f"trial {records[i].trial}<br>%{{text}}<extra></extra>",
        }
        for i in np.argsort(scores, kind="stable")
    ]
    ends = [
        {"x": place, "y": column[row], "text": texts[row], "showarrow": False, "font": {"size": 10}}
        | {"yanchor": anchor, "yshift": -6 if anchor == "top" else 6}
        for place, (column, texts) in enumerate(zip(columns, shown, strict=True))
        for row, anchor in ((int(np.argmin(column)), "top"), (int(np.argmax(column)), "bottom"))
    ]
    layout = {
        "meta": "brush",
        "dragmode": "select",
        "showlegend": False,
        "annotations": ends,
        "xaxis": {
            "tickvals": list(range(len(columns))),
            "ticktext": [*names, objective],
            "range": [-0.3, len(names) + 0.3],
        },
        "yaxis": {"visible": False, "range": [-0.12, 1.12]},
    }
    caption = "Drag a box over an axis to keep the trials of its range, over more axes for fewer; double-click for all."
    return [Plot(data, layout, caption, 420)]


def _scaled(given: Sequence[Any]) -> Any:
    """Values from 0 to 1, over decades by their logarithm."""
    import numpy as np

    values = encode(given)
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in given)
    if numbers and values.min() > 0 and values.max() > 10 * values.min():
        values = np.log10(values)
    span = np.ptp(values)
    return (values - values.min()) / span if span else np.full(len(values), 0.5)


def _colour(share: float) -> str:
    """From purple by green to yellow, as the score rises from the lowest to the highest."""
    stops = ((68, 1, 84), (33, 145, 140), (253, 190, 37))
    place = min(int(2 * share), 1)
    low, high = stops[place], stops[place + 1]
    red, green, blue = (round(a + (2 * share - place) * (b - a)) for a, b in zip(low, high, strict=True))
    return f"rgb({red},{green},{blue})"


def _importance(records: Sequence[Record]) -> list[Plot]:
    shares = importance(records)
    if not shares:
        return []
    names = [*shares][::-1]
    data = {
        "type": "bar",
        "orientation": "h",
        "x": [shares[name] for name in names],
        "y": names,
        "marker": {"color": _COLOURS[COMPLETED]},
        "hovertemplate": "%{y}: %{x:.1%}<extra></extra>",
    }
    layout = {
        "xaxis": {
            "title": {"text": "share of the score's variation, by a random forest"},
            "tickformat": ".0%",
        },
        "yaxis": {"type": "category"},
        "margin": {"l": 160, "r": 40, "t": 34, "b": 52},
    }
    # High enough for the column of buttons beside the frame.
    return [Plot([data], layout, height=max(280, 124 + 24 * len(names)))]


def _curves(records: Sequence[Record], name: str) -> list[Plot]:
    data = []
    for r in records:
        curve = r.curve(name)
        if curve:
            data.append(
                {
                    "type": "scatter",
                    "mode": "lines+markers" if len(curve) == 1 else "lines",
                    "name": f"trial {r.trial}",
                    "meta": r.trial,
                    "x": list(range(1, len(curve) + 1)),
                    "y": list(curve),
                    "line": {"color": _COLOURS[r.status], "width": 1.5},
                    "hovertemplate": f"trial {r.trial}, epoch %{{x}}: %{{y:.5g}}<extra></extra>",
                }
            )
    if not data:
        return []
    layout = {"xaxis": {"title": {"text": "epoch"}}, "yaxis": {"title": {"text": name}}, "showlegend": False}
    return [Plot(data, layout, "Point at a row of the table of trials to light up its curve.", 420)]


def _names(records: Sequence[Record]) -> list[str]:
    return list(dict.fromkeys(name for record in records for name in record.values))


def _median_overhead(records: Sequence[Record]) -> str:
    from statistics import median

    found = [r.seconds["overhead"] for r in records if "overhead" in r.seconds]
    return f"{median(found):.1f} s outside training (median)" if found else "not measured"


def _none(text: str) -> str:
    return f"<p>{text}</p>"


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.5g}"
    return json.dumps(value) if isinstance(value, (list, tuple)) else str(value)


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""
