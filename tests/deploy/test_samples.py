"""What a validation runs on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from cpp_tools import compare

import e2e_tf.deploy
from e2e_tf.deploy.bundle import read_bundle_preprocess
from e2e_tf.deploy.samples import raw_jets


def test_why_no_raw_jets_are_scored_is_said(bundles: dict[str, Path]) -> None:
    preprocess = read_bundle_preprocess(bundles["padded"])
    (jets, batch), why = raw_jets(preprocess, 0)
    assert (len(jets), batch.graphs.n_graph, why) == (235, 235, "")
    assert {0, 1, 2, 3, 4, 20} <= set(batch.graphs.n_node[200:])  # the limit is 20, k is 3
    assert np.isinf(jets.candidates["energy"]).any()
    norm = preprocess.node_features
    other = replace(norm, features=(replace(norm.features[0], raw="spin"), *norm.features[1:]))
    lacking = raw_jets(replace(preprocess, node_features=other), 0)
    assert lacking == (None, "the shipped sample lacks an input")


def test_raw_jets_of_the_shipped_tagger_have_their_vertex_and_density(
    sanitized: Path, tmp_path: Path
) -> None:
    """They are of the sample with pileup; C++ makes of them the tensors that Python makes."""
    preprocess = read_bundle_preprocess(Path(e2e_tf.deploy.__file__).parent / "bundles" / "tau_candidates")
    assert {"from_pv", "rho"} <= {
        feature.raw
        for norm in (preprocess.node_features, preprocess.jet_features)
        for feature in norm.features
    }
    (jets, batch), why = raw_jets(preprocess, 0)
    assert (len(jets), batch.graphs.n_graph, why) == (235, 235, "")
    assert set(jets.candidates["from_pv"].tolist()) == {-1, 0, 1}
    assert jets["rho"].min() > 0
    assert {0, 1, 2, 3, 50} <= set(batch.graphs.n_node[200:].tolist())  # the limit is 50, k is 2
    compare(sanitized, preprocess, jets, tmp_path, padded=True)
