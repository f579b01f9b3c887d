#ifndef STANDIN_PHYSICSTOOLS_ONNXRUNTIME_INTERFACE_ONNXRUNTIME_H
#define STANDIN_PHYSICSTOOLS_ONNXRUNTIME_INTERFACE_ONNXRUNTIME_H

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace cms::Ort {

using FloatArrays = std::vector<std::vector<float>>;

// The wrapper of releases before 2026, for which the package must compile too; what runs is that of coming/.
class ONNXRuntime {
public:
  explicit ONNXRuntime(const std::string& path);
  ONNXRuntime(const ONNXRuntime&) = delete;
  ONNXRuntime& operator=(const ONNXRuntime&) = delete;
  ~ONNXRuntime();

  FloatArrays run(const std::vector<std::string>& input_names, FloatArrays& input_values,
                  const std::vector<std::vector<int64_t>>& input_shapes = {},
                  const std::vector<std::string>& output_names = {}, int64_t batch_size = 1) const;

  const std::vector<std::string>& getOutputNames() const;

private:
  struct Session;
  std::unique_ptr<Session> session_;
};

}  // namespace cms::Ort

#endif
