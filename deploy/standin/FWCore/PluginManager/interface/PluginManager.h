#ifndef STANDIN_FWCORE_PLUGINMANAGER_INTERFACE_PLUGINMANAGER_H
#define STANDIN_FWCORE_PLUGINMANAGER_INTERFACE_PLUGINMANAGER_H

namespace edmplugin {

class PluginManager {
public:
  class Config {};
  static PluginManager& configure(const Config&) {
    static PluginManager manager;
    return manager;
  }
};

}  // namespace edmplugin

#endif
