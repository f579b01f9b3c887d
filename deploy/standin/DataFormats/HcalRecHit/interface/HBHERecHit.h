#ifndef STANDIN_DATAFORMATS_HCALRECHIT_INTERFACE_HBHERECHIT_H
#define STANDIN_DATAFORMATS_HCALRECHIT_INTERFACE_HBHERECHIT_H

#include "DataFormats/DetId/interface/DetId.h"

class HBHERecHit {
public:
  HBHERecHit(const DetId& id, float energy) : id_(id), energy_(energy) {}
  const DetId& detid() const { return id_; }
  float energy() const { return energy_; }

private:
  DetId id_;
  float energy_;
};

#endif
