from __future__ import annotations

import numpy as np
import pytest
from pictures import QUICK, check_png, legends_below

from e2e_tf.errors import InputError
from e2e_tf.training.event_display import plot_event_display


def test_event_display(tmp_path, drawn):
    deta, dphi = np.array([0.0, 0.2, -0.3]), np.array([0.0, 0.1, 0.4])
    energies = np.array([[8.0, 4.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 1.0]])
    senders, receivers = np.array([0, 1, 1, 2, 2]), np.array([1, 0, 2, 1, 2])
    path = tmp_path / "jet.png"
    plot_event_display(
        path, deta, dphi, energies, senders, receivers, title="A jet of three nodes", style=QUICK
    )
    check_png(path, 928)
    (axes,) = drawn[0].axes
    lines, hcal, ecal, track = axes.collections
    # Both directions of an edge are one line and the loop at node 2 is none.
    np.testing.assert_allclose(lines.get_segments(), [[[0, 0], [0.2, 0.1]], [[0.2, 0.1], [-0.3, 0.4]]])
    assert lines.get_zorder() < min(hit.get_zorder() for hit in (hcal, ecal, track))
    np.testing.assert_allclose(ecal.get_offsets(), [[0, 0], [0.2, 0.1]])
    np.testing.assert_allclose(hcal.get_offsets(), [[-0.3, 0.4]])
    areas = [*track.get_sizes(), *ecal.get_sizes(), *hcal.get_sizes()]
    np.testing.assert_allclose(np.array(areas) / areas[0], np.array([8, 4, 2, 1]) / 8)
    assert axes.get_xlim() == axes.get_ylim()  # circles in ΔR stay circles
    assert axes.bbox.width == pytest.approx(axes.bbox.height)
    kinds, sizes = legends_below(drawn[0])
    assert (kinds[-1], sizes) == ("2 edges", ["0.5 GeV", "5 GeV"])
    assert drawn[0].legends[0].get_title().get_text() == "A jet of three nodes"
    assert "A jet of three nodes" not in [
        text.get_text() for text in axes.texts
    ]  # nothing stands in the frame


def test_event_display_of_detector_objects(tmp_path, drawn):
    """A track from its direction at the vertex to the face, a crystal, a cluster of pixels; one track far away."""
    deta, dphi = np.array([0.0, 0.05, -0.3, 4.0]), np.array([0.2, 0.2, 0.4, 0.0])
    energies = np.array([[8.0, 0, 0], [0, 4.0, 0], [0, 0, 0], [1.0, 0, 0]])
    start = np.array([[0.0, 0.1], [0.05, 0.2], [-0.3, 0.4], [0.4, 0.0]])
    edge = np.array([0, 1]), np.array([1, 0])
    plot_event_display(tmp_path / "jet.png", deta, dphi, energies, *edge, from_vertex=start, style=QUICK)
    check_png(tmp_path / "jet.png", 928)
    (axes,) = drawn[0].axes
    arrows = [text for text in axes.texts if getattr(text, "arrow_patch", None) is not None]
    assert [(tuple(arrow.xyann), tuple(arrow.xy)) for arrow in arrows] == [
        ((0.0, 0.1), (0.0, 0.2)),
        ((0.4, 0.0), (4.0, 0.0)),
    ]
    _, bare, _, ecal, track = axes.collections
    np.testing.assert_allclose(bare.get_offsets(), [[-0.3, 0.4]])
    assert len(ecal.get_paths()[0]) < len(track.get_paths()[0])  # a square and a circle
    assert max(axes.get_xlim()) < 1
    assert legends_below(drawn[0])[0][2:] == ["HCAL", "Pixel clusters", "1 edges"]


def test_event_display_without_hits_or_edges(tmp_path, drawn):
    none = np.array([], int)
    plot_event_display(tmp_path / "empty.png", none, none, np.zeros((0, 3)), none, none, style=QUICK)
    check_png(tmp_path / "empty.png", 928)
    plot_event_display(
        tmp_path / "zero.png", np.zeros(1), np.zeros(1), np.zeros((1, 3)), none, none, style=QUICK
    )
    check_png(tmp_path / "zero.png", 928)


@pytest.mark.parametrize(
    ("energies", "ends", "message"),
    [
        (
            np.zeros((2, 2)),
            ([], []),
            r"needs dphi \(2,\) and energies \(2, 3\), received \(2,\) and \(2, 2\)",
        ),
        (np.zeros((2, 3)), ([0], [2]), "node indices from 0 to 1, received 1 and 1 from 0 to 2"),
    ],
)
def test_unusable_input_leaves_no_file(energies, ends, message, tmp_path):
    senders, receivers = (np.array(end, int) for end in ends)
    with pytest.raises(InputError, match=message):
        plot_event_display(
            tmp_path / "no.png", np.zeros(2), np.zeros(2), energies, senders, receivers, style=QUICK
        )
    assert list(tmp_path.iterdir()) == []
