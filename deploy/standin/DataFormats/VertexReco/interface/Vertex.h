#ifndef STANDIN_DATAFORMATS_VERTEXRECO_INTERFACE_VERTEX_H
#define STANDIN_DATAFORMATS_VERTEXRECO_INTERFACE_VERTEX_H

#include "DataFormats/TrackReco/interface/TrackBase.h"
#include "DataFormats/VertexReco/interface/VertexFwd.h"

namespace reco {

// One that was not fitted to tracks is fake: the beam spot.
class Vertex {
public:
  using Point = reco::Point;
  explicit Vertex(double z) : position_(0, 0, z) {}
  Vertex(const Point& position, bool fake) : position_(position), fake_(fake) {}
  const Point& position() const { return position_; }
  bool isFake() const { return fake_; }

private:
  Point position_;
  bool fake_ = false;
};

}  // namespace reco

#endif
