"""What real and simulated jets have in common."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from e2e_tf.data.jets import Ragged


def test_real_and_simulated_jets_keep_the_hits_that_both_have(one_jet):
    """Of each channel one hit at the axis, one below its threshold and one far from the axis: the first stays."""
    from studies.tau.transfer import comparable

    jet = one_jet

    def hits(cells, values):
        column = {"cell": np.array(cells, np.int16), "value": np.array(values, np.float32)}
        return Ragged(column, np.array([0, len(cells)]))

    crystals = [60 * 125 + 60, 60 * 125 + 62, 60 * 125 + 100]  # 0.7 rad beside the axis
    found = comparable(
        replace(
            jet,
            hits={
                "track": hits(crystals, [8, 0.7, 8]),
                "ecal": hits(crystals, [3, 0.1, 3]),
                "hcal": hits([12 * 25 + 12, 12 * 25 + 13, 12 * 25 + 20], [4, 1.9, 4]),
            },
        )
    )
    assert {channel: rows["value"].tolist() for channel, rows in found.hits.items()} == {
        "track": [8],
        "ecal": [3],
        "hcal": [4],
    }
    for name, value in (("pt", 19.9), ("pt", 50.0), ("eta", 0.9)):
        kinematics = {**jet.columns, name: np.array([value], np.float32)}
        assert len(comparable(replace(jet, columns=kinematics))) == 0
