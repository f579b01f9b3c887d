"""What is installed: one top-level name, one version, all files; what the source distribution holds."""

from __future__ import annotations

from importlib.metadata import version

import e2e_tf


def test_the_installed_version_is_the_package_s():
    assert version("e2e-tf") == e2e_tf.__version__
