#ifndef STANDIN_DATAFORMATS_PATCANDIDATES_INTERFACE_TAU_H
#define STANDIN_DATAFORMATS_PATCANDIDATES_INTERFACE_TAU_H

#include <utility>

#include "DataFormats/Candidate/interface/Candidate.h"

namespace pat {

class Tau : public reco::Candidate {
public:
  Tau(const reco::Candidate& momentum, reco::CandidatePtrVector signal, reco::CandidatePtrVector isolation)
      : Candidate(momentum), signal_(std::move(signal)), isolation_(std::move(isolation)) {}
  reco::CandidatePtrVector signalCands() const { return signal_; }
  reco::CandidatePtrVector isolationCands() const { return isolation_; }

private:
  reco::CandidatePtrVector signal_, isolation_;
};

}  // namespace pat

#endif
