#ifndef STANDIN_DATAFORMATS_TRACKRECO_INTERFACE_TRACKBASE_H
#define STANDIN_DATAFORMATS_TRACKRECO_INTERFACE_TRACKBASE_H

#include <cmath>
#include <string>

#include "DataFormats/TrackReco/interface/HitPattern.h"

namespace reco {

// The part of ROOT's points that producers use [cm].
class Point {
public:
  Point(double x = 0, double y = 0, double z = 0) : x_(x), y_(y), z_(z) {}
  double x() const { return x_; }
  double y() const { return y_; }
  double z() const { return z_; }

private:
  double x_, y_, z_;
};

// A momentum [GeV] at the reference point; impact parameters [cm] are measured from a point that the caller names, along
// a line.
class TrackBase {
public:
  enum TrackQuality { undefQuality = -1, loose = 0, tight = 1, highPurity = 2 };

  struct Fit {
    int charge = 0;
    double dxyError = 0, dzError = 0, chi2 = 0, ndof = 1;
    int hits = 0, pixelHits = 0;
    TrackQuality quality = highPurity;  // and all below
  };

  TrackBase(const Point& reference, double px, double py, double pz, const Fit& fit)
      : reference_(reference), px_(px), py_(py), pz_(pz), fit_(fit), pattern_(fit.pixelHits) {}

  static TrackQuality qualityByName(const std::string& name) {
    return name == "loose" ? loose : name == "tight" ? tight : name == "highPurity" ? highPurity : undefQuality;
  }
  bool quality(TrackQuality wanted) const { return fit_.quality >= wanted; }
  double px() const { return px_; }
  double py() const { return py_; }
  double pz() const { return pz_; }
  double pt() const { return std::hypot(px_, py_); }
  double eta() const { return std::asinh(pz_ / pt()); }
  double phi() const { return std::atan2(py_, px_); }
  int charge() const { return fit_.charge; }
  double dxy(const Point& from) const {
    return (-(reference_.x() - from.x()) * py_ + (reference_.y() - from.y()) * px_) / pt();
  }
  double dz(const Point& from) const {
    const double along = ((reference_.x() - from.x()) * px_ + (reference_.y() - from.y()) * py_) / pt();
    return reference_.z() - from.z() - along * pz_ / pt();
  }
  double dxyError() const { return fit_.dxyError; }
  double dzError() const { return fit_.dzError; }
  double normalizedChi2() const { return fit_.chi2 / fit_.ndof; }
  unsigned short numberOfValidHits() const { return static_cast<unsigned short>(fit_.hits); }
  const HitPattern& hitPattern() const { return pattern_; }

private:
  Point reference_;
  double px_, py_, pz_;
  Fit fit_;
  HitPattern pattern_;
};

}  // namespace reco

#endif
