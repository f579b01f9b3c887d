#ifndef STANDIN_DATAFORMATS_TRACKRECO_INTERFACE_TRACK_H
#define STANDIN_DATAFORMATS_TRACKRECO_INTERFACE_TRACK_H

#include <memory>
#include <utility>
#include <vector>

#include "DataFormats/TrackReco/interface/TrackBase.h"
#include "DataFormats/TrackingRecHit/interface/TrackingRecHit.h"

namespace reco {

// The hits of a track, which not every data tier keeps.
class TrackExtraRef {
public:
  explicit TrackExtraRef(bool available) : available_(available) {}
  bool isNonnull() const { return true; }
  bool isAvailable() const { return available_; }

private:
  bool available_;
};

class Track : public TrackBase {
public:
  using Hits = std::vector<std::shared_ptr<const TrackingRecHit>>;

  Track(const Point& reference, double px, double py, double pz, const Fit& fit, Hits hits, bool extra)
      : TrackBase(reference, px, py, pz, fit), hits_(std::move(hits)), extra_(extra) {}
  // A track of a candidate along x.
  Track(double dxy, double dxyError, double z, double dzError)
      : TrackBase(Point(0, dxy, z), 1, 0, 0, {1, dxyError, dzError, 1, 1, 10, 3, highPurity}), extra_(false) {}

  TrackExtraRef extra() const { return TrackExtraRef(extra_); }
  Hits::const_iterator recHitsBegin() const { return hits_.begin(); }
  Hits::const_iterator recHitsEnd() const { return hits_.end(); }

private:
  Hits hits_;
  bool extra_;
};

}  // namespace reco

#endif
