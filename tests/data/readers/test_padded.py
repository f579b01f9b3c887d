import numpy as np
import pytest

from e2e_tf.data.readers.padded import count_padded, read_padded
from e2e_tf.errors import InputError


def write(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_momenta(tmp_path):
    x = np.zeros((2, 3, 5))
    x[0, :2] = [[5, 3, 0, 4, 1], [10, 0, 6, 8, 2]]
    path = write(tmp_path / "p.npz", X=x, y=[1, 0])
    assert count_padded(path) == 2
    jets = read_padded(path, columns=("energy", "px", "py", "pz", "kind"))
    np.testing.assert_allclose(jets.candidates["pt"], [3, 6])
    np.testing.assert_allclose(jets.candidates["kind"], [1, 2])
    np.testing.assert_allclose(jets["pt"], [np.hypot(3, 6), 0], rtol=1e-6)
    np.testing.assert_array_equal(jets.label, [1, 0])


def test_polar_with_mask_events_and_jets(tmp_path):
    x = np.zeros((2, 3, 3))
    x[0, 0], x[1, 1] = [10, 1, 0.5], [20, -1, 2]
    path = write(
        tmp_path / "p.npz",
        cands=x,
        real=np.array([[1, 0, 0], [1, 1, 0]]),
        number=np.array([7, 8]),
        jet_pt=[11.0, 22.0],
    )
    jets = read_padded(
        path,
        columns=("pt", "eta", "phi"),
        key="cands",
        label_key=None,
        mask_key="real",
        event_key="number",
        jet_keys={"pt": "jet_pt"},
    )
    np.testing.assert_array_equal(jets.candidates.counts, [1, 2])
    np.testing.assert_allclose(jets["pt"], [11, 22])
    np.testing.assert_allclose(jets["eta"], [1, -1], rtol=1e-6)
    np.testing.assert_array_equal(jets.event, [7, 8])
    assert jets.label is None


def test_relative_columns_stay(tmp_path):
    x = np.array([[[1.0, 0.1, -0.1], [0, 0, 0]]])
    jets = read_padded(write(tmp_path / "p.npz", X=x, y=[1]), columns=("pt", "deta", "dphi"))
    assert jets.columns == {}
    np.testing.assert_allclose(jets.candidates["deta"], [0.1])


def test_errors(tmp_path):
    x = np.ones((2, 3, 3))
    path = write(tmp_path / "p.npz", X=x, y=[1, 0])
    with pytest.raises(InputError, match=r"X must have the shape \(any, any, 2\), it has \(2, 3, 3\)"):
        read_padded(path, columns=("pt", "deta"))
    with pytest.raises(InputError, match="columns must be different names"):
        read_padded(path, columns=("pt", "pt", "deta"))
    with pytest.raises(InputError, match="has no array label; there are: X, y"):
        read_padded(path, columns=("pt", "deta", "dphi"), label_key="label")
    x[1, 0, 0] = -1
    path = write(tmp_path / "n.npz", X=x, y=[1, 0])
    with pytest.raises(InputError, match="X pt must be finite and not negative"):
        read_padded(path, columns=("pt", "deta", "dphi"))
    assert len(read_padded(path, columns=("pt", "deta", "dphi"), on_error="skip")) == 1


def test_labels_of_several_classes_are_a_column_of_the_jets(tmp_path):
    path = write(tmp_path / "c.npz", X=np.ones((3, 2, 3)), y=[0, 4, 2])
    with pytest.raises(
        InputError, match="y must be 0 or 1, it holds 0, 2, 4; for more classes give label_key = none and"
    ):
        read_padded(path, columns=("pt", "deta", "dphi"))
    jets = read_padded(path, columns=("pt", "deta", "dphi"), label_key=None, jet_keys={"kind": "y"})
    assert (jets.label, jets["kind"].tolist()) == (None, [0, 4, 2])
