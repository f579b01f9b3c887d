#ifndef STANDIN_DATAFORMATS_BEAMSPOT_INTERFACE_BEAMSPOT_H
#define STANDIN_DATAFORMATS_BEAMSPOT_INTERFACE_BEAMSPOT_H

#include "DataFormats/TrackReco/interface/TrackBase.h"

namespace reco {

class BeamSpot {
public:
  using Point = reco::Point;
  explicit BeamSpot(const Point& position) : position_(position) {}
  const Point& position() const { return position_; }

private:
  Point position_;
};

}  // namespace reco

#endif
