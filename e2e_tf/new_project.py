"""A folder to begin with: configurations, a Keras model, a picture and batch jobs, commented, which run as they are."""

from __future__ import annotations

import os
import shutil
from importlib.resources import as_file, files
from pathlib import Path

from e2e_tf.errors import InputError
from e2e_tf.files import new_folder

__all__ = ["new_project"]


def new_project(folder: str | os.PathLike[str]) -> Path:
    """Write a starting project, which trains on the sample that ships with the package.

    Args:
        folder: a new folder.

    Returns:
        The folder.

    Raises:
        InputError: ``folder`` exists, or its parent does not.
    """
    folder = Path(folder)
    if folder.exists():
        raise InputError(f"{folder} exists already; choose another name")
    with new_folder(folder) as part, as_file(files("e2e_tf").joinpath("project")) as source:
        for file in sorted(path for path in source.iterdir() if path.is_file()):
            shutil.copyfile(file, part / file.name)
    return folder
