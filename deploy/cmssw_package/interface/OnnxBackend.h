#ifndef @GUARD@_OnnxBackend_h
#define @GUARD@_OnnxBackend_h

// The model through cms::Ort: one session for all streams, with one thread of its own.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "@SUBSYSTEM@/@PACKAGE@/interface/JetTensors.h"
#include "FWCore/Utilities/interface/Exception.h"
#include "PhysicsTools/ONNXRuntime/interface/ONNXRuntime.h"

namespace @NAMESPACE@ {

  struct OnnxBackend {
    using Cache = cms::Ort::ONNXRuntime;

    static constexpr const char* label = "@LABEL@ONNX";
    static constexpr const char* model = "@SUBSYSTEM@/@PACKAGE@/@DATA@/@ONNX_FILE@";
    static std::vector<std::string> inputs() { return {@ONNX_INPUTS@}; }
    static constexpr const char* output = "@ONNX_OUTPUT@";

    static std::unique_ptr<Cache> load(const std::string& path) { return std::make_unique<Cache>(path); }

    // Scores in C order, `width` of each jet; `inputs` are the names of the tensors in the model.
    static std::vector<float> run(const Cache* cache,
                                  Tensors& tensors,
                                  const std::vector<std::string>& inputs,
                                  const std::string& output,
                                  std::size_t width) {
      for (auto& values : tensors.values)
        values.reserve(1);  // an empty tensor may need an address, too
      auto shape = tensors.output;
      shape.push_back(static_cast<int64_t>(width));
      return score(*cache, tensors, inputs, output, shape, 0);
    }

  private:
    // Releases from 2026 on may take outputs with a second free dimension with their shapes only.
    template <typename Runtime>
    static auto score(const Runtime& runtime,
                      Tensors& tensors,
                      const std::vector<std::string>& inputs,
                      const std::string& output,
                      const std::vector<int64_t>& shape,
                      int)
        -> decltype(runtime.runInto(inputs,
                                    tensors.values,
                                    tensors.shapes,
                                    {output},
                                    std::declval<cms::Ort::FloatArrays&>(),
                                    {shape},
                                    int64_t{}),
                    std::vector<float>()) {
      cms::Ort::FloatArrays found;
      runtime.runInto(inputs, tensors.values, tensors.shapes, {output}, found, {shape}, shape.at(0));
      return std::move(found.at(0));
    }

    template <typename Runtime>
    static std::vector<float> score(const Runtime& runtime,
                                    Tensors& tensors,
                                    const std::vector<std::string>& inputs,
                                    const std::string& output,
                                    const std::vector<int64_t>& shape,
                                    long) {
      // Dimension 0 of every tensor: the number of jets, or 1 where the jets are in dimension 1.
      auto found = runtime.run(inputs, tensors.values, tensors.shapes, {output}, shape.at(0));
      return std::move(found.at(0));
    }
  };

}  // namespace @NAMESPACE@

#endif
