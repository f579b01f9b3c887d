#ifndef STANDIN_FWCORE_FRAMEWORK_INTERFACE_EVENTSETUP_H
#define STANDIN_FWCORE_FRAMEWORK_INTERFACE_EVENTSETUP_H

#include <map>
#include <memory>
#include <typeindex>

#include "FWCore/Utilities/interface/ESGetToken.h"
#include "FWCore/Utilities/interface/Exception.h"

namespace edm {

// Products of conditions and geometry by type.
class EventSetup {
public:
  template <typename T, typename Record>
  const T& getData(const ESGetToken<T, Record>& token) const {
    const auto found = products_.find(typeid(T));
    if (!token.isInitialized() || found == products_.end())
      throw cms::Exception("NoProductResolverException") << "the EventSetup has no such product";
    return *static_cast<const T*>(found->second.get());
  }

  template <typename T>
  void insert(std::shared_ptr<const T> product) {
    products_[typeid(T)] = product;
  }

private:
  std::map<std::type_index, std::shared_ptr<const void>> products_;
};

}  // namespace edm

#endif
