"""Readers of public formats, all giving `Jets` or `Images`.

A module of this package registers its reader with `reader`, and says what the format holds, in which units, what
a label of 1 means, and where the files come from. `open_reader` finds the reader of a file by what is in it.
"""

from __future__ import annotations

import importlib
import pkgutil

from e2e_tf.data.readers.entries import Report
from e2e_tf.data.readers.registry import READERS, OpenFile, Reader, open_reader, reader

__all__ = ["READERS", "OpenFile", "Reader", "Report", "open_reader", "reader"]

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
for _name in sorted(READERS):
    READERS[_name] = READERS.pop(_name)
