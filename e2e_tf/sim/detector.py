"""Every number of the simulated detector in one place, with where it comes from.

Sources, by their short names:

- *detector paper*: The CMS experiment at the CERN LHC, JINST 3 (2008) S08004;
- *particle-flow paper*: Particle-flow reconstruction and global event description with the CMS detector,
  JINST 12 (2017) P10003;
- *tracking paper*: Description and performance of track and primary-vertex reconstruction with the CMS
  tracker, JINST 9 (2014) P10009;
- *test-beam paper*: The CMS barrel calorimeter response to particle beams from 2 to 350 GeV/c,
  Eur. Phys. J. C 60 (2009) 359;
- *timing paper*: Time reconstruction and performance of the CMS electromagnetic calorimeter, JINST 5 (2010)
  T03011;
- *muon paper*: Performance of the CMS muon detector and muon reconstruction with proton-proton collisions at
  √s = 13 TeV, JINST 13 (2018) P06015;
- *electron paper*: Electron and photon reconstruction and identification with the CMS experiment at the CERN LHC,
  JINST 16 (2021) P05014;
- *HCAL report*: CMS technical design report for the Phase 1 upgrade of the hadron calorimeter,
  CERN-LHCC-2012-015 (2012).

Numbers marked "chosen" are effective values of this parametrisation, not of a paper.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from e2e_tf.data.helix import ECAL_HALF_LENGTH, ECAL_RADIUS, FIELD_TESLA

__all__ = [
    "CMS",
    "CMS_2012",
    "DETECTORS",
    "PARTICLE_FLOW",
    "READOUT",
    "TIMING",
    "Detector",
    "ParticleFlow",
    "Readout",
    "Timing",
]


@dataclass(frozen=True)
class Detector:
    """Numbers of the detector; lengths in metres unless the name says centimetres, energies in GeV."""

    # Solenoid and geometry: detector paper.
    field_tesla: float = FIELD_TESLA
    ecal_radius: float = ECAL_RADIUS
    ecal_half_length: float = ECAL_HALF_LENGTH
    hcal_radius: float = 1.90  # HB starts at 1.77 m; chosen: about one interaction length inside
    hcal_half_length: float = 4.00  # HE starts at about 3.9 m
    calorimeter_max_eta: float = 3.0
    beam_spot_sigma_z: float = 0.035  # luminous region of 2016-2018 fills, about 3.5 cm

    # Tracks: acceptance and momentum resolution follow the tracking paper's figures; so does the
    # efficiency for charged hadrons, which nuclear interactions in the tracker lower.
    track_max_eta: float = 2.5
    track_min_pt: float = 0.5
    track_efficiency: float = 0.93
    track_efficiency_low_pt: float = 0.80  # below track_low_pt
    track_low_pt: float = 0.9
    electron_efficiency: float = 0.92
    muon_efficiency: float = 0.99
    track_pt_resolution: tuple[float, float, float] = (0.007, 0.004, 1.5e-4)  # (a + b |η|) ⊕ c pT
    electron_pt_resolution_factor: float = 2.5  # chosen: bremsstrahlung
    track_eta_resolution: float = 0.0007
    track_phi_resolution: float = 0.0006
    # σ(d0) = a ⊕ b √cosh η / pT and σ(dz) = a ⊕ b cosh η / pT: shapes from multiple scattering, sizes from
    # the tracking paper (for d0 at the centre about 90 µm at 1 GeV and 10 µm at 100 GeV).
    d0_resolution_cm: tuple[float, float] = (0.0010, 0.0085)
    dz_resolution_cm: tuple[float, float] = (0.0030, 0.0100)

    # Tracker material in radiation lengths by |η|: detector paper (0.4 at 0, about 1.8 at 1.4, 1 at 2.5).
    material_eta: tuple[float, ...] = (0.0, 0.5, 1.0, 1.4, 1.6, 2.0, 2.5)
    material_x0: tuple[float, ...] = (0.4, 0.5, 0.9, 1.8, 1.7, 1.4, 1.0)
    material_radii: tuple[float, float] = (0.03, 1.15)
    bremsstrahlung_x0_share: float = 0.6  # chosen: share of the material early enough to separate the photon
    conversion_track_radius: float = 0.50  # chosen: legs born further out leave no track

    # ECAL: resolution 2.8 %/√E ⊕ 12 %/E (3 x 3 crystals) ⊕ 0.3 % from the detector and particle-flow papers;
    # the noise term is 40 MeV in a crystal of the barrel. In the endcaps the noise and the particle-flow
    # threshold (0.3 GeV against 0.08 GeV in the barrel) are higher.
    ecal_stochastic: float = 0.028
    ecal_constant: float = 0.003
    ecal_barrel_eta: float = 1.479
    ecal_noise: tuple[float, float] = (0.040, 0.120)  # barrel, endcap (chosen)
    ecal_threshold: tuple[float, float] = (0.100, 0.300)  # where there is a deposit: 2.5 sigma
    empty_cell_sigmas: float = 4.0  # chosen: zero suppression of cells without any deposit

    # HCAL towers: 110 %/√E ⊕ 9 % for hadrons in both calorimeters, particle-flow paper.
    hadron_stochastic: float = 1.10
    hadron_constant: float = 0.09
    hadron_max_spread: float = 0.80
    hcal_noise: float = 0.200
    hcal_threshold: float = 0.800  # of a cell in the particle-flow paper

    # Mean response to a hadron of energy E, 1 − a E^(−k): 0.56, 0.68, 0.85, 0.92 at 2, 5, 50, 300 GeV, near
    # the combined ECAL and HCAL response to pions in the test-beam paper.
    response_loss: float = 0.55
    response_power: float = 0.33
    response_min: float = 0.30
    # Hadrons that pass the ECAL (about 1.1 interaction lengths, detector paper) as minimum-ionising
    # particles, and what they leave there; otherwise a beta-distributed share stays in the ECAL (chosen).
    mip_probability: float = 0.35
    mip_energy: tuple[float, float] = (5.0, 0.06)  # gamma distribution: shape, scale [GeV]
    ecal_share: tuple[float, float] = (1.4, 1.1)  # beta distribution
    muon_ecal: tuple[float, float] = (6.0, 0.05)
    muon_hcal: tuple[float, float] = (6.0, 0.35)

    # Transverse shower profile: two Gaussians (share of the first, sigma of each) in crystals or towers. For
    # electromagnetic showers the centre crystal holds about 0.8 of a shower that hits its middle and 3 x 3
    # about 0.97 (Molière radius 2.2 cm, one crystal: detector paper); the others are chosen.
    em_profile: tuple[float, float, float] = (0.83, 0.24, 0.90)
    hadron_ecal_profile: tuple[float, float, float] = (0.70, 0.60, 2.00)
    hcal_profile: tuple[float, float, float] = (0.80, 0.35, 0.90)

    # Particle-flow-like candidates: chosen, near the thresholds and resolutions of the particle-flow paper.
    photon_min_pt: float = 0.30
    photon_noise: float = 0.12
    photon_direction_resolution: tuple[float, float] = (0.0015, 0.004)  # a ⊕ b / √E
    photon_merge_crystals: int = 2
    neutral_min_deposit: float = 0.80
    neutral_direction_resolution: float = 0.025


CMS = Detector()

# Tuned to the shares of energy in jets of 2012 collisions (docs/simulation.md): more hadrons pass the ECAL without
# showering, those that shower leave less there, and showers in the HCAL are narrower. All chosen.
CMS_2012 = replace(CMS, mip_probability=0.40, ecal_share=(1.2, 1.2), hcal_profile=(0.88, 0.30, 0.80))

DETECTORS = {"cms": CMS, "cms2012": CMS_2012}


@dataclass(frozen=True)
class Timing:
    """Time of ECAL crystals [ns], for the electron and photon gun.

    Attributes:
        resolution_ns: noise, constant: σ = noise · σ(noise of a crystal) / E ⊕ constant; chosen so that it is
            100 ps at 10 GeV (timing paper: better than 100 ps above 10 GeV).
        collision_spread_ns: spread of the collision time in the luminous region (chosen).
    """

    resolution_ns: tuple[float, float] = (24.0, 0.020)
    collision_spread_ns: float = 0.18


TIMING = Timing()


@dataclass(frozen=True)
class Readout:
    """What detector objects need beyond the detector itself; lengths in metres unless the name says otherwise.

    Attributes:
        radius: objects up to this ΔR from the jet axis are kept.
        margin: cells so much further from the axis in η and φ are read out, so that clusters are whole (chosen).
        latest_ns: what reaches the ECAL later than this is not seen: one more bunch crossing (chosen).
        pixel_radii: of the layers of the barrel (detector paper).
        pixel_half_length: of these layers (detector paper).
        pixel_efficiency: of a layer (tracking paper: above 99 %).
        hcal_noise, hcal_threshold: of a tower, all depths together [GeV]; lower than those of hits, as after the HCAL's
            upgrade (HCAL report). Chosen so that particle flow finds as many neutral hadrons in jets as in the full
            simulation of CMS.
        fragment_share: beta distribution of the share of a hadron's energy in the HCAL that lies in a second cluster of
            its shower, as showers are not smooth (chosen, as above).
        fragment_distance: σ of its distance from the first in η and in φ (chosen, as above).
        depth_edges: ends of the depth segments of HCAL towers in interaction lengths from its face, the last
            open; near the segmentation of the HCAL report (layers 1, 2 to 4, 5 to 9, 10 to 17).
        depth_threshold: lowest energy of a segment [GeV], as CMS's particle flow takes them in Run 3.
        shower_depth: shape and scale [interaction lengths] of the gamma distribution of energy along a hadronic
            shower, after its start (chosen).
        shower_growth: how the scale grows with ln(E / GeV) (chosen).
    """

    radius: float = 0.5
    margin: float = 0.25
    latest_ns: float = 25.0
    pixel_radii: tuple[float, ...] = (0.044, 0.073, 0.102)
    pixel_half_length: float = 0.265
    pixel_efficiency: float = 0.99
    hcal_noise: float = 0.09
    hcal_threshold: float = 0.35
    fragment_share: tuple[float, float] = (1.5, 2.0)
    fragment_distance: float = 0.15
    depth_edges: tuple[float, ...] = (0.4, 1.4, 3.1)
    depth_threshold: tuple[float, ...] = (0.1, 0.2, 0.3, 0.3)
    shower_depth: tuple[float, float] = (1.5, 0.40)
    shower_growth: float = 0.06

    @property
    def reach(self) -> float:
        """Largest distance in η and φ from an axis at which cells are read out."""
        return self.radius + self.margin


READOUT = Readout()


@dataclass(frozen=True)
class ParticleFlow:
    """Clustering, links and identification of the particle-flow reconstruction with mistakes.

    Attributes:
        ecal_seed: least energy of a seed in barrel and endcap [GeV], particle-flow paper, table 2.
        hcal_seed: the same in the HCAL; the table's 0.8 and 1.1 GeV are lowered as the towers' thresholds are (chosen).
        ecal_seed_et: least transverse energy of a seed in the ECAL's endcap [GeV], the same table.
        ecal_width, hcal_width: σ of the Gaussian shower that shares cells among clusters: 1.5 cm and 10 cm in the
            same table, here in crystals of 2.2 cm and towers of 16.6 cm.
        iterations: of sharing (chosen; the paper iterates until positions stay).
        ecal_calibration: of clusters in barrel and endcap, which lose what cells below threshold hold:
            E' = E + min(a √E, b) [GeV] (fitted to single photons of this simulation, as the paper's are to its own).
        hcal_calibration: a and b of the HCAL's clusters (chosen: neutral hadrons have the share of jets' pT that they
            have in the full simulation).
        excess: significance of a calorimeter excess, a (1 + exp(−E / b)): a = 1 and b = 100 GeV in CMS's public
            software (PFAlgo).
        muon_deposit: what a muon is taken to leave in ECAL and HCAL [GeV], particle-flow paper.
        muon_pt, muon_efficiency: efficiency to identify a muon's track by its pT, up to each limit [GeV]: none below
            3 GeV, which do not reach the muon chambers, above 0.95 from 10 GeV on (muon paper).
        muon_fake: probability that a hadron's track is called a muon, decays in flight included (muon paper: 0.1 to
            0.5 per cent).
        electron_pt, electron_efficiency: the same of electrons, for those that have a cluster; falls to low pT as in
            the electron paper, sizes chosen for electrons in jets.
        electron_fake: probability that a hadron's track with the calorimeter signature of an electron is called one
            (chosen: some tenths of a per cent of all pions, as in the particle-flow paper).
        electron_ratio: range of ECAL energy over momentum in which a track can be an electron (chosen).
        electron_leakage: largest share of the energy in the HCAL of what can be an electron (chosen).
        brems_window: largest distance in η, and in φ beyond the ends below, of clusters that an electron and its
            bremsstrahlung make (chosen).
        brems_reach: they lie between the direction at the vertex and this many times the way in φ to the place at
            the ECAL, as an electron that radiates bends more (chosen).
    """

    ecal_seed: tuple[float, float] = (0.23, 0.60)
    ecal_seed_et: float = 0.15
    hcal_seed: tuple[float, float] = (0.35, 0.45)
    ecal_width: float = 0.68
    hcal_width: float = 0.60
    iterations: int = 10
    ecal_calibration: tuple[tuple[float, float], tuple[float, float]] = ((0.147, 0.42), (0.262, 1.27))
    hcal_calibration: tuple[float, float] = (0.40, 2.0)
    excess: tuple[float, float] = (1.0, 100.0)
    muon_deposit: tuple[float, float] = (0.5, 3.0)
    muon_pt: tuple[float, ...] = (3.0, 5.0, 10.0)
    muon_efficiency: tuple[float, ...] = (0.0, 0.70, 0.90, 0.97)
    muon_fake: float = 0.002
    electron_pt: tuple[float, ...] = (2.0, 5.0, 10.0, 20.0)
    electron_efficiency: tuple[float, ...] = (0.0, 0.60, 0.75, 0.85, 0.92)
    electron_fake: float = 0.05
    electron_ratio: tuple[float, float] = (0.7, 1.3)
    electron_leakage: float = 0.10
    brems_window: tuple[float, float] = (0.02, 0.02)
    brems_reach: float = 1.5


PARTICLE_FLOW = ParticleFlow()
