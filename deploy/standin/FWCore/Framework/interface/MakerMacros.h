#ifndef STANDIN_FWCORE_FRAMEWORK_INTERFACE_MAKERMACROS_H
#define STANDIN_FWCORE_FRAMEWORK_INTERFACE_MAKERMACROS_H

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "FWCore/Framework/interface/global/EDFilter.h"
#include "FWCore/Framework/interface/stream/EDProducer.h"

namespace edm::standin {

// The streams of a module, which share one cache.
struct Streams {
  std::vector<std::unique_ptr<stream::EDProducerBase>> modules;
  std::function<void()> end;
};

struct Plugin {
  std::function<void(ConfigurationDescriptions&)> describe;
  std::function<Streams(const ParameterSet&, std::size_t)> make;                      // of a producer
  std::function<std::unique_ptr<global::EDFilterBase>(const ParameterSet&)> filter;  // of a filter
};

inline std::map<std::string, Plugin>& plugins() {
  static std::map<std::string, Plugin> found;
  return found;
}

template <typename T>
struct Registration {
  explicit Registration(const std::string& name) {
    Plugin& made = plugins()[name];
    made.describe = [](ConfigurationDescriptions& descriptions) { T::fillDescriptions(descriptions); };
    if constexpr (std::is_base_of_v<global::EDFilterBase, T>) {
      made.filter = [](const ParameterSet& config) { return std::make_unique<T>(config); };
    } else {
      made.make = [](const ParameterSet& config, std::size_t streams) {
        using Cache = typename T::Cache;
        const std::shared_ptr<const Cache> cache = T::initializeGlobalCache(config);
        Streams out;
        for (std::size_t i = 0; i < streams; ++i) {
          auto module = std::make_unique<T>(config, cache.get());
          module->setGlobalCache(cache.get());
          out.modules.push_back(std::move(module));
        }
        out.end = [cache] { T::globalEndJob(cache.get()); };
        return out;
      };
    }
  }
};

}  // namespace edm::standin

#define DEFINE_FWK_MODULE(type) static const edm::standin::Registration<type> registration_of_##type(#type)

#endif
