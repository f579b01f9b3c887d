// ONNX Runtime through its C interface, which newer libraries keep.
#include <onnxruntime_c_api.h>

#include "backend.hpp"

namespace e2e_tf {
namespace {

// Of ONNX Runtime 1.14, which has all that is called here: the library may be older than the headers.
constexpr int api_version = 14;

const OrtApi* api() {
  static const OrtApi* found = OrtGetApiBase()->GetApi(api_version);
  return found;
}

void check(OrtStatus* status) {
  if (status == nullptr) return;
  const std::string message = api()->GetErrorMessage(status);
  api()->ReleaseStatus(status);
  throw Error("ONNX Runtime: " + message);
}

template <typename T>
using Owner = std::unique_ptr<T, void (*)(T*)>;

class Onnx : public Backend {
public:
  explicit Onnx(ModelFile model) : model_(std::move(model)) {
    if (api() == nullptr) throw Error("the ONNX Runtime library must be 1.14 or newer");
    OrtEnv* env = nullptr;
    check(api()->CreateEnv(ORT_LOGGING_LEVEL_ERROR, "e2e_tf", &env));
    env_.reset(env);
    OrtSessionOptions* made = nullptr;
    check(api()->CreateSessionOptions(&made));
    const Owner<OrtSessionOptions> options(made, [](OrtSessionOptions* o) { api()->ReleaseSessionOptions(o); });
    check(api()->SetIntraOpNumThreads(options.get(), 1));
    OrtSession* session = nullptr;
    check(api()->CreateSession(env_.get(), model_.path.c_str(), options.get(), &session));
    session_.reset(session);
    OrtMemoryInfo* memory = nullptr;
    check(api()->CreateCpuMemoryInfo(OrtDeviceAllocator, OrtMemTypeDefault, &memory));
    memory_.reset(memory);
  }

  std::string version() const override { return OrtGetApiBase()->GetVersionString(); }

  std::vector<float> run(const std::vector<Tensor>& tensors) const override {
    std::vector<Owner<OrtValue>> values;
    std::vector<const OrtValue*> inputs;
    std::vector<const char*> names;
    for (const auto& tensor : tensors) {
      const auto found = model_.inputs.find(tensor.name);
      if (found == model_.inputs.end()) continue;  // cms::Ort ignores what a model does not take
      OrtValue* value = nullptr;
      // An empty vector may have no address, which the runtime refuses.
      static float nothing = 0;
      float* data = tensor.values.empty() ? &nothing : const_cast<float*>(tensor.values.data());
      check(api()->CreateTensorWithDataAsOrtValue(memory_.get(), data, tensor.values.size() * sizeof(float),
                                                  tensor.shape.data(), tensor.shape.size(),
                                                  ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &value));
      values.emplace_back(value, release);
      inputs.push_back(value);
      names.push_back(found->second.c_str());
    }
    const char* output = model_.output.c_str();
    OrtValue* score = nullptr;
    check(api()->Run(session_.get(), nullptr, names.data(), inputs.data(), inputs.size(), &output, 1, &score));
    const Owner<OrtValue> owner(score, release);
    OrtTensorTypeAndShapeInfo* made = nullptr;
    check(api()->GetTensorTypeAndShape(score, &made));
    const Owner<OrtTensorTypeAndShapeInfo> info(
        made, [](OrtTensorTypeAndShapeInfo* i) { api()->ReleaseTensorTypeAndShapeInfo(i); });
    std::size_t count = 0;
    check(api()->GetTensorShapeElementCount(info.get(), &count));
    void* data = nullptr;
    check(api()->GetTensorMutableData(score, &data));
    const auto* first = static_cast<const float*>(data);
    return std::vector<float>(first, first + count);
  }

private:
  static void release(OrtValue* value) { api()->ReleaseValue(value); }

  ModelFile model_;
  Owner<OrtEnv> env_{nullptr, [](OrtEnv* e) { api()->ReleaseEnv(e); }};
  Owner<OrtSession> session_{nullptr, [](OrtSession* s) { api()->ReleaseSession(s); }};
  Owner<OrtMemoryInfo> memory_{nullptr, [](OrtMemoryInfo* m) { api()->ReleaseMemoryInfo(m); }};
};

}  // namespace

std::unique_ptr<Backend> onnx_backend(const ModelFile& model) { return std::make_unique<Onnx>(model); }

}  // namespace e2e_tf
