// cms::Ort::ONNXRuntime over the C interface of ONNX Runtime.
#include <onnxruntime_c_api.h>

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>

#include "FWCore/ServiceRegistry/interface/ServiceRegistry.h"
#include "FWCore/Utilities/interface/Exception.h"
#include "PhysicsTools/ONNXRuntime/interface/ONNXRuntime.h"
#include "sessions.h"

namespace cms::Ort {
namespace {

const OrtApi& api() {
  // Version 14 has all that is called here; the library may be older than the headers.
  static const OrtApi& found = *OrtGetApiBase()->GetApi(14);
  return found;
}

void check(OrtStatus* status) {
  if (status == nullptr) return;
  const std::string message = api().GetErrorMessage(status);
  api().ReleaseStatus(status);
  throw cms::Exception("StdException") << message;
}

template <typename T>
using Owner = std::unique_ptr<T, std::function<void(T*)>>;

using Shape = std::vector<int64_t>;

Shape shape_of(const OrtTensorTypeAndShapeInfo* info) {
  std::size_t rank = 0;
  check(api().GetDimensionsCount(info, &rank));
  Shape out(rank);
  check(api().GetDimensions(info, out.data(), rank));
  return out;
}

int64_t elements(const Shape& shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<int64_t>());
}

}  // namespace

struct ONNXRuntime::Session {
  Owner<OrtEnv> env;
  Owner<OrtSession> session;
  Owner<OrtMemoryInfo> memory;
  std::vector<std::string> inputs, outputs;
  std::map<std::string, Shape> output_shapes;

  // Names and shapes of the inputs or outputs.
  template <typename Count, typename Name, typename Type>
  std::map<std::string, Shape> ports(Count count, Name name, Type type, std::vector<std::string>& names) {
    OrtAllocator* allocator = nullptr;
    check(api().GetAllocatorWithDefaultOptions(&allocator));
    std::map<std::string, Shape> out;
    std::size_t number = 0;
    check(count(session.get(), &number));
    for (std::size_t i = 0; i < number; ++i) {
      char* text = nullptr;
      check(name(session.get(), i, allocator, &text));
      names.emplace_back(text);
      check(api().AllocatorFree(allocator, text));
      OrtTypeInfo* info = nullptr;
      check(type(session.get(), i, &info));
      const Owner<OrtTypeInfo> owner(info, api().ReleaseTypeInfo);
      const OrtTensorTypeAndShapeInfo* tensor = nullptr;
      check(api().CastTypeInfoToTensorInfo(info, &tensor));
      auto shape = shape_of(tensor);
      shape.at(0) = -1;  // the batch; std::out_of_range for a scalar
      out[names.back()] = shape;
    }
    return out;
  }
};

ONNXRuntime::ONNXRuntime(const std::string& path) : session_(std::make_unique<Session>()) {
  if (!edm::ServiceRegistry::present().count("ONNXService"))
    throw cms::Exception("NotFound") << "Service Request unable to find requested service cms::Ort::ONNXInterface";
  OrtEnv* env = nullptr;
  check(api().CreateEnv(ORT_LOGGING_LEVEL_ERROR, "", &env));
  session_->env = {env, api().ReleaseEnv};
  OrtSessionOptions* made = nullptr;
  check(api().CreateSessionOptions(&made));
  const Owner<OrtSessionOptions> options(made, api().ReleaseSessionOptions);
  check(api().SetIntraOpNumThreads(made, 1));
  OrtSession* session = nullptr;
  check(api().CreateSession(env, path.c_str(), made, &session));
  session_->session = {session, api().ReleaseSession};
  OrtMemoryInfo* memory = nullptr;
  check(api().CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory));
  session_->memory = {memory, api().ReleaseMemoryInfo};
  session_->ports(api().SessionGetInputCount, api().SessionGetInputName, api().SessionGetInputTypeInfo, session_->inputs);
  session_->output_shapes = session_->ports(api().SessionGetOutputCount, api().SessionGetOutputName,
                                            api().SessionGetOutputTypeInfo, session_->outputs);
  ++standin::sessions();
}

ONNXRuntime::~ONNXRuntime() = default;

const std::vector<std::string>& ONNXRuntime::getOutputNames() const { return session_->outputs; }

FloatArrays ONNXRuntime::run(const std::vector<std::string>& input_names, FloatArrays& input_values,
                             const std::vector<std::vector<int64_t>>& input_shapes,
                             const std::vector<std::string>& output_names, int64_t batch_size) const {
  FloatArrays out;
  runInto(input_names, input_values, input_shapes, output_names, out, {}, batch_size);
  return out;
}

void ONNXRuntime::runInto(const std::vector<std::string>& input_names, FloatArrays& input_values,
                          const std::vector<std::vector<int64_t>>& input_shapes,
                          const std::vector<std::string>& output_names, FloatArrays& out,
                          const std::vector<std::vector<int64_t>>& output_shapes, int64_t batch_size) const {
  if (input_names.size() != input_values.size() || input_names.size() != input_shapes.size() || batch_size <= 0)
    throw cms::Exception("LogicError") << "names, values and shapes must be equally many, the batch size positive";
  std::vector<Owner<OrtValue>> values;
  std::vector<const OrtValue*> inputs;
  std::vector<const char*> names;
  for (const auto& name : session_->inputs) {
    const auto found = std::find(input_names.begin(), input_names.end(), name);
    if (found == input_names.end()) throw cms::Exception("RuntimeError") << "Input " << name << " is not provided!";
    const auto at = static_cast<std::size_t>(found - input_names.begin());
    auto& array = input_values[at];
    const auto& shape = input_shapes[at];
    if (shape.at(0) != batch_size)
      throw cms::Exception("RuntimeError") << "The first element of the shape of " << name << " is " << shape[0]
                                           << ", the batch size is " << batch_size;
    if (elements(shape) != static_cast<int64_t>(array.size()))
      throw cms::Exception("RuntimeError") << "Input array " << name << " has a wrong size of " << array.size()
                                           << ", expected " << elements(shape);
    OrtValue* value = nullptr;
    check(api().CreateTensorWithDataAsOrtValue(session_->memory.get(), array.data(), array.size() * sizeof(float),
                                               shape.data(), shape.size(), ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &value));
    values.emplace_back(value, api().ReleaseValue);
    inputs.push_back(value);
    names.push_back(name.c_str());
  }
  const auto& wanted = output_names.empty() ? session_->outputs : output_names;
  std::vector<const char*> outputs;
  std::vector<Shape> shapes;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    outputs.push_back(wanted[i].c_str());
    const auto known = session_->output_shapes.find(wanted[i]);
    if (known == session_->output_shapes.end())
      throw cms::Exception("RuntimeError") << "Output name " << wanted[i] << " is invalid!";
    shapes.push_back(output_shapes.empty() ? known->second : output_shapes.at(i));
    if (output_shapes.empty()) shapes.back().at(0) = batch_size;
    for (std::size_t d = 1; d < shapes.back().size(); ++d)
      if (shapes.back()[d] == -1)
        throw cms::Exception("RuntimeError") << "Output " << wanted[i] << " has a dynamic dimension at index " << d
                                             << ". Please pass output_shapes to runInto().";
    if (elements(shapes.back()) <= 0)
      throw cms::Exception("RuntimeError") << "Output " << wanted[i] << " has invalid inferred size 0";
  }
  std::vector<OrtValue*> found(wanted.size(), nullptr);
  check(api().Run(session_->session.get(), nullptr, names.data(), inputs.data(), inputs.size(), outputs.data(),
                  outputs.size(), found.data()));
  for (auto* value : found) values.emplace_back(value, api().ReleaseValue);
  out.clear();
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    OrtTensorTypeAndShapeInfo* info = nullptr;
    check(api().GetTensorTypeAndShape(found[i], &info));
    const Owner<OrtTensorTypeAndShapeInfo> owner(info, api().ReleaseTensorTypeAndShapeInfo);
    ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
    check(api().GetTensorElementType(info, &type));
    if (type != ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT)
      throw cms::Exception("RuntimeError") << "Output " << wanted[i] << " is not float32";
    const auto shape = shape_of(info);
    if (shape != shapes[i]) throw cms::Exception("RuntimeError") << "Got invalid dimensions for output: " << wanted[i];
    void* data = nullptr;
    check(api().GetTensorMutableData(found[i], &data));
    const auto* first = static_cast<const float*>(data);
    out.emplace_back(first, first + elements(shape));
  }
}

}  // namespace cms::Ort
