#ifndef STANDIN_DATAFORMATS_ECALRECHIT_INTERFACE_ECALRECHITCOLLECTIONS_H
#define STANDIN_DATAFORMATS_ECALRECHIT_INTERFACE_ECALRECHITCOLLECTIONS_H

#include "DataFormats/Common/interface/SortedCollection.h"
#include "DataFormats/EcalRecHit/interface/EcalRecHit.h"

using EcalRecHitCollection = edm::SortedCollection<EcalRecHit>;

#endif
