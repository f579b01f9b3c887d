from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from e2e_tf.config import make_config
from e2e_tf.data.convert import convert
from e2e_tf.data.definition import jet_definition
from e2e_tf.data.graphs import GraphRecipe, build_graphs
from e2e_tf.data.jets import Jets, read_jets, write_jets
from e2e_tf.data.samples import sample_path
from e2e_tf.data.sources import load_jets
from e2e_tf.data.store_writer import write_store
from e2e_tf.errors import InputError
from e2e_tf.training.prepare import prepare

SPLIT = {"split": [0.6, 0.2, 0.2], "pt_bins": [10, 20, 50]}


@pytest.fixture(scope="module")
def prepared(tau_folder):
    return prepare(make_config({"data": {"sample": "tau.h5", **SPLIT}}), tau_folder)


def test_splits_share_no_event_and_lose_no_jet(prepared, tau_folder):
    parts = [set(part.jets.event.tolist()) for part in (prepared.train, prepared.validation, prepared.test)]
    assert sum(map(len, parts)) == len(set.union(*parts))
    assert set.union(*parts) == set(read_jets(tau_folder / "tau.h5").event.tolist())
    assert sum(len(p.jets) for p in (prepared.train, prepared.validation, prepared.test)) == 400


def test_what_is_noted_of_the_data_says_how_its_jets_were_made(prepared):
    assert prepared.data["jets"] == jet_definition(read_jets(sample_path("tau"), stop=1).attributes)
    assert prepared.data["jets"]["radius"] == 0.5


def test_the_split_may_have_a_seed_of_its_own(prepared, tau_folder):
    """The run's seed does not move jets between the parts then."""

    def events(seed, split_seed):
        data = {"sample": "tau.h5", **SPLIT, "split_seed": split_seed}
        found = prepare(make_config({"seed": seed, "data": data}), tau_folder)
        return [part.jets.event.tolist() for part in (found.train, found.validation, found.test)]

    first = events(5, 1)
    assert first == events(6, 1)
    assert first == [p.jets.event.tolist() for p in (prepared.train, prepared.validation, prepared.test)]
    assert first != events(5, None)


def test_graphs_and_jets_of_a_split_belong_together(prepared):
    for part in (prepared.train, prepared.test):
        np.testing.assert_array_equal(part.graphs.event, part.jets.event)
        np.testing.assert_array_equal(part.graphs.label, part.jets.label)
        alone = build_graphs(part.jets, GraphRecipe()).normalised(prepared.preprocess).batch
        np.testing.assert_array_equal(part.graphs.batch.x, alone.x)
        np.testing.assert_array_equal(part.graphs.batch.senders, alone.senders)
        np.testing.assert_array_equal(part.graphs.batch.u, alone.u)


def test_weights_bring_the_background_to_the_signal_in_pt(prepared):
    part = prepared.train
    pt, label = part.jets["pt"], part.label
    for low, high in ((10, 20), (20, 50)):
        inside = (pt >= low) & (pt < high)
        signal = part.weight[inside & (label == 1)].sum() / part.weight[label == 1].sum()
        background = part.weight[inside & (label == 0)].sum() / part.weight[label == 0].sum()
        assert background == pytest.approx(signal, rel=1e-5)
    assert part.weight[label == 0].sum() == pytest.approx(part.weight[label == 1].sum(), rel=1e-5)


def test_normalisation_sees_the_training_part_only(prepared, tau_folder, tmp_path):
    """Changing every energy of the test jets leaves preprocess.json as it is."""
    jets = read_jets(tau_folder / "tau.h5")
    test = np.isin(jets.event, prepared.test.jets.event)
    hits = {}
    for name, channel in jets.hits.items():
        value = np.where(test[channel.owner], 7 * channel["value"], channel["value"]).astype(np.float32)
        hits[name] = type(channel)({**channel.columns, "value": value}, channel.offsets)
    changed = Jets(jets.columns, jets.event, jets.weight, jets.label, jets.truth, hits, jets.candidates)
    write_jets(tmp_path / "tau.h5", changed)
    again = prepare(make_config({"data": {"sample": "tau.h5", **SPLIT}}), tmp_path)
    assert again.preprocess.to_dict() == prepared.preprocess.to_dict()
    assert not np.array_equal(again.test.graphs.batch.x, prepared.test.graphs.batch.x)


def test_jet_pt_range(tau_folder):
    config = make_config({"data": {"sample": "tau.h5", "jet_pt": [15, 30], **SPLIT}})
    part = prepare(config, tau_folder)
    for split in (part.train, part.validation, part.test):
        assert split.jets["pt"].min() >= 15
        assert split.jets["pt"].max() < 30


def test_candidates_instead_of_hits(tau_folder):
    config = make_config(
        {
            "data": {"sample": "tau.h5", **SPLIT},
            "graph": {"nodes": "candidates", "edges": "knn:4", "max_nodes": 5},
        }
    )
    part = prepare(config, tau_folder).test
    np.testing.assert_array_equal(part.graphs.batch.n_node, np.minimum(part.jets.candidates.counts, 5))


def test_samples_that_cannot_be_used(tau_folder, tmp_path):
    jets = read_jets(tau_folder / "tau.h5")
    unlabelled = Jets(jets.columns, jets.event, jets.weight, None, {}, jets.hits)
    write_jets(tmp_path / "data.h5", unlabelled)
    with pytest.raises(InputError, match="data.h5 has no labels"):
        prepare(make_config({"data": {"sample": "data.h5"}}), tmp_path)
    with pytest.raises(InputError, match="no jet of .*tau.h5 passes data.jet_pt and data.selection"):
        prepare(make_config({"data": {"sample": str(tau_folder / "tau.h5"), "jet_pt": [10, 10]}}), tmp_path)
    cut = {"sample": str(tau_folder / "tau.h5"), "candidate_selection": "pt > 1e9"}
    with pytest.raises(
        InputError, match="no jet of .*tau.h5 has a node; .*candidate_selection and at the candidates"
    ):
        prepare(make_config({"data": cut, "graph": {"nodes": "candidates", "edges": "full"}}), tmp_path)
    with pytest.raises(InputError, match="there is no sample .*nowhere.h5"):
        load_jets("nowhere.h5")
    with pytest.raises(InputError, match="there is no input 'nonsense'; this sample has"):
        prepare(
            make_config({"data": {"sample": "tau.h5"}, "graph": {"jet_features": ["nonsense"]}}), tau_folder
        )


@pytest.fixture(scope="module")
def by_class(tau_folder, tmp_path_factory):
    """Files of one class each, without labels, which count events from 0 on; and a store of the whole sample."""
    folder = tmp_path_factory.mktemp("classes")
    jets = read_jets(tau_folder / "tau.h5")
    for name, value in (("tau", 1), ("qcd", 0)):
        one = jets.take(jets.label == value)
        write_jets(
            folder / f"{name}.h5",
            replace(one, label=None, event=np.arange(len(one)), attributes={"seed": value}),
        )
    convert([tau_folder / "tau.h5"], folder / "store.h5", GraphRecipe())
    return folder


def test_a_file_for_each_class_with_a_cross_section(by_class, tau_folder):
    samples = {
        "tau": {"files": "ta*.h5", "label": 1, "cross_section": 2.0, "sum_of_weights": 4.0},
        "qcd": {"files": ["qcd.h5"], "label": 0, "factor": 3.0},
    }
    found = prepare(make_config({"data": {"samples": samples, **SPLIT}}), by_class)
    parts = (found.train, found.validation, found.test)
    label = np.concatenate([part.label for part in parts])
    given = read_jets(tau_folder / "tau.h5")
    assert np.bincount(label).tolist() == np.bincount(given.label).tolist()
    np.testing.assert_array_equal(label == 1, np.concatenate([p.jets.truth["sample"] for p in parts]) == 0)
    factor = np.concatenate([part.jets.weight for part in parts]) / np.where(label == 1, 0.5, 3.0)
    assert np.sort(factor).tolist() == pytest.approx(np.sort(given.weight).tolist(), rel=1e-6)
    events = np.concatenate([part.jets.event for part in parts])
    assert len(np.unique(events)) == 400  # no event of one file has the number of one of the other
    assert found.source.weights["use_event_weights"]


def test_a_store_gives_the_same_parts_as_the_file_that_it_was_made_of(by_class, prepared):
    found = prepare(make_config({"data": {"sample": "store.h5", **SPLIT}}), by_class)
    assert found.preprocess.to_dict() == prepared.preprocess.to_dict()
    for part in ("train", "validation", "test"):
        mine, theirs = getattr(found, part), getattr(prepared, part)
        np.testing.assert_array_equal(mine.graphs.batch.x, theirs.graphs.batch.x)
        np.testing.assert_array_equal(mine.graphs.batch.senders, theirs.graphs.batch.senders)
        np.testing.assert_array_equal(mine.weight, theirs.weight)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"selection": "pt > 12", "folds": 4, "columns": {"log_mass": "log1p(mass)"}, "weight": "weight * pt"},
        {"samples": {"a": {"files": "store.h5", "factor": 2.0}, "b": {"files": "small.h5", "factor": 1.0}}},
    ],
    ids=["as it is", "selection, folds and weights", "two stores"],
)
def test_a_store_in_pieces_gives_the_parts_of_one_in_memory(by_class, tau_folder, more):
    if not (by_class / "small.h5").exists():
        jets = read_jets(tau_folder / "tau.h5").take(np.arange(50))
        write_store(by_class / "small.h5", build_graphs(jets, GraphRecipe()), GraphRecipe(), chunk=8)
    given = {"pt_bins": [10, 20, 50]} if "folds" in more else SPLIT
    data = {**({} if "samples" in more else {"sample": "store.h5"}), **given, **more}
    inputs = ["pt", "log_mass"] if "columns" in more else ["pt", "mass"]
    held, streamed = (
        prepare(
            make_config({"data": {**data, "memory": memory}, "graph": {"jet_features": inputs}}), by_class
        )
        for memory in ("hold", "stream")
    )

    assert streamed.preprocess.to_dict() == held.preprocess.to_dict()
    assert streamed.reweighting == held.reweighting
    assert (streamed.data.pop("memory"), held.data["memory"]) == ("stream", "hold")
    assert {**streamed.data, "memory": ""} == {**held.data, "memory": ""}
    for part in ("train", "validation", "test"):
        mine, theirs = getattr(streamed, part), getattr(held, part)
        np.testing.assert_array_equal(mine.jets.event, theirs.jets.event)
        np.testing.assert_array_equal(mine.weight, theirs.weight)
        graphs = mine.graphs.held()
        for name in ("x", "u", "senders", "receivers"):
            np.testing.assert_array_equal(getattr(graphs.batch, name), getattr(theirs.graphs.batch, name))
        assert mine.examples.widths == theirs.examples.widths


def test_jets_that_only_need_to_be_told_their_signal_say_how(tmp_path):
    """NanoAOD with the flavour of jets and without taus, which are the signal unless told otherwise."""
    uproot, awkward = pytest.importorskip("uproot"), pytest.importorskip("awkward")
    one = awkward.Array([[30.0], [40.0, 25.0]])
    jets = {
        **{name: one for name in ("pt", "eta", "phi", "mass")},
        "hadronFlavour": awkward.Array([[5], [0, 5]]),
    }
    with uproot.recreate(tmp_path / "nano.root") as file:
        numbers = {name: np.arange(2) for name in ("run", "luminosityBlock", "event")}
        file["Events"] = {**numbers, "Jet": awkward.zip(jets)}
    told = r"nano.root has no labels; .* \(data.options.signal of the reader nano_jets says which jets are signal\)"
    with pytest.raises(InputError, match=told):
        prepare(make_config({"data": {"sample": "nano.root"}}), tmp_path)
    with pytest.raises(InputError, match="hits"):  # of which it has none
        prepare(make_config({"data": {"sample": "nano.root", "options": {"signal": "b"}}}), tmp_path)


@pytest.mark.parametrize("first", ["store.h5", "tau.h5"])
def test_a_file_of_another_format_than_the_first_is_named(by_class, first):
    np.savez(by_class / "arrays.npz", X=np.ones((4, 2, 3)), y=np.arange(4) % 2)
    reader = {"store.h5": "graphs", "tau.h5": "e2e_tf"}[first]
    with pytest.raises(
        InputError, match=f"{first} is of the reader '{reader}' and .*arrays.npz of 'padded'; files of s"
    ):
        prepare(make_config({"data": {"sample": [first, "arrays.npz"]}}), by_class)


@pytest.mark.parametrize("memory", ["hold", "stream"])
def test_momenta_that_a_store_does_not_hold_are_refused(by_class, memory):
    data = {"sample": "store.h5", "memory": memory, **SPLIT}
    model = {"name": "particle_attention", "pairs": "p4"}
    with pytest.raises(
        InputError, match="model.pairs is 'p4', momenta of nodes, which graph stores do not hold"
    ):
        prepare(make_config({"data": data, "model": model}), by_class)


def test_a_sample_of_one_class_says_how_to_give_the_other(by_class):
    data = {"samples": {"tau": {"files": "tau.h5", "label": 1}}}
    with pytest.raises(
        InputError, match=r"tau has no background .*\[data.samples.NAME\] gives files a label"
    ):
        prepare(make_config({"data": data}), by_class)


def test_computed_columns_and_selections_travel_into_preprocess(tau_folder):
    document = {
        "data": {
            "sample": "tau.h5",
            "selection": "pt > 12 & abs(eta) < 1",
            "columns": {"log_mass": "log1p(Jet_mass)", "unused": "eta + 1"},
            "candidate_columns": {"share": "pt / jet_pt"},
            "candidate_selection": "pt > 0.5",
            "weight": "weight * 2",
            "folds": 4,
            **{key: value for key, value in SPLIT.items() if key != "split"},
        },
        "graph": {
            "nodes": "candidates",
            "edges": "knn:2",
            "node_features": ["pt", "share"],
            "jet_features": ["log_mass"],
        },
    }
    found = prepare(make_config(document), tau_folder)
    given = read_jets(tau_folder / "tau.h5")
    kept = (given["pt"] > 12) & (np.abs(given["eta"]) < 1)
    parts = (found.train, found.validation, found.test)
    assert sum(len(part.jets) for part in parts) == kept.sum()
    for part in parts:
        jets = part.jets
        np.testing.assert_allclose(jets["log_mass"], np.log1p(jets["mass"]), rtol=1e-5)
        assert jets.candidates["pt"].min() > 0.5
        owner = jets.candidates.owner
        np.testing.assert_allclose(
            jets.candidates["share"], jets.candidates["pt"] / jets["pt"][owner], rtol=1e-5
        )
    before = {int(e): w for e, w in zip(given.event, given.weight, strict=True)}
    assert found.test.jets.weight[0] == pytest.approx(2 * before[int(found.test.jets.event[0])])
    assert found.preprocess.to_dict()["extra"] == {
        "columns": {
            "jets": {"log_mass": "log1p(Jet_mass)"},
            "candidates": {"share": "pt / jet_pt"},
            "candidate_selection": "pt > 0.5",
        },
        "selection": "pt > 12 & abs(eta) < 1",
    }
    with pytest.raises(InputError, match="no jet of tau.h5 passes data.jet_pt and data.selection"):
        prepare(make_config({"data": {"sample": "tau.h5", "selection": "pt > 1e6"}}), tau_folder)
