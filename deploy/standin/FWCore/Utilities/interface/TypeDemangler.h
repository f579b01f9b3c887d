#ifndef STANDIN_FWCORE_UTILITIES_INTERFACE_TYPEDEMANGLER_H
#define STANDIN_FWCORE_UTILITIES_INTERFACE_TYPEDEMANGLER_H

#include <cxxabi.h>

#include <cstdlib>
#include <memory>
#include <string>

namespace edm {

inline std::string typeDemangle(const char* mangled) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(abi::__cxa_demangle(mangled, nullptr, nullptr, &status), std::free);
  return status == 0 ? text.get() : mangled;
}

}  // namespace edm

#endif
