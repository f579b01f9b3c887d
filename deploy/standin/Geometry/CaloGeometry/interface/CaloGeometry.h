#ifndef STANDIN_GEOMETRY_CALOGEOMETRY_INTERFACE_CALOGEOMETRY_H
#define STANDIN_GEOMETRY_CALOGEOMETRY_INTERFACE_CALOGEOMETRY_H

#include <map>
#include <memory>

#include "DataFormats/DetId/interface/DetId.h"
#include "Geometry/CaloGeometry/interface/CaloCellGeometry.h"

// Null for a cell that is not there.
class CaloGeometry {
public:
  std::shared_ptr<const CaloCellGeometry> getGeometry(const DetId& id) const {
    const auto found = cells.find(id);
    return found == cells.end() ? nullptr : found->second;
  }

  std::map<DetId, std::shared_ptr<const CaloCellGeometry>> cells;
};

#endif
