#ifndef STANDIN_FWCORE_FRAMEWORK_INTERFACE_EVENT_H
#define STANDIN_FWCORE_FRAMEWORK_INTERFACE_EVENT_H

#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <typeindex>
#include <typeinfo>
#include <utility>

#include "DataFormats/Common/interface/Handle.h"
#include "FWCore/Framework/interface/EventSetup.h"
#include "FWCore/Utilities/interface/InputTag.h"

namespace edm {

// Products by label, instance and type, and what the running module has declared to produce.
class Event {
public:
  using Declared = std::set<std::pair<std::string, std::type_index>>;

  template <typename T>
  Handle<T> getHandle(const EDGetTokenT<T>& token) const {
    return find<T>(token.tag().label(), token.tag().instance());
  }

  template <typename T>
  void put(std::unique_ptr<T> product, const std::string& instance = "") {
    if (!declared.count({instance, typeid(T)}))
      throw cms::Exception("InsertFailure") << "the module did not declare the product " << instance;
    insert(module, instance, std::shared_ptr<const T>(std::move(product)));
  }

  template <typename T>
  Handle<T> find(const std::string& label, const std::string& instance) const {
    const auto found = products_.find({label, instance, typeid(T)});
    if (found == products_.end()) return {};
    return {static_cast<const T*>(found->second.first.get()), found->second.second};
  }

  template <typename T>
  void insert(const std::string& label, const std::string& instance, std::shared_ptr<const T> product) {
    if (!products_.emplace(Key{label, instance, typeid(T)}, std::pair{product, products_.size() + 1}).second)
      throw cms::Exception("InsertFailure") << "the product " << label << " " << instance << " is there twice";
  }

  std::string module;
  Declared declared;

private:
  using Key = std::tuple<std::string, std::string, std::type_index>;
  std::map<Key, std::pair<std::shared_ptr<const void>, ProductID>> products_;
};

}  // namespace edm

#endif
