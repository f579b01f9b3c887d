#ifndef STANDIN_DATAFORMATS_TRACKERRECHIT2D_INTERFACE_SIPIXELRECHITCOLLECTION_H
#define STANDIN_DATAFORMATS_TRACKERRECHIT2D_INTERFACE_SIPIXELRECHITCOLLECTION_H

#include <cstdint>
#include <vector>

#include "DataFormats/TrackerRecHit2D/interface/SiPixelRecHit.h"

namespace edmNew {

// Elements of one module.
template <typename T>
class DetSet {
public:
  explicit DetSet(std::uint32_t id) : id_(id) {}
  std::uint32_t detId() const { return id_; }
  typename std::vector<T>::const_iterator begin() const { return elements.begin(); }
  typename std::vector<T>::const_iterator end() const { return elements.end(); }

  std::vector<T> elements;

private:
  std::uint32_t id_;
};

template <typename T>
using DetSetVector = std::vector<DetSet<T>>;

}  // namespace edmNew

using SiPixelRecHitCollection = edmNew::DetSetVector<SiPixelRecHit>;

#endif
