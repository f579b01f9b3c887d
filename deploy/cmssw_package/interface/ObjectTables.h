#ifndef @GUARD@_ObjectTables_h
#define @GUARD@_ObjectTables_h

// Detector objects around jets as the tables that the builder takes, as simulated samples have them.

#include <cstddef>
#include <vector>

#include "@SUBSYSTEM@/@PACKAGE@/interface/DetectorObjects.h"
#include "@SUBSYSTEM@/@PACKAGE@/interface/JetTensors.h"
#include "@SUBSYSTEM@/@PACKAGE@/interface/jets.hpp"

namespace @NAMESPACE@ {

  // Adds objects/track, objects/ecal, objects/hcal and objects/pixel with the objects within ΔR < radius of the axis of
  // each of the jets first to last - 1; of a track its direction or its place at the ECAL counts.
  void addObjects(const DetectorObjects& objects,
                  const std::vector<Momentum>& jets,
                  std::size_t first,
                  std::size_t last,
                  double radius,
                  e2e_tf::Jets& out);

}  // namespace @NAMESPACE@

#endif
