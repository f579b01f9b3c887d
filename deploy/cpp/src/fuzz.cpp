// Fuzz target of preprocess.json and of the file of jets: whatever comes in, an Error or tensors, nothing else.
//
// The input is the JSON, a zero byte, and the file of jets. With Clang's -fsanitize=fuzzer it is a libFuzzer target;
// with E2E_TF_FUZZ_STANDALONE it mutates the files named on the command line, and inputs it kept, by itself.
#include <cstddef>
#include <cstdint>
#include <string>

#include "e2e_tf/builder.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string all(reinterpret_cast<const char*>(data), size);
  const auto split = all.find('\0');
  try {
    const e2e_tf::Builder builder(e2e_tf::parse_preprocess(all.substr(0, split)));
    if (split == std::string::npos) return 0;
    const auto jets =
        e2e_tf::parse_jets(std::vector<char>(all.begin() + static_cast<std::ptrdiff_t>(split) + 1, all.end()));
    // Padding and pairs grow with what the input claims; it is not what is tested here.
    if (builder.preprocess().features.max_length > 4096) return 0;
    const std::size_t last = jets.count < 8 ? jets.count : 8;
    for (const auto& entry : jets.tables)
      if (entry.second.offsets[last] > 2048) return 0;
    for (const auto& tensor : builder(jets, 0, last)) {
      std::int64_t expected = 1;
      for (const auto length : tensor.shape) expected *= length;
      if (expected != static_cast<std::int64_t>(tensor.values.size())) __builtin_trap();
    }
  } catch (const e2e_tf::Error&) {
    return 0;
  }
  return 0;
}

#ifdef E2E_TF_FUZZ_STANDALONE
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>

int fuzz(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: e2e_tf_fuzz ROUNDS SEED FILE...\n";
    return 2;
  }
  std::mt19937_64 random(std::stoull(argv[2]));
  std::vector<std::string> corpus;
  for (int i = 3; i < argc; ++i) {
    std::ifstream file(argv[i], std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  const auto below = [&](std::size_t bound) { return bound == 0 ? 0 : random() % bound; };
  const std::string odd[] = {std::string(4, '\xff'),
                             std::string(8, '\x7f'),
                             std::string("\x00\x00\xc0\x7f", 4),
                             "1e999",
                             "-1",
                             "null",
                             "\"\"",
                             "{}",
                             "[]",
                             std::string("\x00\x00\x80\x7f", 4),
                             "full",
                             "delaunay",
                             "knn:0"};
  for (unsigned long round = std::stoul(argv[1]); round > 0; --round) {
    std::string input = corpus[below(corpus.size())];
    for (auto changes = 1 + below(4); changes > 0 && !input.empty(); --changes) {
      const auto at = below(input.size());
      switch (below(6)) {
        case 0: input[at] = static_cast<char>(random()); break;
        case 1: input[at] = static_cast<char>(input[at] ^ (1 << below(8))); break;
        case 2: input.erase(at, below(16)); break;
        case 3: input.insert(at, odd[below(std::size(odd))]); break;
        case 4: input.replace(at, 4, odd[below(std::size(odd))]); break;
        default: input.insert(at, input.substr(below(input.size()), below(32)));
      }
    }
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  }
  return 0;
}

#ifndef E2E_TF_CHECK
int main(int argc, char** argv) { return fuzz(argc, argv); }
#endif
#endif
