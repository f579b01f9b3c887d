#include "@SUBSYSTEM@/@PACKAGE@/interface/JetTensors.h"

#include <algorithm>
#include <cstdlib>
#include <set>
#include <utility>

#include "@SUBSYSTEM@/@PACKAGE@/interface/builder.hpp"
#include "DataFormats/PatCandidates/interface/Jet.h"
#include "DataFormats/PatCandidates/interface/PackedCandidate.h"
#include "DataFormats/PatCandidates/interface/Tau.h"
#include "FWCore/Utilities/interface/Exception.h"

namespace @NAMESPACE@ {
  namespace {

    using Particle = pat::PackedCandidate;

    // The flags of the training data; 1 and 2 are deposits in the forward calorimeter.
    bool isKind(const Particle& particle, int code) {
      const int kind = std::abs(particle.pdgId());
      return kind == code || (code == 130 && kind == 1) || (code == 22 && kind == 2);
    }

    // What a candidate gives, by the name that preprocess.json uses.
    struct Quantity {
      const char* name;
      double (*get)(const Particle&, const reco::Candidate& jet);
    };

    const Quantity quantities[] = {
@CANDIDATE_QUANTITIES@
    };

    struct JetQuantity {
      const char* name;
      double (*get)(const reco::Candidate& jet, double rho);
    };

    const JetQuantity jetQuantities[] = {
@JET_QUANTITIES@
    };

    void collect(const reco::Candidate* candidate, std::vector<const Particle*>& out) {
      if (candidate == nullptr)
        throw cms::Exception("InvalidReference") << "A candidate of a jet is missing from the event";
      if (const auto* particle = dynamic_cast<const Particle*>(candidate)) {
        out.push_back(particle);
      } else if (candidate->numberOfDaughters() > 0) {  // a subjet of an AK8 jet
        for (std::size_t i = 0; i < candidate->numberOfDaughters(); ++i)
          collect(candidate->daughter(i), out);
      } else {
        throw cms::Exception("InvalidInput")
            << "Candidates of jets must be pat::PackedCandidate, as in MiniAOD; these are of another type";
      }
    }

    std::vector<const Particle*> particles(const reco::Candidate& jet) {
      std::vector<const Particle*> out;
      if (const auto* tau = dynamic_cast<const pat::Tau*>(&jet)) {
        for (const auto& candidate : tau->signalCands())
          collect(candidate.get(), out);
        for (const auto& candidate : tau->isolationCands())
          collect(candidate.get(), out);
      } else {
        for (std::size_t i = 0; i < jet.numberOfDaughters(); ++i)
          collect(jet.daughter(i), out);
      }
      return out;
    }

    template <typename Table>
    auto find(const Table& table, const std::string& name) {
      return std::find_if(std::begin(table), std::end(table), [&](const auto& entry) { return name == entry.name; });
    }

  }  // namespace

  struct JetTensors::Implementation {
    e2e_tf::Builder builder;
    std::vector<const Quantity*> ofCandidate;
    std::vector<const JetQuantity*> ofJet;
  };

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

  JetTensors::JetTensors(const std::string& path) {
    auto made = std::make_unique<Implementation>(Implementation{read(path), {}, {}});
    const auto& preprocess = made->builder.preprocess();
    if (preprocess.nodes != "candidates")
      throw cms::Exception("Configuration") << path << ": nodes of the graph must be candidates, not "
                                            << preprocess.nodes;
    std::set<std::string> wanted{"pt"}, missing, needed, neededOfJet;  // pt tells the leading candidates
    for (const auto& variable : preprocess.features.variables)
      wanted.insert(variable.raw);
    for (const auto& variable : preprocess.points.variables)
      wanted.insert(variable.raw);
    wanted.insert(preprocess.coordinates.begin(), preprocess.coordinates.end());
    if (!preprocess.padded && preprocess.coordinates.empty())
      wanted.insert({"deta", "dphi"});
    // What the builder makes itself, and of what: by the tables of its features.hpp.
    const auto& made_of = e2e_tf::candidate_quantities();
    const auto used_up = [&](const std::string& name) {
      return std::any_of(made_of.begin(), made_of.end(), [&](const auto& quantity) {
        return std::count(quantity.uses_up.begin(), quantity.uses_up.end(), name) > 0;
      });
    };
    const auto given = [&](const std::string& name) { return find(quantities, name) != std::end(quantities); };
    for (const auto& name : wanted) {
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
      exception << path << " needs variables that pat::PackedCandidate and jets of MiniAOD do not give:";
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

  float JetTensors::quantity(const std::string& name, const reco::Candidate& jet, double rho) {
    return static_cast<float>(find(jetQuantities, name)->get(jet, rho));
  }

  bool JetTensors::needsRho() const {
    const auto& chosen = implementation_->ofJet;
    return std::any_of(
        chosen.begin(), chosen.end(), [](const auto* quantity) { return std::string(quantity->name) == "rho"; });
  }

  Tensors JetTensors::operator()(const edm::View<reco::Candidate>& jets,
                                 std::size_t first,
                                 std::size_t last,
                                 double rho) const {
    e2e_tf::Jets raw;
    raw.count = static_cast<std::uint32_t>(last - first);
    auto& table = raw.tables["candidates"];
    for (const auto* quantity : implementation_->ofCandidate)
      table.columns[quantity->name];
    for (std::size_t i = first; i < last; ++i) {
      const reco::Candidate& jet = jets[i];
      for (const auto* quantity : implementation_->ofJet)
        raw.columns[quantity->name].push_back(static_cast<float>(quantity->get(jet, rho)));
      const auto found = particles(jet);
      for (const auto* quantity : implementation_->ofCandidate) {
        auto& column = table.columns[quantity->name];
        for (const auto* particle : found)
          column.push_back(static_cast<float>(quantity->get(*particle, jet)));
      }
      table.offsets.push_back(table.offsets.back() + found.size());
    }
    Tensors out;
    try {
      for (auto& tensor : implementation_->builder(raw, 0, last - first)) {
        out.names.push_back(std::move(tensor.name));
        out.values.push_back(std::move(tensor.values));
        out.shapes.push_back(std::move(tensor.shape));
      }
    } catch (const e2e_tf::Error& error) {
      throw cms::Exception("InvalidInput") << "Jets cannot be made into tensors: " << error.what();
    }
    return out;
  }

}  // namespace @NAMESPACE@
