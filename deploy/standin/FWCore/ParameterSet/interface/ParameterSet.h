#ifndef STANDIN_FWCORE_PARAMETERSET_INTERFACE_PARAMETERSET_H
#define STANDIN_FWCORE_PARAMETERSET_INTERFACE_PARAMETERSET_H

#include <any>
#include <map>
#include <string>
#include <vector>

#include "FWCore/ParameterSet/interface/FileInPath.h"
#include "FWCore/Utilities/interface/Exception.h"
#include "FWCore/Utilities/interface/InputTag.h"

namespace edm {

class ParameterSet {
public:
  // A parameter has one type; asking for another one is an error, as for one that is not there.
  template <typename T>
  T getParameter(const std::string& name) const {
    const auto found = values.find(name);
    if (found == values.end()) throw cms::Exception("MissingParameter") << "no parameter " << name;
    const T* value = std::any_cast<T>(&found->second);
    if (value == nullptr) throw cms::Exception("WrongType") << "parameter " << name << " is of another type";
    return *value;
  }

  template <typename T>
  T getUntrackedParameter(const std::string& name) const {
    return getParameter<T>(name);
  }

  template <typename T>
  void addParameter(const std::string& name, const T& value) {
    values[name] = value;
  }

  template <typename T>
  void addUntrackedParameter(const std::string& name, const T& value) {
    values[name] = value;
  }

  std::map<std::string, std::any> values;
};

}  // namespace edm

#endif
