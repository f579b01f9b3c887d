// e2e_tf_run --backend onnx|tf|savedmodel [options] HANDOFF CANDIDATES.bin: scores of raw jets.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <fstream>
#include <iostream>
#include <mutex>
#include <sstream>
#include <thread>

#include <nlohmann/json.hpp>

#include "backend.hpp"

namespace {

constexpr const char* usage =
    "usage: e2e_tf_run --backend onnx|tf|savedmodel [--threads 8] [--batch 16] [--repeat 1] [--scores OUT.bin] "
    "HANDOFF CANDIDATES.bin";

struct Options {
  std::string backend, handoff, candidates, scores;
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
    else if (name == "--threads") out.threads = positive(name, value);
    else if (name == "--batch") out.batch = positive(name, value);
    else if (name == "--repeat") out.repeat = positive(name, value);
    else throw e2e_tf::Error("unknown option " + name + "; " + usage);
  }
  if (files.size() != 2 || out.backend.empty()) throw e2e_tf::Error(usage);
  out.handoff = files[0];
  out.candidates = files[1];
  return out;
}

std::unique_ptr<e2e_tf::Backend> open(const Options& options) {
  const char* keys[][2] = {{"onnx", "onnx"}, {"tf", "frozen_graph"}, {"savedmodel", "saved_model"}};
  std::string key;
  for (const auto& entry : keys)
    if (options.backend == entry[0]) key = entry[1];
  if (key.empty()) throw e2e_tf::Error("the backend must be onnx, tf or savedmodel, not '" + options.backend + "'");
  std::ifstream file(options.handoff + "/manifest.json");
  if (!file) throw e2e_tf::Error(options.handoff + " is not a hand-off: it has no manifest.json");
  const auto manifest = nlohmann::json::parse(file);
  const auto& formats = manifest.at("formats");
  if (!formats.contains(key)) throw e2e_tf::Error("the hand-off holds no " + key);
  const auto& info = formats.at(key);
  e2e_tf::ModelFile model;
  model.path = options.handoff + "/" + info.at(info.contains("file") ? "file" : "folder").get<std::string>();
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

long resident_kib() {
  std::ifstream file("/proc/self/statm");
  long pages = 0, resident = 0;
  file >> pages >> resident;
  return resident * 4;
}

void score(const e2e_tf::Builder& builder, const e2e_tf::Backend& backend, const e2e_tf::Jets& jets, const Options& options,
           std::vector<float>& scores, std::size_t& width) {
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::exception_ptr failure;
  const auto work = [&] {
    try {
      for (;;) {
        const std::size_t first = options.batch * next++;
        if (first >= jets.count) return;
        const std::size_t last = std::min<std::size_t>(first + options.batch, jets.count);
        const auto found = backend.run(builder(jets, first, last));
        const std::size_t outputs = found.size() / (last - first);
        {
          const std::lock_guard<std::mutex> lock(mutex);
          if (scores.empty()) {
            width = outputs;
            scores.resize(jets.count * width);
          }
          if (outputs * (last - first) != found.size() || outputs != width)
            throw e2e_tf::Error("the model gives another number of scores than there are jets");
        }
        std::copy(found.begin(), found.end(), scores.begin() + static_cast<std::ptrdiff_t>(first * width));
      }
    } catch (...) {
      const std::lock_guard<std::mutex> lock(mutex);
      failure = std::current_exception();
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < options.threads; ++i) threads.emplace_back(work);
  for (auto& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Options options = parse(argc, argv);
    const auto builder = e2e_tf::Builder::from_file(options.handoff + "/preprocess.json");
    const auto jets = e2e_tf::read_jets(options.candidates);
    const auto backend = open(options);
    std::vector<float> scores;
    std::size_t width = 1;
    long settled = 0;
    const auto start = std::chrono::steady_clock::now();
    for (std::size_t pass = 0; pass < options.repeat; ++pass) {
      score(builder, *backend, jets, options, scores, width);
      if (pass == options.repeat / 4) settled = resident_kib();
    }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    if (!options.scores.empty()) {
      std::ofstream file(options.scores, std::ios::binary);
      file.write(reinterpret_cast<const char*>(scores.data()), static_cast<std::streamsize>(scores.size() * sizeof(float)));
      if (!file.flush()) throw e2e_tf::Error("cannot write " + options.scores);
    }
    const double total = static_cast<double>(jets.count) * static_cast<double>(options.repeat);
    nlohmann::json report = {{"backend", options.backend},
                             {"jets", static_cast<std::size_t>(total)},
                             {"outputs", width},
                             {"threads", options.threads},
                             {"jets_per_second", total / seconds.count()},
                             {"resident_kib", resident_kib()},
                             {"growth_kib", resident_kib() - settled}};
    std::cout << report.dump() << "\n";
  } catch (const std::exception& error) {
    std::cerr << "e2e_tf_run: error: " << error.what() << "\n";
    return 2;
  }
  return 0;
}
