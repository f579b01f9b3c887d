#ifndef STANDIN_GEOMETRY_CALOGEOMETRY_INTERFACE_CALOCELLGEOMETRY_H
#define STANDIN_GEOMETRY_CALOGEOMETRY_INTERFACE_CALOCELLGEOMETRY_H

#include "DataFormats/GeometryVector/interface/GlobalPoint.h"

class CaloCellGeometry {
public:
  explicit CaloCellGeometry(const GlobalPoint& position) : position_(position) {}
  const GlobalPoint& getPosition() const { return position_; }

private:
  GlobalPoint position_;
};

#endif
