// One session of a runtime, shared by all threads, one intra-op thread each.
#ifndef E2E_TF_BACKEND_HPP
#define E2E_TF_BACKEND_HPP

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "e2e_tf/builder.hpp"

namespace e2e_tf {

// Names of a model's tensors by the manifest: name of the interface to name in the file.
struct ModelFile {
  std::string path;
  std::map<std::string, std::string> inputs;
  std::string output;
};

class Backend {
public:
  virtual ~Backend() = default;
  // Version of the runtime's library.
  virtual std::string version() const = 0;
  // Scores in C order; may be called from several threads at once.
  virtual std::vector<float> run(const std::vector<Tensor>& tensors) const = 0;
};

std::unique_ptr<Backend> onnx_backend(const ModelFile& model);
std::unique_ptr<Backend> graph_backend(const ModelFile& model);        // frozen TensorFlow graph
std::unique_ptr<Backend> saved_model_backend(const ModelFile& model);  // SavedModel, tag "serve"

}  // namespace e2e_tf

#endif
