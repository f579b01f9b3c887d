// preprocess.json of a bundle: inputs, transforms, normalisation and graph.
#ifndef E2E_TF_PREPROCESS_HPP
#define E2E_TF_PREPROCESS_HPP

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "e2e_tf/error.hpp"
#include "e2e_tf/kinds.hpp"
#include "e2e_tf/transforms.hpp"

namespace e2e_tf {

// One variable: clamp((transform(raw) - median) * norm_factor, lower, upper).
struct Variable {
  std::string name, raw;
  Function transform = transforms[0].apply;  // identity
  float median = 0, norm_factor = 1, replace = 0, lower = 0, upper = 0, pad = 0;

  float operator()(float raw_value) const {
    const float value = transform(raw_value);
    if (!(std::fabs(value) <= 1e32f)) return replace;  // NaN too
    return std::min(std::max((value - median) * norm_factor, lower), upper);
  }
};

// One input tensor of the convention.
struct Group {
  std::vector<Variable> variables;
  unsigned min_length = 0, max_length = 0;  // 0: no limit
};

struct Rule {
  std::string name;  // knn, radius, delaunay, full, grid8, or two kinds joined by a hyphen
  double number = 0;

  bool between() const { return name.find('-') != std::string::npos; }
};

struct Preprocess {
  std::string nodes;  // hits, candidates or detector
  std::vector<Rule> rules;
  std::vector<std::string> coordinates;  // empty: position in eta and phi
  unsigned max_nodes = 0;                // 0: no limit
  KindLimits of_kind;                    // of detector objects
  bool padded = false;
  Group points, features, globals;
  bool has_globals = false;

  bool on_lattice() const { return nodes == "hits" && coordinates.empty(); }

  // Columns of node_inputs.hpp are among the features.
  bool wants_node_inputs() const {
    return std::any_of(features.variables.begin(), features.variables.end(),
                       [](const Variable& variable) { return variable.raw.find('.') != std::string::npos; });
  }
};

namespace detail {

inline Group group(const nlohmann::json& json) {
  Group out;
  const auto& infos = json.at("var_infos");
  for (const auto& entry : json.at("var_names")) {
    const auto name = entry.get<std::string>();
    const auto& info = infos.at(name);
    Variable variable;
    variable.name = name;
    variable.raw = info.value("raw", name);
    variable.transform = transform(info.value("transform", std::string("identity")));
    variable.median = info.at("median").get<float>();
    variable.norm_factor = info.at("norm_factor").get<float>();
    variable.replace = info.at("replace_inf_value").get<float>();
    variable.lower = info.at("lower_bound").get<float>();
    variable.upper = info.at("upper_bound").get<float>();
    variable.pad = info.value("pad", 0.f);
    if (!(variable.lower <= variable.pad && variable.pad <= variable.upper))
      throw Error("the padding of " + name + " must lie between its bounds");
    out.variables.push_back(variable);
  }
  if (json.contains("var_length")) {
    out.min_length = out.max_length = json.at("var_length").get<unsigned>();
  } else {
    out.min_length = json.at("min_length").get<unsigned>();
    out.max_length = json.at("max_length").get<unsigned>();
    if (out.max_length > 0 && out.min_length > out.max_length) throw Error("min_length is above max_length");
  }
  return out;
}

inline std::vector<Rule> rules(const std::string& text) {
  std::vector<Rule> out;
  std::size_t start = 0;
  while (start <= text.size()) {
    const auto end = std::min(text.find('+', start), text.size());
    const std::string part = text.substr(start, end - start);
    const auto colon = part.find(':');
    Rule rule{part.substr(0, colon), 0};
    if (rule.between()) {
      const auto hyphen = rule.name.find('-');
      kinds_of(rule.name.substr(0, hyphen)), kinds_of(rule.name.substr(hyphen + 1));
    }
    const bool numbered = rule.name == "knn" || rule.name == "radius" || rule.between();
    if (!numbered && rule.name != "delaunay" && rule.name != "full" && rule.name != "grid8")
      throw Error("a graph must be made of knn:<k>, radius:<r>, delaunay, full, grid8 and <kind>-<kind>:<r>, not " + text);
    if (numbered != (colon != std::string::npos))
      throw Error("only knn, radius and rules between kinds take a number, in " + text);
    if (numbered) {
      try {
        rule.number = std::stod(part.substr(colon + 1));
      } catch (const std::exception&) {
        throw Error(rule.name + " needs a number, in " + text);
      }
      if (!(rule.number > 0 && rule.number < 1e9)) throw Error(rule.name + " needs a positive number, in " + text);
      if (rule.name == "knn" && rule.number != std::floor(rule.number)) throw Error("knn needs an integer, in " + text);
    }
    out.push_back(rule);
    start = end + 1;
  }
  return out;
}

// A number for all nodes, or of detector objects one for each kind that becomes nodes.
inline void limits(const nlohmann::json& json, Preprocess& out) {
  const auto number = [](const nlohmann::json& entry) {
    if (!entry.is_number_integer() || entry.get<std::int64_t>() < 0 || entry.get<std::int64_t>() > 1 << 30)
      throw Error("max_nodes must be integers of at least 0 (0 keeps all)");
    return static_cast<unsigned>(entry.get<std::int64_t>());
  };
  if (!json.is_object()) {
    out.max_nodes = number(json);
    return;
  }
  if (out.nodes != "detector") throw Error("only detector objects have a number of nodes for each kind");
  std::size_t used = 0;
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    const auto found = json.find(kinds[k]);
    out.of_kind[k] = {found != json.end(), found == json.end() ? 0 : number(*found)};
    used += out.of_kind[k].wanted;
  }
  if (used == 0 || used != json.size()) throw Error("max_nodes takes the kinds track, ecal, hcal, pixel");
}

}  // namespace detail

inline Preprocess parse_preprocess(const std::string& text) {
  try {
    const auto json = nlohmann::json::parse(text);
    Preprocess out;
    const auto& graph = json.at("graph");
    out.nodes = graph.at("nodes").get<std::string>();
    if (out.nodes != "hits" && out.nodes != "candidates" && out.nodes != "detector")
      throw Error("nodes must be hits, candidates or detector, not " + out.nodes);
    out.rules = detail::rules(graph.at("edges").get<std::string>());
    out.coordinates = graph.at("coordinates").get<std::vector<std::string>>();
    detail::limits(graph.at("max_nodes"), out);
    for (const auto& rule : out.rules)
      if (rule.between() && out.nodes != "detector")
        throw Error("the rule " + rule.name + " links kinds of detector objects; nodes are " + out.nodes);
    out.padded = json.contains("features");
    out.features = detail::group(json.at(out.padded ? "features" : "x"));
    if (out.padded) {
      out.points = detail::group(json.at("points"));
      if (out.features.max_length == 0) throw Error("max_length of the features must be positive");
    }
    out.has_globals = json.contains("u");
    if (out.has_globals) out.globals = detail::group(json.at("u"));
    return out;
  } catch (const nlohmann::json::exception& error) {
    throw Error(std::string("not a preprocess.json of e2e-tf: ") + error.what());
  }
}

inline Preprocess read_preprocess(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw Error("there is no " + path);
  return parse_preprocess({std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()});
}

}  // namespace e2e_tf

#endif
