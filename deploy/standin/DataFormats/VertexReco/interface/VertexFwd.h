#ifndef STANDIN_DATAFORMATS_VERTEXRECO_INTERFACE_VERTEXFWD_H
#define STANDIN_DATAFORMATS_VERTEXRECO_INTERFACE_VERTEXFWD_H

#include <vector>

namespace reco {

class Vertex;
using VertexCollection = std::vector<Vertex>;

}  // namespace reco

#endif
