#ifndef STANDIN_FWCORE_PARAMETERSET_INTERFACE_PARAMETERSETDESCRIPTION_H
#define STANDIN_FWCORE_PARAMETERSET_INTERFACE_PARAMETERSETDESCRIPTION_H

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "FWCore/ParameterSet/interface/ParameterSet.h"

namespace edm {

class ParameterDescriptionNode {
public:
  void setComment(const std::string&) {}
};

class ParameterSetDescription {
public:
  template <typename T>
  ParameterDescriptionNode* add(const std::string& name, const T& value) {
    if (!defaults.values.emplace(name, value).second) throw cms::Exception("LogicError") << name << " is there twice";
    return &node_;
  }

  ParameterDescriptionNode* addVPSet(const std::string& name, const ParameterSetDescription& entry,
                                     const std::vector<ParameterSet>& value) {
    entries[name] = std::make_shared<const ParameterSetDescription>(entry);
    return add(name, value);
  }

  // What is not given takes its default; what is not described, or of another type, is an error.
  ParameterSet validated(ParameterSet given) const {
    for (const auto& [name, value] : given.values) {
      const auto found = defaults.values.find(name);
      if (found == defaults.values.end()) throw cms::Exception("Configuration") << "illegal parameter " << name;
      if (found->second.type() != value.type())
        throw cms::Exception("Configuration") << "parameter " << name << " is of another type";
    }
    for (const auto& [name, entry] : entries)
      if (given.values.count(name)) {
        auto sets = given.getParameter<std::vector<ParameterSet>>(name);
        for (auto& set : sets) set = entry->validated(set);
        given.values[name] = sets;
      }
    given.values.insert(defaults.values.begin(), defaults.values.end());
    return given;
  }

  ParameterSet defaults;
  std::map<std::string, std::shared_ptr<const ParameterSetDescription>> entries;

private:
  ParameterDescriptionNode node_;
};

}  // namespace edm

#endif
