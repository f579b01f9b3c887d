"""Our layers against Spektral's on Keras 2 and PyTorch Geometric's: recorded numbers, and living ones."""

from __future__ import annotations

import numpy as np
import parity
import pytest
from cases import CASES, ours

LIMIT = {"spektral": 1e-6, "pyg": 1e-5}
ALL = [(library, name) for library, cases in CASES.items() for name in cases]


@pytest.fixture(scope="module")
def computed():
    """Per library: our outputs, with the recorded graphs and weights, and the recorded outputs."""
    found = {}
    for library, cases in CASES.items():
        graphs, weights, outputs, versions = parity.read(library)
        assert list(weights) == list(cases), "record.py has to run again"
        assert versions[{"pyg": "torch_geometric"}.get(library, library)]
        mine = {name: ours(case, graphs, weights[name])[0] for name, case in cases.items()}
        found[library] = (mine, outputs, graphs, weights)
    return found


def check(library, name, mine, theirs, record_property):
    assert mine.shape == theirs.shape
    difference, largest = float(np.abs(mine - theirs).max()), float(np.abs(theirs).max())
    record_property("difference", difference)
    print(f"{library} {name}: {difference:.1e} of {largest:.1f}")
    assert largest > 0.1  # not agreement on nothing
    assert difference <= LIMIT[library]


@pytest.mark.parametrize(("library", "name"), ALL)
def test_recorded(computed, library, name, record_property):
    mine, theirs, *_ = computed[library]
    check(library, name, mine[name], theirs[name], record_property)


LIVING = [name for name in CASES if parity.living(name)]
if LIVING:  # none is no reason to skip: the recorded numbers have been compared with

    @pytest.mark.parametrize("library", LIVING)
    def test_living(computed, library, tmp_path, record_property):
        """The library itself, in another process: what was recorded is what it says today."""
        mine, recorded, graphs, weights = computed[library]
        given = parity.inputs(graphs, CASES[library], weights)
        theirs, versions = parity.run(parity.living(library), library, given, tmp_path)
        print(versions)
        for name in CASES[library]:
            check(library, name, mine[name], theirs[name], record_property)
            check(library, name, recorded[name], theirs[name], record_property)
