// e2e_tf_run --backend onnx|tf|savedmodel [options] BUNDLE CANDIDATES.bin: scores of raw jets, or, with
// --input tensors, of batches whose tensors are in the file.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <fstream>
#include <functional>
#include <iostream>
#include <mutex>
#include <sstream>
#include <thread>

#include <nlohmann/json.hpp>

#include "backend.hpp"
#include "bundle.hpp"
#include "e2e_tf/units.hpp"
#include "tensors.hpp"

namespace {

constexpr const char* usage =
    "usage: e2e_tf_run --backend onnx|tf|savedmodel [--input jets|tensors] [--threads 8] [--batch 16] [--repeat 1] "
    "[--scores OUT.bin] BUNDLE CANDIDATES.bin";

struct Options {
  std::string backend, bundle, candidates, scores, input = "jets";
  std::size_t threads = 8, batch = 16, repeat = 1;
};

std::size_t positive(const std::string& name, const std::string& text) {
  std::size_t used = 0;
  unsigned long value = 0;
  try {
    value = std::stoul(text, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  if (used == 0 || used != text.size() || text[0] == '-' || value == 0 || value > 1000000000UL)
    throw e2e_tf::Error(name + " must be a positive integer, not '" + text + "'");
  return value;
}

Options parse(int argc, char** argv) {
  Options out;
  std::vector<std::string> files;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name.rfind("--", 0) != 0) {
      files.push_back(name);
      continue;
    }
    if (i + 1 >= argc) throw e2e_tf::Error(name + " needs a value; " + usage);
    const std::string value = argv[++i];
    if (name == "--backend") out.backend = value;
    else if (name == "--scores") out.scores = value;
    else if (name == "--input") out.input = value;
    else if (name == "--threads") out.threads = positive(name, value);
    else if (name == "--batch") out.batch = positive(name, value);
    else if (name == "--repeat") out.repeat = positive(name, value);
    else throw e2e_tf::Error("unknown option " + name + "; " + usage);
  }
  if (files.size() != 2 || out.backend.empty()) throw e2e_tf::Error(usage);
  if (out.input != "jets" && out.input != "tensors")
    throw e2e_tf::Error("--input must be jets or tensors, not '" + out.input + "'");
  out.bundle = files[0];
  out.candidates = files[1];
  return out;
}

std::unique_ptr<e2e_tf::Backend> open(const Options& options, const e2e_tf::Bundle& bundle) {
  const char* keys[][2] = {{"onnx", "onnx"}, {"tf", "frozen_graph"}, {"savedmodel", "saved_model"}};
  std::string key;
  for (const auto& entry : keys)
    if (options.backend == entry[0]) key = entry[1];
  if (key.empty()) throw e2e_tf::Error("the backend must be onnx, tf or savedmodel, not '" + options.backend + "'");
  const auto& formats = bundle.manifest().at("formats");
  if (!formats.contains(key)) throw e2e_tf::Error("the bundle holds no " + key);
  const auto& info = formats.at(key);
  e2e_tf::ModelFile model;
  model.path = bundle.path(info.at(info.contains("file") ? "file" : "folder").get<std::string>());
  model.inputs = info.at("inputs").get<std::map<std::string, std::string>>();
  model.output = info.at("outputs").at("score").get<std::string>();
#ifdef E2E_TF_WITH_ONNXRUNTIME
  if (key == "onnx") return e2e_tf::onnx_backend(model);
#endif
#ifdef E2E_TF_WITH_TENSORFLOW
  if (key == "frozen_graph") return e2e_tf::graph_backend(model);
  if (key == "saved_model") return e2e_tf::saved_model_backend(model);
#endif
  throw e2e_tf::Error("this e2e_tf_run was built without the backend " + options.backend);
}

// The column of jets that each column of the score is relative to, empty where there is none; by the manifest.
std::vector<std::string> relative_columns(const e2e_tf::Bundle& bundle) {
  const auto& output = bundle.manifest().at("outputs").at(0);
  std::vector<std::string> out;
  if (!output.contains("columns")) return out;
  for (const auto& [name, width] : output.at("columns").items()) {
    const auto meaning = output.value("meaning", nlohmann::ordered_json::object());
    const std::string by = meaning.contains(name) ? meaning.at(name).value("relative_to", "") : "";
    out.insert(out.end(), width.get<std::size_t>(), by);
  }
  return out;
}

long resident_kib() {
  std::ifstream file("/proc/self/statm");
  long pages = 0, resident = 0;
  file >> pages >> resident;
  return resident * 4;
}

// Batches as tensors, numbered from 0; several threads ask at once. `jets` is 0 where only the model can tell.
struct Source {
  std::size_t batches = 0, jets = 0;
  std::function<std::vector<e2e_tf::Tensor>(std::size_t)> tensors;
  // Scores of a batch of raw jets in the units of their quantities, as `e2e-tf predict` gives them.
  std::function<void(std::size_t, std::vector<float>&)> to_units = [](std::size_t, std::vector<float>&) {};
};

Source open_source(const Options& options, const e2e_tf::Bundle& bundle) {
  if (options.input == "tensors") {
    auto stored =
        std::make_shared<const std::vector<std::vector<e2e_tf::Tensor>>>(e2e_tf::read_tensors(options.candidates));
    Source out;
    out.batches = stored->size();
    out.tensors = [stored](std::size_t i) { return (*stored)[i]; };
    return out;
  }
  auto builder =
      std::make_shared<const e2e_tf::Builder>(e2e_tf::Builder::from_file(bundle.path("preprocess.json")));
  auto jets = std::make_shared<const e2e_tf::Jets>(e2e_tf::read_jets(options.candidates));
  const std::size_t size = options.batch;
  Source out;
  out.batches = (jets->count + size - 1) / size;
  out.jets = jets->count;
  out.tensors = [=](std::size_t i) {
    return (*builder)(*jets, i * size, std::min<std::size_t>((i + 1) * size, jets->count));
  };
  const auto relative = relative_columns(bundle);
  for (const auto& name : relative)
    if (!name.empty() && !jets->columns.count(name)) throw e2e_tf::Error("jets lack the quantity " + name);
  out.to_units = [=](std::size_t i, std::vector<float>& scores) {
    for (std::size_t k = 0; k < scores.size() && !relative.empty(); ++k) {
      const auto& name = relative[k % relative.size()];
      if (!name.empty())
        scores[k] = e2e_tf::times_quantity(scores[k], jets->columns.at(name)[i * size + k / relative.size()]);
    }
  };
  return out;
}

// The scores of every batch; `scores` keeps its memory from one pass to the next.
void score(const Source& source, const e2e_tf::Backend& backend, std::size_t threads,
           std::vector<std::vector<float>>& scores) {
  scores.resize(source.batches);
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::exception_ptr failure;
  const auto work = [&] {
    try {
      for (std::size_t i = next++; i < source.batches; i = next++) {
        scores[i] = backend.run(source.tensors(i));
        source.to_units(i, scores[i]);
      }
    } catch (...) {
      const std::lock_guard<std::mutex> lock(mutex);
      failure = std::current_exception();
      next = source.batches;  // the others stop
    }
  };
  std::vector<std::thread> workers;
  for (std::size_t i = 0; i < threads; ++i) workers.emplace_back(work);
  for (auto& worker : workers) worker.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Options options = parse(argc, argv);
    const e2e_tf::Bundle bundle(options.bundle);
    const auto source = open_source(options, bundle);
    const auto backend = open(options, bundle);
    std::vector<std::vector<float>> scores;
    long settled = 0;
    const auto start = std::chrono::steady_clock::now();
    for (std::size_t pass = 0; pass < options.repeat; ++pass) {
      score(source, *backend, options.threads, scores);
      if (pass == options.repeat / 4) settled = resident_kib();
    }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::size_t values = 0;
    for (const auto& batch : scores) values += batch.size();
    if (source.jets > 0 && values % source.jets != 0)
      throw e2e_tf::Error("the model gives another number of scores than there are jets");
    if (!options.scores.empty()) {
      std::ofstream file(options.scores, std::ios::binary);
      for (const auto& batch : scores)
        file.write(reinterpret_cast<const char*>(batch.data()),
                   static_cast<std::streamsize>(batch.size() * sizeof(float)));
      if (!file.flush()) throw e2e_tf::Error("cannot write " + options.scores);
    }
    nlohmann::json report = {{"backend", options.backend},
                             {"version", backend->version()},
                             {"batches", source.batches * options.repeat},
                             {"scores", values * options.repeat},
                             {"threads", options.threads},
                             {"resident_kib", resident_kib()},
                             {"growth_kib", resident_kib() - settled}};
    if (source.jets > 0) {
      const auto total = source.jets * options.repeat;
      report["jets"] = total;
      report["outputs"] = values / source.jets;
      report["jets_per_second"] = static_cast<double>(total) / seconds.count();
    }
    std::cout << report.dump() << "\n";
  } catch (const std::exception& error) {
    std::cerr << "e2e_tf_run: error: " << error.what() << "\n";
    return 2;
  }
  return 0;
}
