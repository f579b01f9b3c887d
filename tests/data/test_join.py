from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest

from e2e_tf.data.graphs import GraphRecipe
from e2e_tf.data.jets import write_jets
from e2e_tf.data.join import ConvertReport, PartsJoin
from e2e_tf.data.parts import Part, make_part
from e2e_tf.data.store import GraphStore
from e2e_tf.errors import InputError

RECIPE = GraphRecipe(edges="knn:3")


@pytest.fixture
def make(make_jets, tmp_path):
    """Parts of the same file of 12 jets, made from these ranges."""
    write_jets(tmp_path / "a.h5", make_jets(12, seed=3))
    (tmp_path / "parts").mkdir()

    def parts(*ranges, on_error="stop", recipe=RECIPE):
        found = [
            Part(
                i,
                str(tmp_path / "a.h5"),
                "e2e_tf",
                a,
                b,
                {},
                asdict(recipe),
                on_error,
                str(tmp_path / "parts"),
            )
            for i, (a, b) in enumerate(ranges)
        ]
        for part in found:
            make_part(part)
        return found

    return parts


@pytest.fixture
def join(tmp_path):
    def run(parts, on_error="stop"):
        report = ConvertReport()
        plan = {
            "inputs": [{"path": "/x/a.h5", "reader": "e2e_tf", "count": 12, "sha256": "0"}],
            "options": {"n": 1},
        }
        PartsJoin(tmp_path / "out.h5", RECIPE, plan, report, on_error, 0, tmp_path / "parts").run(iter(parts))
        return report

    return run


def test_parts_are_joined_in_order(make, join, make_jets, tmp_path):
    report = join(make((0, 5), (5, 5), (5, 12)))
    assert (report.graphs, report.read, report.duplicates) == (12, 12, 0)
    with GraphStore(tmp_path / "out.h5") as store:
        np.testing.assert_array_equal(store.read().event, make_jets(12, seed=3).event)
        assert store.attributes["sources"] == [
            {"file": "a.h5", "reader": "e2e_tf", "units": 12, "sha256": "0"}
        ]
        assert store.attributes["samples"] == [{"seed": 3, "process": "test"}]  # once per input
        assert store.attributes["options"] == {"n": 1}
        assert store.attributes["report"]["graphs"] == 12


def test_jets_that_came_before_stop_or_are_counted(make, join, make_jets, tmp_path):
    with pytest.raises(InputError, match=r"every jet may occur once, but a\.h5 repeats jets of a\.h5"):
        join(make((0, 5), (4, 12)))
    assert not (tmp_path / "out.h5").exists()
    report = join(make((0, 5), (5, 6), (4, 12), (0, 12), on_error="skip"), "skip")
    assert (report.graphs, report.read, report.duplicates) == (12, 26, 14)
    with GraphStore(tmp_path / "out.h5") as store:
        np.testing.assert_array_equal(store.read().event, make_jets(12, seed=3).event)


def test_parts_that_were_given_up_are_counted(make, join):
    bad = make((0, 5), on_error="skip", recipe=replace(RECIPE, nodes="pixels"))
    with pytest.raises(InputError, match="no piece of the inputs can be used: "):
        join(bad, "skip")
    good = replace(bad[0], number=1, start=5, stop=12, recipe=asdict(RECIPE))
    make_part(good)
    report = join([*bad, good], "skip")
    assert (report.graphs, report.read) == (7, 7)
    assert list(report.skipped.values()) == [5]


def test_a_report_in_words():
    report = ConvertReport(3, 5, {"a rule": 1}, {"sig": 2}, 1, {"b.h5": "damaged"})
    assert str(report).splitlines() == [
        "3 graphs of 5 jets",
        "left out: 1 for a rule",
        "set to 0: 2 values of sig",
        "left out: 1 that had come before",
        "left out: the file b.h5: damaged",
    ]
    assert str(ConvertReport(1, 1)) == "1 graphs of 1 jets"
