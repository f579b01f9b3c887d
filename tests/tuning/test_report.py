from __future__ import annotations

import csv
import json
import re
from html.parser import HTMLParser

import pytest
from browser import look

from e2e_tf.files import write_json
from e2e_tf.tuning.config import TuneConfig
from e2e_tf.tuning.report import write_report
from e2e_tf.tuning.sweep import COMPLETED, FAILED, INFEASIBLE, PRUNED, NoTrialCompleted, Record, Sweep


def record(number, status=COMPLETED, score=None, **more):
    values = {
        "training.learning_rate": 7.654321 * 10.0 ** -(1 + number % 4),
        "model.channels": [8, 16],
        "kind": "ab"[number % 2],
    }
    curve = [] if score is None else [score - 0.1, score]
    executions = (
        [{"metrics": {"val_auc": score}, "history": {"val_auc": curve}, "best_epoch": 1}] if curve else []
    )
    metrics = {} if score is None else {"val_auc": score, "parameters": 100.0}
    seconds = {"total": 10.0, "training": 9.0, "overhead": 1.0 + number / 10}
    fields = {
        "executions": executions,
        "metrics": metrics,
        "seconds": seconds,
        "epochs": len(curve),
        "worker": "w",
    }
    return Record(f"{number:04d}", status, values, score, **{**fields, **more})


@pytest.fixture
def sweep(tmp_path):
    def make(records):
        sweep = Sweep(tmp_path, None, TuneConfig(), tmp_path)
        for r in records:
            (sweep.trials / r.trial).mkdir(parents=True)
            write_json(sweep.trials / r.trial / "result.json", r.to_dict())
        return sweep

    return make


MIXED = [
    *(record(i, score=0.9 - 0.02 * (i % 4)) for i in range(10)),
    record(10, PRUNED, 0.97, message="after 2 epochs"),
    record(11, INFEASIBLE, -3.0, executions=[], message="too slow"),
    record(12, FAILED, message="Traceback (most recent call last):\n  <module>\nValueError: a & b < c"),
]


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.links = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [v for k, v in attrs if k in ("src", "href") and v]


def drawn(text):
    """Types of the traces of each plot."""
    found = re.findall(r"<script type='application/json'>(.*?)</script>", text)
    return [[trace["type"] for trace in json.loads(one)["data"]] for one in found]


def test_page(sweep):
    made = sweep(MIXED)
    write_report(made, "all 13 trials have been started")
    text = (made.folder / "sweep.html").read_text()
    assert len(text) < 5e6
    # History (by status, and the best so far), parallel coordinates, importance, curves.
    assert drawn(text) == [["scatter"] * 3, ["scatter"] * 11, ["bar"], ["scatter"] * 11]
    # Nothing is loaded from anywhere: links point into the page.
    page = Page(text)
    assert all(link.startswith(("#", "data:")) for link in page.links)
    assert "Trial 0000: val_auc 0.9." in text
    assert "10 completed, 1 pruned, 1 infeasible, 1 failed" in text
    assert "ValueError: a &amp; b &lt; c" in text
    assert "a & b < c" not in text
    assert "all 13 trials have been started" in text
    assert text.count("data-key=") == 13
    assert '"meta":"0010"' in text
    write_report(made, "all 13 trials have been started")
    assert (made.folder / "sweep.html").read_text() == text


def test_axes_and_history(sweep):
    made = sweep(MIXED)
    write_report(made)
    text = (made.folder / "sweep.html").read_text()
    history, parallel, *_ = (json.loads(one) for one in re.findall(r"application/json'>(.*?)</script>", text))
    assert history["data"][-1]["name"] == "best so far"
    assert history["data"][-1]["y"] == [0.9] * 11  # not 0.97, which was pruned
    assert parallel["layout"]["xaxis"]["ticktext"] == [
        "training.learning_rate",
        "kind",
        "val_auc",
    ]  # not what is the same
    lines = {trace["meta"]: trace for trace in parallel["data"]}
    # Four decades of learning rates, 0.77 to 0.00077: thirds apart on a logarithmic axis.
    assert [lines[f"{i:04d}"]["y"][0] for i in range(4)] == pytest.approx([1, 2 / 3, 1 / 3, 0], abs=1e-5)
    assert [lines[f"{i:04d}"]["y"][1] for i in range(2)] == [0, 1]
    assert lines["0010"]["line"]["color"] == "rgb(253,190,37)"  # the highest score
    assert lines["0002"]["text"] == ["training.learning_rate: 0.0076543", "kind: a", "val_auc: 0.86"]


def test_page_in_a_browser(sweep, tmp_path_factory):
    """The table sorts, a row lights up its curve, parallel coordinates are brushed."""
    made = sweep(MIXED)
    write_report(made)
    found = look(
        made.folder / "sweep.html",
        """
        const head = [...document.querySelectorAll("th")].find((one) => one.textContent === "val_auc");
        head.click();
        const rows = [...head.closest("table").tBodies[0].rows];
        const scores = rows.map((row) => row.cells[head.cellIndex].textContent);
        rows[1].dispatchEvent(new MouseEvent("mouseenter"));
        const plots = [...document.querySelectorAll(".plot")];
        const curves = plots[3];
        await new Promise((on) => setTimeout(on, 50));
        const lit = curves.data.filter((trace) => trace.opacity === 1).map((trace) => trace.meta);
        const kept = () => plots[1].data.filter((trace) => trace.opacity === 1).map((trace) => trace.meta).sort();
        plots[1].emit("plotly_selected", {range: {x: [0.9, 1.1], y: [0.5, 1.1]}});
        const first = kept();
        plots[1].emit("plotly_selected", {range: {x: [0.2, -0.2], y: [1.1, 0.9]}});
        const second = kept();
        plots[1].emit("plotly_deselect");
        return {scores, key: rows[1].dataset.key, lit, first, second, all: kept().length};
        """,
        tmp_path_factory.mktemp("browser"),
    )
    expected = sorted(r.score for r in MIXED if r.score is not None)
    assert [float(score) for score in found["scores"][:-1]] == pytest.approx(expected, abs=1e-4)
    assert found["scores"][-1] == ""  # the failed one
    assert found["lit"] == [found["key"]]
    assert found["first"] == [
        r.trial for r in MIXED if r.score is not None and r.values["kind"] == "b" and r.score > 0
    ]
    assert found["second"] == []
    assert found["all"] == 11


def test_csv(sweep):
    made = sweep(MIXED)
    write_report(made)
    with open(made.folder / "trials.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["trial"] for row in rows] == [r.trial for r in MIXED]
    assert [row["status"] for row in rows] == [r.status for r in MIXED]
    assert float(rows[3]["val_auc"]) == MIXED[3].score
    assert rows[3]["model.channels"] == "[8, 16]"
    assert float(rows[3]["training.learning_rate"]) == MIXED[3].values["training.learning_rate"]
    assert float(rows[3]["overhead_s"]) == pytest.approx(1.3)
    assert rows[12]["message"] == "ValueError: a & b < c"
    assert rows[12]["val_auc"] == ""


def test_best_is_only_ever_a_completed_trial(sweep):
    assert sweep(MIXED).best().trial == "0000"  # not 0010, which was pruned at 0.97; the first of equals


def test_best_of_a_loss(sweep):
    made = sweep(MIXED)
    from dataclasses import replace

    made = replace(made, tune=TuneConfig(objective="val_loss"))
    assert made.best().trial == "0003"


def test_nothing_completed(sweep):
    made = sweep(MIXED[10:])
    with pytest.raises(
        NoTrialCompleted, match=r"\(1 failed, 1 infeasible, 1 pruned\); trial 0012:\nTraceback"
    ):
        made.best()
    write_report(made)
    text = (made.folder / "sweep.html").read_text()
    assert "completed (1 failed, 1 infeasible, 1 pruned)" in text
    assert drawn(text) == [["scatter"] * 2, ["scatter"]]  # history and the curve of the pruned one


def test_empty(sweep):
    made = sweep([])
    write_report(made)
    text = (made.folder / "sweep.html").read_text()
    assert "no trial" in text
    assert drawn(text) == []
    with pytest.raises(NoTrialCompleted, match="none ended"):
        made.best()
