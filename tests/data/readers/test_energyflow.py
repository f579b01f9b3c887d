import numpy as np
import pytest

from e2e_tf.data.readers.energyflow import count_energyflow, read_energyflow
from e2e_tf.data.readers.entries import Report
from e2e_tf.errors import InputError


@pytest.fixture
def arrays():
    x = np.zeros((3, 4, 4))
    x[0, 0] = [10, 1.0, 6.2, 22]
    x[0, 1] = [10, 1.0, 0.1, 22]
    x[1, 0] = [5, -0.5, 3.0, -2212]
    x[2, 0] = [7, 0.0, 1.0, 11]
    return {"X": x, "y": np.array([1.0, 0.0, 1.0])}


def write(path, arrays):
    np.savez_compressed(path, **arrays)
    return path


def test_hand_computed_jets(tmp_path, arrays):
    path = write(tmp_path / "j.npz", arrays)
    jets = read_energyflow(path)
    assert count_energyflow(path) == 3
    half = (2 * np.pi - 6.1) / 2
    np.testing.assert_allclose(jets["pt"][0], 20 * np.cos(half), rtol=1e-6)
    np.testing.assert_allclose(jets["mass"][0], np.sqrt(2 * 100 * (1 - np.cos(2 * half))), rtol=1e-3)
    np.testing.assert_allclose(jets["mass"][1:], [0.93827, 0.000511], atol=2e-3)
    np.testing.assert_allclose(jets.candidates["dphi"], [-half, half, 0, 0], atol=1e-6)
    np.testing.assert_allclose(jets.candidates["energy"][0], 10 * np.cosh(1), rtol=1e-6)
    np.testing.assert_allclose(jets.candidates["energy"][2], np.hypot(5, 0.93827) * np.cosh(0.5), rtol=1e-6)
    np.testing.assert_array_equal(jets.candidates["charge"], [0, 0, -1, -1])
    np.testing.assert_array_equal(jets.candidates["is_charged_hadron"], [0, 0, 1, 0])
    np.testing.assert_array_equal(jets.label, [1, 0, 1])
    np.testing.assert_array_equal(read_energyflow(path, start=1, stop=2).event, [1])


def test_a_pair_of_npy_files(tmp_path, arrays):
    x, y = tmp_path / "x.npy", tmp_path / "y.npy"
    np.save(x, arrays["X"])
    np.save(y, arrays["y"])
    np.testing.assert_array_equal(read_energyflow(x, labels=y, start=1).label, [0, 1])
    with pytest.raises(InputError, match="holds no labels; give the npy file of y"):
        read_energyflow(x)
    with pytest.raises(InputError, match="must be an npy file of X"):
        read_energyflow(write(tmp_path / "j.npz", arrays), labels=y)


def test_bad_values(tmp_path, arrays):
    arrays["X"][1, 0, 0] = -5
    path = write(tmp_path / "j.npz", arrays)
    with pytest.raises(
        InputError, match=r"X pt must be finite and not negative \[GeV\]; 1 of 3 .* is number 1"
    ):
        read_energyflow(path)
    report = Report()
    np.testing.assert_array_equal(read_energyflow(path, on_error="skip", report=report).event, [0, 2])
    assert str(report) == "2 read, 1 for X pt must be finite and not negative [GeV] left out"
    arrays["X"][1, 0, 0], arrays["y"][2] = np.nan, 3
    assert len(read_energyflow(write(tmp_path / "k.npz", arrays), on_error="skip")) == 1


def test_bad_files(tmp_path, arrays):
    with pytest.raises(InputError, match="has no array X, y; there are: jets"):
        read_energyflow(write(tmp_path / "n.npz", {"jets": arrays["X"]}))
    with pytest.raises(InputError, match=r"X must have the shape \(n, M, 4\), it has \(3, 4, 3\)"):
        read_energyflow(write(tmp_path / "s.npz", arrays | {"X": arrays["X"][..., 1:]}))
    path = write(tmp_path / "cut.npz", arrays)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match="cannot be read"):
        read_energyflow(path)
    objects = np.empty(3, object)
    with pytest.raises(InputError, match="Python objects"):
        read_energyflow(write(tmp_path / "o.npz", arrays | {"y": objects}))


@pytest.mark.shared_data
def test_real_jets(shared_data):
    folder = shared_data / "energyflow"
    jets = read_energyflow(folder / "x10_sorted_12500.npy", labels=folder / "y10_sorted_12500.npy")
    assert (len(jets), jets.label.sum()) == (12_500, 6223)
    assert (jets.candidates.counts == 10).all()
    assert jets["pt"].max() < 551
    kinds = [
        jets.candidates[f"is_{k}"] for k in ("charged_hadron", "neutral_hadron", "photon", "electron", "muon")
    ]
    np.testing.assert_array_equal(sum(kinds), 1)
    # quark jets carry more of their momentum in the leading constituents
    assert jets["pt"][jets.label == 1].mean() > jets["pt"][jets.label == 0].mean()


@pytest.mark.parametrize(
    "column", [[0.0, 0.1], [0.5, 211], [3, 211], [1.0, 1.1], [-250.3, 117.9], [0.139, 0.0]]
)
def test_column_4_without_pdg_numbers_is_refused(tmp_path, arrays, column):
    """Numbers that EnergyFlow remaps, momenta, masses, flags: charges and kinds would all be wrong."""
    arrays["X"][0, :2, 3] = column
    path = write(tmp_path / "j.npz", arrays)
    with pytest.raises(
        InputError, match=r"column 4 of X must hold PDG numbers .*padded.*; 1 of 3 jets are not like that"
    ):
        read_energyflow(path)
    report = Report()
    assert read_energyflow(path, on_error="skip", report=report).event.tolist() == [1, 2]
    assert list(report.skipped.values()) == [1]
