from __future__ import annotations

from studies.detector.rows import (
    CURVE,
    GROUPS,
    LARGER,
    MIXED_NETWORK,
    MIXED_OF_JETS,
    MIXED_REFERENCE,
    ROWS,
    SHIPPED,
    TOLD,
)
from studies.tau.rows import slug


def test_every_row_has_a_configuration_of_its_own():
    configs = {name: row.config(3) for name, row in ROWS.items()}
    assert len({config.model_dump_json() for name, config in configs.items() if not ROWS[name].trees}) == 19
    for name, config in configs.items():
        assert config.seed == 3
        mixed = ROWS[name].mixed
        larger = ROWS[name].jets == LARGER or mixed
        assert (config.data.split_column, config.data.split_seed) == (("part", None) if larger else ("", 1))
        of_size = f"wtau-{ROWS[name].jets}.h5" if ROWS[name].jets else "wtau.h5"
        assert config.data.sample == ("wtau-mixed.h5" if mixed else of_size)
        assert (config.data.weight, config.data.reweight_pt) == (("share", False) if mixed else ("", True))
    options = {name: config.data.options.get("candidates", "perfect") for name, config in configs.items()}
    assert {name: options[name] for name in ROWS if configs[name].graph.nodes == "candidates"} == {
        f"{name}, {called}": kind
        for called, kind in (("particle flow", "particle_flow"), ("perfect particle flow", "perfect"))
        for name in ("boosted trees", "deep sets", "particle attention")
    }
    assert "rho" not in configs["deep sets, particle flow"].graph.jet_features
    wide = configs["detector_net, wide"]
    assert wide.model["context"] == 32
    assert wide.training.mirror
    assert wide.training.weight_decay == 0.02
    assert configs["detector_net"].model["width"] == 64
    assert configs["detector_net, trained on"].training.start == f"runs/{slug('detector_net')}-1"
    for name, row in ROWS.items():
        if not row.trees and configs[name].model["name"] == "detector_net":
            momentum = (0.98 if row.jets in CURVE else 0.998) if name.startswith((GROUPS, TOLD)) else 0
            assert configs[name].model["groups"] == (12 if momentum else 0)
            assert configs[name].training.ema_momentum == momentum
            assert configs[name].training.auxiliary_loss == float(name.startswith(TOLD))
    assert sorted({row.jets for row in ROWS.values()}) == [0, *CURVE, LARGER]
    assert {configs[name].training.epochs for name in (GROUPS, TOLD)} == {14}
    assert configs[SHIPPED].training.epochs == 10
    assert [name for name, row in ROWS.items() if row.mixed] == [
        MIXED_REFERENCE,
        MIXED_OF_JETS,
        MIXED_NETWORK,
    ]
    assert configs[MIXED_NETWORK].training.start == f"runs/{slug(SHIPPED)}-1"
    assert configs[MIXED_NETWORK].model == configs[SHIPPED].model


def test_other_networks_see_the_same_jets_and_keep_their_own_training():
    configs = {name: ROWS[name].config(1) for name in ROWS if not ROWS[name].trees}
    published, shipped = configs["gat_cheb as published"], configs[SHIPPED]
    assert published.model == {"name": "gat_cheb"}
    assert (published.graph.edges, published.graph.jet_features) == ("knn:8", ("pt", "mass"))
    found = published.training
    assert (found.optimizer, found.learning_rate, found.batch_size) == ("rmsprop", 1e-3, 64)
    assert not found.mirror
    assert found.clip_norm == 0
    assert configs["gat_cheb tuned"].model["pooling"] == "sum"
    for name in ("particle attention", "deep sets", "edge convolutions (ParticleNet-Lite)"):
        found = configs[name]
        assert "groups" not in found.model
        assert found.training.mirror
        assert (found.training.optimizer, found.training.epochs) == ("adamw", 12)
    cells, everything = configs["convolutions on cells (CMS level 2)"], {"track": 0, "ecal": 0, "hcal": 0}
    assert cells.model == {"name": "level2_cnn"}
    assert len(cells.graph.node_features) == 13
    for name, found in configs.items():
        if ROWS[name].candidates:
            assert found.graph.nodes == "candidates"
        else:
            assert found.graph.nodes == "detector"
            assert found.graph.max_nodes == (everything if found is cells else shipped.graph.max_nodes)
        assert found.data.split == (
            (0.7, 0.1, 0.2) if name in (SHIPPED, MIXED_NETWORK) else (0.75, 0.1, 0.15)
        )
