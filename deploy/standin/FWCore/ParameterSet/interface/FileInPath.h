#ifndef STANDIN_FWCORE_PARAMETERSET_INTERFACE_FILEINPATH_H
#define STANDIN_FWCORE_PARAMETERSET_INTERFACE_FILEINPATH_H

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "FWCore/Utilities/interface/Exception.h"

namespace edm {

// Looked for in every folder of CMSSW_SEARCH_PATH, when it is made.
class FileInPath {
public:
  FileInPath() = default;
  explicit FileInPath(const std::string& relative) : relative_(relative) {
    const char* folders = std::getenv("CMSSW_SEARCH_PATH");
    std::istringstream list(folders == nullptr ? "" : folders);
    for (std::string folder; std::getline(list, folder, ':') && full_.empty();)
      if (std::ifstream(folder + "/" + relative)) full_ = folder + "/" + relative;
    if (full_.empty()) throw cms::Exception("FileInPathError") << "unable to find " << relative;
  }
  const std::string& relativePath() const { return relative_; }
  const std::string& fullPath() const { return full_; }

private:
  std::string relative_, full_;
};

}  // namespace edm

#endif
