#ifndef @GUARD@_ObjectSource_h
#define @GUARD@_ObjectSource_h

// Tracks, crystals, towers and clusters of pixels of an event, from its products.

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "@SUBSYSTEM@/@PACKAGE@/interface/DetectorObjects.h"
#include "@SUBSYSTEM@/@PACKAGE@/interface/helix.hpp"
#include "DataFormats/BeamSpot/interface/BeamSpot.h"
#include "DataFormats/DetId/interface/DetId.h"
#include "DataFormats/EcalDetId/interface/EcalSubdetector.h"
#include "DataFormats/EcalRecHit/interface/EcalRecHit.h"
#include "DataFormats/EcalRecHit/interface/EcalRecHitCollections.h"
#include "DataFormats/HcalDetId/interface/HcalDetId.h"
#include "DataFormats/HcalRecHit/interface/HBHERecHit.h"
#include "DataFormats/HcalRecHit/interface/HcalRecHitCollections.h"
#include "DataFormats/SiPixelDetId/interface/PixelSubdetector.h"
#include "DataFormats/TrackReco/interface/Track.h"
#include "DataFormats/TrackReco/interface/TrackFwd.h"
#include "DataFormats/TrackerCommon/interface/TrackerTopology.h"
#include "DataFormats/TrackerRecHit2D/interface/SiPixelRecHit.h"
#include "DataFormats/TrackerRecHit2D/interface/SiPixelRecHitCollection.h"
#include "DataFormats/VertexReco/interface/Vertex.h"
#include "DataFormats/VertexReco/interface/VertexFwd.h"
#include "FWCore/Framework/interface/ConsumesCollector.h"
#include "FWCore/Framework/interface/Event.h"
#include "FWCore/Framework/interface/EventSetup.h"
#include "FWCore/ParameterSet/interface/ParameterSet.h"
#include "FWCore/ParameterSet/interface/ParameterSetDescription.h"
#include "FWCore/Utilities/interface/ESGetToken.h"
#include "FWCore/Utilities/interface/Exception.h"
#include "Geometry/CaloGeometry/interface/CaloCellGeometry.h"
#include "Geometry/CaloGeometry/interface/CaloGeometry.h"
#include "Geometry/CommonDetUnit/interface/GeomDet.h"
#include "Geometry/Records/interface/CaloGeometryRecord.h"
#include "Geometry/Records/interface/TrackerDigiGeometryRecord.h"
#include "Geometry/Records/interface/TrackerTopologyRcd.h"
#include "Geometry/TrackerGeometryBuilder/interface/TrackerGeometry.h"

namespace @NAMESPACE@ {

  class ObjectSource {
  public:
    ObjectSource(const edm::ParameterSet& config, edm::ConsumesCollector collector)
        : tracks_(collector.consumes<reco::TrackCollection>(config.getParameter<edm::InputTag>("tracks"))),
          hcalHits_(collector.consumes<HBHERecHitCollection>(config.getParameter<edm::InputTag>("hcal_hits"))),
          vertices_(collector.consumes<reco::VertexCollection>(config.getParameter<edm::InputTag>("vertices"))),
          beamSpot_(collector.consumes<reco::BeamSpot>(config.getParameter<edm::InputTag>("beam_spot"))),
          calorimeters_(collector.esConsumes<CaloGeometry, CaloGeometryRecord>()),
          minTrackPt_(config.getParameter<double>("min_track_pt")),
          maxTrackEta_(config.getParameter<double>("max_track_eta")),
          barrelThreshold_(config.getParameter<double>("ecal_barrel_threshold")),
          endcapThreshold_(config.getParameter<double>("ecal_endcap_threshold")),
          depthThresholds_(config.getParameter<std::vector<double>>("hcal_thresholds")),
          layers_(config.getParameter<unsigned>("pixel_layers")) {
      face_.tesla = config.getParameter<double>("magnetic_field");
      for (const auto& tag : config.getParameter<std::vector<edm::InputTag>>("ecal_hits"))
        ecalHits_.push_back(collector.consumes<EcalRecHitCollection>(tag));
      if (const auto tag = config.getParameter<edm::InputTag>("pixel_hits"); !tag.label().empty()) {
        pixelHits_ = collector.consumes<SiPixelRecHitCollection>(tag);
        tracker_ = collector.esConsumes<TrackerGeometry, TrackerDigiGeometryRecord>();
        topology_ = collector.esConsumes<TrackerTopology, TrackerTopologyRcd>();
      }
      if (depthThresholds_.empty())
        throw cms::Exception("Configuration") << "hcal_thresholds needs at least one number [GeV]";
      if (const auto name = config.getParameter<std::string>("track_quality"); !name.empty()) {
        quality_ = reco::TrackBase::qualityByName(name);
        if (quality_ == reco::TrackBase::undefQuality)
          throw cms::Exception("Configuration") << "track_quality: tracks have no quality " << name;
      }
    }

    static void describe(edm::ParameterSetDescription& desc) {
      desc.add<edm::InputTag>("tracks", edm::InputTag("@TRACKS@"))->setComment("reco::Track, general or pixel tracks");
      desc.add<std::string>("track_quality", "@TRACK_QUALITY@")->setComment("tracks without it are left out; empty: none is");
      desc.add<double>("min_track_pt", 0.5)->setComment("of tracks [GeV], as in the simulation of the training");
      desc.add<double>("max_track_eta", 2.5)->setComment("of tracks");
      desc.add<std::vector<edm::InputTag>>("ecal_hits", {@ECAL_HITS@})->setComment("EcalRecHit, EB and EE");
      desc.add<double>("ecal_barrel_threshold", 0.1)->setComment("least energy of a crystal [GeV]");
      desc.add<double>("ecal_endcap_threshold", 0.3)->setComment("least energy of a crystal [GeV]");
      desc.add<edm::InputTag>("hcal_hits", edm::InputTag("@HCAL_HITS@"))->setComment("HBHERecHit");
      desc.add<std::vector<double>>("hcal_thresholds", {0.1, 0.2, 0.3, 0.3})
          ->setComment("least energy of a tower in depth 1, 2, ... [GeV]; the last is that of all further ones");
      desc.add<edm::InputTag>("pixel_hits", edm::InputTag("@PIXEL_HITS@"))
          ->setComment("SiPixelRecHit of the barrel; empty: no clusters, for models without them");
      desc.add<unsigned>("pixel_layers", 3)->setComment("of the barrel, from the innermost");
      desc.add<edm::InputTag>("beam_spot", edm::InputTag("@BEAM_SPOT@"))->setComment("where an event has no vertex");
      desc.add<double>("magnetic_field", 3.8)->setComment("of the helices to the front of the ECAL [T]");
    }

    DetectorObjects operator()(const edm::Event& event, const edm::EventSetup& setup) const {
      DetectorObjects out;
      const auto vertices = event.getHandle(vertices_);
      std::vector<reco::Vertex::Point> places;  // the chosen one first
      for (const auto& vertex : *vertices)
        if (!vertex.isFake())
          places.push_back(vertex.position());
      if (places.empty())
        places.push_back(event.getHandle(beamSpot_)->position());
      const auto tracks = event.getHandle(tracks_);
      std::set<unsigned> used;  // clusters of tracks
      for (const auto& track : *tracks) {
        if (!pixelHits_.isUninitialized())
          addClusters(track, used);
        if (track.pt() >= minTrackPt_ && std::abs(track.eta()) <= maxTrackEta_ && track.pt() > 0 &&
            (quality_ == reco::TrackBase::undefQuality || track.quality(quality_)))
          out.tracks.push_back(object(track, places));
      }
      const auto& calorimeters = setup.getData(calorimeters_);
      for (const auto& token : ecalHits_)
        for (const auto& hit : *event.getHandle(token)) {
          const bool barrel = hit.detid().subdetId() == EcalBarrel;
          if (hit.energy() >= (barrel ? barrelThreshold_ : endcapThreshold_) && !hit.checkFlag(EcalRecHit::kWeird) &&
              !hit.checkFlag(EcalRecHit::kDiWeird))
            out.crystals.push_back(cell(calorimeters, hit.detid(), hit.energy(), hit.time()));
        }
      for (const auto& hit : *event.getHandle(hcalHits_)) {
        const int depth = HcalDetId(hit.detid()).depth();
        const auto entry = std::min<std::size_t>(std::max(depth, 1), depthThresholds_.size()) - 1;
        if (hit.energy() >= depthThresholds_[entry])
          out.towers.push_back(cell(calorimeters, hit.detid(), hit.energy(), depth));
      }
      if (!pixelHits_.isUninitialized())
        addUnused(event, setup, used, places.front(), out.clusters);
      return out;
    }

  private:
    template <typename Point>
    TrackObject object(const reco::Track& track, const std::vector<Point>& vertices) const {
      const auto& vertex = vertices.front();
      TrackObject out;
      out.pt = track.pt(), out.eta = track.eta(), out.phi = track.phi(), out.charge = track.charge();
      out.d0 = track.dxy(vertex), out.dz = track.dz(vertex);
      out.d0Error = track.dxyError(), out.dzError = track.dzError();
      out.chi2 = track.normalizedChi2();
      out.hits = track.numberOfValidHits(), out.pixelHits = track.hitPattern().numberOfValidPixelHits();
      std::size_t nearest = 0;
      for (std::size_t i = 1; i < vertices.size(); ++i)
        if (std::abs(track.dz(vertices[i])) < std::abs(track.dz(vertices[nearest])))
          nearest = i;
      out.fromVertex = nearest == 0 ? 1 : 0;
      // The point nearest to the chosen vertex, within the tracker: beyond it an impact parameter has no meaning.
      const double d0 = std::min(std::max(out.d0, -100.), 100.);
      const double z = std::min(std::max(out.dz + vertex.z(), -300.), 300.);
      const auto face = e2e_tf::propagate(out.charge,
                                          track.px(),
                                          track.py(),
                                          track.pz(),
                                          (vertex.x() - d0 * std::sin(out.phi)) / 100,
                                          (vertex.y() + d0 * std::cos(out.phi)) / 100,
                                          z / 100,
                                          face_);
      out.etaFace = face.reached ? face.eta : out.eta;
      out.phiFace = face.reached ? face.phi : out.phi;
      return out;
    }

    template <typename Point>
    static void look(const Point& point, double z, double& eta, double& phi) {
      const double x = point.x(), y = point.y();
      eta = std::asinh((point.z() - z) / std::max(std::hypot(x, y), 1e-3));
      phi = std::atan2(y, x);
    }

    static CellObject cell(const CaloGeometry& calorimeters, const DetId& id, double energy, double more) {
      const auto geometry = calorimeters.getGeometry(id);
      if (geometry == nullptr)
        throw cms::Exception("InvalidInput") << "the geometry has no cell " << id.rawId();
      CellObject out;
      out.energy = energy, out.more = more;
      look(geometry->getPosition(), 0., out.eta, out.phi);
      return out;
    }

    static void addClusters(const reco::Track& track, std::set<unsigned>& used) {
      if (!track.extra().isAvailable())
        throw cms::Exception("InvalidInput")
            << "tracks have no hits, so that clusters of pixels without a track are not known; set 'pixel_hits' to an "
               "empty tag for models without them";
      for (auto hit = track.recHitsBegin(); hit != track.recHitsEnd(); ++hit)
        if (const auto* pixel = dynamic_cast<const SiPixelRecHit*>(&**hit); pixel != nullptr && pixel->isValid())
          used.insert(pixel->cluster().key());
    }

    template <typename Point>
    void addUnused(const edm::Event& event,
                   const edm::EventSetup& setup,
                   const std::set<unsigned>& used,
                   const Point& vertex,
                   std::vector<ClusterObject>& out) const {
      const auto& tracker = setup.getData(tracker_);
      const auto& topology = setup.getData(topology_);
      for (const auto& module : *event.getHandle(pixelHits_)) {
        const DetId id(module.detId());
        if (id.subdetId() != PixelSubdetector::PixelBarrel || topology.pxbLayer(id) > layers_)
          continue;
        const auto* det = tracker.idToDet(id);
        for (const auto& hit : module) {
          if (used.count(hit.cluster().key()) > 0)
            continue;
          ClusterObject cluster;
          look(det->toGlobal(hit.localPosition()), vertex.z(), cluster.eta, cluster.phi);
          cluster.layer = topology.pxbLayer(id);
          out.push_back(cluster);
        }
      }
    }

    const edm::EDGetTokenT<reco::TrackCollection> tracks_;
    std::vector<edm::EDGetTokenT<EcalRecHitCollection>> ecalHits_;
    const edm::EDGetTokenT<HBHERecHitCollection> hcalHits_;
    edm::EDGetTokenT<SiPixelRecHitCollection> pixelHits_;
    const edm::EDGetTokenT<reco::VertexCollection> vertices_;
    const edm::EDGetTokenT<reco::BeamSpot> beamSpot_;
    const edm::ESGetToken<CaloGeometry, CaloGeometryRecord> calorimeters_;
    edm::ESGetToken<TrackerGeometry, TrackerDigiGeometryRecord> tracker_;
    edm::ESGetToken<TrackerTopology, TrackerTopologyRcd> topology_;
    reco::TrackBase::TrackQuality quality_ = reco::TrackBase::undefQuality;
    const double minTrackPt_, maxTrackEta_, barrelThreshold_, endcapThreshold_;
    const std::vector<double> depthThresholds_;
    const unsigned layers_;
    e2e_tf::Face face_;
  };

}  // namespace @NAMESPACE@

#endif
