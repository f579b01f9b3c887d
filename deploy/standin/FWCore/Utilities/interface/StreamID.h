#ifndef STANDIN_FWCORE_UTILITIES_INTERFACE_STREAMID_H
#define STANDIN_FWCORE_UTILITIES_INTERFACE_STREAMID_H

namespace edm {

class StreamID {};

}  // namespace edm

#endif
