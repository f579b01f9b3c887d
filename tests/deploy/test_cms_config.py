"""The configuration language as the driver reads it."""

from __future__ import annotations

import pytest

from e2e_tf.deploy import cms_config as cms


def test_words_of_parameters() -> None:
    module = cms.EDProducer(
        "P",
        a=cms.string(""),
        b=cms.vstring("", "x"),
        c=cms.double(1 / 3),
        d=cms.VPSet(cms.PSet(n=cms.uint32(2))),
        e=cms.VInputTag(cms.InputTag("t"), "u"),
    )
    assert " ".join(module.words()) == (
        '5 string a "" vstring b 2 "" x double c 0.3333333333333333 VPSet d 1 1 uint32 n 2 VInputTag e 2 t u'
    )


def test_clones_keep_types() -> None:
    module = cms.EDProducer("P", a=cms.string("x"))
    assert module.clone(a=cms.string("y")).parameters["a"].value == "y"
    assert module.parameters["a"].value == "x"
    for change in ({"a": cms.double(1)}, {"b": cms.string("")}):
        with pytest.raises(TypeError, match="P has no parameter"):
            module.clone(**change)
    with pytest.raises(TypeError, match="the parameter a has no type"):
        cms.PSet(a=1)
