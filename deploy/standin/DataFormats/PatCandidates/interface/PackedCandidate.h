#ifndef STANDIN_DATAFORMATS_PATCANDIDATES_INTERFACE_PACKEDCANDIDATE_H
#define STANDIN_DATAFORMATS_PATCANDIDATES_INTERFACE_PACKEDCANDIDATE_H

#include "DataFormats/Candidate/interface/Candidate.h"
#include "FWCore/Utilities/interface/Exception.h"

namespace pat {

class PackedCandidate : public reco::Candidate {
public:
  enum PVAssociationQuality { NotReconstructedPrimary = 0, UsedInFitTight = 7 };
  enum PVAssoc { NoPV = 0, PVLoose = 1, PVTight = 2, PVUsedInFit = 3 };
  enum LostInnerHits { validHitInFirstPixelBarrelLayer = -1, noLostInnerHits = 0, oneLostInnerHit = 1 };

  // Positions and errors of the track [cm], an error needs track details; and how the vertex of the event holds it.
  struct Track {
    bool details = false;
    float dxy = 0, dxyError = 0, dz = 0, dzError = 0;
    int fromPV = PVUsedInFit;
  };

  PackedCandidate(const reco::Candidate& momentum, int charge, int pdgId, const Track& track, float puppiWeight)
      : Candidate(momentum), charge_(charge), pdgId_(pdgId), track_(track), puppiWeight_(puppiWeight) {}

  int charge() const override { return charge_; }
  int pdgId() const override { return pdgId_; }
  bool hasTrackDetails() const { return track_.details; }
  float dxy() const { return track_.dxy; }
  float dz(std::size_t = 0) const { return track_.dz; }
  float dxyError() const { return checked().dxyError; }
  float dzError() const { return checked().dzError; }
  float puppiWeight() const { return puppiWeight_; }
  float puppiWeightNoLep() const { return puppiWeight_; }
  PVAssociationQuality pvAssociationQuality() const { return UsedInFitTight; }
  PVAssoc fromPV(std::size_t = 0) const { return static_cast<PVAssoc>(track_.fromPV); }
  LostInnerHits lostInnerHits() const { return noLostInnerHits; }

private:
  const Track& checked() const {
    if (!track_.details) throw cms::Exception("InvalidReference") << "this candidate has no track details";
    return track_;
  }

  int charge_, pdgId_;
  Track track_;
  float puppiWeight_;
};

}  // namespace pat

#endif
