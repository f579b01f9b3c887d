import awkward as ak
import pytest
import uproot


@pytest.fixture
def write_tree():
    """Writes a ROOT tree; record arrays become branches prefix_field with a counter, as in NanoAOD."""

    def write(path, branches, name="Events"):
        types = {k: v.type.content if isinstance(v, ak.Array) else v.dtype for k, v in branches.items()}
        with uproot.recreate(path) as file:
            file.mktree(name, types).extend(branches)
        return path

    return write
