#ifndef STANDIN_FWCORE_SERVICEREGISTRY_INTERFACE_SERVICEREGISTRY_H
#define STANDIN_FWCORE_SERVICEREGISTRY_INTERFACE_SERVICEREGISTRY_H

#include <set>
#include <string>
#include <vector>

#include "FWCore/ParameterSet/interface/ParameterSet.h"

namespace edm {

// The services of a job by their types.
class ServiceToken {
public:
  ServiceToken() = default;
  explicit ServiceToken(std::set<std::string> types) : types(std::move(types)) {}
  std::set<std::string> types;
};

class ServiceRegistry {
public:
  // Services are those of the token as long as this lives.
  class Operate {
  public:
    explicit Operate(const ServiceToken& token) : before_(present()) { present() = token.types; }
    ~Operate() { present() = before_; }
    Operate(const Operate&) = delete;

  private:
    std::set<std::string> before_;
  };

  static ServiceToken createSet(std::vector<ParameterSet>& sets) {
    std::set<std::string> types;
    for (const auto& set : sets) {
      const auto type = set.getParameter<std::string>("@service_type");
      if (type == "ONNXService") set.getUntrackedParameter<bool>("verbose");
      types.insert(type);
    }
    return ServiceToken(types);
  }

  static std::set<std::string>& present() {
    static std::set<std::string> types;
    return types;
  }
};

}  // namespace edm

#endif
