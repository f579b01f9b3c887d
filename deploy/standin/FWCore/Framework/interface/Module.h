#ifndef STANDIN_FWCORE_FRAMEWORK_INTERFACE_MODULE_H
#define STANDIN_FWCORE_FRAMEWORK_INTERFACE_MODULE_H

#include <algorithm>
#include <cctype>
#include <string>
#include <typeinfo>

#include "FWCore/Framework/interface/ConsumesCollector.h"
#include "FWCore/Framework/interface/Event.h"

namespace edm {

// What producers and filters share: the products that they read and write.
class Module {
public:
  const Event::Declared& declared() const { return declared_; }

protected:
  ConsumesCollector consumesCollector() { return {}; }

  template <typename T>
  EDGetTokenT<T> consumes(const InputTag& tag) {
    return EDGetTokenT<T>(tag);
  }

  template <typename T>
  void produces(const std::string& instance = "") {
    // Names of branches are joined with underscores, so no part may hold one.
    if (!std::all_of(instance.begin(), instance.end(), [](unsigned char c) { return std::isalnum(c); }))
      throw cms::Exception("IllegalCharacter") << "the name of a product must be letters and digits, not " << instance;
    if (!declared_.emplace(instance, typeid(T)).second)
      throw cms::Exception("LogicError") << "the product " << instance << " is declared twice";
  }

private:
  Event::Declared declared_;
};

}  // namespace edm

#endif
