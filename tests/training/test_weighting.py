from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from e2e_tf.config import make_config
from e2e_tf.data.jets import Jets, Ragged, read_jets, write_jets
from e2e_tf.errors import InputError
from e2e_tf.training.prepare import prepare
from e2e_tf.training.weighting import bins_of_pt, evaluation_bins

OUTPUTS = {
    "flavour": {"kind": "multiclass", "column": "flavour", "classes": [5, 21], "balance": True},
    "m": {"kind": "regression", "column": "mass"},
}


@pytest.fixture(scope="module")
def boosted(tmp_path_factory):
    """A folder with 3,000 jets of 200 GeV on, signal harder than background, every fifth of negative weight."""
    rng = np.random.default_rng(7)
    n = 3000
    label = (np.arange(n) % 3 == 0).astype(np.int8)
    pt = np.where(label == 1, rng.uniform(200, 900, n), 200 + rng.exponential(120, n)).astype(np.float32)
    weight = np.where(np.arange(n) % 5 == 0, -2e-3, 1e-3).astype(np.float32)
    counts = np.full(n, 2)
    rows = {name: rng.uniform(0, 1, 2 * n).astype(np.float32) for name in ("pt", "deta", "dphi")}
    jets = Jets(
        {"pt": pt, "mass": (0.1 * pt).astype(np.float32)},
        np.arange(n),
        weight,
        label,
        {"flavour": np.where(label == 1, 5, 21)},
        candidates=Ragged.from_counts(rows, counts),
    )
    folder = tmp_path_factory.mktemp("boosted")
    write_jets(folder / "jets.h5", jets)
    return folder


def prepared(folder, outputs=None, **data):
    document = {
        "data": {"sample": "jets.h5", **data},
        "graph": {"nodes": "candidates", "edges": "knn:1", "jet_features": ["pt"]},
        "outputs": outputs or {},
    }
    return prepare(make_config(document), folder)


def spectrum_distance(part, weight=None):
    """Largest difference of the weighted, normalised spectra in ten bins."""
    weight = part.weight if weight is None else weight
    edges = np.linspace(200, 900, 11)
    shares = [
        np.histogram(part.jets["pt"], edges, weights=weight * (part.label == value))[0] for value in (0, 1)
    ]
    return np.abs(shares[0] / shares[0].sum() - shares[1] / shares[1].sum()).max()


def test_spectra_that_no_bin_can_make_alike_are_named(boosted, tmp_path, capsys):
    jets = read_jets(boosted / "jets.h5")
    shifted = np.where(jets.label == 1, jets["pt"] + 900, jets["pt"])
    write_jets(tmp_path / "jets.h5", replace(jets, columns={**jets.columns, "pt": shifted}))
    prepared(boosted)
    assert "overlap too little" not in " ".join(capsys.readouterr().err.split())
    prepared(tmp_path)
    assert (
        "overlap too little for data.reweight_pt: after it their spectra still differ by up to"
        in " ".join(capsys.readouterr().err.split())
    )
    prepared(tmp_path, reweight_pt=False)
    assert "overlap too little" not in " ".join(capsys.readouterr().err.split())


def test_bins_follow_the_jets_and_the_background_gets_the_signals_spectrum(boosted, capsys):
    found = prepared(boosted)
    assert found.pt_edges[0] <= 200
    assert found.pt_edges[-1] >= found.train.jets["pt"].max()
    assert spectrum_distance(found.train) < 0.1 < 0.3 < spectrum_distance(found.train, 1.0)
    means = [
        np.average(found.train.jets["pt"], weights=found.train.weight * (found.train.label == i))
        for i in (0, 1)
    ]
    assert means[0] == pytest.approx(means[1], rel=0.03)
    assert found.train.weight.sum() == pytest.approx(len(found.train.jets), rel=1e-5)
    assert "negative" not in capsys.readouterr().err  # event weights are not used


def test_given_bins_that_do_not_cover_the_jets_are_extended_with_a_sentence(boosted, capsys):
    found = prepared(boosted, pt_bins=[10, 20, 50])
    assert {10, 20, 50} < set(found.pt_edges)
    assert spectrum_distance(found.train) < 0.1
    said = capsys.readouterr().err.replace("\n", " ")
    assert "data.pt_bins go from 10 to 50 GeV, but 3000 of 3000 jets are outside" in said


def test_bins_of_the_evaluation(boosted, capsys):
    config = make_config({"data": {"sample": "jets.h5"}})
    pt = np.array([210, 390, 800.0])
    edges = tuple(float(edge) for edge in range(200, 1000, 100))
    assert evaluation_bins(config, edges, pt) == (200, 400, 600, 800, 900)
    assert capsys.readouterr().err == ""
    given = make_config({"data": {"sample": "jets.h5", "evaluate_pt_bins": [10, 50, 300]}})
    assert evaluation_bins(given, edges, pt) == (10, 50, 300)
    assert "2 of 3 test jets are outside" in capsys.readouterr().err.replace("\n", " ")


def test_jets_without_pt_have_no_bins():
    jets = Jets({"mass": np.ones(2, np.float32)}, np.arange(2), np.ones(2, np.float32))
    assert bins_of_pt(make_config({}), jets, jets) == ()


@pytest.mark.parametrize("reweight_pt", [True, False])
@pytest.mark.parametrize("outputs", [None, OUTPUTS])
def test_negative_weights_have_one_treatment(boosted, capsys, reweight_pt, outputs):
    """The same in both kinds of runs: the named choice in training and validation, the sign in the test part."""
    options = {"use_event_weights": True, "reweight_pt": reweight_pt}
    for treatment in ("keep", "absolute"):
        found = prepared(boosted, outputs, negative_weights=treatment, **options)
        for part in (found.train, found.validation, found.test):
            signs = np.sign(part.jets.weight)
            if treatment == "absolute" and part is not found.test:
                signs = np.ones(len(signs))
            given = [part.weight] if outputs is None else [one.weight for one in part.targets.values()]
            for weight in given:
                np.testing.assert_array_equal(np.sign(weight), signs)
        assert "600 of 3000 jets of jets.h5 have a negative weight" in capsys.readouterr().err.replace(
            "\n", " "
        )
    with pytest.raises(InputError, match=r"600 of 3000 jets of jets.h5 have a negative event weight.*keep"):
        prepared(boosted, outputs, negative_weights="refuse", **options)


def test_event_weights_have_mean_one_whatever_their_unit(boosted):
    found = prepared(boosted, use_event_weights=True, reweight_pt=False)
    for value in (0, 1):
        total = found.train.weight[found.train.label == value].sum()
        assert total == pytest.approx(len(found.train.jets) / 2, rel=1e-5)
    outputs = prepared(boosted, OUTPUTS, use_event_weights=True)
    for target in outputs.train.targets.values():
        assert target.weight.mean() == pytest.approx(1, rel=1e-5)
