#ifndef STANDIN_FWCORE_FRAMEWORK_INTERFACE_STREAM_EDPRODUCER_H
#define STANDIN_FWCORE_FRAMEWORK_INTERFACE_STREAM_EDPRODUCER_H

#include "FWCore/Framework/interface/Module.h"
#include "FWCore/ParameterSet/interface/ConfigurationDescriptions.h"

namespace edm {

template <typename T>
struct GlobalCache;

namespace stream {

class EDProducerBase : public Module {
public:
  virtual ~EDProducerBase() = default;
  virtual void produce(Event&, const EventSetup&) = 0;
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
