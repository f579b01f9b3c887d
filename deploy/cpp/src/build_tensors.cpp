// e2e_tf_build PREPROCESS.json JETS.bin OUT.bin [jets in a batch]: tensors of every batch, for comparison with Python.
// The file is described in tensors.hpp.
#include <fstream>
#include <iostream>
#include <string>

#include "tensors.hpp"

int build_tensors(int argc, char** argv) {
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
      for (const auto& tensor : builder(jets, first, std::min<std::size_t>(first + size, jets.count)))
        e2e_tf::write_tensor(file, tensor);
    if (!file.flush()) throw e2e_tf::Error(std::string("cannot write ") + argv[3]);
  } catch (const std::exception& error) {
    std::cerr << "e2e_tf_build: error: " << error.what() << "\n";
    return 2;
  }
  return 0;
}

#ifndef E2E_TF_CHECK
int main(int argc, char** argv) { return build_tensors(argc, argv); }
#endif
