from __future__ import annotations

from dataclasses import fields

from e2e_tf.sim.detector import CMS, CMS_2012, DETECTORS, TIMING


def test_detectors_differ_in_what_was_tuned_alone():
    assert DETECTORS == {"cms": CMS, "cms2012": CMS_2012}
    changed = {f.name for f in fields(CMS) if getattr(CMS, f.name) != getattr(CMS_2012, f.name)}
    assert changed == {"mip_probability", "ecal_share", "hcal_profile"}


def test_numbers_are_those_of_the_papers():
    assert (CMS.field_tesla, CMS.ecal_radius, CMS.hcal_radius) == (3.8, 1.29, 1.90)
    assert len(CMS.material_eta) == len(CMS.material_x0)
    assert list(CMS.material_eta) == sorted(CMS.material_eta)
    assert CMS.ecal_radius < CMS.hcal_radius
    assert CMS.ecal_half_length < CMS.hcal_half_length


def test_a_crystal_of_ten_gev_has_a_resolution_of_100_ps():
    noise, constant = TIMING.resolution_ns
    assert abs(((noise * CMS.ecal_noise[0] / 10) ** 2 + constant**2) ** 0.5 - 0.100) < 0.005
