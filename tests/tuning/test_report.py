from __future__ import annotations

import csv
import re
from html.parser import HTMLParser

import pytest

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


def test_page(sweep):
    made = sweep(MIXED)
    write_report(made, "all 13 trials have been started")
    text = (made.folder / "sweep.html").read_text()
    page = Page(text)
    assert page.tags.count("svg") == 3  # parallel coordinates, importance, curves
    # Nothing is loaded from anywhere: links point into the page.
    assert all(link.startswith("#") for link in page.links)
    assert not re.search(r"url\((?!#)|@import", text)
    assert "Trial 0000: val_auc 0.9." in text
    assert "10 completed, 1 pruned, 1 infeasible, 1 failed" in text
    assert "ValueError: a &amp; b &lt; c" in text
    assert "a & b < c" not in text
    assert "all 13 trials have been started" in text
    assert text.count("data-trial=") == 13
    assert 'id="line-p-0003"' in text
    assert 'id="line-c-0010"' in text
    write_report(made, "all 13 trials have been started")
    assert (made.folder / "sweep.html").read_text() == text


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
    assert Page(text).tags.count("svg") == 1  # the curve of the pruned one


def test_empty(sweep):
    made = sweep([])
    write_report(made)
    text = (made.folder / "sweep.html").read_text()
    assert "no trial" in text
    assert "svg" not in Page(text).tags
    with pytest.raises(NoTrialCompleted, match="none ended"):
        made.best()
