#ifndef STANDIN_DATAFORMATS_TRACKRECO_INTERFACE_TRACK_H
#define STANDIN_DATAFORMATS_TRACKRECO_INTERFACE_TRACK_H

namespace reco {

struct Point {
  double z = 0;
};

// Impact parameters [cm] are measured from a point that the caller names.
class Track {
public:
  Track(double dxy, double dxyError, double z, double dzError) : dxy_(dxy), dxyError_(dxyError), z_(z), dzError_(dzError) {}
  double dxy(const Point&) const { return dxy_; }
  double dz(const Point& from) const { return z_ - from.z; }
  double dxyError() const { return dxyError_; }
  double dzError() const { return dzError_; }

private:
  double dxy_, dxyError_, z_, dzError_;
};

}  // namespace reco

#endif
