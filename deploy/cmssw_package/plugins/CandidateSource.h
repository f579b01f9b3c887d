#ifndef @GUARD@_ObjectSource_h
#define @GUARD@_ObjectSource_h

// Models of this package are on candidates: they need no detector objects.

#include "@SUBSYSTEM@/@PACKAGE@/interface/DetectorObjects.h"
#include "FWCore/Framework/interface/ConsumesCollector.h"
#include "FWCore/Framework/interface/Event.h"
#include "FWCore/ParameterSet/interface/ParameterSet.h"
#include "FWCore/ParameterSet/interface/ParameterSetDescription.h"

namespace @NAMESPACE@ {

  class ObjectSource {
  public:
    ObjectSource(const edm::ParameterSet&, edm::ConsumesCollector) {}
    static void describe(edm::ParameterSetDescription&) {}
    DetectorObjects operator()(const edm::Event&, const edm::EventSetup&) const { return {}; }
  };

}  // namespace @NAMESPACE@

#endif
