// e2e_tf_build PREPROCESS.json JETS.bin OUT.bin [jets in a batch]: tensors of every batch, for comparison with Python.
//
// Output: per batch, per tensor {uint32 name length, name, uint32 rank, int64 shape[rank], float values}.
#include <cstdint>
#include <fstream>
#include <iostream>
#include <string>

#include "e2e_tf/builder.hpp"

namespace {

template <typename T>
void put(std::ofstream& file, const T* values, std::size_t count) {
  file.write(reinterpret_cast<const char*>(values), static_cast<std::streamsize>(count * sizeof(T)));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: e2e_tf_build PREPROCESS.json JETS.bin OUT.bin [jets in a batch]\n";
    return 2;
  }
  try {
    const auto builder = e2e_tf::Builder::from_file(argv[1]);
    const auto jets = e2e_tf::read_jets(argv[2]);
    const std::size_t size = argc > 4 ? std::stoul(argv[4]) : 64;
    if (size == 0) throw e2e_tf::Error("a batch must hold at least one jet");
    std::ofstream file(argv[3], std::ios::binary);
    for (std::size_t first = 0; first < jets.count; first += size)
      for (const auto& tensor : builder(jets, first, std::min<std::size_t>(first + size, jets.count))) {
        const auto length = static_cast<std::uint32_t>(tensor.name.size());
        const auto rank = static_cast<std::uint32_t>(tensor.shape.size());
        put(file, &length, 1);
        put(file, tensor.name.data(), length);
        put(file, &rank, 1);
        put(file, tensor.shape.data(), rank);
        put(file, tensor.values.data(), tensor.values.size());
      }
    if (!file.flush()) throw e2e_tf::Error(std::string("cannot write ") + argv[3]);
  } catch (const std::exception& error) {
    std::cerr << "e2e_tf_build: error: " << error.what() << "\n";
    return 2;
  }
  return 0;
}
