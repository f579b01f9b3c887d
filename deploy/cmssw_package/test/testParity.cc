// The runtimes of this release give the scores that each model had in training: on the tensors of test/parity*.txt, and on
// those that JetTensors makes of the raw jets of test/jets*.bin.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

@INCLUDE_BACKENDS@
#include "@SUBSYSTEM@/@PACKAGE@/interface/JetTensors.h"
#include "@SUBSYSTEM@/@PACKAGE@/interface/jets.hpp"
#include "FWCore/ParameterSet/interface/FileInPath.h"
#include "FWCore/ParameterSet/interface/ParameterSet.h"
#include "FWCore/Utilities/interface/Exception.h"

// Releases from 2026 on run ONNX models through a service, which cmsRun has of the configuration.
#if __has_include("PhysicsTools/ONNXRuntime/interface/ONNXInterface.h")
#define @GUARD@_SERVICES
#include "FWCore/PluginManager/interface/PluginManager.h"
#include "FWCore/PluginManager/interface/standard.h"
#include "FWCore/ServiceRegistry/interface/ServiceRegistry.h"
#endif

namespace {

  using @NAMESPACE@::Tensors;

  struct Batch {
    Tensors tensors;
    std::size_t width = 0;               // scores of a jet
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

  // A file: the number of batches; of each the number of tensors, for each name, rank, sizes and values, then
  // rank and sizes of the scores, the scores, and what each of them may differ by.
  std::vector<Batch> readBatches(const std::string& path) {
    std::ifstream file(path);
    std::size_t batches = 0, tensors = 0, rank = 0;
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
      file >> rank;
      std::size_t scores = 1, last = 0;
      for (std::size_t i = 0; i < rank; ++i) {
        file >> last;
        scores *= last;
        if (i + 1 < rank)
          batch.tensors.output.push_back(static_cast<int64_t>(last));
      }
      batch.width = last;
      batch.scores = numbers(file, scores);
      batch.allowed = numbers(file, scores);
    }
    if (!file || out.empty())
      throw cms::Exception("FileReadError") << path << " is missing or damaged";
    return out;
  }

  // Raw jets as a batch: without nodes, with one, with more than the limit, with broken numbers. Scores and what they may
  // differ by are columns of the jets.
  Batch readRawJets(const std::string& preprocess, const std::string& path) {
    const auto jets = @NAMESPACE@::e2e_tf::read_jets(edm::FileInPath(path).fullPath());
    const @NAMESPACE@::JetTensors tensors(edm::FileInPath(preprocess).fullPath(), @NAMESPACE@::JetOptions());
    Batch batch;
    batch.tensors = tensors(jets);
    while (jets.columns.count("score" + std::to_string(batch.width)))
      ++batch.width;
    for (std::size_t jet = 0; jet < jets.count; ++jet)
      for (std::size_t i = 0; i < batch.width; ++i) {
        batch.scores.push_back(jets.columns.at("score" + std::to_string(i))[jet]);
        batch.allowed.push_back(jets.columns.at("allowed" + std::to_string(i))[jet]);
      }
    return batch;
  }

  // Whether a model of `data/` gives the scores of its parity vectors and of its raw jets, where it has any; inputs and
  // output by their names in the model.
  template <typename Backend>
  bool agrees(const std::string& name,
              const std::string& model,
              const std::vector<std::string>& inputs,
              const std::string& output,
              const std::string& parity,
              const std::string& preprocess,
              const std::string& jets) {
    auto batches = readBatches(edm::FileInPath(parity).fullPath());
    if (!jets.empty())
      batches.push_back(readRawJets(preprocess, jets));
    const auto cache = Backend::load(edm::FileInPath(model).fullPath());
    double largest = 0, farthest = 0;  // difference, and in units of what is allowed
    for (const auto& batch : batches) {
      auto tensors = batch.tensors;
      const auto found = Backend::run(cache.get(), tensors, inputs, output, batch.width);
      if (found.size() != batch.scores.size())
        throw cms::Exception("LogicError") << name << " gives " << found.size() << " scores, not "
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
    std::cout << name << ": largest difference of a score " << largest
              << (good ? "" : ", above what the manifest allows") << "\n";
    return good;
  }

}  // namespace

int main() {
  try {
#ifdef @GUARD@_SERVICES
    edmplugin::PluginManager::configure(edmplugin::standard::config());
    edm::ParameterSet service;
    service.addParameter<std::string>("@service_type", "ONNXService");
    service.addUntrackedParameter<bool>("verbose", false);
    std::vector<edm::ParameterSet> services{service};
    const edm::ServiceToken token(edm::ServiceRegistry::createSet(services));
    const edm::ServiceRegistry::Operate operate(token);
#endif
    bool good = true;
@RUN_BACKENDS@
    return good ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
