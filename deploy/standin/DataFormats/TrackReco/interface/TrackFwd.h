#ifndef STANDIN_DATAFORMATS_TRACKRECO_INTERFACE_TRACKFWD_H
#define STANDIN_DATAFORMATS_TRACKRECO_INTERFACE_TRACKFWD_H

#include <vector>

namespace reco {

class Track;
using TrackCollection = std::vector<Track>;

}  // namespace reco

#endif
