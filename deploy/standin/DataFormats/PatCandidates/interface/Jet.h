#ifndef STANDIN_DATAFORMATS_PATCANDIDATES_INTERFACE_JET_H
#define STANDIN_DATAFORMATS_PATCANDIDATES_INTERFACE_JET_H

#include <string>
#include <utility>
#include <vector>

#include "DataFormats/Candidate/interface/Candidate.h"
#include "FWCore/Utilities/interface/Exception.h"

namespace pat {

// Daughters are candidates, or with AK8 jets subjets first. The momentum is that of the last level of corrections; a level
// is known by its factor on the uncorrected momentum, and one that is not there is an error.
class Jet : public reco::Candidate {
public:
  Jet(const reco::Candidate& momentum, std::vector<const reco::Candidate*> daughters)
      : Candidate(momentum), daughters_(std::move(daughters)) {}
  using Levels = std::vector<std::pair<std::string, double>>;
  Jet(const reco::Candidate& momentum, std::vector<const reco::Candidate*> daughters, Levels levels)
      : Candidate(momentum), daughters_(std::move(daughters)), levels_(std::move(levels)) {}

  bool jecSetsAvailable() const { return !levels_.empty(); }
  std::vector<std::string> availableJECLevels(const int& = 0) const {
    std::vector<std::string> names;
    for (const auto& level : levels_) names.push_back(level.first);
    return names;
  }
  reco::LorentzVector correctedP4(const std::string& name, const std::string& = "none", const std::string& = "") const {
    for (const auto& level : levels_)
      if (level.first == name) return p4() * (level.second / levels_.back().second);
    throw cms::Exception("InvalidRequest") << "This JEC level " << name << " does not exist.";
  }

  std::size_t numberOfDaughters() const override { return daughters_.size(); }
  const reco::Candidate* daughter(std::size_t i) const override { return daughters_.at(i); }

private:
  std::vector<const reco::Candidate*> daughters_;
  Levels levels_;
};

}  // namespace pat

#endif
