#ifndef STANDIN_FWCORE_FRAMEWORK_INTERFACE_CONSUMESCOLLECTOR_H
#define STANDIN_FWCORE_FRAMEWORK_INTERFACE_CONSUMESCOLLECTOR_H

#include "FWCore/Utilities/interface/ESGetToken.h"
#include "FWCore/Utilities/interface/InputTag.h"

namespace edm {

class ConsumesCollector {
public:
  template <typename T>
  EDGetTokenT<T> consumes(const InputTag& tag) {
    return EDGetTokenT<T>(tag);
  }

  template <typename T, typename Record>
  auto esConsumes() {
    return ESGetToken<T, Record>(true);
  }
};

}  // namespace edm

#endif
