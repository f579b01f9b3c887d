from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.data.images import Images
from e2e_tf.data.jets import Jets
from e2e_tf.data.settings import DataConfig
from e2e_tf.data.source import SourceFile
from e2e_tf.data.sources import load_jets, load_sample, source_of
from e2e_tf.errors import InputError


def test_the_source_of_one_sample_and_of_sections():
    (one,) = source_of(DataConfig(sample=["a.h5", "b.h5"], reader="e2e_tf", options={"x": 1})).parts
    assert one.files == (SourceFile("a.h5"), SourceFile("b.h5"))
    assert (one.name, one.reader, one.options, one.settings) == ("", "e2e_tf", {"x": 1}, {})
    samples = {
        "s": {"files": "s.root", "label": 1, "options": {"x": 2}},
        "b": {"files": "b.root", "reader": "jetnet"},
    }
    first, second = source_of(DataConfig(samples=samples, reader="jetclass", options={"x": 1, "y": 3})).parts
    assert (first.name, first.reader, first.options, first.settings) == (
        "s",
        "jetclass",
        {"x": 2, "y": 3},
        {"label": 1},
    )
    assert (second.reader, second.options, second.settings) == ("jetnet", {"x": 1, "y": 3}, {})


def test_expressions_are_part_of_the_source_where_they_are_given():
    plain = source_of(DataConfig())
    assert (plain.columns, set(plain.selection), set(plain.weights)) == (
        {},
        {"jet_pt"},
        {"use_event_weights", "reweight_pt"},
    )
    cut = source_of(DataConfig(selection="pt > 1", columns={"a": "pt"}, weight="weight"))
    assert cut.columns == {"jets": {"a": "pt"}}
    assert cut.selection["selection"] == "pt > 1"
    assert cut.weights == {"use_event_weights": True, "reweight_pt": True, "weight": "weight"}


def test_files_by_name(tau_folder, monkeypatch):
    jets, source = load_jets("tau.h5", base=tau_folder)
    assert isinstance(jets, Jets)
    assert source["file"] == "tau.h5"
    images = Images(np.ones((1, 2, 2, 1), np.float32), ("a",), np.arange(1), np.ones(1, np.float32))
    monkeypatch.setattr("e2e_tf.data.source.JetSource.read", lambda *_: images)
    assert load_sample("tau")[0] is images
    with pytest.raises(InputError, match="tau holds images; this needs jets"):
        load_jets("tau")
