#ifndef STANDIN_PHYSICSTOOLS_TENSORFLOW_INTERFACE_TENSORFLOW_H
#define STANDIN_PHYSICSTOOLS_TENSORFLOW_INTERFACE_TENSORFLOW_H

#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "FWCore/Utilities/interface/Exception.h"

namespace tensorflow {

// The part of TensorFlow's classes that producers use; below is the real library, through its C interface.
enum DataType { DT_FLOAT = 1, DT_INT32 = 3, DT_INT64 = 9 };

class TensorShape {
public:
  void AddDim(int64_t size) { sizes_.push_back(size); }
  const std::vector<int64_t>& sizes() const { return sizes_; }
  int64_t num_elements() const {
    int64_t out = 1;
    for (const auto size : sizes_) out *= size;
    return out;
  }

private:
  std::vector<int64_t> sizes_;
};

class Tensor {
public:
  template <typename T>
  struct Flat {
    T* first;
    int64_t count;
    T* data() const { return first; }
    int64_t size() const { return count; }
  };

  Tensor() = default;
  Tensor(DataType type, const TensorShape& shape)
      : type_(type), shape_(shape), bytes_(static_cast<std::size_t>(shape.num_elements()) * width(type)) {}

  DataType dtype() const { return type_; }
  const TensorShape& shape() const { return shape_; }
  const std::vector<char>& bytes() const { return bytes_; }
  std::vector<char>& bytes() { return bytes_; }

  template <typename T>
  Flat<T> flat() {
    static_assert(std::is_same_v<T, float>, "only float tensors are needed here");
    if (type_ != DT_FLOAT) throw cms::Exception("InvalidTensor") << "this tensor is not float";
    return {reinterpret_cast<T*>(bytes_.data()), shape_.num_elements()};
  }

private:
  static std::size_t width(DataType type) { return type == DT_INT64 ? 8 : 4; }

  DataType type_ = DT_FLOAT;
  TensorShape shape_;
  std::vector<char> bytes_;
};

using NamedTensor = std::pair<std::string, Tensor>;
using NamedTensorList = std::vector<NamedTensor>;

class Session;  // of a frozen graph

void setLogging(const std::string& level = "3");

// Throws cms::Exception where the session fails: unknown names, other types or shapes than the graph takes.
void run(const Session* session, const NamedTensorList& inputs, const std::vector<std::string>& outputNames,
         std::vector<Tensor>* outputs, const std::string& threadPoolName = "no_threads");

struct Options {};

Session* createSession(const std::string& graphPath);
Session* createSession(const std::string& graphPath, Options& options);

struct SessionCache {
  // Options are taken by reference, so they must have a name.
  template <typename... Args>
  explicit SessionCache(const std::string& graphPath, Args&&... sessionArgs)
      : session(createSession(graphPath, std::forward<Args>(sessionArgs)...)) {}
  SessionCache(const SessionCache&) = delete;
  ~SessionCache();
  const Session* getSession() const { return session; }
  Session* session = nullptr;
};

}  // namespace tensorflow

#endif
