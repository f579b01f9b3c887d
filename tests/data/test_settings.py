from __future__ import annotations

import re

import pytest

from e2e_tf.config import make_config
from e2e_tf.data.settings import DataConfig, SampleConfig
from e2e_tf.errors import InputError


def test_names_titles_and_what_weights_need():
    one, several = DataConfig(sample="a.h5"), DataConfig(sample=["a.h5", "b.h5"])
    assert (one.names, several.names) == (("a.h5",), ("a.h5", "b.h5"))
    assert (one.title, several.title) == ("a.h5", "a.h5, b.h5")
    sections = DataConfig(samples={"x": {"files": "a"}, "y": {"files": ["b"], "factor": 2, "label": 1}})
    assert sections.title == "x, y"
    assert (one.weighted, sections.weighted, DataConfig(use_event_weights=True).weighted) == (
        False,
        True,
        True,
    )
    assert sections.samples["y"].settings == {"label": 1, "factor": 2}
    assert SampleConfig(files="a").settings == {}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"sample": 3}, r"data.sample: must be a path or a list of paths, not 3"),
        ({"sample": []}, "must be a path or a list of paths"),
        ({"sample": "a.h5", "samples": {"x": {"files": "b.h5"}}}, "two ways to name the files"),
        (
            {"samples": {"x": {"files": "b.h5", "lable": 1}}},
            "unknown key 'data.samples.x.lable'; accepted here: files",
        ),
        ({"samples": {"x y": {"files": "b.h5"}}}, "letters, digits and _, not 'x y'"),
        (
            {"samples": {"x": {"files": "b.h5", "sum_of_weights": 3}}},
            "sum_of_weights goes with a cross_section",
        ),
        (
            {"samples": {"x": {"files": "a", "cross_section": 3}, "y": {"files": "b"}}},
            "samples.x has a cross_section; samples.y needs one too, or a factor",
        ),
        (
            {"samples": {"x": {"files": "a", "factor": float("inf")}}},
            "factor: input should be a finite number, not inf",
        ),
        ({"pt_bins": [20, 10]}, "at least two rising numbers"),
        ({"selection": "pt >"}, "cannot be read: 'pt >'"),
        ({"columns": {"x": "open(pt)"}}, "there is no function 'open'"),
        ({"columns": {"a b": "pt"}}, "letters, digits and _, not 'a b'"),
        ({"folds": 2}, "folds must be 0, or 3 and more"),
        ({"folds": 3, "fold": 3}, "fold must be below folds (3), not 3"),
        ({"folds": 3, "split_column": "x"}, "two ways to share out the jets"),
        ({"fold_column": "x"}, "fold_column needs folds"),
    ],
)
def test_samples_that_cannot_be_meant_are_refused(data, message):
    with pytest.raises(InputError, match=re.escape(message) if "\\" not in message else message):
        make_config({"data": data})
