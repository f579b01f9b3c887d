#ifndef STANDIN_DATAFORMATS_ECALRECHIT_INTERFACE_ECALRECHIT_H
#define STANDIN_DATAFORMATS_ECALRECHIT_INTERFACE_ECALRECHIT_H

#include "DataFormats/DetId/interface/DetId.h"

class EcalRecHit {
public:
  enum Flags { kGood = 0, kWeird = 14, kDiWeird = 15 };

  EcalRecHit(const DetId& id, float energy, float time, std::uint32_t flags)
      : id_(id), energy_(energy), time_(time), flags_(flags) {}
  const DetId& detid() const { return id_; }
  float energy() const { return energy_; }
  float time() const { return time_; }
  bool checkFlag(int flag) const { return (flags_ >> flag & 1) != 0; }

private:
  DetId id_;
  float energy_, time_;
  std::uint32_t flags_;
};

#endif
