#ifndef STANDIN_FWCORE_PLUGINMANAGER_INTERFACE_STANDARD_H
#define STANDIN_FWCORE_PLUGINMANAGER_INTERFACE_STANDARD_H

#include "FWCore/PluginManager/interface/PluginManager.h"

namespace edmplugin::standard {

inline PluginManager::Config config() { return {}; }

}  // namespace edmplugin::standard

#endif
