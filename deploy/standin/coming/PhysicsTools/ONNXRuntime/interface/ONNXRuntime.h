#ifndef STANDIN_COMING_PHYSICSTOOLS_ONNXRUNTIME_INTERFACE_ONNXRUNTIME_H
#define STANDIN_COMING_PHYSICSTOOLS_ONNXRUNTIME_INTERFACE_ONNXRUNTIME_H

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace cms::Ort {

using FloatArrays = std::vector<std::vector<float>>;

// The rules of CMSSW's wrappers before and since 2026, of the latter those that ask most; what passes here passes all.
// Below is the real runtime.
//
// float32 only; no tensor of rank 0; dimension 0 of every input is the batch size; outputs are made beforehand, with the
// batch size as dimension 0 and at least one value, so that an output with another free dimension needs its shape. A
// session needs the service ONNXService.
class ONNXRuntime {
public:
  explicit ONNXRuntime(const std::string& path);
  ONNXRuntime(const ONNXRuntime&) = delete;
  ONNXRuntime& operator=(const ONNXRuntime&) = delete;
  ~ONNXRuntime();

  FloatArrays run(const std::vector<std::string>& input_names, FloatArrays& input_values,
                  const std::vector<std::vector<int64_t>>& input_shapes = {},
                  const std::vector<std::string>& output_names = {}, int64_t batch_size = 1) const;

  void runInto(const std::vector<std::string>& input_names, FloatArrays& input_values,
               const std::vector<std::vector<int64_t>>& input_shapes, const std::vector<std::string>& output_names,
               FloatArrays& output_values, const std::vector<std::vector<int64_t>>& output_shapes = {},
               int64_t batch_size = 1) const;

  const std::vector<std::string>& getOutputNames() const;

private:
  struct Session;
  std::unique_ptr<Session> session_;
};

}  // namespace cms::Ort

#endif
