from __future__ import annotations

import importlib.metadata

import pytest

from e2e_tf.data.jets import Jets
from e2e_tf.sim.provenance import EXTRA, sample_provenance
from e2e_tf.version import __version__


def test_shipped_sample_is_that_of_its_command(shipped: Jets):
    """Everything that fixes the numbers, but versions, is still what it was."""
    now = sample_provenance("tau", 8000, 1, 0.0, "cms")
    assert {k: v for k, v in shipped.attributes.items() if k != "versions"} == {
        k: v for k, v in now.items() if k != "versions"
    }


def test_only_what_is_not_the_default_is_written():
    pytest.importorskip("pythia8mc", reason="needs the extra 'sim'")
    plain, pileup = (
        sample_provenance("tau", 10, 1, 0.0, "cms"),
        sample_provenance("tau", 10, 1, 20.0, "cms2012"),
    )
    assert "pileup" not in plain["settings"]
    assert "detector_name" not in plain["settings"]
    assert pileup["settings"]["pileup"]["mean"] == 20.0
    assert pileup["settings"]["detector_name"] == "cms2012"
    assert pileup["command"] == (
        "e2e-tf simulate --process tau --jets 10 --seed 1 --pileup 20 --detector cms2012 -o tau.h5"
    )
    assert plain["versions"]["e2e-tf"] == __version__
    assert plain["versions"]["fastjet"] == importlib.metadata.version("fastjet")
    assert set(plain["versions"]) == {"e2e-tf", *EXTRA, "numpy", "scipy", "h5py"}


def test_the_gun_needs_no_generator():
    found = sample_provenance("egamma", 10, 1, 0.0, "cms")
    assert set(found["versions"]) == {"e2e-tf", "numpy", "scipy", "h5py"}
    assert found["settings"]["process"]["pt"] == 50.0


def test_objects_tell_their_numbers():
    pytest.importorskip("pythia8mc", reason="needs the extra 'sim'")
    plain = sample_provenance("wtau", 10, 1, 20.0, "cms")
    objects = sample_provenance("wtau", 10, 1, 20.0, "cms", objects=True)
    assert objects["command"] == plain["command"].replace(" -o", " --objects -o")
    numbers = objects["settings"].pop("objects")
    assert objects["settings"] == plain["settings"]
    assert set(numbers) == {"readout", "particle_flow", "tracking", "fakes", "vertexing", "nuclear"}
    assert numbers["readout"]["radius"] == 0.5
    assert numbers["particle_flow"]["ecal_seed"] == [0.23, 0.6]
    top = sample_provenance("top", 10, 1, 0.0, "cms", objects=True)
    assert top["settings"]["objects"]["readout"]["radius"] == 0.8
