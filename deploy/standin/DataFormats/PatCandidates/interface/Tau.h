#ifndef STANDIN_DATAFORMATS_PATCANDIDATES_INTERFACE_TAU_H
#define STANDIN_DATAFORMATS_PATCANDIDATES_INTERFACE_TAU_H

#include <utility>

#include "DataFormats/Candidate/interface/Candidate.h"

namespace pat {

class Tau : public reco::Candidate {
public:
  // `jet` is what the tau was found in: a jet of all particle-flow candidates without corrections.
  Tau(const reco::Candidate& momentum, reco::CandidatePtrVector signal, reco::CandidatePtrVector isolation,
      reco::LorentzVector jet)
      : Candidate(momentum), signal_(std::move(signal)), isolation_(std::move(isolation)), jet_(jet) {}
  reco::LorentzVector p4Jet() const { return jet_; }
  reco::CandidatePtrVector signalCands() const { return signal_; }
  reco::CandidatePtrVector isolationCands() const { return isolation_; }

private:
  reco::CandidatePtrVector signal_, isolation_;
  reco::LorentzVector jet_;
};

}  // namespace pat

#endif
