#ifndef STANDIN_DETECTOR_EVENT_H
#define STANDIN_DETECTOR_EVENT_H

// Products of RECO that detector objects are read from, and the geometry of their cells, from a file of words.

#include <cmath>
#include <istream>
#include <memory>
#include <string>
#include <vector>

#include "DataFormats/BeamSpot/interface/BeamSpot.h"
#include "DataFormats/EcalRecHit/interface/EcalRecHitCollections.h"
#include "DataFormats/HcalRecHit/interface/HcalRecHitCollections.h"
#include "DataFormats/TrackReco/interface/Track.h"
#include "DataFormats/TrackReco/interface/TrackFwd.h"
#include "DataFormats/TrackerCommon/interface/TrackerTopology.h"
#include "DataFormats/TrackerRecHit2D/interface/SiPixelRecHitCollection.h"
#include "DataFormats/VertexReco/interface/Vertex.h"
#include "FWCore/Framework/interface/Event.h"
#include "Geometry/CaloGeometry/interface/CaloGeometry.h"
#include "Geometry/TrackerGeometryBuilder/interface/TrackerGeometry.h"

namespace standin {

// How many, and each.
inline std::vector<double> read_numbers(std::istream& in) {
  std::size_t count = 0;
  in >> count;
  std::vector<double> out(count);
  for (auto& number : out) in >> number;
  return out;
}

struct DetectorEvent {
  reco::VertexCollection vertices;
  reco::BeamSpot beamSpot{reco::Point()};
  reco::TrackCollection tracks;
  EcalRecHitCollection barrel, endcap;
  HBHERecHitCollection towers;
  SiPixelRecHitCollection pixels;
  CaloGeometry calorimeters;

  void insert(edm::Event& event, edm::EventSetup& setup) const {
    const auto put = [&](const char* label, const char* instance, const auto& product) {
      using Product = std::decay_t<decltype(product)>;
      event.insert(label, instance, std::make_shared<const Product>(product));
    };
    put("offlineBeamSpot", "", beamSpot);
    put("generalTracks", "", tracks);
    put("ecalRecHit", "EcalRecHitsEB", barrel);
    put("ecalRecHit", "EcalRecHitsEE", endcap);
    put("hbhereco", "", towers);
    put("siPixelRecHits", "", pixels);
    setup.insert(std::make_shared<const CaloGeometry>(calorimeters));
    setup.insert(std::make_shared<const TrackerGeometry>());
    setup.insert(std::make_shared<const TrackerTopology>());
  }
};

// Vertices: x, y, z [cm] and whether it is fake; the beam spot: x, y, z. Clusters: part (1 barrel, 2 endcap), layer, x, y, z
// [cm] and the track that uses it, or -1. Tracks: pt, eta, phi, x, y, z of the reference point [cm], charge, errors of dxy
// and dz, chi2, ndof, hits, pixel hits, quality, and whether their hits are kept. Crystals: part, energy, x, y, z [cm], time, flag
// (0: none). Towers: depth, energy, x, y, z.
template <typename Word>
DetectorEvent read_detector(std::istream& in, Word word) {
  DetectorEvent out;
  const auto real = [&] { return std::stod(word(in)); };
  const auto whole = [&] { return std::stoi(word(in)); };
  const auto point = [&] {
    const double x = real(), y = real(), z = real();
    return reco::Point(x, y, z);
  };
  for (int left = whole(); left > 0; --left) {
    const auto place = point();
    out.vertices.emplace_back(place, whole() != 0);
  }
  out.beamSpot = reco::BeamSpot(point());
  std::vector<reco::Track::Hits> hits;
  unsigned key = 0;
  for (int left = whole(); left > 0; --left, ++key) {
    const auto part = static_cast<std::uint32_t>(whole()), layer = static_cast<std::uint32_t>(whole());
    const auto place = point();
    const SiPixelRecHit hit(LocalPoint(static_cast<float>(place.x()), static_cast<float>(place.y()),
                                       static_cast<float>(place.z() - TrackerGeometry::shift)),
                            key);
    out.pixels.emplace_back(std::uint32_t{1} << 28 | part << 25 | layer << 16 | key);
    out.pixels.back().elements.push_back(hit);
    if (const int track = whole(); track >= 0) {
      if (hits.size() <= static_cast<std::size_t>(track)) hits.resize(static_cast<std::size_t>(track) + 1);
      hits[static_cast<std::size_t>(track)].push_back(std::make_shared<const TrackingRecHit>());
      hits[static_cast<std::size_t>(track)].push_back(std::make_shared<const SiPixelRecHit>(hit));
    }
  }
  const int tracks = whole();
  hits.resize(static_cast<std::size_t>(tracks));
  for (int i = 0; i < tracks; ++i) {
    const double pt = real(), eta = real(), phi = real();
    const auto place = point();
    reco::Track::Fit fit;
    fit.charge = whole();
    fit.dxyError = real(), fit.dzError = real(), fit.chi2 = real(), fit.ndof = real();
    fit.hits = whole(), fit.pixelHits = whole();
    fit.quality = static_cast<reco::TrackBase::TrackQuality>(whole());
    const bool kept = whole() != 0;
    out.tracks.emplace_back(place, pt * std::cos(phi), pt * std::sin(phi), pt * std::sinh(eta), fit,
                            hits[static_cast<std::size_t>(i)], kept);
  }
  std::uint32_t number = 0;
  const auto cell = [&](DetId::Detector detector, std::uint32_t part, std::uint32_t depth) {
    const DetId id(DetId(detector, static_cast<int>(part)).rawId() | depth << 20 | ++number);
    const auto place = point();
    out.calorimeters.cells[id] = std::make_shared<const CaloCellGeometry>(GlobalPoint(
        static_cast<float>(place.x()), static_cast<float>(place.y()), static_cast<float>(place.z())));
    return id;
  };
  for (int left = whole(); left > 0; --left) {
    const auto part = static_cast<std::uint32_t>(whole());
    const auto energy = static_cast<float>(real());
    const auto id = cell(DetId::Ecal, part, 0);
    const auto time = static_cast<float>(real());
    const int flag = whole();
    (part == 1 ? out.barrel : out.endcap)
        .push_back(EcalRecHit(id, energy, time, flag == 0 ? 0u : std::uint32_t{1} << flag));
  }
  for (int left = whole(); left > 0; --left) {
    const auto depth = static_cast<std::uint32_t>(whole());
    const auto energy = static_cast<float>(real());
    out.towers.push_back(HBHERecHit(cell(DetId::Hcal, 1, depth), energy));
  }
  return out;
}

}  // namespace standin

#endif
