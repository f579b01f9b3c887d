#include "@SUBSYSTEM@/@PACKAGE@/interface/JetTensors.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>
#include <typeinfo>
#include <utility>

#include "@SUBSYSTEM@/@PACKAGE@/interface/ObjectTables.h"
#include "@SUBSYSTEM@/@PACKAGE@/interface/builder.hpp"
#include "@SUBSYSTEM@/@PACKAGE@/interface/event.hpp"
#include "DataFormats/ParticleFlowCandidate/interface/PFCandidate.h"
#include "DataFormats/PatCandidates/interface/Jet.h"
#include "DataFormats/PatCandidates/interface/PackedCandidate.h"
#include "DataFormats/PatCandidates/interface/Tau.h"
#include "DataFormats/TrackReco/interface/Track.h"
#include "DataFormats/VertexReco/interface/Vertex.h"
#include "FWCore/Utilities/interface/Exception.h"
#include "FWCore/Utilities/interface/TypeDemangler.h"

namespace @NAMESPACE@ {
  namespace {

    constexpr double tauMatch = 0.4;  // a tau's jet is the nearest within this ΔR

    // A candidate of MiniAOD, or one of RECO with its track and the vertex that the track is measured from.
    class Particle {
    public:
      Particle(const reco::Candidate& candidate, const reco::Vertex* vertex) : candidate_(&candidate), vertex_(vertex) {
        packed_ = dynamic_cast<const pat::PackedCandidate*>(&candidate);
        if (packed_ != nullptr)
          return;
        const auto* reconstructed = dynamic_cast<const reco::PFCandidate*>(&candidate);
        if (reconstructed == nullptr)
          throw cms::Exception("InvalidInput")
              << "Candidates must be pat::PackedCandidate, as in MiniAOD, or reco::PFCandidate; these are "
              << edm::typeDemangle(typeid(candidate).name());
        track_ = reconstructed->bestTrack();
        if (track_ != nullptr && vertex_ == nullptr)
          throw cms::Exception("Configuration")
              << "Tracks of reco::PFCandidate are measured from a vertex: set 'vertices' to a collection that is not "
                 "empty, such as offlinePrimaryVertices";
      }

      const reco::Candidate* operator->() const { return candidate_; }

      bool hasTrack() const { return packed_ != nullptr ? packed_->hasTrackDetails() : track_ != nullptr; }
      // Impact parameters and errors [cm], 0 without a track.
      double d0() const { return !hasTrack() ? 0. : packed_ ? packed_->dxy() : track_->dxy(vertex_->position()); }
      double dz() const { return !hasTrack() ? 0. : packed_ ? packed_->dz() : track_->dz(vertex_->position()); }
      double d0Error() const { return !hasTrack() ? 0. : packed_ ? packed_->dxyError() : track_->dxyError(); }
      double dzError() const { return !hasTrack() ? 0. : packed_ ? packed_->dzError() : track_->dzError(); }

      // 1 for tracks of the first vertex, 0 for others, -1 where no track tells. Without an association, as for
      // reco::PFCandidate, a track is of the vertex that is nearer than 1 mm or three standard deviations.
      double fromVertex() const {
        if (candidate_->charge() == 0)
          return -1.;
        if (packed_ != nullptr)
          return packed_->fromPV() > pat::PackedCandidate::NoPV ? 1. : 0.;
        return hasTrack() && std::abs(dz()) < std::max(0.1, 3 * dzError()) ? 1. : 0.;
      }

      // For what only MiniAOD stores.
      const pat::PackedCandidate& packed(const char* name) const {
        if (packed_ == nullptr)
          throw cms::Exception("InvalidInput") << "reco::PFCandidate does not give " << name;
        return *packed_;
      }

    private:
      const reco::Candidate* candidate_;
      const reco::Vertex* vertex_;
      const pat::PackedCandidate* packed_ = nullptr;
      const reco::Track* track_ = nullptr;
    };

    // The flags of the training data; 1 and 2 are deposits in the forward calorimeter.
    bool isKind(const Particle& particle, int code) {
      const int kind = std::abs(particle->pdgId());
      return kind == code || (code == 130 && kind == 1) || (code == 22 && kind == 2);
    }

    // What a candidate gives, by the name that preprocess.json uses.
    struct Quantity {
      const char* name;
      double (*get)(const Particle&, const Momentum& jet);
    };

    const Quantity quantities[] = {
@CANDIDATE_QUANTITIES@
    };

    struct JetQuantity {
      const char* name;
      double (*get)(const Momentum& jet, double rho);
    };

    const JetQuantity jetQuantities[] = {
@JET_QUANTITIES@
    };

    void collect(const reco::Candidate* candidate, const reco::Vertex* vertex, std::vector<Particle>& out) {
      if (candidate == nullptr)
        throw cms::Exception("InvalidReference") << "A candidate of a jet is missing from the event";
      if (candidate->numberOfDaughters() > 0 && dynamic_cast<const pat::PackedCandidate*>(candidate) == nullptr &&
          dynamic_cast<const reco::PFCandidate*>(candidate) == nullptr) {  // a subjet of an AK8 jet
        for (std::size_t i = 0; i < candidate->numberOfDaughters(); ++i)
          collect(candidate->daughter(i), vertex, out);
      } else {
        out.emplace_back(*candidate, vertex);
      }
    }

    std::vector<Particle> constituents(const reco::Candidate& jet, const reco::Vertex* vertex) {
      std::vector<Particle> out;
      if (const auto* tau = dynamic_cast<const pat::Tau*>(&jet)) {
        for (const auto& candidate : tau->signalCands())
          collect(candidate.get(), vertex, out);
        for (const auto& candidate : tau->isolationCands())
          collect(candidate.get(), vertex, out);
      } else {
        for (std::size_t i = 0; i < jet.numberOfDaughters(); ++i)
          collect(jet.daughter(i), vertex, out);
      }
      return out;
    }

    template <typename FourVector>
    Momentum momentum(const FourVector& p4) {
      return {p4.pt(), p4.eta(), p4.phi(), p4.mass(), p4.energy()};
    }

    Momentum lowered(Momentum jet, double pt) {
      const double factor = jet.pt > 0 ? std::max(jet.pt - pt, 0.) / jet.pt : 0.;
      jet.pt *= factor, jet.mass *= factor, jet.energy *= factor;
      return jet;
    }

    Momentum corrected(const reco::Candidate& jet, const JetOptions& options, double rho) {
      const auto* stored = dynamic_cast<const pat::Jet*>(&jet);
      const bool levels = stored != nullptr && stored->jecSetsAvailable();
      if (options.correction.empty())
        return momentum(jet.p4());
      if (options.correction == "area") {
        const auto raw = momentum(levels ? stored->correctedP4("Uncorrected") : jet.p4());
        return lowered(raw, rho * e2e_tf::pi * options.jetRadius * options.jetRadius);
      }
      const auto known = levels ? stored->availableJECLevels() : std::vector<std::string>();
      if (std::find(known.begin(), known.end(), options.correction) == known.end()) {
        cms::Exception exception("Configuration");
        exception << "jet_correction: jets do not have the level " << options.correction << " but";
        for (const auto& level : known)
          exception << " " << level;
        throw exception << (known.empty() ? " none" : "")
                        << "; 'area' takes rho times their area off, an empty string leaves them as they are";
      }
      return momentum(stored->correctedP4(options.correction));
    }

    // The jet of a tau; without one nearby, the jet that the tau was found in, which has no corrections.
    Momentum jetOfTau(const pat::Tau& tau,
                      const edm::View<reco::Candidate>& jets,
                      const JetOptions& options,
                      double rho) {
      const reco::Candidate* nearest = nullptr;
      double least = tauMatch;
      for (std::size_t i = 0; i < jets.size(); ++i) {
        const double distance = e2e_tf::delta_r(jets[i].eta(), jets[i].phi(), tau.eta(), tau.phi());
        if (distance < least) {
          least = distance;
          nearest = &jets[i];
        }
      }
      if (nearest != nullptr)
        return corrected(*nearest, options, rho);
      const auto found = momentum(tau.p4Jet());
      return options.correction.empty() ? found
                                        : lowered(found, rho * e2e_tf::pi * options.jetRadius * options.jetRadius);
    }

    template <typename Table>
    auto find(const Table& table, const std::string& name) {
      return std::find_if(std::begin(table), std::end(table), [&](const auto& entry) { return name == entry.name; });
    }

  }  // namespace

  struct JetTensors::Implementation {
    e2e_tf::Builder builder;
    JetOptions options;
    bool objects = false;  // nodes are detector objects
    std::vector<const Quantity*> ofCandidate;
    std::vector<const JetQuantity*> ofJet;
  };

  struct JetTensors::Event::Content {
    std::vector<Momentum> jets;
    double rho = 0;
    std::vector<std::vector<Particle>> particles;  // of each jet
    DetectorObjects objects;                       // of the event
  };

  JetTensors::Event::Event(std::unique_ptr<Content> content) : content_(std::move(content)) {}
  JetTensors::Event::Event(Event&&) noexcept = default;
  JetTensors::Event::~Event() = default;
  const std::vector<Momentum>& JetTensors::Event::jets() const { return content_->jets; }
  double JetTensors::Event::rho() const { return content_->rho; }

  namespace {

    e2e_tf::Builder read(const std::string& path) {
      try {
        return e2e_tf::Builder::from_file(path);
      } catch (const e2e_tf::Error& error) {
        throw cms::Exception("Configuration") << path << ": " << error.what();
      }
    }

    // Columns that the builder needs, in the order of the tables above.
    template <typename Needed, typename Table, typename Found>
    void choose(const Needed& needed, const Table& table, Found& found) {
      for (const auto& entry : table)
        if (needed.count(entry.name))
          found.push_back(&entry);
    }

  }  // namespace

  JetTensors::JetTensors(const std::string& path, const JetOptions& options) {
    auto made = std::make_unique<Implementation>(Implementation{read(path), options, false, {}, {}});
    const auto& preprocess = made->builder.preprocess();
    if (preprocess.nodes != "candidates" && preprocess.nodes != "detector")
      throw cms::Exception("Configuration") << path << ": nodes of the graph must be candidates or detector, not "
                                            << preprocess.nodes;
    made->objects = preprocess.nodes == "detector";
    std::set<std::string> wanted, missing, needed, neededOfJet;
    if (made->objects)
      neededOfJet = {"pt", "eta"};  // for transverse energies and their share of the jet
    else
      wanted = {"pt"};  // tells the leading candidates
    for (const auto& variable : preprocess.features.variables) {
      const auto& inputs = e2e_tf::node_inputs();
      const auto input = find(inputs, variable.raw);
      if (input == inputs.end()) {
        wanted.insert(variable.raw);
        continue;
      }
      wanted.insert(input->sources.begin(), input->sources.end());
      neededOfJet.insert(input->jet_sources.begin(), input->jet_sources.end());
      if (input->name == "p4.mass" && variable.upper > 0 && !made->objects)
        wanted.insert("mass");
    }
    for (const auto& variable : preprocess.points.variables)
      wanted.insert(variable.raw);
    wanted.insert(preprocess.coordinates.begin(), preprocess.coordinates.end());
    if (!preprocess.padded && preprocess.coordinates.empty() && !made->objects)
      wanted.insert({"deta", "dphi"});
    // What the builder makes itself, and of what: by the tables of its features.hpp.
    const auto& made_of = e2e_tf::candidate_quantities();
    const auto used_up = [&](const std::string& name) {
      return std::any_of(made_of.begin(), made_of.end(), [&](const auto& quantity) {
        return std::count(quantity.uses_up.begin(), quantity.uses_up.end(), name) > 0;
      });
    };
    const auto given = [&](const std::string& name) { return find(quantities, name) != std::end(quantities); };
    const auto& ofObjects = e2e_tf::detector_quantities();
    for (const auto& name : wanted) {
      if (made->objects) {
        if (find(ofObjects, name) == ofObjects.end())
          missing.insert(name);
        continue;
      }
      const auto rule = find(made_of, name);
      if (given(name) && !used_up(name)) {
        needed.insert(name);
      } else if (rule != made_of.end() && std::all_of(rule->sources.begin(), rule->sources.end(), given)) {
        needed.insert(rule->sources.begin(), rule->sources.end());
        neededOfJet.insert(rule->jet_sources.begin(), rule->jet_sources.end());
      } else {
        missing.insert(name);
      }
    }
    for (const auto& variable : preprocess.globals.variables)
      if (find(jetQuantities, variable.raw) != std::end(jetQuantities))
        neededOfJet.insert(variable.raw);
      else
        missing.insert(variable.raw + " (of the jet)");
    if (!missing.empty()) {
      cms::Exception exception("Configuration");
      exception << path << " needs variables that candidates and jets of CMSSW do not give:";
      for (const auto& name : missing)
        exception << " " << name;
      throw exception;
    }
    choose(needed, quantities, made->ofCandidate);
    choose(neededOfJet, jetQuantities, made->ofJet);
    implementation_ = std::move(made);
  }

  JetTensors::~JetTensors() = default;

  bool JetTensors::gives(const std::string& name) { return find(jetQuantities, name) != std::end(jetQuantities); }

  bool JetTensors::isTau(const reco::Candidate& jet) { return dynamic_cast<const pat::Tau*>(&jet) != nullptr; }

  float JetTensors::quantity(const std::string& name, const Momentum& jet, double rho) {
    return static_cast<float>(find(jetQuantities, name)->get(jet, rho));
  }

  bool JetTensors::needsRho() const {
    const auto& chosen = implementation_->ofJet;
    return implementation_->options.correction == "area" ||
           std::any_of(
               chosen.begin(), chosen.end(), [](const auto* quantity) { return std::string(quantity->name) == "rho"; });
  }

  bool JetTensors::needsObjects() const { return implementation_->objects; }

  JetTensors::Event JetTensors::event(const edm::View<reco::Candidate>& jets, Surroundings around) const {
    const auto& options = implementation_->options;
    const auto* vertex = around.vertices != nullptr && !around.vertices->empty() ? &around.vertices->front() : nullptr;
    const bool density = around.rho == nullptr && needsRho();
    auto content = std::make_unique<Event::Content>();
    content->objects = std::move(around.objects);
    std::vector<Particle> all;
    e2e_tf::Directions directions, unpiled;  // the latter without tracks of pileup
    for (const auto* collection : around.candidates)
      for (std::size_t i = 0; i < collection->size(); ++i) {
        const Particle particle((*collection)[i], vertex);
        all.push_back(particle);
        directions.add(particle->pt(), particle->eta(), particle->phi());
        if (density && particle.fromVertex() != 0)
          unpiled.add(particle->pt(), particle->eta(), particle->phi());
      }
    content->rho = density ? e2e_tf::median_density(unpiled) : around.rho != nullptr ? *around.rho : 0.;
    for (std::size_t i = 0; i < jets.size(); ++i) {
      const auto* tau = dynamic_cast<const pat::Tau*>(&jets[i]);
      if (tau != nullptr)
        content->jets.push_back(around.tauJets == nullptr ? momentum(tau->p4())
                                                          : jetOfTau(*tau, *around.tauJets, options, content->rho));
      else
        content->jets.push_back(corrected(jets[i], options, content->rho));
      if (implementation_->objects)
        continue;
      auto& chosen = content->particles.emplace_back();
      if (around.candidates.empty()) {
        chosen = constituents(jets[i], vertex);
        continue;
      }
      const auto& axis = content->jets.back();
      for (const auto row : e2e_tf::in_cone(directions, axis.eta, axis.phi, options.radius))
        chosen.push_back(all[row]);
    }
    return Event(std::move(content));
  }

  Tensors JetTensors::operator()(const Event& event, std::size_t first, std::size_t last) const {
    const auto& content = *event.content_;
    e2e_tf::Jets raw;
    raw.count = static_cast<std::uint32_t>(last - first);
    for (std::size_t i = first; i < last; ++i)
      for (const auto* quantity : implementation_->ofJet)
        raw.columns[quantity->name].push_back(static_cast<float>(quantity->get(content.jets[i], content.rho)));
    if (implementation_->objects)
      addObjects(content.objects, content.jets, first, last, implementation_->options.radius, raw);
    auto& table = raw.tables["candidates"];
    for (const auto* quantity : implementation_->ofCandidate)
      table.columns[quantity->name];
    for (std::size_t i = first; i < last && !implementation_->objects; ++i) {
      const auto& jet = content.jets[i];
      const auto& found = content.particles[i];
      for (const auto* quantity : implementation_->ofCandidate) {
        auto& column = table.columns[quantity->name];
        for (const auto& particle : found)
          column.push_back(static_cast<float>(quantity->get(particle, jet)));
      }
      table.offsets.push_back(table.offsets.back() + found.size());
    }
    return (*this)(raw);
  }

  Tensors JetTensors::operator()(const e2e_tf::Jets& raw) const {
    Tensors out;
    try {
      for (auto& tensor : implementation_->builder(raw, 0, raw.count)) {
        out.names.push_back(std::move(tensor.name));
        out.values.push_back(std::move(tensor.values));
        out.shapes.push_back(std::move(tensor.shape));
      }
    } catch (const e2e_tf::Error& error) {
      throw cms::Exception("InvalidInput") << "Jets cannot be made into tensors: " << error.what();
    }
    const auto jets = static_cast<int64_t>(raw.count);
    out.output = implementation_->builder.preprocess().padded ? std::vector<int64_t>{jets} : std::vector<int64_t>{1, jets};
    return out;
  }

}  // namespace @NAMESPACE@
