#ifndef STANDIN_PHYSICSTOOLS_ONNXRUNTIME_INTERFACE_ONNXINTERFACE_H
#define STANDIN_PHYSICSTOOLS_ONNXRUNTIME_INTERFACE_ONNXINTERFACE_H

namespace cms::Ort {

// Of the service ONNXService, without which no session can be made.
class ONNXInterface {};

}  // namespace cms::Ort

#endif
