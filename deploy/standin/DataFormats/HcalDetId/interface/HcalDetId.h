#ifndef STANDIN_DATAFORMATS_HCALDETID_INTERFACE_HCALDETID_H
#define STANDIN_DATAFORMATS_HCALDETID_INTERFACE_HCALDETID_H

#include "DataFormats/DetId/interface/DetId.h"

class HcalDetId : public DetId {
public:
  explicit HcalDetId(const DetId& id) : DetId(id) {}
  int depth() const { return static_cast<int>(id_ >> 20 & 0xF); }
};

#endif
