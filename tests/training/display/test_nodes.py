from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from few_jets import objects

from e2e_tf.data.graphs import GraphRecipe, build_graphs
from e2e_tf.data.jets import read_jets
from e2e_tf.data.samples import sample_path
from e2e_tf.errors import InputError
from e2e_tf.graph import KINDS
from e2e_tf.training.display.nodes import ECAL_FACE, DrawnJet, Mark, drawn_jets, in_space


@pytest.fixture(scope="module")
def jets():
    return read_jets(sample_path("tau")).take(np.arange(5))


def drawn(jets, **recipe):
    made = GraphRecipe(**recipe)
    graphs = build_graphs(jets, made)
    return graphs, drawn_jets(jets, graphs.fit_preprocess(made))


def test_hits(jets):
    graphs, found = drawn(jets, nodes="hits", edges="knn:3")
    assert [len(jet.places) for jet in found] == graphs.batch.n_node.tolist()
    assert [len(jet.senders) for jet in found] == graphs.batch.n_edge.tolist()
    jet = found[1]
    first = graphs.batch.n_node[0]
    np.testing.assert_allclose(jet.places, graphs.positions[first : first + len(jet.places)])
    for kind in ("track", "ecal", "hcal"):
        assert jet.marks[kind].value.sum() == pytest.approx(
            float(jets.hits[kind].take([1])["value"].sum()), rel=1e-3
        )
    assert jet.senders.max() < len(jet.places)
    assert "ecal_energy" in " ".join(jet.hover)
    assert not any("laplacian" in text or "hessian" in text for text in jet.hover)
    assert jet.vertex is None


def test_candidates(jets):
    _, found = drawn(jets, nodes="candidates", edges="knn:3")
    one = jets.candidates.take([2])
    for kind, codes in (("ecal", (22,)), ("hcal", (130,)), ("track", (11, 13, 211))):
        expected = one["pt"][np.isin(np.abs(one["pdg_id"]), codes)].sum()
        mark = found[2].marks.get(kind)
        assert (0.0 if mark is None else mark.value.sum()) == pytest.approx(float(expected), rel=1e-4)


def test_detector_objects(jets):
    jets = replace(jets, hits={}, candidates=None, objects=objects(5, KINDS))
    _, found = drawn(jets, nodes="detector", edges="knn:2")
    for i, jet in enumerate(found):
        for kind in ("track", "ecal", "hcal", "pixel"):
            count = int(jets.objects[kind].counts[i]) if kind in jets.objects else 0
            assert len(jet.marks[kind].node if kind in jet.marks else ()) == count
        if "track" in jet.marks:
            moved = np.abs(jet.vertex - jet.places).max(axis=1)
            assert (moved > 0)[jet.marks["track"].node].any()
            others = np.setdiff1d(np.arange(len(moved)), jet.marks["track"].node)
            assert np.all(moved[others] == 0)


def test_pixels_have_no_display(jets):
    made = GraphRecipe(nodes="hits")
    preprocess = build_graphs(jets, made).fit_preprocess(made)
    with pytest.raises(InputError, match="nodes of this run are 'pixels'"):
        drawn_jets(jets, replace(preprocess, nodes="pixels"))


def test_paths_in_space():
    """A track at η = 0 that turns by 0.1, a crystal in the endcap, a tower with half its energy."""
    jet = DrawnJet(
        places=np.array([[0.0, 0.1], [2.0, 0.0], [0.0, 0.0]]),
        vertex=np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 0.0]]),
        marks={
            "track": Mark(np.array([0]), np.array([5.0])),
            "ecal": Mark(np.array([1]), np.array([10.0])),
            "hcal": Mark(np.array([2]), np.array([5.0])),
        },
        hover=("", "", ""),
        senders=np.zeros(0, int),
        receivers=np.zeros(0, int),
    )
    found = in_space(jet)
    radius, half = ECAL_FACE
    np.testing.assert_allclose(found["nodes"][0], [radius * np.cos(0.1), radius * np.sin(0.1), 0], atol=1e-12)
    assert found["nodes"][1][2] == pytest.approx(half)
    assert np.hypot(*found["nodes"][1][:2]) == pytest.approx(half / np.sinh(2))
    (track,) = found["lines"]["track"]
    np.testing.assert_allclose(track[[0, -1]], [[0, 0, 0], found["nodes"][0]], atol=1e-12)
    angles = np.arctan2(track[1:, 1], track[1:, 0])
    np.testing.assert_allclose(angles, 0.1 * np.hypot(track[1:, 0], track[1:, 1]) / radius)
    lengths = {kind: np.linalg.norm(np.diff(found["lines"][kind][0], axis=0)) for kind in ("ecal", "hcal")}
    assert lengths["ecal"] == pytest.approx(2 * lengths["hcal"])
