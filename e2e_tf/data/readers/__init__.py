"""Readers of public formats: one file each, all giving `Jets` or `Images`.

`READERS` maps a name to a reader; `open_reader` finds the one for a file by what is in it. Every reader takes
``start``, ``stop``, ``on_error`` and ``report``, and its module says what the format holds, in which units,
what a label of 1 means, and where the files come from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.data.images import Images
from e2e_tf.data.jets import Jets, read_jets
from e2e_tf.data.readers import (
    cms_uds_g,
    energyflow,
    erum,
    future_tau,
    ispy,
    jetclass,
    jetnet,
    ml4sci_eg,
    ml4sci_qg,
    ml4sci_top,
    nano,
    padded,
    pfnano,
    recognise,
    top_tagging,
)
from e2e_tf.data.readers.common import OnError, PathLike, Report, check_on_error, existing_file, row_range
from e2e_tf.data.readers.recognise import Content
from e2e_tf.errors import InputError

__all__ = ["READERS", "Images", "OpenFile", "Reader", "Report", "open_reader"]


@dataclass(frozen=True)
class Reader:
    """One format.

    Attributes:
        name: its name in `READERS`.
        description: what it holds, in a few words.
        unit: what ``start``, ``stop`` and ``count`` count.
        read: ``read(path, *, start, stop, on_error, report, …)`` gives `Jets` or `Images`.
        count: ``count(path)`` gives the number of units.
        accepts: whether a file's content can be this format.
    """

    name: str
    description: str
    unit: str
    read: Callable[..., Any]
    count: Callable[..., int]
    accepts: Callable[[Content], bool]


@dataclass(frozen=True)
class OpenFile:
    """A file with the reader that reads it.

    Attributes:
        path: the file.
        reader: its reader.
    """

    path: Path
    reader: Reader

    def read(self, **options: Any) -> Jets | Images:
        """What the reader gives for its options.

        Raises:
            InputError: as the reader, or an option it does not have or cannot do without.
        """
        return _call(self.reader, self.path, options)

    def count(self, **options: Any) -> int:
        """Number of units (jets, events, images) in the file."""
        return int(self.reader.count(self.path, **options))

    def chunks(self, size: int, **options: Any) -> Iterator[Jets | Images]:
        """The file in pieces of ``size`` units, the last one shorter.

        Raises:
            InputError: as the reader, or ``size`` is not positive.
        """
        if size < 1:
            raise InputError(f"size must be a positive number, not {size}")
        own = {name: options[name] for name in ("split", "labels", "key") if name in options}
        for start in range(0, self.count(**own), size):
            yield self.read(**options, start=start, stop=start + size)


def open_reader(path: PathLike, name: str | None = None) -> OpenFile:
    """The reader for a file, by name or by what is in the file (its name and ending do not matter).

    Args:
        path: a file.
        name: a name of `READERS`; None finds it.

    Raises:
        InputError: the file is missing or damaged, the name is unknown, no format fits, or several do; the
            sentence lists them.
    """
    path = existing_file(path)
    if name is not None:
        if name not in READERS:
            raise InputError(f"there is no reader {name!r}; there are: {', '.join(READERS)}")
        return OpenFile(path, READERS[name])
    content = recognise.content_of(path)
    fits = [reader for reader in READERS.values() if reader.accepts(content)]
    if not fits:
        raise InputError(
            f"{path} is of no known format: it is {content}; the formats are {', '.join(READERS)}"
        )
    if len(fits) > 1:
        raise InputError(f"{path} can be read as {', '.join(r.name for r in fits)}; say which one")
    return OpenFile(path, fits[0])


def _call(reader: Reader, path: Path, options: dict[str, Any]) -> Any:
    import inspect

    try:
        inspect.signature(reader.read).bind(path, **options)
    except TypeError as error:
        raise InputError(f"the reader {reader.name} cannot be called like that: {error}") from error
    return reader.read(path, **options)


def _read_own(
    path: PathLike,
    *,
    start: int = 0,
    stop: int | None = None,
    on_error: OnError = "stop",
    report: Report | None = None,
) -> Jets:
    """A range of jets of a file that this library wrote."""
    check_on_error(on_error)
    jets = read_jets(path)
    jets = jets.take(np.arange(*row_range(len(jets), start, stop)))
    if report is not None:
        report.read += len(jets)
    return jets


READERS: dict[str, Reader] = {
    reader.name: reader
    for reader in (
        Reader(
            "e2e_tf",
            "jets written by this library",
            "jets",
            _read_own,
            lambda p: len(read_jets(p)),
            recognise.own,
        ),
        Reader("ispy", "CMS collisions for iSpy", "events", ispy.read_ispy, ispy.count_ispy, recognise.ispy),
        Reader(
            "cms_uds_g",
            "CMS light-quark and gluon jets",
            "jets",
            cms_uds_g.read_cms_uds_g,
            cms_uds_g.count_cms_uds_g,
            recognise.cms_uds_g,
        ),
        Reader(
            "pfnano", "CMS PFNano jets", "events", pfnano.read_pfnano, pfnano.count_pfnano, recognise.pfnano
        ),
        Reader(
            "nano_taus",
            "CMS NanoAOD taus",
            "events",
            nano.read_nano_taus,
            nano.count_nano,
            recognise.nano_taus,
        ),
        Reader(
            "nano_jets",
            "CMS NanoAOD jets",
            "events",
            nano.read_nano_jets,
            nano.count_nano,
            recognise.nano_jets,
        ),
        Reader(
            "energyflow",
            "EnergyFlow quark and gluon jets",
            "jets",
            energyflow.read_energyflow,
            energyflow.count_energyflow,
            recognise.energyflow,
        ),
        Reader(
            "top_tagging",
            "top-tagging reference sample",
            "jets",
            top_tagging.read_top_tagging,
            top_tagging.count_top_tagging,
            recognise.top_tagging,
        ),
        Reader(
            "jetclass",
            "JetClass",
            "jets",
            jetclass.read_jetclass,
            jetclass.count_jetclass,
            recognise.jetclass,
        ),
        Reader("jetnet", "JetNet", "jets", jetnet.read_jetnet, jetnet.count_jetnet, recognise.jetnet),
        Reader(
            "future_tau",
            "taus of a future e⁺e⁻ collider",
            "jets",
            future_tau.read_future_tau,
            future_tau.count_future_tau,
            recognise.future_tau,
        ),
        Reader(
            "ml4sci_eg",
            "ML4SCI electron and photon images",
            "images",
            ml4sci_eg.read_ml4sci_eg,
            ml4sci_eg.count_ml4sci_eg,
            recognise.ml4sci_eg,
        ),
        Reader(
            "ml4sci_qg",
            "ML4SCI quark and gluon images",
            "images",
            ml4sci_qg.read_ml4sci_qg,
            ml4sci_qg.count_ml4sci_qg,
            recognise.ml4sci_qg,
        ),
        Reader(
            "ml4sci_top",
            "ML4SCI boosted-top images",
            "images",
            ml4sci_top.read_ml4sci_top,
            ml4sci_top.count_ml4sci_top,
            recognise.ml4sci_top,
        ),
        *(
            Reader(
                f"erum_{task}",
                f"ErUm-Data {task}",
                unit,
                read,
                erum.count_erum,
                partial(recognise.erum, shape),
            )
            for task, unit, read, shape in (
                ("top_tagging", "jets", erum.read_erum_top_tagging, (None, 4)),
                ("spinodal", "images", erum.read_erum_spinodal, (20, 20)),
                ("eos", "images", erum.read_erum_eos, (24, 24)),
                ("airshower", "images", erum.read_erum_airshower, (9, 9, 80)),
                ("belle", "events", erum.read_erum_belle, (None, 9)),
            )
        ),
        Reader(
            "padded", "plain padded arrays", "jets", padded.read_padded, padded.count_padded, recognise.padded
        ),
    )
}
"""Every reader by name."""
