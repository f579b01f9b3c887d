#ifndef STANDIN_FWCORE_PARAMETERSET_INTERFACE_CONFIGURATIONDESCRIPTIONS_H
#define STANDIN_FWCORE_PARAMETERSET_INTERFACE_CONFIGURATIONDESCRIPTIONS_H

#include <map>
#include <string>

#include "FWCore/ParameterSet/interface/ParameterSetDescription.h"

namespace edm {

class ConfigurationDescriptions {
public:
  void add(const std::string& label, const ParameterSetDescription& description) {
    if (!byLabel.emplace(label, description).second) throw cms::Exception("LogicError") << label << " is there twice";
  }

  std::map<std::string, ParameterSetDescription> byLabel;
};

}  // namespace edm

#endif
