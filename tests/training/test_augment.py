"""Augmentation of images and of jets."""

from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.errors import InputError
from e2e_tf.training.augment import Augmentation, augment_images, augment_jets, augmented


def image(rows: int = 6, columns: int = 5) -> np.ndarray:
    return np.arange(1, rows * columns * 2 + 1, dtype=np.float32).reshape(1, rows, columns, 2)


def every(augmentation: Augmentation, images: np.ndarray, tries: int = 40) -> set[bytes]:
    return {np.asarray(augment_images(images, augmentation, (7, i))).tobytes() for i in range(tries)}


def test_no_augmentation_changes_nothing() -> None:
    np.testing.assert_array_equal(augment_images(image(), Augmentation(), (0, 1)), image())


def test_flips_are_exact() -> None:
    x = image()
    assert every(Augmentation(flip_eta=True), x) == {x.tobytes(), x[:, ::-1].tobytes()}
    assert every(Augmentation(flip_phi=True), x) == {x.tobytes(), x[:, :, ::-1].tobytes()}
    both = every(Augmentation(flip_eta=True, flip_phi=True), x)
    assert both == {y.tobytes() for y in (x, x[:, ::-1], x[:, :, ::-1], x[:, ::-1, ::-1])}


def test_shifts_are_exact_and_bring_in_zeros() -> None:
    x = image()
    expected = set()
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
            expected.add(
                np.ascontiguousarray(padded[:, 1 - down : 7 - down, 1 - right : 6 - right]).tobytes()
            )
    found = every(Augmentation(shift=1.4), x, 150)
    assert found <= expected
    assert len(found) == 9


def test_rotation_keeps_the_middle_and_radii() -> None:
    x = np.zeros((64, 21, 21, 1), np.float32)
    x[:, 10, 10] = 5
    x[:, 10, 16] = 3  # six pixels from the middle
    y = np.asarray(augment_images(x, Augmentation(rotation=np.pi), (1, 2)))[..., 0]
    np.testing.assert_allclose(y[:, 10, 10], 5, rtol=1e-4)
    rows, columns = np.mgrid[:21, :21] - 10.0
    ring = y * (np.hypot(rows, columns) > 2)
    total = ring.sum(axis=(1, 2))
    np.testing.assert_allclose(total, 3, rtol=0.15)
    middle = np.stack([(ring * c).sum(axis=(1, 2)) / total for c in (rows, columns)])
    np.testing.assert_allclose(np.hypot(*middle), 6, atol=0.2)
    angle = np.arctan2(*middle)
    assert np.abs(angle).max() > 2
    assert np.std(angle) > 1


def test_smearing_has_its_width() -> None:
    x = np.full((50, 20, 20, 1), 10.0, np.float32)
    y = np.asarray(augment_images(x, Augmentation(smearing=0.1), (3, 4)))
    assert y.mean() == pytest.approx(10, rel=0.005)
    assert y.std() == pytest.approx(1, rel=0.05)
    zero = np.asarray(augment_images(0 * x, Augmentation(smearing=0.1), (3, 4)))
    assert not zero.any()


def test_dataset_is_augmented_anew_in_every_epoch() -> None:
    import tensorflow as tf

    x = np.repeat(image(), 8, axis=0)
    data = tf.data.Dataset.from_tensor_slices(({"image": x}, np.arange(8))).batch(4)
    data = augmented(data, Augmentation(smearing=0.3), seed=5)
    first, second = ([(b["image"].numpy(), y.numpy()) for b, y in data] for _ in range(2))
    assert [y.tolist() for _, y in first] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert np.abs(first[0][0] - first[1][0]).max() > 0.1
    assert np.abs(first[0][0] - second[0][0]).max() > 0.1


def some_jets() -> Jets:
    rng = np.random.default_rng(0)
    counts = np.array([5, 0, 2000])
    columns = {name: rng.normal(size=2005).astype(np.float32) for name in ("deta", "dphi", "charge")}
    columns |= {"pt": np.full(2005, 2, np.float32), "energy": np.full(2005, 4, np.float32)}
    jets = {"pt": np.full(3, 50, np.float32)}
    return Jets(jets, np.arange(3), np.ones(3), candidates=Ragged.from_counts(columns, counts))


def test_jets_are_rotated_as_a_whole() -> None:
    jets = some_jets()
    turned = augment_jets(jets, Augmentation(rotation=np.pi), seed=1)
    assert turned.candidates is not None
    before, after = (j["deta"] + 1j * j["dphi"] for j in (jets.candidates, turned.candidates))
    np.testing.assert_allclose(np.abs(after), np.abs(before), rtol=1e-5, atol=1e-6)
    phase = np.angle(after / before)
    for jet in (slice(0, 5), slice(5, None)):
        np.testing.assert_allclose(phase[jet], phase[jet][0], atol=1e-4)
    assert abs(phase[0] - phase[5]) > 1e-3
    assert turned.candidates["charge"] is jets.candidates["charge"]
    again = augment_jets(jets, Augmentation(rotation=np.pi), seed=1)
    np.testing.assert_array_equal(again.candidates["deta"], turned.candidates["deta"])


def test_jets_are_mirrored_shifted_and_smeared() -> None:
    jets = some_jets()
    signs = {
        float(
            np.sign(
                augment_jets(jets, Augmentation(flip_eta=True), s).candidates["deta"][0]
                / jets.candidates["deta"][0]
            )
        )
        for s in range(20)
    }
    assert signs == {1.0, -1.0}
    moved = augment_jets(jets, Augmentation(shift=0.1), 2).candidates["dphi"] - jets.candidates["dphi"]
    assert np.abs(moved).max() <= 0.1 + 1e-6
    np.testing.assert_allclose(moved[5:], moved[5], atol=1e-6)
    smeared = augment_jets(jets, Augmentation(smearing=0.2), 3).candidates
    assert smeared["pt"].std() == pytest.approx(0.4, rel=0.05)
    np.testing.assert_allclose(smeared["energy"] / smeared["pt"], 2, rtol=1e-5)
    np.testing.assert_array_equal(smeared["deta"], jets.candidates["deta"])


def test_bad_augmentation() -> None:
    with pytest.raises(InputError, match="rotation must be from 0 to 3.142, not 4"):
        Augmentation(rotation=4)
    with pytest.raises(InputError, match="shift must be from 0"):
        Augmentation(shift=-1)
    with pytest.raises(InputError, match=r"images must have shape \(B, H, W, C\)"):
        augment_images(np.zeros((3, 3)), Augmentation(), (0, 0))
    jets = some_jets()
    bare = Jets(jets.columns, jets.event, jets.weight)
    with pytest.raises(InputError, match="jets must have candidates"):
        augment_jets(bare, Augmentation(), 0)
    assert jets.candidates is not None
    only = Ragged({"pt": jets.candidates["pt"]}, jets.candidates.offsets)
    with pytest.raises(InputError, match="must have the columns deta, dphi .* lack deta, dphi"):
        augment_jets(
            Jets(jets.columns, jets.event, jets.weight, candidates=only), Augmentation(rotation=1), 0
        )
