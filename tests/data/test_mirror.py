"""Mirrored graphs against graphs of jets that are mirrored themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from e2e_tf.config import make_config
from e2e_tf.data.features import CANDIDATE_FEATURES, HIT_FEATURES, JET_FEATURES, Feature
from e2e_tf.data.graphs import GraphRecipe, build_graphs
from e2e_tf.data.jets import Jets
from e2e_tf.data.loader import DisjointLoader
from e2e_tf.data.mirror import Mirror, odd_targets
from e2e_tf.data.preprocess import Normalisation, Preprocess
from e2e_tf.errors import InputError

ODD = {"eta": ("deta", "deta_face", "dz", "eta"), "phi": ("dphi", "dphi_face", "d0", "charge", "phi")}
RECIPES = [
    GraphRecipe("detector", "knn:3+track-calo:0.05", jet_features=("pt", "eta")),
    GraphRecipe("candidates", "knn:3", jet_features=("mass", "eta")),
]


class Always:
    """In place of a random generator: mirror all graphs in these."""

    def __init__(self, eta: bool, phi: bool) -> None:
        self.row = [0.0 if eta else 1.0, 0.0 if phi else 1.0]

    def random(self, shape):
        return np.tile(self.row, (shape[0], 1))


def reversed_jets(jets: Jets, names: tuple[str, ...]) -> Jets:
    """The jets with raw columns of the other sign."""

    def turned(columns):
        return {name: -values if name in names else values for name, values in columns.items()}

    ragged = {kind: replace(part, columns=turned(part.columns)) for kind, part in jets.objects.items()}
    candidates = replace(jets.candidates, columns=turned(jets.candidates.columns))
    return replace(jets, columns=turned(jets.columns), objects=ragged, candidates=candidates)


def preprocess_of(data, recipe: GraphRecipe) -> Preprocess:
    return Preprocess(
        recipe.nodes,
        recipe.edges,
        Normalisation.fit(data.node_features, data.batch.x),
        Normalisation.fit(data.jet_features, data.batch.u),
    )


def normalised(data, preprocess: Preprocess):
    return replace(
        data.batch,
        x=preprocess.node_features(data.batch.x),
        u=preprocess.jet_features(data.batch.u),
    )


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.nodes)
@pytest.mark.parametrize(("eta", "phi"), [(True, False), (False, True), (True, True), (False, False)])
def test_a_mirrored_graph_is_that_of_the_mirrored_jet(make_jets, recipe, eta, phi):
    jets = make_jets(12)
    names = (ODD["eta"] if eta else ()) + (ODD["phi"] if phi else ())
    data = build_graphs(jets, recipe)
    preprocess = preprocess_of(data, recipe)
    preprocess.node_features.median[:] += 0.1  # a median must not matter
    wanted = normalised(build_graphs(reversed_jets(jets, names), recipe), preprocess)
    plain = normalised(data, preprocess)
    points = {"points": np.ones((len(plain.x), 2), np.float32)}
    found, nodes = Mirror.of(preprocess)(plain, points, Always(eta, phi))
    inside = (np.abs(plain.x) < 4.9) & (
        np.abs(wanted.x) < 4.9
    )  # at the bounds the shift of the median is seen
    assert inside.mean() > 0.9
    np.testing.assert_allclose(found.x[inside], wanted.x[inside], rtol=0, atol=2e-5)
    np.testing.assert_allclose(found.u, wanted.u, rtol=0, atol=2e-5)
    assert np.array_equal(found.senders, plain.senders)
    assert np.array_equal(found.receivers, plain.receivers)
    assert nodes["points"][0].tolist() == [-1 if eta else 1, -1 if phi else 1]
    changed = np.abs(found.x - plain.x).max(axis=0) > 1e-3
    known = {f.raw: f.mirror for f in data.node_features}
    assert not any(changed[i] for i, f in enumerate(data.node_features) if known[f.raw] not in ("eta", "phi"))
    if eta or phi:
        assert changed.any()


def test_each_epoch_has_images_of_its_own_and_a_seed_repeats_them(make_jets):
    recipe = RECIPES[0]
    data = build_graphs(make_jets(40), recipe)
    preprocess = preprocess_of(data, recipe)
    graphs = normalised(data, preprocess)
    column = [f.raw for f in data.jet_features].index("eta")

    def signs(seed: int, epoch: int, mirror: Mirror | None) -> np.ndarray:
        loader = DisjointLoader(graphs, np.zeros(40), batch_size=16, shuffle=True, seed=seed, mirror=mirror)
        u = np.concatenate([inputs["u"] for inputs, _ in loader.batches(epoch)])
        return np.isclose(u[:, column], graphs.u[loader.order(epoch), column], atol=1e-6)

    mirror = Mirror.of(preprocess)
    assert signs(1, 0, None).all()
    first = signs(1, 0, mirror)
    assert 8 < first.sum() < 32
    assert np.array_equal(first, signs(1, 0, mirror))
    assert not np.array_equal(first, signs(1, 1, mirror))
    assert not np.array_equal(first, signs(2, 0, mirror))


def test_what_is_not_known_is_refused(make_jets):
    def mirror(*features: Feature) -> Mirror:
        one = np.ones(len(features), np.float32)
        return Mirror.of(Preprocess("candidates", "knn:2", Normalisation(features, one, one, -one, one, one)))

    with pytest.raises(InputError, match="does not know how the input 'thrust' changes"):
        mirror(Feature("thrust", "", "own"))
    with pytest.raises(InputError, match="odd transform of 'deta'.*not 'log'"):
        mirror(Feature("deta", "rad", "", "log"))
    data = build_graphs(make_jets(4), RECIPES[0])
    with pytest.raises(InputError, match="does not know how p4 changes"):
        Mirror.of(preprocess_of(data, RECIPES[0]))(
            data.batch, {"p4": np.zeros((len(data.batch.x), 4), np.float32)}, np.random.default_rng(1)
        )
    with pytest.raises(InputError, match="not for the inputs image"):
        DisjointLoader(
            data.batch,
            np.zeros(4),
            rows={"image": np.zeros((4, 2, 2, 1), np.float32)},
            mirror=Mirror.of(preprocess_of(data, RECIPES[0])),
        )


def test_a_configuration_refuses_targets_that_change_sign():
    assert odd_targets(["visible_pt", "visible_eta", "tau_charge", "eta", "decay_mode"]) == [
        "visible_eta",
        "tau_charge",
        "eta",
    ]
    with pytest.raises(InputError, match="mirror.*visible_eta"):
        make_config(
            {
                "data": {"sample": "tau"},
                "training": {"mirror": True},
                "outputs": {"eta": {"kind": "regression", "column": "visible_eta"}},
            }
        )


def test_all_features_of_the_tables_are_known():
    for feature in (*CANDIDATE_FEATURES, *HIT_FEATURES, *JET_FEATURES):
        assert feature.mirror in ("", "eta", "phi", "eta+phi"), feature
    mixed = [f.raw for f in HIT_FEATURES if f.mirror == "eta+phi"]
    assert mixed == ["track_hessian_ep", "ecal_hessian_ep", "hcal_hessian_ep"]
