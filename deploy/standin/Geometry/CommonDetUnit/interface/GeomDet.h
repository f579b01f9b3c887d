#ifndef STANDIN_GEOMETRY_COMMONDETUNIT_INTERFACE_GEOMDET_H
#define STANDIN_GEOMETRY_COMMONDETUNIT_INTERFACE_GEOMDET_H

#include "DataFormats/GeometryVector/interface/GlobalPoint.h"

// A module that is shifted along the beam only.
class GeomDet {
public:
  explicit GeomDet(float z) : z_(z) {}
  GlobalPoint toGlobal(const LocalPoint& place) const { return {place.x(), place.y(), place.z() + z_}; }

private:
  float z_;
};

#endif
