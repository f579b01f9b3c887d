#ifndef STANDIN_DATAFORMATS_CANDIDATE_INTERFACE_CANDIDATE_H
#define STANDIN_DATAFORMATS_CANDIDATE_INTERFACE_CANDIDATE_H

#include <cmath>
#include <cstddef>
#include <vector>

#include "DataFormats/Common/interface/Ptr.h"

namespace reco {

// The part of ROOT's four-vectors that producers use.
class LorentzVector {
public:
  LorentzVector(double pt, double eta, double phi, double mass) : pt_(pt), eta_(eta), phi_(phi), mass_(mass) {}
  double pt() const { return pt_; }
  double eta() const { return eta_; }
  double phi() const { return phi_; }
  double mass() const { return mass_; }
  double energy() const { return std::sqrt(std::pow(pt_ * std::cosh(eta_), 2) + mass_ * mass_); }
  LorentzVector operator*(double factor) const { return {pt_ * factor, eta_, phi_, mass_ * factor}; }

private:
  double pt_, eta_, phi_, mass_;
};

class Candidate {
public:
  Candidate() = default;
  Candidate(double pt, double eta, double phi, double mass) : pt_(pt), eta_(eta), phi_(phi), mass_(mass) {}
  virtual ~Candidate() = default;

  LorentzVector p4() const { return {pt_, eta_, phi_, mass_}; }
  virtual double pt() const { return pt_; }
  virtual double eta() const { return eta_; }
  virtual double phi() const { return phi_; }
  virtual double mass() const { return mass_; }
  virtual double px() const { return pt_ * std::cos(phi_); }
  virtual double py() const { return pt_ * std::sin(phi_); }
  virtual double pz() const { return pt_ * std::sinh(eta_); }
  virtual double energy() const { return std::sqrt(std::pow(pt_ * std::cosh(eta_), 2) + mass_ * mass_); }
  virtual int charge() const { return 0; }
  virtual int pdgId() const { return 0; }
  virtual std::size_t numberOfDaughters() const { return 0; }
  virtual const Candidate* daughter(std::size_t) const { return nullptr; }

private:
  double pt_ = 0, eta_ = 0, phi_ = 0, mass_ = 0;
};

using CandidatePtr = edm::Ptr<Candidate>;
using CandidatePtrVector = edm::PtrVector<Candidate>;

}  // namespace reco

#endif
