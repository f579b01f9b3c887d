#ifndef STANDIN_DATAFORMATS_TRACKERCOMMON_INTERFACE_TRACKERTOPOLOGY_H
#define STANDIN_DATAFORMATS_TRACKERCOMMON_INTERFACE_TRACKERTOPOLOGY_H

#include "DataFormats/DetId/interface/DetId.h"

class TrackerTopology {
public:
  unsigned pxbLayer(const DetId& id) const { return id.rawId() >> 16 & 0xF; }
};

#endif
