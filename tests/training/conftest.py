from __future__ import annotations

import logging

import pytest


@pytest.fixture
def drawn(monkeypatch, caplog):
    """The figures that were saved, in order; fails where the style's fonts are missing or settings stay."""
    import matplotlib
    from matplotlib.figure import Figure

    figures = []
    save = Figure.savefig

    def savefig(self, *args, **options):
        figures.append(self)
        return save(self, *args, **options)

    monkeypatch.setattr(Figure, "savefig", savefig)
    before = dict(matplotlib.rcParams.copy())
    with caplog.at_level(logging.WARNING, logger="matplotlib"):
        yield figures
    assert not [record.getMessage() for record in caplog.records if record.name.startswith("matplotlib")]
    assert dict(matplotlib.rcParams.copy()) == before
    import matplotlib.pyplot

    assert matplotlib.pyplot.get_fignums() == []
