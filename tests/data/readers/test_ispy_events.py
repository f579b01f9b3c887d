import pytest

from e2e_tf.data.readers.ispy_events import IspyEvent
from e2e_tf.errors import InputError

TEXT = """{'Types': {'Tracks_V1': [['pt', 'double']], 'Tracks_V2': [['pos', 'v3d'], ['pt', 'double']]},
 'Collections': {'Tracks_V2': [[(1, 2, 3), 5.5], [(4, 5, nan), 6.5]]}}"""


def test_fields_of_the_highest_version(tmp_path):
    event = IspyEvent(tmp_path / "a.ig", "Events/one", TEXT)
    assert event.has("Tracks", "pt", "pos")
    assert not event.has("Tracks", "charge")
    assert not event.has("Vertices")
    assert event.table("Tracks", ("pos.1", "pt")).tolist() == [[2, 5.5], [5, 6.5]]
    with pytest.raises(
        InputError, match=r"a.ig \(Events/one\): Tracks_V2 has no field d; there are: pos, pt"
    ):
        event.table("Tracks", ("d.0", "d.1"))
    with pytest.raises(InputError, match="pos and pt of Tracks must be finite, 1 of 2 tracks are not"):
        event.finite(("Tracks",), ("pos.1", "pos.2", "pt"), "tracks")
    with pytest.raises(InputError, match="must have rows of 2 numbers"):
        event.table("Tracks", ("pt.1",))
