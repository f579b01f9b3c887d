#ifndef @GUARD@_JetTensors_h
#define @GUARD@_JetTensors_h

// The input tensors of the model, made from jets and their candidates or detector objects by the builder that the model's bundle was
// validated with.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "@SUBSYSTEM@/@PACKAGE@/interface/DetectorObjects.h"
#include "@SUBSYSTEM@/@PACKAGE@/interface/jets.hpp"
#include "DataFormats/Candidate/interface/Candidate.h"
#include "DataFormats/Common/interface/View.h"
#include "DataFormats/VertexReco/interface/VertexFwd.h"

namespace @NAMESPACE@ {

  // float32, in C order. No tensor has rank 0, and dimension 0 is the batch.
  struct Tensors {
    std::vector<std::string> names;
    std::vector<std::vector<float>> values;
    std::vector<std::vector<int64_t>> shapes;
    std::vector<int64_t> output;  // shape of the scores without their columns: jets, or 1 and jets
  };

  // Of a jet as the model takes it [GeV, rad].
  struct Momentum {
    double pt = 0, eta = 0, phi = 0, mass = 0, energy = 0;
  };

  // How jets are made; the training made them in one way, which the bundle states.
  struct JetOptions {
    // A level of the jet energy corrections, such as L1FastJet; "area": uncorrected, lowered by rho times the area of
    // a circle of `jetRadius`; empty: as the collection has them.
    std::string correction;
    double jetRadius = 0.4;
    double radius = 0.4;  // candidates or objects within this ΔR of the axis, where they are taken from the event
  };

  // What of an event is looked at beside its jets.
  struct Surroundings {
    std::vector<const edm::View<reco::Candidate>*> candidates;   // those of the event; empty: those of each jet
    const edm::View<reco::Candidate>* tauJets = nullptr;         // a tau takes the momentum of the nearest; null: its own
    const reco::VertexCollection* vertices = nullptr;            // for reco::PFCandidate, whose tracks know none
    const double* rho = nullptr;                                 // null: from the candidates of the event
    DetectorObjects objects;                                     // of the event, for models on these
  };

  class JetTensors {
  public:
    // Throws cms::Exception("Configuration") that names every variable of preprocess.json which jets cannot give.
    JetTensors(const std::string& preprocess, const JetOptions& options);
    ~JetTensors();

    // Whether the pileup density of the event is needed, in GeV per unit area.
    bool needsRho() const;

    // Whether nodes of the graph are detector objects.
    bool needsObjects() const;

    // Whether a jet is a pat::Tau.
    static bool isTau(const reco::Candidate& jet);

    // Whether jets have a quantity of this name, and its value.
    static bool gives(const std::string& name);
    static float quantity(const std::string& name, const Momentum& jet, double rho);

    // The jets of an event and what lies around them. Lives as long as the products it was made of.
    class Event {
    public:
      Event(Event&&) noexcept;
      ~Event();
      const std::vector<Momentum>& jets() const;
      double rho() const;

    private:
      friend class JetTensors;
      struct Content;
      explicit Event(std::unique_ptr<Content> content);
      std::unique_ptr<Content> content_;
    };

    // Jets are pat::Jet (AK4 or AK8), pat::Tau, reco::PFJet or, for detector objects, any candidates with a momentum;
    // candidates are pat::PackedCandidate or reco::PFCandidate.
    Event event(const edm::View<reco::Candidate>& jets, Surroundings around) const;

    // Tensors of jets first to last - 1.
    Tensors operator()(const Event& event, std::size_t first, std::size_t last) const;

    // Tensors of jets whose quantities, and those of their candidates or objects, are known already.
    Tensors operator()(const e2e_tf::Jets& raw) const;

  private:
    struct Implementation;
    std::unique_ptr<const Implementation> implementation_;
  };

}  // namespace @NAMESPACE@

#endif
