import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
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


@pytest.fixture
def write_images():
    """Writes images to parquet, one jet per row group, as the public files are."""

    def write(path, images, image="X_jets", **columns):
        pq.write_table(pa.table({image: images.tolist()} | columns), path, row_group_size=1)
        return path

    return write


@pytest.fixture
def write_splits():
    """Writes an npz file of ErUm-Data: the same arrays as both splits, unless they say which."""

    def write(path, **arrays):
        full = {}
        for name, array in arrays.items():
            if "train" in name or "test" in name:
                full[name] = array
            else:
                letter, _, number = name.partition("_")
                for split in ("train", "test"):
                    full[f"{letter}_{split}" + (f"_{number}" if number else "")] = array
        np.savez(path, **full)
        return path

    return write
