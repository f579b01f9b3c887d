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
    static constexpr const char* model = "@SUBSYSTEM@/@PACKAGE@/data/@ONNX_FILE@";
    static std::vector<std::string> inputs() { return {@ONNX_INPUTS@}; }
    static constexpr const char* output = "@ONNX_OUTPUT@";

    static std::unique_ptr<Cache> load(const std::string& path) { return std::make_unique<Cache>(path); }

    // Scores in C order; `inputs` are the names of the tensors in the model.
    static std::vector<float> run(const Cache* cache,
                                  Tensors& tensors,
                                  const std::vector<std::string>& inputs,
                                  const std::string& output) {
      for (auto& values : tensors.values)
        values.reserve(1);  // an empty tensor may need an address, too
      // Dimension 0 of every tensor: the number of jets, or 1 where the jets are in dimension 1.
      const auto batch = tensors.shapes.at(0).at(0);
      auto found = cache->run(inputs, tensors.values, tensors.shapes, {output}, batch);
      return std::move(found.at(0));
    }
  };

}  // namespace @NAMESPACE@

#endif
