from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from e2e_tf.data.images import Images
from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.data.readers.entries import EntryValidator, Report, check_choice, check_on_error, row_range
from e2e_tf.errors import InputError

PATH = Path("somewhere/a.h5")


def test_a_report_adds_up():
    report = Report()
    report.add("a rule", 2)
    report.add("a rule", 3)
    report.add("another", 0)
    assert report.skipped == {"a rule": 5}
    values = np.array([1, np.nan, np.inf], np.float32)
    replaced = report.replace("sig", values)
    np.testing.assert_array_equal(replaced, np.array([1, 0, 0], np.float32))
    assert replaced.dtype == np.float32
    assert report.replace("sig", replaced) is replaced
    assert report.replaced == {"sig": 2}
    report.read = 7
    assert str(report) == "7 read, 5 for a rule left out"
    assert str(Report()) == "0 read, none left out"


def test_the_first_broken_rule_stops():
    entries = EntryValidator(PATH, 4, "stop", None, first=10, unit="images")
    entries.require([True] * 4, "x must be 1")
    message = f"{PATH}: x must be 1; 2 of 4 images are not like that, the first is number 12"
    with pytest.raises(InputError, match=re.escape(message)):
        entries.require([True, True, False, False], "x must be 1")
    assert entries.keep.all()


def test_skipping_counts_each_entry_once():
    report = Report()
    entries = EntryValidator(PATH, 4, "skip", report)
    entries.require([True, False, True, True], "x must be 1")
    entries.require([True, False, False, True], "y must be 1")
    np.testing.assert_array_equal(entries.passed, [0, 3])
    assert report.skipped == {"x must be 1": 1, "y must be 1": 1}


@pytest.mark.parametrize(
    ("check", "passed", "rule"),
    [
        (lambda e: e.energy("pt", np.array([0, -1, np.nan, np.inf])), [0], "pt must be finite and not negative [GeV]"),
        (lambda e: e.finite("eta", np.array([0, -1, np.nan, np.inf])), [0, 1], "eta must be finite"),
        (lambda e: e.finite("x", np.array([[0, 1], [np.nan, 1], [1, np.inf], [2, 2]])), [0, 3], "x must be finite"),
        (lambda e: e.one_of("y", np.array([0, 1, 2, -1]), (0, 1)), [0, 1], "y must be one of [0, 1]"),
    ],
)  # fmt: skip
def test_rules(check, passed, rule):
    report = Report()
    entries = EntryValidator(PATH, 4, "skip", report)
    check(entries)
    np.testing.assert_array_equal(entries.passed, passed)
    assert report.skipped == {rule: 4 - len(passed)}


def test_rows_name_their_column():
    columns = {
        "pt": np.array([1.0, -1.0, 1.0]),
        "eta": np.array([1.0, -1.0, np.nan]),
        "id": np.array([1, 2, 3]),
    }
    rows = Ragged.from_counts(columns, np.array([1, 0, 1, 1]))
    report = Report()
    entries = EntryValidator(PATH, 4, "skip", report)
    entries.rows("X", rows, ["pt"])
    np.testing.assert_array_equal(entries.passed, [0, 1])
    assert report.skipped == {"X pt must be finite and not negative [GeV]": 1, "X eta must be finite": 1}


def test_what_passed_is_finished_and_counted():
    report = Report()
    entries = EntryValidator(PATH, 3, "skip", report, first=100)
    entries.require([True, False, True], "a rule")
    jets = entries.finish(Jets, "jetnet", {"label": 1}, columns={"pt": np.ones(2)})
    np.testing.assert_array_equal(jets.event, [100, 102])
    assert jets.event.dtype == np.int64
    np.testing.assert_array_equal(jets.weight, [1, 1])
    assert jets.attributes == {"reader": "jetnet", "file": "a.h5", "settings": {"label": 1}}
    assert report.read == 2
    images = entries.finish(
        Images,
        "eg",
        {},
        images=np.zeros((2, 3, 3, 1)),
        channels=("a",),
        event=np.array([7.0, 8.0]),
        weight=np.full(2, 0.5),
    )
    np.testing.assert_array_equal(images.event, [7, 8])
    np.testing.assert_array_equal(images.weight, [0.5, 0.5])
    assert report.read == 4


def test_jets_are_selected(make_jets):
    jets = make_jets(5, seed=1)
    report = Report()
    entries = EntryValidator(PATH, 5, "skip", report)
    assert entries.select(jets) is jets
    entries.require(np.arange(5) % 2 == 0, "even")
    np.testing.assert_array_equal(entries.select(jets).event, jets.event[::2])
    assert report.read == 8


def test_choices_are_listed():
    check_on_error("skip")
    with pytest.raises(InputError, match="on_error must be 'stop' or 'skip', not 'ignore'"):
        check_on_error("ignore")
    with pytest.raises(InputError, match="on_error must be 'stop' or 'skip', not 'ignore'"):
        EntryValidator(PATH, 1, "ignore", None)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="n must be 1 or 2 or 3, not 4"):
        check_choice("n", 4, (1, 2, 3))


@pytest.mark.parametrize(
    ("start", "stop", "found"),
    [(0, None, (0, 5)), (2, 4, (2, 4)), (2, 9, (2, 5)), (9, None, (5, 5)), (9, 12, (5, 5)), (3, 3, (3, 3))],
)
def test_a_range_is_cut_at_the_end(start, stop, found):
    assert row_range(5, start, stop) == found


@pytest.mark.parametrize(("start", "stop"), [(-1, None), (3, 2), (0, -1)])
def test_a_range_that_is_none_is_refused(start, stop):
    with pytest.raises(InputError, match="start and stop must satisfy 0 <= start <= stop"):
        row_range(5, start, stop)
