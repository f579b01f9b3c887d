#ifndef STANDIN_DATAFORMATS_HCALRECHIT_INTERFACE_HCALRECHITCOLLECTIONS_H
#define STANDIN_DATAFORMATS_HCALRECHIT_INTERFACE_HCALRECHITCOLLECTIONS_H

#include "DataFormats/Common/interface/SortedCollection.h"
#include "DataFormats/HcalRecHit/interface/HBHERecHit.h"

using HBHERecHitCollection = edm::SortedCollection<HBHERecHit>;

#endif
