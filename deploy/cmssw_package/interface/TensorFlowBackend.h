#ifndef @GUARD@_TensorFlowBackend_h
#define @GUARD@_TensorFlowBackend_h

// The model as a frozen graph through TensorFlow: one session for all streams, run in the caller's thread.

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "@SUBSYSTEM@/@PACKAGE@/interface/JetTensors.h"
#include "FWCore/Utilities/interface/Exception.h"
#include "PhysicsTools/TensorFlow/interface/TensorFlow.h"

namespace @NAMESPACE@ {

  struct TensorFlowBackend {
    using Cache = tensorflow::SessionCache;

    static constexpr const char* label = "@LABEL@TF";
    static constexpr const char* model = "@SUBSYSTEM@/@PACKAGE@/@DATA@/@TF_FILE@";
    static std::vector<std::string> inputs() { return {@TF_INPUTS@}; }
    static constexpr const char* output = "@TF_OUTPUT@";

    static std::unique_ptr<Cache> load(const std::string& path) {
      tensorflow::setLogging("3");
      return std::make_unique<Cache>(path);
    }

    // Scores in C order; `inputs` are the names of the tensors in the graph.
    static std::vector<float> run(const Cache* cache,
                                  const Tensors& tensors,
                                  const std::vector<std::string>& inputs,
                                  const std::string& output,
                                  std::size_t) {
      tensorflow::NamedTensorList feeds;
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        tensorflow::TensorShape shape;
        for (const auto size : tensors.shapes[i])
          shape.AddDim(size);
        tensorflow::Tensor tensor(tensorflow::DT_FLOAT, shape);
        std::copy(tensors.values[i].begin(), tensors.values[i].end(), tensor.flat<float>().data());
        feeds.emplace_back(inputs[i], std::move(tensor));
      }
      std::vector<tensorflow::Tensor> found;
      tensorflow::run(cache->getSession(), feeds, {output}, &found);
      const auto scores = found.at(0).flat<float>();
      return std::vector<float>(scores.data(), scores.data() + scores.size());
    }
  };

}  // namespace @NAMESPACE@

#endif
