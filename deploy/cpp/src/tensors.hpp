// Tensors of batches in a file, as e2e_tf_build writes them and e2e_tf_run --input tensors reads them.
//
// Per batch, per tensor {uint32 name length, name, uint32 rank, int64 shape[rank], float values}, little endian. A
// name that the batch has already begins the next batch.
#ifndef E2E_TF_TENSORS_HPP
#define E2E_TF_TENSORS_HPP

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "e2e_tf/builder.hpp"

namespace e2e_tf {

inline void write_tensor(std::ostream& file, const Tensor& tensor) {
  const auto put = [&](const auto* values, std::size_t count) {
    file.write(reinterpret_cast<const char*>(values), static_cast<std::streamsize>(count * sizeof(*values)));
  };
  const auto length = static_cast<std::uint32_t>(tensor.name.size());
  const auto rank = static_cast<std::uint32_t>(tensor.shape.size());
  put(&length, 1);
  put(tensor.name.data(), length);
  put(&rank, 1);
  put(tensor.shape.data(), rank);
  put(tensor.values.data(), tensor.values.size());
}

inline std::vector<std::vector<Tensor>> read_tensors(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error("there is no file of tensors " + path);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  detail::Reader reader(bytes);
  std::vector<std::vector<Tensor>> batches;
  while (!reader.done()) {
    Tensor tensor{reader.name(), {}, {}};
    const auto rank = reader.number<std::uint32_t>();
    if (rank == 0 || rank > 8) throw Error("a tensor in the file of tensors must have rank 1 to 8");
    tensor.shape = reader.array<std::int64_t>(rank);
    std::uint64_t count = 1;
    for (const auto length : tensor.shape) {
      if (length < 0 || length > (1 << 24)) throw Error("a tensor in the file of tensors has a length that cannot be");
      count *= static_cast<std::uint64_t>(length);
      if (count > bytes.size()) throw Error("the file of tensors is truncated");
    }
    tensor.values = reader.array<float>(count);
    const auto same = [&](const Tensor& other) { return other.name == tensor.name; };
    if (batches.empty() || std::any_of(batches.back().begin(), batches.back().end(), same)) batches.emplace_back();
    batches.back().push_back(std::move(tensor));
  }
  return batches;
}

}  // namespace e2e_tf

#endif
