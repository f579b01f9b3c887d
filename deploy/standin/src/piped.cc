// cms::Ort::ONNXRuntime whose models the process that started this one runs, over two pipes.
//
// STANDIN_PIPES holds the descriptors that are read and written. A request is the path of the model, the tensors (names,
// shapes, values), and the names of the outputs; an answer a status, then the values of each output or a message. Numbers
// are as in memory, texts and lists come after their length in 64 bits.
#include <unistd.h>

#include <cstdlib>
#include <mutex>
#include <sstream>

#include "FWCore/Utilities/interface/Exception.h"
#include "PhysicsTools/ONNXRuntime/interface/ONNXRuntime.h"
#include "sessions.h"

namespace cms::Ort {
namespace {

struct Pipes {
  int in = -1, out = -1;
  std::mutex mutex;

  Pipes() {
    const char* numbers = std::getenv("STANDIN_PIPES");
    std::istringstream text(numbers == nullptr ? "" : numbers);
    if (!(text >> in >> out)) throw cms::Exception("LogicError") << "STANDIN_PIPES does not name two descriptors";
  }

  template <typename T>
  void put(const T* first, std::size_t count) {
    const auto* bytes = reinterpret_cast<const char*>(first);
    for (std::size_t left = count * sizeof(T); left > 0;) {
      const auto done = ::write(out, bytes, left);
      if (done <= 0) throw cms::Exception("LogicError") << "the pipe is closed";
      bytes += done, left -= static_cast<std::size_t>(done);
    }
  }

  template <typename T>
  void get(T* first, std::size_t count) {
    auto* bytes = reinterpret_cast<char*>(first);
    for (std::size_t left = count * sizeof(T); left > 0;) {
      const auto done = ::read(in, bytes, left);
      if (done <= 0) throw cms::Exception("LogicError") << "the pipe is closed";
      bytes += done, left -= static_cast<std::size_t>(done);
    }
  }

  void size(std::uint64_t value) { put(&value, 1); }

  template <typename List>
  void list(const List& values) {
    size(values.size());
    put(values.data(), values.size());
  }

  template <typename List>
  List taken() {
    std::uint64_t count = 0;
    get(&count, 1);
    List out;
    out.resize(count);
    get(out.data(), count);
    return out;
  }
};

Pipes& pipes() {
  static Pipes found;
  return found;
}

}  // namespace

struct ONNXRuntime::Session {
  std::string path;
  std::vector<std::string> outputs;
};

ONNXRuntime::ONNXRuntime(const std::string& path) : session_(new Session{path, {}}) { ++standin::sessions(); }

ONNXRuntime::~ONNXRuntime() = default;

const std::vector<std::string>& ONNXRuntime::getOutputNames() const { return session_->outputs; }

FloatArrays ONNXRuntime::run(const std::vector<std::string>& input_names, FloatArrays& input_values,
                             const std::vector<std::vector<int64_t>>& input_shapes,
                             const std::vector<std::string>& output_names, int64_t batch_size) const {
  auto& pipe = pipes();
  const std::lock_guard<std::mutex> lock(pipe.mutex);
  pipe.list(session_->path);
  pipe.size(input_names.size());
  for (std::size_t i = 0; i < input_names.size(); ++i) {
    if (input_shapes.at(i).at(0) != batch_size)
      throw cms::Exception("RuntimeError") << "The first element of the shape of " << input_names[i] << " is "
                                           << input_shapes[i][0] << ", the batch size is " << batch_size;
    pipe.list(input_names[i]);
    pipe.list(input_shapes[i]);
    pipe.list(input_values.at(i));
  }
  pipe.size(output_names.size());
  for (const auto& name : output_names) pipe.list(name);
  std::uint64_t failed = 0;
  pipe.get(&failed, 1);
  if (failed != 0) throw cms::Exception("StdException") << pipe.taken<std::string>();
  FloatArrays found;
  for (std::size_t i = 0; i < output_names.size(); ++i) found.push_back(pipe.taken<std::vector<float>>());
  return found;
}

}  // namespace cms::Ort
