#ifndef @GUARD@_TaggerProducer_h
#define @GUARD@_TaggerProducer_h

// Scores of jets as edm::ValueMap<float>, one per score; the working points they pass, and whether they lie in the range
// of the training, as edm::ValueMap<int>.

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "@SUBSYSTEM@/@PACKAGE@/interface/JetTensors.h"
#include "@SUBSYSTEM@/@PACKAGE@/interface/units.hpp"
#include "@SUBSYSTEM@/@PACKAGE@/interface/working_point.hpp"
#include "DataFormats/Candidate/interface/Candidate.h"
#include "DataFormats/Common/interface/ValueMap.h"
#include "DataFormats/Common/interface/View.h"
#include "DataFormats/VertexReco/interface/Vertex.h"
#include "DataFormats/VertexReco/interface/VertexFwd.h"
#include "FWCore/Framework/interface/Event.h"
#include "FWCore/Framework/interface/MakerMacros.h"
#include "FWCore/Framework/interface/stream/EDProducer.h"
#include "FWCore/ParameterSet/interface/ConfigurationDescriptions.h"
#include "FWCore/ParameterSet/interface/ParameterSet.h"
#include "FWCore/ParameterSet/interface/ParameterSetDescription.h"
#include "FWCore/Utilities/interface/Exception.h"
#include "ObjectSource.h"

namespace @NAMESPACE@ {

  // Backend is OnnxBackend or TensorFlowBackend; its Cache, the session, is shared by all streams.
  template <typename Backend>
  class TaggerProducer : public edm::stream::EDProducer<edm::GlobalCache<typename Backend::Cache>> {
  public:
    using Cache = typename Backend::Cache;

    TaggerProducer(const edm::ParameterSet& config, const Cache*)
        : jets_(this->template consumes<edm::View<reco::Candidate>>(config.getParameter<edm::InputTag>("src"))),
          tensors_(config.getParameter<edm::FileInPath>("preprocess_json").fullPath(),
                   JetOptions{config.getParameter<std::string>("jet_correction"),
                              config.getParameter<double>("jet_radius"),
                              config.getParameter<double>("candidate_radius")}),
          names_(config.getParameter<std::vector<std::string>>("input_names")),
          inputs_(config.getParameter<std::vector<std::string>>("model_inputs")),
          output_(config.getParameter<std::string>("model_output")),
          scores_(config.getParameter<std::vector<std::string>>("score_names")),
          relative_(config.getParameter<std::vector<std::string>>("relative_to")),
          batch_(config.getParameter<unsigned>("batch_size")),
          minPt_(config.getParameter<double>("min_pt")),
          maxPt_(config.getParameter<double>("max_pt")),
          maxEta_(config.getParameter<double>("max_eta")),
          objects_(config, this->consumesCollector()) {
      if (names_.size() != inputs_.size())
        throw cms::Exception("Configuration") << "input_names and model_inputs must have the same length, not "
                                              << names_.size() << " and " << inputs_.size();
      if (batch_ == 0 || scores_.empty())
        throw cms::Exception("Configuration") << "batch_size must be positive and score_names must not be empty";
      if (!relative_.empty() && relative_.size() != scores_.size())
        throw cms::Exception("Configuration") << "relative_to must have one entry per score, or none, not "
                                              << relative_.size() << " for " << scores_.size();
      for (const auto& name : relative_)
        if (!name.empty() && !JetTensors::gives(name))
          throw cms::Exception("Configuration") << "relative_to: jets of MiniAOD have no " << name;
      for (const auto& point : config.getParameter<std::vector<edm::ParameterSet>>("workingPoints")) {
        const auto name = point.getParameter<std::string>("score");
        const auto found = std::find(scores_.begin(), scores_.end(), name);
        if (found == scores_.end())
          throw cms::Exception("Configuration") << "A working point cuts on " << name << ", which is no score";
        const e2e_tf::WorkingPoint made{static_cast<float>(point.getParameter<double>("threshold")),
                                        point.getParameter<std::vector<double>>("pt_low"),
                                        point.getParameter<std::vector<double>>("pt_high"),
                                        point.getParameter<std::vector<double>>("thresholds")};
        if (!made.valid())
          throw cms::Exception("Configuration") << "Bins of pT of the working point "
                                                << point.getParameter<std::string>("name")
                                                << " must rise and have a threshold each";
        points_.emplace_back(found - scores_.begin(), made);
      }
      if (points_.size() > 31)
        throw cms::Exception("Configuration") << "There can be 31 working points at most, not " << points_.size();
      using Candidates = edm::View<reco::Candidate>;
      for (const auto& tag : config.getParameter<std::vector<edm::InputTag>>("candidates"))
        candidates_.push_back(this->template consumes<Candidates>(tag));
      if (const auto tag = config.getParameter<edm::InputTag>("tau_jets"); !tag.label().empty())
        tauJets_ = this->template consumes<Candidates>(tag);
      if (const auto tag = config.getParameter<edm::InputTag>("vertices"); !tag.label().empty())
        vertices_ = this->template consumes<reco::VertexCollection>(tag);
      const auto rho = config.getParameter<edm::InputTag>("rho");
      if (tensors_.needsRho() && !rho.label().empty())
        rho_ = this->template consumes<double>(rho);
      if (tensors_.needsRho() && rho.label().empty() && candidates_.empty())
        throw cms::Exception("Configuration") << "rho is needed: name a product, or candidates of the event";
      for (const auto& name : scores_)
        this->template produces<edm::ValueMap<float>>(name);
      if (!points_.empty())
        this->template produces<edm::ValueMap<int>>("workingPoints");
      if (ranged())
        this->template produces<edm::ValueMap<int>>("inRange");
    }

    static std::unique_ptr<Cache> initializeGlobalCache(const edm::ParameterSet& config) {
      return Backend::load(config.getParameter<edm::FileInPath>("model_path").fullPath());
    }

    static void globalEndJob(const Cache*) {}

    static void fillDescriptions(edm::ConfigurationDescriptions& descriptions) {
      edm::ParameterSetDescription desc;
      desc.add<edm::InputTag>("src", edm::InputTag("@SRC@"))->setComment("@SRC_TYPES@");
      desc.add<std::vector<edm::InputTag>>("candidates", {@CANDIDATES@})
          ->setComment("of the event, around the axis of each jet; empty takes those that a jet was made of");
      desc.add<double>("candidate_radius", @CANDIDATE_RADIUS@)->setComment("largest distance from the axis in eta, phi");
      desc.add<std::string>("jet_correction", "@JET_CORRECTION@")
          ->setComment("level of the jet energy corrections; area: uncorrected less rho times area; empty: as stored");
      desc.add<double>("jet_radius", @JET_RADIUS@)->setComment("of the clustering, for the area");
      desc.add<edm::InputTag>("tau_jets", edm::InputTag("@TAU_JETS@"))
          ->setComment("a tau has the momentum of the nearest of these jets; empty: its own");
      desc.add<edm::InputTag>("rho", edm::InputTag("@RHO@"))
          ->setComment("pileup density, where it is needed; empty: median pT per area of the candidates, no pileup tracks");
      desc.add<edm::InputTag>("vertices", edm::InputTag("@VERTICES@"))
          ->setComment("for tracks and reco::PFCandidate; pat::PackedCandidate knows its vertex");
      ObjectSource::describe(desc);
      desc.add<edm::FileInPath>("model_path", edm::FileInPath(Backend::model));
      desc.add<edm::FileInPath>("preprocess_json", edm::FileInPath("@SUBSYSTEM@/@PACKAGE@/@DATA@/preprocess.json"));
      desc.add<std::vector<std::string>>("input_names", {@INPUT_NAMES@})->setComment("tensors of preprocess.json");
      desc.add<std::vector<std::string>>("model_inputs", Backend::inputs())->setComment("their names in the model");
      desc.add<std::string>("model_output", Backend::output);
      desc.add<std::vector<std::string>>("score_names", {@SCORE_NAMES@})->setComment("columns of the output");
      desc.add<std::vector<std::string>>("relative_to", {@RELATIVE_TO@})
          ->setComment("quantity of the jet that each score is multiplied by, empty for none");
      desc.add<unsigned>("batch_size", 16)->setComment("most jets in one call of the model");
      desc.add<double>("min_pt", @MIN_PT@)->setComment("of jets of the training [GeV], for the product inRange");
      desc.add<double>("max_pt", @MAX_PT@)->setComment("the same; 0: no limit, and no such product without any");
      desc.add<double>("max_eta", @MAX_ETA@)->setComment("the same of the absolute pseudorapidity; 0: no limit");
      edm::ParameterSetDescription point;
      point.add<std::string>("name", "");
      point.add<std::string>("score", "score");
      point.add<double>("threshold", 0.)->setComment("of all jets, where there are no bins of pT");
      point.add<std::vector<double>>("pt_low", {})->setComment("lower edges of bins [GeV], which belong to them");
      point.add<std::vector<double>>("pt_high", {})->setComment("upper edges, which do not; a jet in no bin does not pass");
      point.add<std::vector<double>>("thresholds", {})->setComment("of each bin");
      desc.addVPSet("workingPoints", point, std::vector<edm::ParameterSet>())
          ->setComment("bit i of the product workingPoints says whether a jet passes entry i: score >= threshold");
      descriptions.add(Backend::label, desc);
    }

    void produce(edm::Event& event, const edm::EventSetup& setup) override {
      const auto jets = event.getHandle(jets_);
      auto around = surroundings(event, *jets);
      if (tensors_.needsObjects())
        around.objects = objects_(event, setup);
      const auto content = tensors_.event(*jets, std::move(around));
      const std::size_t width = scores_.size();
      std::vector<std::vector<float>> columns(width);
      for (std::size_t first = 0; first < jets->size(); first += batch_) {
        const std::size_t last = std::min<std::size_t>(first + batch_, jets->size());
        auto tensors = tensors_(content, first, last);
        if (tensors.names != names_)
          throw cms::Exception("Configuration") << "preprocess.json gives other tensors than input_names";
        const auto scores = Backend::run(this->globalCache(), tensors, inputs_, output_, width);
        if (scores.size() != (last - first) * width)
          throw cms::Exception("LogicError") << "The model gives " << scores.size() << " scores for " << last - first
                                             << " jets; score_names has " << width;
        for (std::size_t i = 0; i < scores.size(); ++i)
          columns[i % width].push_back(inUnits(scores[i], i % width, content.jets()[first + i / width], content.rho()));
      }
      for (std::size_t i = 0; i < width; ++i)
        put(event, jets, columns[i], scores_[i]);
      if (ranged()) {
        std::vector<int> within;
        for (const auto& jet : content.jets())
          within.push_back(jet.pt >= minPt_ && (maxPt_ <= 0 || jet.pt <= maxPt_) &&
                           (maxEta_ <= 0 || std::abs(jet.eta) <= maxEta_));
        put(event, jets, within, "inRange");
      }
      if (points_.empty())
        return;
      std::vector<int> passed(jets->size(), 0);
      for (std::size_t i = 0; i < points_.size(); ++i)
        for (std::size_t jet = 0; jet < passed.size(); ++jet)
          if (points_[i].second.passes(columns[points_[i].first][jet], content.jets()[jet].pt))
            passed[jet] |= 1 << i;
      put(event, jets, passed, "workingPoints");
    }

  private:
    bool ranged() const { return minPt_ > 0 || maxPt_ > 0 || maxEta_ > 0; }

    Surroundings surroundings(const edm::Event& event, const edm::View<reco::Candidate>& jets) const {
      bool taus = false;
      for (std::size_t i = 0; i < jets.size(); ++i)
        taus = taus || JetTensors::isTau(jets[i]);
      Surroundings out;
      for (const auto& token : candidates_)
        out.candidates.push_back(&*event.getHandle(token));
      if (taus && !tauJets_.isUninitialized())
        out.tauJets = &*event.getHandle(tauJets_);
      if (!vertices_.isUninitialized())
        out.vertices = &*event.getHandle(vertices_);
      if (!rho_.isUninitialized())
        out.rho = &*event.getHandle(rho_);
      return out;
    }

    // A score in the unit of its quantity, as 'e2e-tf predict' gives it: NaN where that is not positive and finite.
    float inUnits(float score, std::size_t column, const Momentum& jet, double rho) const {
      if (relative_.empty() || relative_[column].empty())
        return score;
      return e2e_tf::times_quantity(score, JetTensors::quantity(relative_[column], jet, rho));
    }

    template <typename T>
    static void put(edm::Event& event,
                    const edm::Handle<edm::View<reco::Candidate>>& jets,
                    const std::vector<T>& values,
                    const std::string& name) {
      auto map = std::make_unique<edm::ValueMap<T>>();
      typename edm::ValueMap<T>::Filler filler(*map);
      filler.insert(jets, values.begin(), values.end());
      filler.fill();
      event.put(std::move(map), name);
    }

    const edm::EDGetTokenT<edm::View<reco::Candidate>> jets_;
    const JetTensors tensors_;
    std::vector<edm::EDGetTokenT<edm::View<reco::Candidate>>> candidates_;
    edm::EDGetTokenT<edm::View<reco::Candidate>> tauJets_;
    edm::EDGetTokenT<reco::VertexCollection> vertices_;
    edm::EDGetTokenT<double> rho_;
    const std::vector<std::string> names_, inputs_;
    const std::string output_;
    const std::vector<std::string> scores_, relative_;
    const unsigned batch_;
    const double minPt_, maxPt_, maxEta_;  // of the training
    const ObjectSource objects_;
    std::vector<std::pair<std::size_t, e2e_tf::WorkingPoint>> points_;  // index of the score, thresholds
  };

}  // namespace @NAMESPACE@

#endif
