from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from e2e_tf.data.images import Images
from e2e_tf.data.jets import Jets, Ragged, write_jets
from e2e_tf.data.sample_sets import joined, numbering, of_section, renumbered, sample_weight
from e2e_tf.errors import InputError


def jets(n, label=1, candidates=("pt",), **columns):
    rows = {name: np.arange(2.0 * n) for name in candidates}
    return Jets(
        {"pt": np.arange(1.0, n + 1), **columns},
        np.arange(n),
        np.full(n, 2, np.float32),
        None if label is None else np.full(n, label, np.int8),
        candidates=Ragged.from_counts(rows, np.full(n, 2)) if candidates else None,
    )


def test_a_section_gives_class_weight_and_number():
    found = of_section(jets(3), {"label": 0, "factor": 0.5}, 2, 0.5)
    assert found.label.tolist() == [0, 0, 0]
    assert found.truth["sample"].tolist() == [2, 2, 2]
    assert found.weight.tolist() == [1, 1, 1]
    assert of_section(jets(1), {"label": None}, 0, 1).label is None
    for scale in (1e-60, 1e60):  # zeros and infinities would be neither weights nor a balance
        with pytest.raises(InputError, match=r"weights of 3 of 3 jets are too large or too small"):
            of_section(jets(3), {}, 0, scale)
    assert of_section(jets(1), {}, 0, 1).label.tolist() == [1]


def test_a_cross_section_is_shared_out_among_the_generated_events():
    assert sample_weight("w", {}, None) == 1
    assert sample_weight("w", {"factor": 3}, 5.0) == 3
    assert sample_weight("w", {"cross_section": 20.0, "sum_of_weights": 1e6}, 7.0) == pytest.approx(2e-5)
    assert sample_weight("w", {"cross_section": 20.0, "factor": 2}, 40.0) == 1
    with pytest.raises(InputError, match=r"samples\.w\.cross_section needs sum_of_weights"):
        sample_weight("w", {"cross_section": 20.0}, None)
    with pytest.raises(InputError, match="must be positive, it is -3"):
        sample_weight("w", {"cross_section": 20.0}, -3.0)


def test_numbers_that_count_rows_do_not_collide():
    event = np.arange(1000)
    keys = [numbering(Path("x.root"), "jetclass", section, digest) for section in "yz" for digest in "ab"]
    assert keys == ["a", "b", "a", "b"]  # the file counts
    assert len(np.unique(np.concatenate([renumbered(event, key) for key in "ab"]))) == 2000


def test_the_same_event_of_cms_keeps_its_number():
    collisions, simulation = np.array([350_000 << 40 | 7]), np.array([1 << 40 | 7])
    keys = [numbering(Path("x.root"), "pfnano", section, digest) for section, digest in ("ax", "ay", "bx")]
    assert keys[0] == keys[1] != keys[2]  # a section is one production
    assert renumbered(collisions, keys[0]) == renumbered(collisions, keys[2]) == collisions
    assert renumbered(simulation, keys[0]) != renumbered(simulation, keys[2])


def test_parts_of_one_sample_of_this_library_are_numbered_through(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_jets(tmp_path / f"{name}.h5", replace(jets(2), attributes={"seed": seed}))
    a, b, c = (numbering(tmp_path / f"{name}.h5", "e2e_tf", name, name) for name in "abc")
    assert a == b != c
    assert numbering(tmp_path / "gone.h5", "e2e_tf", "", "digest") == "digest"


def test_columns_that_a_file_lacks_are_left_out_by_name(capsys):
    both = joined([jets(2, tau=np.zeros(2)), jets(1, candidates=("pt", "dz"))], ["a.root", "b.root"])
    assert both["pt"].tolist() == [1, 2, 1]
    assert set(both.columns) == {"pt"}
    assert both.candidates.counts.tolist() == [2, 2, 2]
    assert set(both.candidates.columns) == {"pt"}
    said = capsys.readouterr().err.replace("\n", " ")
    assert "tau (b.root lacks it)" in said
    assert "candidates/dz (a.root lacks it)" in said


def test_images_of_several_files():
    def images(n, width=3, channels=("a",)):
        return Images(np.ones((n, 2, width, 1), np.float32), channels, np.arange(n), np.ones(n, np.float32))

    assert joined([images(2), images(1)], ["a", "b"]).images.shape == (3, 2, 3, 1)
    with pytest.raises(InputError, match=r"images of b have the shape \(2, 4, 1\)"):
        joined([images(2), images(1, 4)], ["a", "b"])
    with pytest.raises(InputError, match="a holds images and b jets"):
        joined([images(2), jets(1)], ["a", "b"])


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (jets(1, label=None), r"a has labels and b has none.*\[data.samples.NAME\]"),
        (jets(1, candidates=()), "a and b have other candidates: pt and none"),
    ],
)
def test_files_that_do_not_go_together_are_refused(other, message):
    with pytest.raises(InputError, match=message):
        joined([jets(2), other], ["a", "b"])
