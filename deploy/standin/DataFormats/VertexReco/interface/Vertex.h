#ifndef STANDIN_DATAFORMATS_VERTEXRECO_INTERFACE_VERTEX_H
#define STANDIN_DATAFORMATS_VERTEXRECO_INTERFACE_VERTEX_H

#include "DataFormats/TrackReco/interface/Track.h"
#include "DataFormats/VertexReco/interface/VertexFwd.h"

namespace reco {

class Vertex {
public:
  explicit Vertex(double z) : position_{z} {}
  const Point& position() const { return position_; }

private:
  Point position_;
};

}  // namespace reco

#endif
