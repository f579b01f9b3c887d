// The runtimes of this release give the scores that the model had in training, on the tensors of test/parity.txt.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

@INCLUDE_BACKENDS@
#include "FWCore/ParameterSet/interface/ParameterSet.h"
#include "FWCore/Utilities/interface/Exception.h"

namespace {

  using @NAMESPACE@::Tensors;

  struct Batch {
    Tensors tensors;
    std::vector<float> scores, allowed;  // allowed: what each score may differ by
  };

  std::vector<float> numbers(std::ifstream& file, std::size_t count) {
    std::vector<float> out(count);
    std::string text;
    for (auto& value : out) {
      file >> text;
      value = std::stof(text);
    }
    return out;
  }

  // parity.txt: the number of batches; of each the number of tensors, for each name, rank, sizes and values, then
  // the number of scores, the scores, and what each of them may differ by.
  std::vector<Batch> readBatches(const std::string& path) {
    std::ifstream file(path);
    std::size_t batches = 0, tensors = 0, rank = 0, scores = 0;
    file >> batches;
    std::vector<Batch> out(batches);
    for (auto& batch : out) {
      file >> tensors;
      for (std::size_t i = 0; i < tensors; ++i) {
        std::string name;
        file >> name >> rank;
        std::vector<int64_t> shape(rank);
        std::size_t count = 1;
        for (auto& size : shape) {
          file >> size;
          count *= static_cast<std::size_t>(size);
        }
        batch.tensors.names.push_back(name);
        batch.tensors.shapes.push_back(shape);
        batch.tensors.values.push_back(numbers(file, count));
      }
      file >> scores;
      batch.scores = numbers(file, scores);
      batch.allowed = numbers(file, scores);
    }
    if (!file || out.empty())
      throw cms::Exception("FileReadError") << path << " is missing or damaged";
    return out;
  }

  template <typename Backend>
  bool agrees(const std::vector<Batch>& batches) {
    const auto cache = Backend::load(edm::FileInPath(Backend::model).fullPath());
    double largest = 0, farthest = 0;  // difference, and in units of what is allowed
    for (const auto& batch : batches) {
      auto tensors = batch.tensors;
      const auto found = Backend::run(cache.get(), tensors, Backend::inputs(), Backend::output);
      if (found.size() != batch.scores.size())
        throw cms::Exception("LogicError") << Backend::label << " gives " << found.size() << " scores, not "
                                           << batch.scores.size();
      for (std::size_t i = 0; i < found.size(); ++i) {
        const bool same = found[i] == batch.scores[i] || (std::isnan(found[i]) && std::isnan(batch.scores[i]));
        const double difference = same ? 0. : std::fabs(static_cast<double>(found[i]) - batch.scores[i]);
        if (!(difference <= largest))  // NaN too
          largest = difference;
        if (!(difference / batch.allowed[i] <= farthest))
          farthest = difference / batch.allowed[i];
      }
    }
    const bool good = farthest <= 1;
    std::cout << Backend::label << ": largest difference of a score " << largest
              << (good ? "" : ", above what the manifest allows") << "\n";
    return good;
  }

}  // namespace

int main() {
  try {
    const auto batches = readBatches(edm::FileInPath("@SUBSYSTEM@/@PACKAGE@/test/parity.txt").fullPath());
    bool good = true;
@RUN_BACKENDS@
    return good ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
