#ifndef STANDIN_GEOMETRY_TRACKERGEOMETRYBUILDER_INTERFACE_TRACKERGEOMETRY_H
#define STANDIN_GEOMETRY_TRACKERGEOMETRYBUILDER_INTERFACE_TRACKERGEOMETRY_H

#include "DataFormats/DetId/interface/DetId.h"
#include "Geometry/CommonDetUnit/interface/GeomDet.h"

class TrackerGeometry {
public:
  static constexpr float shift = 7;  // cm, of every module
  const GeomDet* idToDet(const DetId&) const { return &module_; }

private:
  GeomDet module_{shift};
};

#endif
