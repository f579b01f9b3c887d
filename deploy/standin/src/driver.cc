// Runs producers as the framework does, and the runtimes' interfaces directly.
//
//   driver describe                                   plugins, the labels and defaults of their configuration
//   driver events MODULE CONFIG EVENTS OUT STREAMS    events through one module in that many streams, a thread each
//     [FILTER CONFIG]                                 and through a filter behind it, which adds its decisions to OUT
//   driver onnx MODEL INPUTS                          one call of cms::Ort::ONNXRuntime::run
//   driver tf MODEL OUTPUT INPUTS                     one call of tensorflow::run
//
// The environment variable STANDIN_SERVICES holds the types of the services that the job has.
//
//   driver each FILE                                  a command in each line; what loading the runtimes takes is paid once
//
// With STANDIN_EVENTS_ONLY it has the first two only, and needs no runtime but that of its producers.
//
// All files are words between spaces. A command that throws has the status 3 and writes the text of the exception.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <sstream>
#include <thread>
#include <type_traits>

#include "DataFormats/Common/interface/ValueMap.h"
#include "DataFormats/Common/interface/View.h"
#include "DataFormats/ParticleFlowCandidate/interface/PFCandidate.h"
#include "DataFormats/PatCandidates/interface/Jet.h"
#include "DataFormats/PatCandidates/interface/PackedCandidate.h"
#include "DataFormats/PatCandidates/interface/Tau.h"
#include "DataFormats/VertexReco/interface/Vertex.h"
#include "FWCore/Framework/interface/MakerMacros.h"
#include "FWCore/ServiceRegistry/interface/ServiceRegistry.h"
#include "detector_event.h"
#include "sessions.h"
#ifndef STANDIN_EVENTS_ONLY
#include "PhysicsTools/ONNXRuntime/interface/ONNXRuntime.h"
#include "PhysicsTools/TensorFlow/interface/TensorFlow.h"
#endif

namespace {

using Strings = std::vector<std::string>;
using Sets = std::vector<edm::ParameterSet>;

template <typename T>
T word(std::istream& in) {
  if constexpr (std::is_floating_point_v<T>) {
    return static_cast<T>(std::stod(word<std::string>(in)));  // NaN and infinities too
  } else {
    T value{};
    if (!(in >> value)) throw cms::Exception("ReadError") << "a file is damaged";
    return value;
  }
}

// A word that may be empty, which is written as two quotes.
std::string text(std::istream& in) {
  const auto found = word<std::string>(in);
  return found == "\"\"" ? "" : found;
}

edm::ParameterSet read_parameters(std::istream& in) {
  edm::ParameterSet out;
  for (auto left = word<std::size_t>(in); left > 0; --left) {
    const auto type = word<std::string>(in), name = word<std::string>(in);
    auto& value = out.values[name];
    if (type == "InputTag") value = edm::InputTag(text(in));
    else if (type == "VInputTag") {
      std::vector<edm::InputTag> tags(word<std::size_t>(in));
      for (auto& tag : tags) tag = edm::InputTag(text(in));
      value = tags;
    }
    else if (type == "FileInPath") value = edm::FileInPath(word<std::string>(in));
    else if (type == "string") value = text(in);
    else if (type == "double") value = word<double>(in);
    else if (type == "vdouble") value = standin::read_numbers(in);
    else if (type == "uint32") value = word<unsigned>(in);
    else if (type == "vstring") {
      Strings entries(word<std::size_t>(in));
      for (auto& entry : entries) entry = text(in);
      value = entries;
    } else if (type == "VPSet") {
      Sets sets(word<std::size_t>(in));
      for (auto& set : sets) set = read_parameters(in);
      value = sets;
    } else {
      throw cms::Exception("ReadError") << "unknown type " << type;
    }
  }
  return out;
}

void write_parameters(const edm::ParameterSet& set) {
  for (const auto& [name, value] : set.values) {
    if (const auto* tag = std::any_cast<edm::InputTag>(&value)) std::cout << "InputTag " << name << " " << tag->encode();
    else if (const auto* file = std::any_cast<edm::FileInPath>(&value))
      std::cout << "FileInPath " << name << " " << file->relativePath();
    else if (const auto* text = std::any_cast<std::string>(&value)) std::cout << "string " << name << " " << *text;
    else if (const auto* real = std::any_cast<double>(&value)) std::cout << "double " << name << " " << *real;
    else if (const auto* tags = std::any_cast<std::vector<edm::InputTag>>(&value)) {
      std::cout << "VInputTag " << name;
      for (const auto& entry : *tags) std::cout << " " << entry.encode();
    } else if (const auto* numbers = std::any_cast<std::vector<double>>(&value)) {
      std::cout << "vdouble " << name;
      for (const auto entry : *numbers) std::cout << " " << entry;
    } else if (const auto* number = std::any_cast<unsigned>(&value)) std::cout << "uint32 " << name << " " << *number;
    else if (const auto* list = std::any_cast<Strings>(&value)) {
      std::cout << "vstring " << name;
      for (const auto& entry : *list) std::cout << " " << (entry.empty() ? "\"\"" : entry);
    } else if (std::any_cast<Sets>(&value) != nullptr) {
      std::cout << "VPSet " << name;
    } else {
      throw cms::Exception("LogicError") << "the parameter " << name << " has a type that is not known here";
    }
    std::cout << "\n";
  }
}

using View = edm::View<reco::Candidate>;

// Collections of one event by label, and what they hold, which lives as long.
struct Content {
  std::vector<std::unique_ptr<reco::Candidate>> owned;
  std::map<std::string, std::vector<const reco::Candidate*>> collections;
  double rho = 0;
  reco::VertexCollection vertices;
  std::optional<standin::DetectorEvent> detector;

  template <typename T, typename... Args>
  const T* make(Args&&... args) {
    auto object = std::make_unique<T>(std::forward<Args>(args)...);
    const T* out = object.get();
    owned.push_back(std::move(object));
    return out;
  }
};

reco::Candidate read_momentum(std::istream& in) {
  const auto pt = word<double>(in), eta = word<double>(in), phi = word<double>(in), mass = word<double>(in);
  return {pt, eta, phi, mass};
}

// A candidate, which is put into the collection of its event; null for one that jets do not hold.
const reco::Candidate* read_candidate(std::istream& in, const std::string& kind, Content& out) {
  const auto p4 = read_momentum(in);
  const auto charge = word<int>(in), pdg_id = word<int>(in);
  pat::PackedCandidate::Track track;
  track.details = word<int>(in) != 0;
  track.dxy = word<float>(in), track.dxyError = word<float>(in);
  track.dz = word<float>(in), track.dzError = word<float>(in);
  track.fromPV = word<int>(in);
  const auto puppi = word<float>(in);
  const bool lost = word<int>(in) != 0;
  if (kind == "bare") return out.make<reco::Candidate>(p4);
  if (kind == "reco") {
    std::optional<reco::Track> found;
    const auto z = track.dz + out.vertices.front().position().z();
    if (track.details) found = reco::Track(track.dxy, track.dxyError, z, track.dzError);
    return out.collections["particleFlow"].emplace_back(out.make<reco::PFCandidate>(p4, charge, pdg_id, found));
  }
  const auto* made = out.make<pat::PackedCandidate>(p4, charge, pdg_id, track, puppi);
  out.collections[lost ? "lostTracks" : "packedPFCandidates"].push_back(made);
  return lost ? nullptr : made;
}

// Kinds: jet, ak8, tau, reco (reco::PFCandidate), bare (candidates of no type that CMSSW has). A jet has the momentum
// of its last corrections, beside factors of its level L1FastJet and of the last one on the uncorrected momentum, 0 and
// 0 without any, and its candidates. Behind the jets of an event stand its other candidates, and behind those of the kind
// detector the products of RECO. Jets of this kind are particles that no jet's type has.
Content read_event(std::istream& in) {
  Content out;
  const auto kind = word<std::string>(in);
  out.rho = word<double>(in);
  out.vertices.emplace_back(1.5);
  for (const char* name : {"packedPFCandidates", "lostTracks", "particleFlow", "slimmedJets", "slimmedTaus", "jets"}) out.collections[name];
  for (auto left = word<std::size_t>(in); left > 0; --left) {
    const auto momentum = read_momentum(in);
    const auto first = word<double>(in), last = word<double>(in);
    pat::Jet::Levels levels;
    if (last > 0) levels = {{"Uncorrected", 1}, {"L1FastJet", first}, {"L3Absolute", last}};
    std::vector<const reco::Candidate*> found;
    for (auto candidates = word<std::size_t>(in); candidates > 0; --candidates)
      if (const auto* made = read_candidate(in, kind, out)) found.push_back(made);
    const auto middle = found.begin() + static_cast<std::ptrdiff_t>(found.size() / 2);
    auto daughters = found;
    if (kind == "ak8" && found.size() > 2) {
      const std::vector<const reco::Candidate*> within(found.begin(), middle);
      daughters = {out.make<pat::Jet>(momentum, within, pat::Jet::Levels())};
      daughters.insert(daughters.end(), middle, found.end());
    }
    if (kind == "detector") {
      out.collections["jets"].push_back(out.make<reco::Candidate>(momentum));
      continue;
    }
    const auto* jet = out.make<pat::Jet>(momentum, daughters, levels);
    out.collections["slimmedJets"].push_back(jet);
    if (kind == "tau") {  // softer than its jet, and beside its axis
      const reco::CandidatePtrVector signal(found.begin(), middle), isolation(middle, found.end());
      const reco::Candidate p4(0.8 * jet->pt(), jet->eta() + 0.01, jet->phi(), 1.2);
      const auto raw = jet->p4() * (last > 0 ? 1 / last : 1.);
      for (const char* name : {"jets", "slimmedTaus"})
        out.collections[name].push_back(out.make<pat::Tau>(p4, signal, isolation, raw));
    } else {
      out.collections["jets"].push_back(jet);
    }
  }
  for (auto left = word<std::size_t>(in); left > 0; --left) read_candidate(in, kind == "detector" ? "reco" : kind, out);
  if (kind == "detector") {
    out.detector = standin::read_detector(in, [](std::istream& words) { return word<std::string>(words); });
    out.vertices = out.detector->vertices;
  }
  return out;
}

void describe() {
  for (const auto& [name, plugin] : edm::standin::plugins()) {
    edm::ConfigurationDescriptions descriptions;
    plugin.describe(descriptions);
    for (const auto& [label, description] : descriptions.byLabel) {
      std::cout << (plugin.filter ? "filter " : "plugin ") << name << " " << label << "\n";
      write_parameters(description.defaults);
    }
  }
}

// "EVENT PRODUCT values" of every product that the module declared.
template <typename T>
void write_map(std::ostream& out, const edm::Event& event, std::size_t number, const std::string& instance,
               edm::ProductID jets) {
  const auto map = event.find<edm::ValueMap<T>>("tagger", instance);
  out << number << " " << instance;
  for (const auto value : map->of(jets)) out << " " << value;
  out << "\n";
}

void events(const Strings& arguments) {
  const auto found = edm::standin::plugins().find(arguments.at(0));
  if (found == edm::standin::plugins().end()) throw cms::Exception("PluginNotFound") << arguments[0];
  std::ifstream config(arguments.at(1)), file(arguments.at(2));
  edm::ConfigurationDescriptions descriptions;
  found->second.describe(descriptions);
  const auto parameters = descriptions.byLabel.begin()->second.validated(read_parameters(config));
  std::unique_ptr<edm::global::EDFilterBase> filter;
  if (arguments.size() > 5) {
    const auto& plugin = edm::standin::plugins().at(arguments[5]);
    std::ifstream more(arguments.at(6));
    edm::ConfigurationDescriptions known;
    plugin.describe(known);
    filter = plugin.filter(known.byLabel.begin()->second.validated(read_parameters(more)));
  }
  std::vector<Content> contents(word<std::size_t>(file));
  for (auto& content : contents) content = read_event(file);

  auto streams = found->second.make(parameters, std::stoul(arguments.at(4)));
  std::vector<edm::Event> stored(contents.size());
  std::vector<int> passed(contents.size(), 0);
  std::vector<std::size_t> processed(streams.modules.size(), 0);
  std::mutex mutex;
  std::exception_ptr failure;
  const auto work = [&](std::size_t stream) {
    try {
      for (auto i = stream; i < contents.size(); i += processed.size()) {
        auto& event = stored[i];
        for (const auto& [label, elements] : contents[i].collections)
          event.insert(label, "", std::make_shared<const View>(elements));
        event.insert("offlinePrimaryVertices", "", std::make_shared<const reco::VertexCollection>(contents[i].vertices));
        event.insert("fixedGridRhoFastjetAll", "", std::make_shared<const double>(contents[i].rho));
        edm::EventSetup setup;
        if (contents[i].detector) contents[i].detector->insert(event, setup);
        event.module = "tagger";
        event.declared = streams.modules[stream]->declared();
        streams.modules[stream]->produce(event, setup);
        if (filter) {
          event.module = "filter";
          event.declared = filter->declared();
          passed[i] = filter->run(event, setup) ? 1 : 0;
        }
        ++processed[stream];
      }
    } catch (...) {
      const std::lock_guard<std::mutex> lock(mutex);
      failure = std::current_exception();
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < streams.modules.size(); ++i) threads.emplace_back(work, i);
  for (auto& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
  std::ofstream out(arguments.at(3));
  out << std::setprecision(9);
  const auto source = parameters.getParameter<edm::InputTag>("src").label();
  for (std::size_t i = 0; i < stored.size(); ++i) {
    const auto jets = stored[i].find<View>(source, "").id();
    for (const auto& [instance, type] : streams.modules[0]->declared())
      if (type == typeid(edm::ValueMap<float>)) write_map<float>(out, stored[i], i, instance, jets);
      else write_map<int>(out, stored[i], i, instance, jets);
  }
  for (std::size_t i = 0; i < stored.size() && filter; ++i) {
    using Passing = edm::PtrVector<reco::Candidate>;
    out << i << " filter " << passed[i];
    for (const auto& jet : *stored[i].find<Passing>("filter", "")) out << " " << jet->pt();
    out << "\n";
  }
  streams.end();
  std::cout << "sessions " << standin::sessions() << " streams";
  for (const auto count : processed) std::cout << " " << count;
  std::cout << "\n";
}

#ifndef STANDIN_EVENTS_ONLY
struct Inputs {
  Strings names, types;
  cms::Ort::FloatArrays values;
  std::vector<std::vector<int64_t>> shapes;
};

// The number of tensors; of each name, type, rank, sizes, number of values and values.
Inputs read_inputs(const std::string& path) {
  std::ifstream file(path);
  Inputs out;
  for (auto left = word<std::size_t>(file); left > 0; --left) {
    out.names.push_back(word<std::string>(file));
    out.types.push_back(word<std::string>(file));
    out.shapes.emplace_back(word<std::size_t>(file));
    for (auto& size : out.shapes.back()) size = word<int64_t>(file);
    out.values.emplace_back(word<std::size_t>(file));
    for (auto& value : out.values.back()) value = word<float>(file);
  }
  return out;
}

void onnx(const Strings& arguments) {
  const cms::Ort::ONNXRuntime runtime(arguments.at(0));
  auto inputs = read_inputs(arguments.at(1));
  const auto batch = inputs.shapes.at(0).empty() ? 1 : inputs.shapes[0][0];
  const auto found = runtime.run(inputs.names, inputs.values, inputs.shapes, {}, batch);
  for (const auto value : found.at(0)) std::cout << value << " ";
}

void graph(const Strings& arguments) {
  const tensorflow::SessionCache cache(arguments.at(0));
  const auto inputs = read_inputs(arguments.at(2));
  tensorflow::NamedTensorList feeds;
  for (std::size_t i = 0; i < inputs.names.size(); ++i) {
    tensorflow::TensorShape shape;
    for (const auto size : inputs.shapes[i]) shape.AddDim(size);
    tensorflow::Tensor tensor(inputs.types[i] == "int64" ? tensorflow::DT_INT64 : tensorflow::DT_FLOAT, shape);
    if (tensor.dtype() == tensorflow::DT_FLOAT)
      std::copy(inputs.values[i].begin(), inputs.values[i].end(), tensor.flat<float>().data());
    feeds.emplace_back(inputs.names[i], tensor);
  }
  std::vector<tensorflow::Tensor> found;
  tensorflow::run(cache.getSession(), feeds, {arguments.at(1)}, &found);
  const auto flat = found.at(0).flat<float>();
  for (int64_t i = 0; i < flat.size(); ++i) std::cout << flat.data()[i] << " ";
}

#endif

int command(const Strings& words) {
  const Strings arguments(words.begin() + std::min<std::ptrdiff_t>(1, static_cast<std::ptrdiff_t>(words.size())), words.end());
  const std::string mode = words.empty() ? "" : words[0];
  try {
    if (mode == "events") events(arguments);
#ifndef STANDIN_EVENTS_ONLY
    else if (mode == "onnx") onnx(arguments);
    else if (mode == "tf") graph(arguments);
#endif
    else describe();
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "driver: " << error.what() << "\n";
    return 3;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const char* services = std::getenv("STANDIN_SERVICES");
  std::istringstream types(services == nullptr ? "" : services);
  const edm::ServiceToken token(std::set<std::string>(std::istream_iterator<std::string>(types), {}));
  const edm::ServiceRegistry::Operate operate(token);
  const Strings words(argv + 1, argv + argc);
  if (words.empty() || words[0] != "each") return command(words);
  std::ifstream file(words.at(1));
  for (std::string line; std::getline(file, line);) {
    std::istringstream in(line);
    const Strings parts{std::istream_iterator<std::string>(in), {}};
    const int status = command(parts);
    std::cerr << "status " << status << "\n";
  }
  return 0;
}
