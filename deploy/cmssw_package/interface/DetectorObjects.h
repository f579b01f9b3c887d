#ifndef @GUARD@_DetectorObjects_h
#define @GUARD@_DetectorObjects_h

// What the detector measured in an event, for graphs whose nodes are tracks, crystals, towers and clusters of pixels.
// Lengths in cm, energies in GeV, angles in rad, times in ns.

#include <vector>

namespace @NAMESPACE@ {

  struct TrackObject {
    double pt = 0, eta = 0, phi = 0;  // at the point nearest to the beam
    double etaFace = 0, phiFace = 0;  // where its helix meets the front of the ECAL; its direction where it does not
    double charge = 0;
    double d0 = 0, dz = 0, d0Error = 0, dzError = 0;  // to the chosen vertex
    double chi2 = 0;                                  // over its degrees of freedom
    double hits = 0, pixelHits = 0;
    double fromVertex = 0;  // 1 where the chosen vertex is the nearest one along the beam, else 0
  };

  // A crystal with its time, or a tower in one depth with that.
  struct CellObject {
    double energy = 0, eta = 0, phi = 0, more = 0;
  };

  // A cluster of pixels that no track uses, seen from the chosen vertex.
  struct ClusterObject {
    double eta = 0, phi = 0, layer = 0;
  };

  struct DetectorObjects {
    std::vector<TrackObject> tracks;
    std::vector<CellObject> crystals, towers;
    std::vector<ClusterObject> clusters;
  };

}  // namespace @NAMESPACE@

#endif
