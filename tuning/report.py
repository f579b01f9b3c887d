"""What a search leaves behind: ``trials.csv`` and ``sweep.html``, one file that needs nothing else."""

from __future__ import annotations

import csv
import html
import io
import json
import math
from collections.abc import Sequence
from typing import Any

from e2e_tf.files import new_file
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
    facts = [
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
        facts.insert(0, ("Model", f"{sweep.config.model_name} on {sweep.config.data.title}"))
    try:
        best = sweep.best()
    except NoTrialCompleted as error:
        best_part = f"<p class=bad>{_e(str(error).partition(chr(10))[0])}</p>"
    else:
        best_part = _best_html(sweep, best)
    done = [r for r in records if r.score is not None and r.status != "INFEASIBLE"]
    sections = [
        ("Best configuration", best_part),
        ("Parallel coordinates", _parallel(done, objective.name) or _none("Needs two trials with a score.")),
        (
            "Parameter importance",
            _importance(records) or _none(f"Needs {MIN_TRIALS} trials with scores that differ."),
        ),
        ("Learning curves", _curves(done, objective.monitor) or _none("No trial has a curve.")),
        ("Trials", _table(sweep, records)),
        ("Failures", _failures(records) or _none("None.")),
    ]
    rows = "".join(f"<tr><th>{_e(k)}<td>{_e(v)}" for k, v in facts)
    body = "".join(f"<h2>{title}</h2>{content}" for title, content in sections)
    title = f"Sweep {_e(sweep.folder.resolve().name)}"
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{_STYLE}</style>"
        f"<h1>{title}</h1><table class=facts>{rows}</table>{body}<script>{_SCRIPT}</script></html>\n"
    )


_BOX = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.5}
_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;max-width:1100px;margin:2em auto;padding:0 1em;color:#1c2733}
h2{margin-top:1.8em;border-bottom:1px solid #d5dde5}table{border-collapse:collapse;font-size:13px}
td,th{padding:.25em .6em;text-align:left;border-bottom:1px solid #e6ebf0;vertical-align:top}
td.n{text-align:right;font-variant-numeric:tabular-nums}pre{background:#f4f6f8;padding:.8em;overflow:auto}
.scroll{overflow-x:auto}svg{max-width:100%;height:auto}.bad{color:#b02a37}tr:hover td{background:#eef5fb}
.dim{opacity:.12}.COMPLETED{color:#2a6f97}.FAILED{color:#b02a37}.PRUNED{color:#c77d0a}.INFEASIBLE{color:#8a6fb0}
"""
# A row of the table lights up its line in the pictures.
_SCRIPT = """
document.querySelectorAll('tr[data-trial]').forEach(function(row){
 var mine=row.dataset.trial,lines=document.querySelectorAll('[id^="line-"]');
 row.addEventListener('mouseenter',function(){lines.forEach(function(l){
  l.classList.toggle('dim',l.id.split('-')[2]!==mine)})});
 row.addEventListener('mouseleave',function(){lines.forEach(function(l){l.classList.remove('dim')})});
});
"""


def _best_html(sweep: Sweep, best: Record) -> str:
    assert best.score is not None
    spread = ""
    if len(best.executions) > 1:
        found = [e["metrics"][sweep.objective.name] for e in best.executions]
        spread = f", from {min(found):.5g} to {max(found):.5g} in {len(found)} trainings"
    lines = [f"<p>Trial {best.trial}: {_e(sweep.objective.name)} {best.score:.6g}{spread}.</p><table>"]
    lines += [f"<tr><th>{_e(name)}<td>{_e(_text(value))}" for name, value in best.values.items()]
    lines.append("</table>")
    if best.config is not None:
        lines.append(
            f"<details><summary>The whole configuration</summary><pre>{_e(json.dumps(best.config, indent=1))}</pre>"
            "</details>"
        )
    return "".join(lines)


def _table(sweep: Sweep, records: Sequence[Record]) -> str:
    names = _names(records)
    sign = -1 if sweep.objective.direction == "max" else 1
    ranked = sorted(
        records, key=lambda r: (r.status != COMPLETED, math.inf if r.score is None else sign * r.score)
    )
    head = "".join(f"<th>{_e(n)}" for n in ["trial", "status", sweep.objective.name, "epochs", "s", *names])
    rows = []
    for r in ranked:
        score = "" if r.score is None else f"{r.score:.5g}"
        cells = f"<td>{r.trial}<td class={r.status} title='{_e(_last_line(r.message))}'>{r.status.lower()}"
        cells += f"<td class=n>{score}<td class=n>{r.epochs or ''}<td class=n>{r.seconds.get('total', 0):.0f}"
        cells += "".join(f"<td class=n>{_e(_text(r.values[n])) if n in r.values else ''}" for n in names)
        rows.append(f"<tr data-trial='{r.trial}'>{cells}")
    return f"<div class=scroll><table><tr>{head}{''.join(rows)}</table></div>"


def _failures(records: Sequence[Record]) -> str:
    return "".join(
        f"<h3>Trial {r.trial}</h3><pre>{_e(r.message)}</pre>" for r in records if r.status == FAILED
    )


def _parallel(records: Sequence[Record], objective: str) -> str:
    """One line per trial over one axis per parameter; the colour is the score."""
    if len(records) < 2:
        return ""
    import numpy as np

    names = [n for n in _names(records) if len({_text(r.values.get(n)) for r in records}) > 1]
    columns = [encode([r.values.get(n) for r in records]) for n in names]
    scores = np.array([r.score for r in records], float)
    figure, axes = _figure(max(6.0, 1.3 * (len(names) + 1)), 4.2)
    logs = [
        n.endswith("rate") and np.all(c > 0) and c.max() > 10 * c.min()
        for n, c in zip(names, columns, strict=True)
    ]
    scaled = []
    for column, log in zip([*columns, scores], [*logs, False], strict=True):
        column = np.log(column) if log else column
        span = np.ptp(column)
        scaled.append((column - column.min()) / span if span else np.full(len(column), 0.5))
    import matplotlib

    colours = matplotlib.colormaps["viridis"]
    order = np.argsort(scores)
    for i in order:
        heights = [column[i] for column in scaled]
        (line,) = axes.plot(range(len(scaled)), heights, color=colours(scaled[-1][i]), lw=1.5, alpha=0.8)
        line.set_gid(f"line-p-{records[i].trial}")
    for place, (name, column) in enumerate(zip([*names, objective], scaled, strict=True)):
        axes.axvline(place, color="#9aa7b3", lw=0.8, zorder=0)
        axes.text(place, -0.14, name.replace(".", ".\n"), ha="center", va="top", fontsize=8)
        given = [r.values.get(name) for r in records] if place < len(names) else [*scores]
        ends = dict(zip(column, given, strict=True))
        shown = ends if len(ends) <= 6 else {key: ends[key] for key in (min(ends), max(ends))}
        for height, value in shown.items():
            axes.text(
                place + 0.03, height, _text(value), fontsize=6.5, va="center", color="#425466", bbox=_BOX
            )
    axes.set_xlim(-0.2, len(scaled) - 0.5)
    axes.set_ylim(-0.05, 1.05)
    axes.axis("off")
    return _svg(figure)


def _importance(records: Sequence[Record]) -> str:
    shares = importance(records)
    if not shares:
        return ""
    names = [*shares][::-1]
    figure, axes = _figure(7, 0.6 + 0.28 * len(names))
    axes.barh(range(len(names)), [shares[n] for n in names], color="#2a6f97", height=0.6)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_xlabel("share of the score's variation, by a random forest", fontsize=8)
    axes.tick_params(axis="x", labelsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return _svg(figure)


def _curves(records: Sequence[Record], name: str) -> str:
    drawn = [r for r in records if r.curve(name)]
    if not drawn:
        return ""
    figure, axes = _figure(8, 4)
    for r in drawn:
        curve = r.curve(name)
        (line,) = axes.plot(
            range(1, len(curve) + 1), curve, color=_COLOURS[r.status], lw=1.1, alpha=0.7,
            marker="o" if len(curve) == 1 else None, ms=3,
        )  # fmt: skip
        line.set_gid(f"line-c-{r.trial}")
    axes.set_xlabel("epoch", fontsize=9)
    axes.set_ylabel(name, fontsize=9)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.tick_params(labelsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return _svg(figure)


def _figure(width: float, height: float) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="tight")
    return figure, figure.subplots()


def _svg(figure: Any) -> str:
    import matplotlib

    out = io.StringIO()
    # Text stays text, and the same sweep gives the same file.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "e2e-tf"}):
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    return f"<div class=scroll>{text[text.index('<svg') :]}</div>"


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


def _e(text: str) -> str:
    return html.escape(text, quote=True)
