#ifndef STANDIN_DATAFORMATS_TRACKRECO_INTERFACE_HITPATTERN_H
#define STANDIN_DATAFORMATS_TRACKRECO_INTERFACE_HITPATTERN_H

namespace reco {

class HitPattern {
public:
  explicit HitPattern(int pixel = 0) : pixel_(pixel) {}
  int numberOfValidPixelHits() const { return pixel_; }

private:
  int pixel_;
};

}  // namespace reco

#endif
