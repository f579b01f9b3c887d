// TensorFlow through the C interface of its C++ library.
#include <tensorflow/c/c_api.h>

#include <cstring>
#include <fstream>
#include <iterator>

#include "backend.hpp"

namespace e2e_tf {
namespace {

// ConfigProto: intra_op_parallelism_threads = 1, inter_op_parallelism_threads = 1, use_per_session_threads.
constexpr unsigned char one_thread[] = {0x10, 0x01, 0x28, 0x01, 0x48, 0x01};

struct Status {
  TF_Status* status = TF_NewStatus();
  ~Status() { TF_DeleteStatus(status); }
  void check() const {
    if (TF_GetCode(status) != TF_OK) throw Error(std::string("TensorFlow: ") + TF_Message(status));
  }
};

class TensorFlow : public Backend {
public:
  TensorFlow(ModelFile model, bool saved_model) : model_(std::move(model)) {
    Status status;
    TF_SessionOptions* options = TF_NewSessionOptions();
    TF_SetConfig(options, one_thread, sizeof(one_thread), status.status);
    if (saved_model) {
      const char* tags[] = {"serve"};
      session_ =
          TF_LoadSessionFromSavedModel(options, nullptr, model_.path.c_str(), tags, 1, graph_, nullptr, status.status);
    } else if (load_graph(status)) {
      session_ = TF_NewSession(graph_, options, status.status);
    }
    TF_DeleteSessionOptions(options);
    status.check();
  }

  ~TensorFlow() override {
    Status status;
    if (session_ != nullptr) {
      TF_CloseSession(session_, status.status);
      TF_DeleteSession(session_, status.status);
    }
    TF_DeleteGraph(graph_);
  }

  std::string version() const override { return TF_Version(); }

  std::vector<float> run(const std::vector<Tensor>& tensors) const override {
    std::vector<TF_Output> inputs;
    std::vector<TF_Tensor*> values;
    for (const auto& tensor : tensors) {
      const auto found = model_.inputs.find(tensor.name);
      if (found == model_.inputs.end()) continue;
      inputs.push_back(port(found->second));
      TF_Tensor* value = TF_AllocateTensor(TF_FLOAT, tensor.shape.data(), static_cast<int>(tensor.shape.size()),
                                           tensor.values.size() * sizeof(float));
      if (!tensor.values.empty())
        std::memcpy(TF_TensorData(value), tensor.values.data(), tensor.values.size() * sizeof(float));
      values.push_back(value);
    }
    const TF_Output output = port(model_.output);
    TF_Tensor* score = nullptr;
    Status status;
    TF_SessionRun(session_, nullptr, inputs.data(), values.data(), static_cast<int>(inputs.size()), &output, &score, 1,
                  nullptr, 0, nullptr, status.status);
    for (TF_Tensor* value : values) TF_DeleteTensor(value);
    status.check();
    const auto* first = static_cast<const float*>(TF_TensorData(score));
    std::vector<float> out(first, first + TF_TensorElementCount(score));
    TF_DeleteTensor(score);
    return out;
  }

private:
  bool load_graph(const Status& status) {
    std::ifstream file(model_.path, std::ios::binary);
    if (!file) throw Error("there is no " + model_.path);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    TF_Buffer* buffer = TF_NewBufferFromString(bytes.data(), bytes.size());
    TF_ImportGraphDefOptions* options = TF_NewImportGraphDefOptions();
    TF_GraphImportGraphDef(graph_, buffer, options, status.status);
    TF_DeleteImportGraphDefOptions(options);
    TF_DeleteBuffer(buffer);
    return TF_GetCode(status.status) == TF_OK;
  }

  // The output of an operation that a raw tensor name such as serving_default_x:0 means.
  TF_Output port(const std::string& name) const {
    const auto colon = name.rfind(':');
    const int index = colon == std::string::npos ? 0 : std::stoi(name.substr(colon + 1));
    TF_Operation* operation = TF_GraphOperationByName(graph_, name.substr(0, colon).c_str());
    if (operation == nullptr) throw Error("TensorFlow: the graph has no tensor " + name);
    return {operation, index};
  }

  ModelFile model_;
  TF_Graph* graph_ = TF_NewGraph();
  TF_Session* session_ = nullptr;
};

}  // namespace

std::unique_ptr<Backend> graph_backend(const ModelFile& model) { return std::make_unique<TensorFlow>(model, false); }

std::unique_ptr<Backend> saved_model_backend(const ModelFile& model) {
  return std::make_unique<TensorFlow>(model, true);
}

}  // namespace e2e_tf
