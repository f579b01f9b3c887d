"""Tables and figures of ``docs/studies/tau.md`` and of its appendix from the results."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.figure import MARKERS, PlotStyle, looks, picture, shrink_png
from e2e_tf.files import new_file
from e2e_tf.training.roc_plot import WORKING_POINTS, log_ratios, mark_points
from studies.tau.evaluation import CURVE, MODES
from studies.tau.rows import CHOSEN, CROSS, DETAILED, FLAT, MAIN, ROWS, TRIED
from studies.tau.samples import PILEUP
from studies.tau.transfer import BINS
from studies.tau.variations import VARIATIONS

Result = dict[str, Any]
STYLE = PlotStyle(status="(parametrised CMS response)", energy=13.0, formats=(), dpi=100)
TREES = "boosted trees, candidates"


def write_report(results: Path, page: Path) -> None:
    """Fill the tables of the study and draw its figures in the folder of the page's name.

    Args:
        results: the folder of the JSON files.
        page: the study's page; its appendix lies beside it, ``tau_appendix.md`` beside ``tau.md``.

    Raises:
        SystemExit: a table has no place.
    """
    found = read_results(results)
    latencies, ratios, fresh, transfers = (
        _read(results / f"{name}.json") for name in ("latency", "ratios", "fresh", "transfer")
    )
    tables = {
        "state": state(found),
        "main": main_table(found, list(MAIN), latencies, ratios),
        "cross": cross_table(found),
    }
    appendix = {
        "tried": main_table(found, list(TRIED), latencies, ratios),
        "bins": bin_tables(found),
        "weighted": weighted_table(ratios),
        "fresh": fresh_table(fresh),
        "robustness": robustness_table(found),
        "flat": flat_table(found),
        "transfer": transfer_table(transfers),
        "quark_gluon": quark_gluon_table(results / "quark_gluon.json"),
    }
    _fill(page, tables)
    _fill(page.with_stem(f"{page.stem}_appendix"), appendix)
    figures = page.with_suffix("")
    draw_curves(found, figures / "roc.png")
    draw_bins(found, figures / "pt.png")
    draw_calibration(found, figures / "calibration.png")
    draw_transfer(transfers, figures / "transfer.png")


def _fill(page: Path, tables: Mapping[str, list[str]]) -> None:
    """Put each table between its marks."""
    text = page.read_text(encoding="utf-8")
    for name, lines in tables.items():
        text = between(text, name, lines)
    with new_file(page, force=True) as part:
        part.write_text(text, encoding="utf-8")


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def read_results(results: Path) -> dict[str, list[Result]]:
    """Results by row, in the order of the tables; rows without any are left out."""
    by_row: dict[str, list[Result]] = {}
    for path in sorted(results.glob("*-[0-9].json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        by_row.setdefault(result["row"], []).append(result)
    return {name: by_row[name] for name in [*ROWS, *sorted(set(by_row) - set(ROWS))] if name in by_row}


def between(text: str, name: str, lines: list[str]) -> str:
    """``text`` with lines between the two marks of a name.

    Raises:
        SystemExit: a mark is missing.
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    if begin not in text or end not in text:
        raise SystemExit(f"the page has no place for the table {name!r}: it lacks {begin} or {end}")
    before, _, rest = text.partition(begin)
    after = rest.partition(end)[2]
    return before + "\n".join([begin, *lines, end]) + after


def rejection(entry: Mapping[str, Any], efficiency: float) -> dict[str, Any]:
    """The rejection of an entry of :func:`evaluation.evaluated` at a signal efficiency."""
    return next(one for one in entry["rejection"] if one["efficiency"] == efficiency)


def over_seeds(values: list[float], error: float | None, digits: int) -> str:
    """Mean over seeds ± error of the test sample, and the spread of the seeds in brackets."""
    text = f"{np.mean(values):.{digits}f}"
    if error is not None:
        text += f" ± {error:.{digits}f}"
    return text + (f" ({np.std(values, ddof=1):.{digits}f})" if len(values) > 1 else "")


def summary(results: list[Result], efficiency: float) -> str:
    """Rejection over seeds with the mean error of the test sample, or a lower limit at 95 % confidence."""
    each = [rejection(result, efficiency) for result in results]
    errors = [one["error"] for one in each if one["error"] is not None]
    digits = 0 if np.mean([one["value"] for one in each]) >= 20 else 1
    if any(one["is_limit"] for one in each):
        return f"> {min(one['value'] for one in each):.{digits}f}"
    return over_seeds([one["value"] for one in each], float(np.mean(errors)) if errors else None, digits)


def state(found: dict[str, list[Result]]) -> list[str]:
    """How much of the study there is."""
    wanted = {name: row for name, row in ROWS.items() if not row.members}
    done = sum(len(found.get(name, [])) for name in wanted)
    total = sum(row.seeds for row in wanted.values())
    missing = [name for name in MAIN if name not in found]
    if done == total:
        means = len(ROWS) - len(wanted)
        return [f"All {total} trainings are done; {means} further rows are means of some of them."]
    text = f"{done} of {total} trainings are done."
    if missing:
        text += f" Rows of the table without any: {'; '.join(missing)}."
    return textwrap.wrap(text, 120)


def main_table(
    found: dict[str, list[Result]],
    names: list[str],
    latencies: Mapping[str, Any],
    ratios: Mapping[str, Any],
) -> list[str]:
    """One line a row, of those that have results."""
    lines = [
        "| classifier, inputs | seeds | parameters | ROC-AUC | 1/ε_B at 50 % | at 70 % | of the trees' at 70 % | "
        "at 90 % | training [min] | a jet [ms] |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name in names:
        if name not in found:
            continue
        results = found[name]
        auc = over_seeds(
            [r["auc"]["value"] for r in results], float(np.mean([r["auc"]["error"] for r in results])), 4
        )
        parameters = results[0]["parameters"]
        cells = [summary(results, efficiency) for efficiency in (0.5, 0.7, 0.9)]
        ratio = ratios.get(name)
        # One of fewer seeds than there are now would not go with the numbers beside it.
        current = ratio is not None and ratio["seeds"] == len(results)
        cells.insert(2, f"{ratio['value']:.2f} ± {ratio['value_error']:.2f}" if current else "-")
        minutes = [r["cpu_seconds"] / 60 for r in results if r.get("cpu_seconds") and not r.get("resumed")]
        cost = f"{np.mean(minutes):.0f}" if minutes else "-"
        size = "-" if parameters is None else f"{parameters:,}"
        entry = latencies.get(name)
        ms = "-" if entry is None else f"{entry['milliseconds']:.2f}" + "*" * (entry["interface"] == "edges")
        lines.append(
            f"| {name} | {len(results)} | {size} | {auc} | " + " | ".join(cells) + f" | {cost} | {ms} |"
        )
    return lines


def weighted_table(ratios: Mapping[str, Any]) -> list[str]:
    """Rejections with the weights of the generated events."""
    lines = ["| classifier, inputs | seeds | 1/ε_B at 70 % | of the trees' |", "|---|---|---|---|"]
    lines += [
        f"| {name} | {ratios[name]['seeds']} | {_with_ratio(ratios[name]['weighted'])} |"
        for name in DETAILED
        if name in ratios
    ]
    return lines


def fresh_table(ratios: Mapping[str, Any]) -> list[str]:
    """Rejections on jets made after the choice, without and with the weights of the generated events."""
    lines = [
        "| classifier, inputs | seeds | 1/ε_B at 70 % | of the trees' | event weights: 1/ε_B at 70 % | of the trees' |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {entry['seeds']} | {_with_ratio(entry)} | {_with_ratio(entry['weighted'])} |"
        for name, entry in ratios.items()
    ]
    return lines


def _with_ratio(entry: Mapping[str, float]) -> str:
    return (
        f"{entry['rejection']:.0f} ± {entry['rejection_error']:.0f} | "
        f"{entry['value']:.2f} ± {entry['value_error']:.2f}"
    )


def bin_tables(found: dict[str, list[Result]]) -> list[str]:
    """Rejection at 70 % of the signal of each bin."""
    titles = {
        "pt": ("pT [GeV]", lambda b: f"{b['low']:g}-{b['high']:g}"),
        "eta": ("abs(η)", lambda b: f"{b['low']:g}-{b['high']:g}"),
        "pileup": ("other collisions", lambda b: {0: "none", 1: "1 to 29", 30: "30 or more"}[b["low"]]),
        "decay_mode": ("decay", lambda b: MODES[b["mode"]]),
    }
    names = [name for name in DETAILED if name in found]
    lines: list[str] = []
    for key, (title, label) in titles.items():
        bins = found[names[0]][0]["bins"][key] if names else []
        lines += [f"| {title} | " + " | ".join(label(b) for b in bins) + " |", "|---" * (len(bins) + 1) + "|"]
        for name in names:
            cells = []
            for i in range(len(bins)):
                parts = [r["bins"][key][i] for r in found[name]]
                cells.append(summary(parts, 0.7) if all(p["rejection"] for p in parts) else "-")
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
        lines.append("")
    return lines[:-1]


def robustness_table(found: dict[str, list[Result]]) -> list[str]:
    """1/ε_B at 70 % with the cut moved to it, and what the nominal cut then keeps of signal and background."""
    names = [n for n in DETAILED if n in found and any("robustness" in r for r in found[n])]
    lines = ["| | as it is | " + " | ".join(VARIATIONS) + " |", "|---" * (len(VARIATIONS) + 2) + "|"]
    for name in names:
        entries = next(r["robustness"] for r in found[name] if "robustness" in r)
        cells = []
        for key in ("nominal", *VARIATIONS):
            entry = entries[key]
            kept = f"{entry['signal_efficiency']:.3f}, {1e3 * entry['background_efficiency']:.1f} ‰"
            cells.append(f"{entry['rejection']:.0f} ({kept})")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def cross_table(found: dict[str, list[Result]]) -> list[str]:
    names = [name for name in (*CROSS, "particle attention, candidates") if name in found]
    lines = ["| 1/ε_B at 70 % | " + " | ".join(f"applied at {p}" for p in PILEUP) + " |"]
    lines.append("|---" * (len(PILEUP) + 1) + "|")
    for name in names:
        cells = [summary([r["bins"]["pileup"][i] for r in found[name]], 0.7) for i in range(len(PILEUP))]
        what = "trained with all three" if name not in CROSS else name
        lines.append(f"| {what} | " + " | ".join(cells) + " |")
    return lines


def flat_table(found: dict[str, list[Result]]) -> list[str]:
    names = [name for name in ("deep sets, candidates", *FLAT) if name in found]
    lines = [
        "| | ROC-AUC | 1/ε_B at 70 % | ε_B, largest over smallest in pT | in mass below 8 GeV | 1/ε_B at pileup "
        + ", ".join(map(str, PILEUP))
        + " |",
        "|---|---|---|---|---|---|",
    ]
    for name in names:
        results = found[name]
        cells = [over_seeds([r["auc"]["value"] for r in results], None, 4), summary(results, 0.7)]
        for key in ("pt", "mass"):
            ratios, errors = [], []
            for r in results:
                # Hardly a jet above passes anything.
                bins = [b for b in r["flat"][key] if b["value"] and (key == "pt" or b["high"] <= 8)]
                most, least = (which(bins, key=lambda b: b["value"]) for which in (max, min))
                ratios.append(most["value"] / least["value"])
                errors.append(ratios[-1] * np.hypot(*(b["error"] / b["value"] for b in (most, least))))
            cells.append(over_seeds(ratios, float(np.mean(errors)), 1))
        by_pileup = [summary([r["bins"]["pileup"][i] for r in results], 0.7) for i in range(len(PILEUP))]
        cells.append(", ".join(by_pileup))
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def transfer_table(transfers: Mapping[str, Any]) -> list[str]:
    """Scores of real and simulated jets: median with the central 68 %, and the share above the 70 % cut."""
    lines = ["| model | jets | number | hits | score | above the cut |", "|---|---|---|---|---|---|"]
    for name, sides in transfers.items():
        for side, entry in sides.items():
            low, middle, high = entry["quantiles"]
            lines.append(
                f"| {name} | {side} | {entry['jets']:,} | {entry['hits']:.0f} | {middle:.2f} ({low:.2f} to "
                f"{high:.2f}) | {entry['passing']:.1%} |"
            )
    return lines


def quark_gluon_table(path: Path) -> list[str]:
    """What ``studies.quark_gluon`` found on full simulation, each with its spread over seeds."""
    lines = ["| classifier | ROC-AUC | 1/ε_B at 50 % | at 70 % | at 90 % |", "|---|---|---|---|---|"]
    for name, entries in _read(path).get("mean and spread over seeds", {}).items():
        cells = [
            f"{v:.{digits}f} ({s:.{digits}f})" for (v, s), digits in zip(entries, (4, 1, 2, 3), strict=True)
        ]
        lines.append(f"| {name.replace('_', ' ')} | " + " | ".join(cells) + " |")
    return lines


@contextmanager
def figure(path: Path, rows: int = 1, columns: int = 1, **options: Any) -> Iterator[Any]:
    """List of axes in the style of all pictures, row by row; the picture is small enough for git."""
    size = (10 * columns**0.7, 10 * rows**0.7 if columns > 1 else 10.0)
    with picture(
        path, options.pop("style", STYLE), force=True, rows=rows, columns=columns, size=size, **options
    ) as axes:
        yield np.atleast_1d(axes).ravel().tolist()
    shrink_png(path)


def shown(found: dict[str, list[Result]]) -> list[str]:
    """Rows that the figures show: the best networks, the trees on candidates, the published, and the chosen."""
    names = [name for name in MAIN if name in found]

    def value(name: str) -> float:
        return float(np.mean([rejection(r, 0.7)["value"] for r in found[name]]))

    networks = [name for name in names if MAIN[name].model]
    kept = {*sorted(networks, key=value, reverse=True)[:4], TREES, "gat_cheb as published, hits"}
    return [name for name in names if name in kept] + [CHOSEN] * (CHOSEN in found)


def draw_curves(found: dict[str, list[Result]], path: Path) -> None:
    """Mean curves over seeds, and their ratios to the trees."""
    curves, errors = {}, {}
    for name in shown(found):
        curves[name] = np.mean([r["curve"] for r in found[name]], axis=0)
        errors[name] = {}
        for level in WORKING_POINTS.values():
            entries = [rejection(r, level) for r in found[name]]
            errors[name][level] = float(np.mean([(e["error"] or 0) / e["value"] for e in entries]))
    draw_rejections(curves, TREES, path, errors)


def draw_rejections(
    curves: Mapping[str, np.ndarray],
    trees: str,
    path: Path,
    errors: Mapping[str, Mapping[float, float]],
) -> None:
    """Rejection against signal efficiency, and its ratio to that of the trees; bars at the working points.

    Args:
        curves: background efficiencies at :data:`CURVE` by row.
        trees: the row that the others are divided by.
        path: of the picture.
        errors: of the rejection relative to it, by row and signal efficiency, from the test sample.
    """
    with figure(path, rows=2, heights=(3, 1), fontsize=22) as [axes, ratios]:
        for i, (look, (name, curve)) in enumerate(zip(looks(), curves.items(), strict=False)):
            seen = curve > 0
            axes.plot(CURVE[seen], 1 / curve[seen], **look, label=name)
            levels = np.array([*errors[name]])
            height = 1 / np.interp(levels, CURVE, curve)
            beside = (i - (len(curves) - 1) / 2) * 0.003  # bars of several rows stand side by side
            bar = {"fmt": "none", "ecolor": look["color"], "capsize": 3, "elinewidth": 2}
            axes.errorbar(levels + beside, height, height * np.array([*errors[name].values()]), **bar)
            if trees in curves:
                both = seen & (curves[trees] > 0)
                ratios.plot(CURVE[both], curves[trees][both] / curve[both], **look)
        mark_points(np.array([axes, ratios]), WORKING_POINTS)
        high = axes.get_ylim()[1]
        axes.set(yscale="log", xlim=(0.3, 1), ylim=(1, high**1.35))  # the legend stands above the curves
        axes.set_ylabel(r"Background rejection $1/\varepsilon_\mathrm{B}$")
        # Before the lines of the working points.
        axes.legend(
            fontsize=15,
            loc="upper right",
            ncols=2,
            columnspacing=1,
            frameon=True,
            framealpha=1,
            edgecolor="none",
        )
        log_ratios(ratios)
        ratios.set_ylabel("Ratio to trees", loc="center", fontsize=18)
        ratios.set_xlabel(r"Signal efficiency $\varepsilon_\mathrm{S}$")


def draw_bins(found: dict[str, list[Result]], path: Path) -> None:
    """Rejection at 70 % against pT, and its ratio to that of the trees."""
    names = shown(found)
    with figure(path, rows=2, heights=(3, 1), fontsize=22) as [axes, ratios]:
        numbers = {}
        for name in names:
            bins = [r["bins"]["pt"] for r in found[name]]
            values = np.mean([[rejection(b, 0.7)["value"] for b in one] for one in bins], axis=0)
            errors = np.mean([[rejection(b, 0.7)["error"] or 0 for b in one] for one in bins], axis=0)
            numbers[name] = np.array([(b["low"] + b["high"]) / 2 for b in bins[0]]), values, errors
        for i, (look, (name, (middle, values, errors))) in enumerate(
            zip(looks(), numbers.items(), strict=False)
        ):
            points: dict[str, Any] = {
                "fmt": MARKERS[i % len(MARKERS)], "color": look["color"], "capsize": 3, "markersize": 8,
            }  # fmt: skip
            place = middle + (i - len(names) / 2) * 0.6
            axes.errorbar(place, values, errors, label=name, **points)
            if TREES in numbers:
                base, own = numbers[TREES][1], name != TREES
                # Networks and trees see the same jets; the error is that of the numerator.
                ratios.errorbar(place, values / base, errors / base if own else None, **points)
        ratios.axhline(1, color="0.5", linewidth=1, linestyle=":")
        high = axes.get_ylim()[1]
        axes.set(yscale="log", xlim=(8, 52), ylim=(20, 7 * high))  # the legend stands above the points
        axes.set_ylabel(r"$1/\varepsilon_\mathrm{B}$, Medium (70 %) in each bin")
        axes.legend(fontsize=15, loc="upper left", ncols=2)
        ratios.set_ylabel("Ratio to trees", loc="center", fontsize=18)
        ratios.set_xlabel(r"Jet $p_\mathrm{T}$ [GeV]")


def draw_calibration(found: dict[str, list[Result]], path: Path) -> None:
    """Share of signal against the mean score, and the ratio of both."""
    with figure(path, rows=2, heights=(3, 1), fontsize=22) as [axes, ratios]:
        for i, (look, name) in enumerate(zip(looks(), shown(found), strict=False)):
            entries = found[name][0]["calibration"]
            score, share = (np.array([e[key] for e in entries]) for key in ("score", "signal"))
            look.update(marker=MARKERS[i % len(MARKERS)], markersize=8, linewidth=2)
            axes.plot(score, share, **look, label=name)
            ratios.plot(score, share / score, **look)
        axes.plot([0, 1], [0, 1], color="0.5", linestyle=":")
        axes.set(xlim=(0, 1), ylim=(0, 1.4), yticks=(0, 0.2, 0.4, 0.6, 0.8, 1))  # the legend stands above
        axes.set_ylabel("Share of signal")
        axes.legend(fontsize=15, loc="upper left", ncols=2)
        ratios.axhline(1, color="0.5", linestyle=":")
        ratios.set_ylabel("Share / score", loc="center", fontsize=18)
        ratios.set_xlabel("Mean score")


def draw_transfer(transfers: Mapping[str, Any], path: Path) -> None:
    """Scores of every model on hits that has met real jets; nothing if none has."""
    from matplotlib.ticker import NullFormatter

    if not transfers:
        return
    columns = min(4, len(transfers))
    # Trained on simulation at 13 TeV, applied to public collisions at 8 TeV.
    status = "CMS Open Data of 2012 (8 TeV), simulation (13 TeV)"
    style = PlotStyle(data=True, status=status, energy=0, formats=(), dpi=60)
    with figure(
        path, -(-len(transfers) // columns), columns, style=style, fontsize=20, sharex=False
    ) as places:
        middle = (BINS[1:] + BINS[:-1]) / 2
        for place, (name, sides) in zip(places, transfers.items(), strict=False):
            for look, (side, entry) in zip(looks(), sides.items(), strict=False):
                counts = np.array(entry["histogram"], float)
                share, error = counts / counts.sum(), np.sqrt(counts) / counts.sum()
                if side.startswith("simulated"):
                    place.stairs(share, BINS, **look, label=side)
                else:
                    place.errorbar(middle, share, error, fmt="ko", label=f"{side} ({entry['jets']})")
            place.set(yscale="log", xlim=(0, 1), ylim=(3e-3, 4))
            place.yaxis.set_minor_formatter(NullFormatter())
            place.set_xlabel(f"Score of {name}", fontsize=18)
            place.set_ylabel("Share of jets", fontsize=18)
        places[0].legend(fontsize=16, loc="upper center")
        for place in places[len(transfers) :]:
            place.set_axis_off()
