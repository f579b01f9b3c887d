// Events with enough jets that pass a working point, and these jets.

#include <cmath>
#include <memory>

#include "DataFormats/Candidate/interface/Candidate.h"
#include "DataFormats/Common/interface/Ptr.h"
#include "DataFormats/Common/interface/PtrVector.h"
#include "DataFormats/Common/interface/ValueMap.h"
#include "DataFormats/Common/interface/View.h"
#include "FWCore/Framework/interface/Event.h"
#include "FWCore/Framework/interface/MakerMacros.h"
#include "FWCore/Framework/interface/global/EDFilter.h"
#include "FWCore/ParameterSet/interface/ConfigurationDescriptions.h"
#include "FWCore/ParameterSet/interface/ParameterSet.h"
#include "FWCore/ParameterSet/interface/ParameterSetDescription.h"
#include "FWCore/Utilities/interface/Exception.h"
#include "FWCore/Utilities/interface/StreamID.h"

class @PACKAGE@Filter : public edm::global::EDFilter<> {
public:
  explicit @PACKAGE@Filter(const edm::ParameterSet& config)
      : jets_(consumes<edm::View<reco::Candidate>>(config.getParameter<edm::InputTag>("src"))),
        points_(consumes<edm::ValueMap<int>>(config.getParameter<edm::InputTag>("working_points"))),
        bit_(config.getParameter<unsigned>("bit")),
        minJets_(config.getParameter<unsigned>("min_jets")),
        minPt_(config.getParameter<double>("min_pt")),
        maxEta_(config.getParameter<double>("max_eta")),
        alwaysAbove_(config.getParameter<double>("accept_above_pt")) {
    if (bit_ > 30)
      throw cms::Exception("Configuration") << "bit must be that of a working point, 0 to 30, not " << bit_;
    produces<edm::PtrVector<reco::Candidate>>();
  }

  static void fillDescriptions(edm::ConfigurationDescriptions& descriptions) {
    edm::ParameterSetDescription desc;
    desc.add<edm::InputTag>("src", edm::InputTag("@SRC@"))->setComment("the jets that have scores");
    desc.add<edm::InputTag>("working_points", edm::InputTag("@MODULE@", "workingPoints"))
        ->setComment("product of the module with the scores");
    desc.add<unsigned>("bit", 0)->setComment("which working point");
    desc.add<unsigned>("min_jets", 1)->setComment("that must pass");
    desc.add<double>("min_pt", 0.)->setComment("of jets that count [GeV]");
    desc.add<double>("max_eta", 2.5)->setComment("of jets that count");
    desc.add<double>("accept_above_pt", 0.)
        ->setComment("jets above pass without a score, as where no training was [GeV]; 0: none does");
    descriptions.add("@LABEL@Filter", desc);
  }

private:
  bool filter(edm::StreamID, edm::Event& event, const edm::EventSetup&) const override {
    const auto jets = event.getHandle(jets_);
    const auto points = event.getHandle(points_);
    auto passing = std::make_unique<edm::PtrVector<reco::Candidate>>();
    for (std::size_t i = 0; i < jets->size(); ++i) {
      const auto& jet = (*jets)[i];
      if (!(jet.pt() >= minPt_ && std::abs(jet.eta()) <= maxEta_))
        continue;
      if ((points->get(jets.id(), i) >> bit_ & 1) != 0 || (alwaysAbove_ > 0 && jet.pt() > alwaysAbove_))
        passing->push_back(jets->ptrAt(i));
    }
    const bool pass = passing->size() >= minJets_;
    event.put(std::move(passing));
    return pass;
  }

  const edm::EDGetTokenT<edm::View<reco::Candidate>> jets_;
  const edm::EDGetTokenT<edm::ValueMap<int>> points_;
  const unsigned bit_, minJets_;
  const double minPt_, maxEta_, alwaysAbove_;
};

DEFINE_FWK_MODULE(@PACKAGE@Filter);
