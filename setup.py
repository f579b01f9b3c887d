"""The packages of the wheel: the folders tuning/ and deploy/ become subpackages of e2e_tf.

All else stands in pyproject.toml, which can map a folder to a package but cannot find the packages below it.
"""

from __future__ import annotations

from setuptools import find_packages, setup

FOLDERS = {"e2e_tf": "e2e_tf", "e2e_tf.tuning": "tuning", "e2e_tf.deploy": "deploy"}

setup(
    package_dir=FOLDERS,
    packages=[
        name
        for package, folder in FOLDERS.items()
        for name in (package, *(f"{package}.{below}" for below in find_packages(folder)))
    ],
    include_package_data=True,
)
