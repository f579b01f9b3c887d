#ifndef STANDIN_DATAFORMATS_DETID_INTERFACE_DETID_H
#define STANDIN_DATAFORMATS_DETID_INTERFACE_DETID_H

#include <cstdint>

// Detector in bits 28 to 31, part of it in bits 25 to 27, as in CMSSW.
class DetId {
public:
  enum Detector { Tracker = 1, Ecal = 3, Hcal = 4 };

  DetId(std::uint32_t id = 0) : id_(id) {}
  DetId(Detector detector, int part) : id_(static_cast<std::uint32_t>(detector) << 28 | static_cast<std::uint32_t>(part) << 25) {}
  std::uint32_t rawId() const { return id_; }
  Detector det() const { return static_cast<Detector>(id_ >> 28); }
  int subdetId() const { return static_cast<int>(id_ >> 25 & 7); }
  bool operator<(const DetId& other) const { return id_ < other.id_; }

protected:
  std::uint32_t id_;
};

#endif
