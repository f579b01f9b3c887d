from __future__ import annotations

from studies.detector.rows import CURVE, ROWS, SHIPPED
from studies.tau.rows import slug


def test_every_row_has_a_configuration_of_its_own():
    configs = {name: row.config(3) for name, row in ROWS.items()}
    assert len({config.model_dump_json() for name, config in configs.items() if not ROWS[name].trees}) == 6
    for name, config in configs.items():
        assert config.seed == 3
        assert config.data.split_seed == 1
        assert config.data.sample == (f"wtau-{ROWS[name].jets}.h5" if ROWS[name].jets else "wtau.h5")
    wide = configs["detector_net, wide"]
    assert wide.model["context"] == 32
    assert wide.training.mirror
    assert wide.training.weight_decay == 0.02
    assert configs["detector_net"].model["width"] == 64
    assert configs["detector_net, trained on"].training.start == f"runs/{slug('detector_net')}-1"
    for name, row in ROWS.items():
        if not row.trees:
            momentum = (0.98 if row.jets else 0.998) if name.startswith(SHIPPED) else 0
            assert configs[name].model["groups"] == (12 if momentum else 0)
            assert configs[name].training.ema_momentum == momentum
    assert sorted({row.jets for row in ROWS.values()}) == [0, *CURVE]
