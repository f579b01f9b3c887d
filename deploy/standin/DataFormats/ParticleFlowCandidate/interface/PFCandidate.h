#ifndef STANDIN_DATAFORMATS_PARTICLEFLOWCANDIDATE_INTERFACE_PFCANDIDATE_H
#define STANDIN_DATAFORMATS_PARTICLEFLOWCANDIDATE_INTERFACE_PFCANDIDATE_H

#include <optional>

#include "DataFormats/Candidate/interface/Candidate.h"
#include "DataFormats/TrackReco/interface/Track.h"

namespace reco {

class PFCandidate : public Candidate {
public:
  PFCandidate(const Candidate& momentum, int charge, int pdgId, std::optional<Track> track)
      : Candidate(momentum), charge_(charge), pdgId_(pdgId), track_(track) {}
  int charge() const override { return charge_; }
  int pdgId() const override { return pdgId_; }
  const Track* bestTrack() const { return track_ ? &*track_ : nullptr; }

private:
  int charge_, pdgId_;
  std::optional<Track> track_;
};

}  // namespace reco

#endif
