#ifndef STANDIN_FWCORE_FRAMEWORK_INTERFACE_STREAM_EDPRODUCER_H
#define STANDIN_FWCORE_FRAMEWORK_INTERFACE_STREAM_EDPRODUCER_H

#include <algorithm>
#include <cctype>
#include <string>
#include <typeinfo>

#include "FWCore/Framework/interface/Event.h"
#include "FWCore/ParameterSet/interface/ConfigurationDescriptions.h"

namespace edm {

template <typename T>
struct GlobalCache;

namespace stream {

class EDProducerBase {
public:
  virtual ~EDProducerBase() = default;
  virtual void produce(Event&, const EventSetup&) = 0;
  const Event::Declared& declared() const { return declared_; }

protected:
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

template <typename Cache>
class EDProducer;

template <typename T>
class EDProducer<GlobalCache<T>> : public EDProducerBase {
public:
  void setGlobalCache(const T* cache) { cache_ = cache; }

protected:
  const T* globalCache() const { return cache_; }  // set once the module is made

private:
  const T* cache_ = nullptr;
};

}  // namespace stream
}  // namespace edm

#endif
