#ifndef STANDIN_FWCORE_FRAMEWORK_INTERFACE_GLOBAL_EDFILTER_H
#define STANDIN_FWCORE_FRAMEWORK_INTERFACE_GLOBAL_EDFILTER_H

#include "FWCore/Framework/interface/Module.h"
#include "FWCore/ParameterSet/interface/ConfigurationDescriptions.h"
#include "FWCore/Utilities/interface/StreamID.h"

namespace edm::global {

// One module for all streams.
class EDFilterBase : public Module {
public:
  virtual ~EDFilterBase() = default;
  bool run(Event& event, const EventSetup& setup) const { return filter({}, event, setup); }

private:
  virtual bool filter(StreamID, Event&, const EventSetup&) const = 0;
};

template <typename... T>
class EDFilter : public EDFilterBase {};

}  // namespace edm::global

#endif
