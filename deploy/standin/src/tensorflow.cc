// tensorflow::SessionCache and tensorflow::run over the C interface of TensorFlow.
#include <tensorflow/c/c_api.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include "PhysicsTools/TensorFlow/interface/TensorFlow.h"
#include "sessions.h"

namespace tensorflow {
namespace {

// ConfigProto: intra_op_parallelism_threads = 1, inter_op_parallelism_threads = 1, use_per_session_threads.
constexpr unsigned char one_thread[] = {0x10, 0x01, 0x28, 0x01, 0x48, 0x01};

struct Status {
  TF_Status* status = TF_NewStatus();
  ~Status() { TF_DeleteStatus(status); }
  void check(const char* what) const {
    if (TF_GetCode(status) != TF_OK) throw cms::Exception(what) << TF_Message(status);
  }
};

}  // namespace

class Session {
public:
  explicit Session(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (bytes.empty()) throw cms::Exception("InvalidGraphDef") << "error while loading graphDef from " << path;
    const Status status;
    TF_Buffer* buffer = TF_NewBufferFromString(bytes.data(), bytes.size());
    TF_ImportGraphDefOptions* imported = TF_NewImportGraphDefOptions();
    TF_GraphImportGraphDef(graph, buffer, imported, status.status);
    TF_DeleteImportGraphDefOptions(imported);
    TF_DeleteBuffer(buffer);
    status.check("InvalidGraphDef");
    TF_SessionOptions* options = TF_NewSessionOptions();
    TF_SetConfig(options, one_thread, sizeof(one_thread), status.status);
    session = TF_NewSession(graph, options, status.status);
    TF_DeleteSessionOptions(options);
    status.check("InvalidSession");
    ++standin::sessions();
  }

  ~Session() {
    const Status status;
    if (session != nullptr) TF_DeleteSession(session, status.status);
    TF_DeleteGraph(graph);
  }

  TF_Output port(const std::string& name) const {
    const auto colon = name.rfind(':');
    TF_Operation* found = TF_GraphOperationByName(graph, name.substr(0, colon).c_str());
    if (found == nullptr) throw cms::Exception("InvalidRun") << "the graph has no tensor " << name;
    return {found, colon == std::string::npos ? 0 : std::stoi(name.substr(colon + 1))};
  }

  TF_Graph* graph = TF_NewGraph();
  TF_Session* session = nullptr;
};

void setLogging(const std::string& level) { setenv("TF_CPP_MIN_LOG_LEVEL", level.c_str(), 0); }

void run(const Session* session, const NamedTensorList& inputs, const std::vector<std::string>& outputNames,
         std::vector<Tensor>* outputs, const std::string&) {
  std::vector<TF_Output> feeds, fetches;
  for (const auto& entry : inputs) feeds.push_back(session->port(entry.first));
  for (const auto& name : outputNames) fetches.push_back(session->port(name));
  std::vector<TF_Tensor*> values;
  for (const auto& entry : inputs) {
    const auto& tensor = entry.second;
    const auto& sizes = tensor.shape().sizes();
    values.push_back(TF_AllocateTensor(static_cast<TF_DataType>(tensor.dtype()), sizes.data(),
                                       static_cast<int>(sizes.size()), tensor.bytes().size()));
    if (!tensor.bytes().empty()) std::memcpy(TF_TensorData(values.back()), tensor.bytes().data(), tensor.bytes().size());
  }
  std::vector<TF_Tensor*> found(fetches.size(), nullptr);
  const Status status;
  TF_SessionRun(session->session, nullptr, feeds.data(), values.data(), static_cast<int>(feeds.size()), fetches.data(),
                found.data(), static_cast<int>(fetches.size()), nullptr, 0, nullptr, status.status);
  for (auto* value : values) TF_DeleteTensor(value);
  status.check("InvalidRun");
  outputs->clear();
  for (auto* value : found) {
    TensorShape shape;
    for (int d = 0; d < TF_NumDims(value); ++d) shape.AddDim(TF_Dim(value, d));
    Tensor tensor(static_cast<DataType>(TF_TensorType(value)), shape);
    if (tensor.bytes().size() != TF_TensorByteSize(value)) throw cms::Exception("InvalidRun") << "an output of another type";
    if (!tensor.bytes().empty()) std::memcpy(tensor.bytes().data(), TF_TensorData(value), tensor.bytes().size());
    outputs->push_back(std::move(tensor));
    TF_DeleteTensor(value);
  }
}

Session* createSession(const std::string& graphPath) { return new Session(graphPath); }
Session* createSession(const std::string& graphPath, Options&) { return new Session(graphPath); }
SessionCache::~SessionCache() { delete session; }

}  // namespace tensorflow
