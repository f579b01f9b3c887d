from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.data.convert import convert
from e2e_tf.data.graphs import GraphRecipe
from e2e_tf.data.readers import Report, open_reader
from e2e_tf.data.source import is_own, read_file
from e2e_tf.errors import InputError


def test_a_store_is_recognised_and_read_in_pieces(tau_folder, tmp_path):
    path = tmp_path / "graphs.h5"
    convert([tau_folder / "tau.h5"], path, GraphRecipe(nodes="candidates", edges="knn:2"))
    file = open_reader(path)
    assert (file.reader.name, file.count()) == ("graphs", 400)
    assert not is_own(path)
    report = Report()
    part = file.read(start=10, stop=15, report=report)
    assert report.read == len(part) == 5
    np.testing.assert_array_equal(part["pt"], file.read()["pt"][10:15])
    with pytest.raises(InputError):
        file.read(start=-1)


def test_options_of_the_conversion_may_be_repeated_and_no_others(tau_folder, tmp_path):
    path = tmp_path / "graphs.h5"
    options = {"candidates": "perfect"}
    convert([tau_folder / "tau.h5"], path, GraphRecipe(nodes="candidates", edges="knn:2"), options=options)
    assert len(read_file(path, "", {"candidates": ["perfect"]})) == 400
    with pytest.raises(
        InputError, match="made with the options candidates='perfect'; leave out candidates='pf'"
    ):
        read_file(path, "graphs", {"candidates": "pf"})
