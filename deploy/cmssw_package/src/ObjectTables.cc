#include "@SUBSYSTEM@/@PACKAGE@/interface/ObjectTables.h"

#include "@SUBSYSTEM@/@PACKAGE@/interface/angles.hpp"
#include "@SUBSYSTEM@/@PACKAGE@/interface/event.hpp"

namespace @NAMESPACE@ {
  namespace {

    // What an object gives, by the name of the column.
    template <typename Object>
    struct Column {
      const char* name;
      double (*get)(const Object&, const Momentum& jet);
    };

    const Column<TrackObject> trackColumns[] = {
@TRACK_COLUMNS@
    };

    const Column<CellObject> crystalColumns[] = {
@ECAL_COLUMNS@
    };

    const Column<CellObject> towerColumns[] = {
@HCAL_COLUMNS@
    };

    const Column<ClusterObject> clusterColumns[] = {
@PIXEL_COLUMNS@
    };

    template <typename Object>
    bool near(const Object& object, const Momentum& jet, double radius) {
      return e2e_tf::delta_r(object.eta, object.phi, jet.eta, jet.phi) < radius;
    }

    bool near(const TrackObject& track, const Momentum& jet, double radius) {
      return e2e_tf::delta_r(track.eta, track.phi, jet.eta, jet.phi) < radius ||
             e2e_tf::delta_r(track.etaFace, track.phiFace, jet.eta, jet.phi) < radius;
    }

    template <typename Object, std::size_t count>
    void add(const std::vector<Object>& objects,
             const Column<Object> (&columns)[count],
             const std::vector<Momentum>& jets,
             std::size_t first,
             std::size_t last,
             double radius,
             e2e_tf::Table& out) {
      for (const auto& column : columns)
        out.columns[column.name];
      for (std::size_t jet = first; jet < last; ++jet) {
        auto rows = out.offsets.back();
        for (const auto& object : objects) {
          if (!near(object, jets[jet], radius))
            continue;
          ++rows;
          for (const auto& column : columns)
            out.columns[column.name].push_back(static_cast<float>(column.get(object, jets[jet])));
        }
        out.offsets.push_back(rows);
      }
    }

  }  // namespace

  void addObjects(const DetectorObjects& objects,
                  const std::vector<Momentum>& jets,
                  std::size_t first,
                  std::size_t last,
                  double radius,
                  e2e_tf::Jets& out) {
    add(objects.tracks, trackColumns, jets, first, last, radius, out.tables["objects/track"]);
    add(objects.crystals, crystalColumns, jets, first, last, radius, out.tables["objects/ecal"]);
    add(objects.towers, towerColumns, jets, first, last, radius, out.tables["objects/hcal"]);
    add(objects.clusters, clusterColumns, jets, first, last, radius, out.tables["objects/pixel"]);
  }

}  // namespace @NAMESPACE@
