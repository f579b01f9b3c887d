"""A package is compiled over the stand-ins, and what cannot be compiled or run is one sentence."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from e2e_tf.deploy import cms_config
from e2e_tf.deploy.closure_build import _described, _importable, build_driver
from e2e_tf.deploy.cmssw import cmssw_package
from e2e_tf.errors import InputError


@pytest.fixture
def package(bundles: dict[str, Path], tmp_path: Path) -> Path:
    return cmssw_package(bundles["padded"], tmp_path / "src")


def test_what_cannot_be_compiled_is_refused(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        InputError, match="src is not a package of 'e2e-tf cmssw', the folder Subsystem/Package"
    ):
        build_driver(package.parents[1], tmp_path)
    monkeypatch.setenv("CXX", "no-such-compiler -O2")
    with pytest.raises(InputError, match="there is no no-such-compiler, set CXX to a C\\+\\+17 compiler"):
        build_driver(package, tmp_path)
    failing = tmp_path / "cxx"
    failing.write_text(
        "#!/bin/sh\necho 'a.hpp:1: fatal error: nlohmann/json.hpp: No such file' >&2\nexit 1\n"
    )
    failing.chmod(0o755)
    monkeypatch.setenv("CXX", str(failing))
    with pytest.raises(
        InputError, match="does not compile: no nlohmann/json.hpp; install nlohmann-json3-dev"
    ):
        build_driver(package, tmp_path)
    failing.write_text("#!/bin/sh\necho 'a.cc:3: error: no type' >&2\nexit 1\n")
    with pytest.raises(InputError, match="does not compile: a.cc:3: error: no type"):
        build_driver(package, tmp_path)
    (package / "plugins" / "E2ETaggerONNXProducer.cc").unlink()
    with pytest.raises(InputError, match="the closure runs ONNX, for which .* has no producer"):
        build_driver(package, tmp_path)


def test_defaults_of_plugins_are_read() -> None:
    text = (
        "plugin P labelONNX\nuint32 batch 16\ndouble radius 0.5\nstring level \n"
        'vstring names "" pt\nVPSet points\nVInputTag candidates a b\n'
    )
    ((label, module),) = _described(text)
    assert (label, module.plugin) == ("labelONNX", "P")
    values = {name: parameter.value for name, parameter in module.parameters.items()}
    assert values == {
        "batch": 16,
        "radius": 0.5,
        "level": "",
        "names": ("", "pt"),
        "points": (),
        "candidates": ("a", "b"),
    }


def test_modules_can_be_imported_only_within() -> None:
    before = set(sys.modules)
    module = cms_config.EDProducer("P")
    with _importable("A.B", {"x": module}):
        found: dict[str, object] = {}
        exec("import FWCore.ParameterSet.Config as cms\nfrom A.B.x_cfi import x", found)
        assert found["x"] is module
        assert found["cms"] is cms_config
    assert set(sys.modules) == before
