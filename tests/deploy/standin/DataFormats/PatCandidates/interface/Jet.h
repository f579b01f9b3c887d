#ifndef STANDIN_DATAFORMATS_PATCANDIDATES_INTERFACE_JET_H
#define STANDIN_DATAFORMATS_PATCANDIDATES_INTERFACE_JET_H

#include <utility>
#include <vector>

#include "DataFormats/Candidate/interface/Candidate.h"

namespace pat {

// Daughters are candidates, or with AK8 jets subjets first.
class Jet : public reco::Candidate {
public:
  Jet(const reco::Candidate& momentum, std::vector<const reco::Candidate*> daughters)
      : Candidate(momentum), daughters_(std::move(daughters)) {}
  std::size_t numberOfDaughters() const override { return daughters_.size(); }
  const reco::Candidate* daughter(std::size_t i) const override { return daughters_.at(i); }

private:
  std::vector<const reco::Candidate*> daughters_;
};

}  // namespace pat

#endif
