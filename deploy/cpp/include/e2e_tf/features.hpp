// Raw quantities of the nodes of one jet, from candidates or from hits (detector.hpp: from detector objects): the
// formulas of e2e_tf/data/features.py, in tables of the same names. Tests compare both tables, and the values on random and on the shipped jets.
#ifndef E2E_TF_FEATURES_HPP
#define E2E_TF_FEATURES_HPP

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "e2e_tf/angles.hpp"
#include "e2e_tf/delaunay.hpp"
#include "e2e_tf/error.hpp"
#include "e2e_tf/jets.hpp"

namespace e2e_tf {

constexpr int crystals = 125, tower = 5, towers = 25;  // on a side of the window, of a tower, towers of the window
constexpr double pitch = two_pi / 360;                 // side of a crystal [rad]

struct Nodes {
  int count = 0;
  Columns quantities;         // by raw name, count values each
  Lattice lattice;            // row and column of hits
  std::vector<float> weight;  // what the leading nodes are chosen by
  std::vector<int> kind;      // of detector objects, an index of kinds
};

// A quantity of candidates that follows from their columns, and from those of their jet.
struct Quantity {
  std::string name;
  std::vector<std::string> sources, jet_sources;
  float (*formula)(const float* candidate, const float* jet);  // of the sources in their order
  bool keeps;                        // a column of this name is kept; otherwise the formula replaces it
  std::vector<std::string> uses_up;  // sources that are no inputs themselves
};

namespace detail {

template <int Code>
float is_kind(const float* of, const float*) {
  return std::fabs(of[0]) == Code ? 1.f : 0.f;
}

inline float significance(const float* of, const float*) { return of[1] > 0 ? of[0] / of[1] : 0.f; }

inline float fraction_of_jet(const float* of, const float* jet) { return of[0] / std::max(jet[0], 1e-6f); }

inline float distance(const float* of, const float*) { return std::hypot(of[0], of[1]); }

// Orders by falling and by rising value; NaN comes last in both.
inline bool heavier(float a, float b) { return std::isnan(b) ? !std::isnan(a) : a > b; }
inline bool lighter(float a, float b) { return std::isnan(b) ? !std::isnan(a) : a < b; }

}  // namespace detail

inline const std::vector<Quantity>& candidate_quantities() {
  static const std::vector<Quantity> table = {
      {"pt_fraction", {"pt"}, {"pt"}, detail::fraction_of_jet, false, {}},
      {"delta_r", {"deta", "dphi"}, {}, detail::distance, false, {}},
      {"is_charged_hadron", {"pdg_id"}, {}, detail::is_kind<211>, true, {"pdg_id"}},
      {"is_neutral_hadron", {"pdg_id"}, {}, detail::is_kind<130>, true, {"pdg_id"}},
      {"is_photon", {"pdg_id"}, {}, detail::is_kind<22>, true, {"pdg_id"}},
      {"is_electron", {"pdg_id"}, {}, detail::is_kind<11>, true, {"pdg_id"}},
      {"is_muon", {"pdg_id"}, {}, detail::is_kind<13>, true, {"pdg_id"}},
      {"d0_significance", {"d0", "d0_error"}, {}, detail::significance, false, {"d0_error"}},
      {"dz_significance", {"dz", "dz_error"}, {}, detail::significance, false, {"dz_error"}},
  };
  return table;
}

// The image of a channel around a node: at(0, 0) is its own pixel, at(row, column) one beside it, 0 outside.
struct Patch {
  double values[3][3];
  double at(int row, int column) const { return values[row + 1][column + 1]; }
};

struct Derivative {
  const char* name;
  double (*formula)(const Patch&);
};

constexpr Derivative derivatives[] = {
    {"laplacian",
     [](const Patch& p) { return p.at(-1, 0) + p.at(1, 0) + p.at(0, -1) + p.at(0, 1) - 4.0 * p.at(0, 0); }},
    {"hessian_ee", [](const Patch& p) { return p.at(-1, 0) + p.at(1, 0) - 2.0 * p.at(0, 0); }},
    {"hessian_pp", [](const Patch& p) { return p.at(0, -1) + p.at(0, 1) - 2.0 * p.at(0, 0); }},
    {"hessian_ep", [](const Patch& p) { return 0.25 * (p.at(1, 1) + p.at(-1, -1) - p.at(1, -1) - p.at(-1, 1)); }},
};

constexpr const char* channels[] = {"track", "ecal", "hcal"};
constexpr const char* energies[] = {"track_pt", "ecal_energy", "hcal_energy"};

namespace detail {

inline float jet_value(const Jets& jets, const std::string& name, std::size_t jet) {
  const auto found = jets.columns.find(name);
  if (found == jets.columns.end()) throw Error("jets lack the quantity " + name);
  return found->second[jet];
}

}  // namespace detail

inline Nodes candidate_nodes(const Jets& jets, std::size_t jet) {
  const auto found = jets.tables.find("candidates");
  if (found == jets.tables.end()) throw Error("graphs of candidates need candidates; these jets have none");
  const Table& table = found->second;
  const auto first = static_cast<std::ptrdiff_t>(table.offsets[jet]);
  const auto last = static_cast<std::ptrdiff_t>(table.offsets[jet + 1]);
  Nodes out;
  out.count = static_cast<int>(last - first);
  Columns raw;
  for (const auto& [name, values] : table.columns) raw[name].assign(values.begin() + first, values.begin() + last);
  for (auto& [name, values] : raw)
    if (wraps(name))
      for (float& value : values) value = wrapped_angle(value);
  Columns& q = out.quantities;
  q = raw;
  for (const auto& quantity : candidate_quantities()) {
    const auto known = [](const Columns& columns, const std::vector<std::string>& names) {
      return std::all_of(names.begin(), names.end(), [&](const auto& name) { return columns.count(name) > 0; });
    };
    if (!known(raw, quantity.sources) || !known(jets.columns, quantity.jet_sources)) continue;
    for (const auto& name : quantity.uses_up) q.erase(name);
    if (quantity.keeps && raw.count(quantity.name)) continue;
    std::vector<const float*> columns;
    for (const auto& name : quantity.sources) columns.push_back(raw[name].data());
    std::vector<float> of(columns.size()), of_jet;
    for (const auto& name : quantity.jet_sources) of_jet.push_back(detail::jet_value(jets, name, jet));
    auto& values = q[quantity.name];  // there even if the jet is empty
    values.clear();
    for (int i = 0; i < out.count; ++i) {
      for (std::size_t k = 0; k < of.size(); ++k) of[k] = columns[k][i];
      values.push_back(quantity.formula(of.data(), of_jet.data()));
    }
  }
  if (q.count("pt")) out.weight = q["pt"];
  else if (q.count("ptrel")) out.weight = q["ptrel"];
  return out;
}

// One node per crystal with a signal; a tower's energy lies at its middle crystal. Outside the window all is zero.
inline Nodes hit_nodes(const Jets& jets, std::size_t jet) {
  std::map<int, double> image[3];  // by cell, crystals for track and ecal, towers for hcal
  std::vector<int> nodes;
  for (int c = 0; c < 3; ++c) {
    const auto found = jets.tables.find(channels[c]);
    if (found == jets.tables.end()) throw Error(std::string("graphs of hits need the channel ") + channels[c]);
    const Table& table = found->second;
    if (!table.columns.count("cell") || !table.columns.count("value"))
      throw Error(std::string("hits of ") + channels[c] + " need the columns cell and value");
    const auto& cell = table.columns.at("cell");
    const auto& value = table.columns.at("value");
    const int side = c == 2 ? towers : crystals;
    for (auto row = table.offsets[jet]; row < table.offsets[jet + 1]; ++row) {
      if (!(cell[row] >= 0 && cell[row] < static_cast<float>(side * side)))
        throw Error(std::string("hits of ") + channels[c] + " lie outside the window");
      if (!(value[row] >= 0 && std::isfinite(value[row])))
        throw Error(std::string("hits of ") + channels[c] + " must be finite and not negative [GeV]");
      if (value[row] > 0) image[c][static_cast<int>(cell[row])] += value[row];
    }
    for (const auto& [index, sum] : image[c])
      nodes.push_back(c < 2 ? index
                            : (index / towers * tower + tower / 2) * crystals + index % towers * tower + tower / 2);
  }
  std::sort(nodes.begin(), nodes.end());
  nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());

  const auto pixel = [&](int c, int row, int column) -> double {
    const int side = c == 2 ? towers : crystals;
    if (row < 0 || column < 0 || row >= side || column >= side) return 0.0;
    const auto found = image[c].find(row * side + column);
    return found == image[c].end() ? 0.0 : static_cast<double>(static_cast<float>(found->second));
  };
  Nodes out;
  out.count = static_cast<int>(nodes.size());
  Columns& q = out.quantities;
  for (const char* name : {"deta", "dphi"}) q[name];
  for (int c = 0; c < 3; ++c) {
    q[energies[c]];
    for (const auto& derivative : derivatives) q[channels[c] + ("_" + std::string(derivative.name))];
  }
  for (const int node : nodes) {
    const int row = node / crystals, column = node % crystals;
    out.lattice.push_back({row, column});
    const double eta = (row + static_cast<double>(detail::jet_value(jets, "ieta", jet)) + 0.5) * pitch;
    const double phi = (column + static_cast<double>(detail::jet_value(jets, "iphi", jet)) + 0.5) * pitch;
    q["deta"].push_back(static_cast<float>(eta - detail::jet_value(jets, "eta", jet)));
    q["dphi"].push_back(static_cast<float>(delta_phi(delta_phi(phi, 0), detail::jet_value(jets, "phi", jet))));
    float weight = 0;
    for (int c = 0; c < 3; ++c) {
      const bool here = c < 2 || (row % tower == tower / 2 && column % tower == tower / 2);
      const int r = c < 2 ? row : row / tower, k = c < 2 ? column : column / tower;
      Patch patch;
      for (int dr = -1; dr <= 1; ++dr)
        for (int dc = -1; dc <= 1; ++dc) patch.values[dr + 1][dc + 1] = here ? pixel(c, r + dr, k + dc) : 0.0;
      const double centre = patch.at(0, 0);
      q[energies[c]].push_back(static_cast<float>(centre));
      for (const auto& derivative : derivatives)
        q[channels[c] + ("_" + std::string(derivative.name))].push_back(static_cast<float>(derivative.formula(patch)));
      weight = c == 0 ? static_cast<float>(centre) : weight + static_cast<float>(centre);
    }
    out.weight.push_back(weight);
  }
  return out;
}

// Keep the `limit` heaviest nodes, the earlier one of a tie, in their order.
inline void keep_leading(Nodes& nodes, unsigned limit) {
  if (limit == 0 || nodes.count <= static_cast<int>(limit)) return;
  if (nodes.weight.size() != static_cast<std::size_t>(nodes.count))
    throw Error("a limit on nodes needs candidates with a column pt to tell the leading ones");
  std::vector<int> order(nodes.count);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int a, int b) { return detail::heavier(nodes.weight[a], nodes.weight[b]); });
  order.resize(limit);
  std::sort(order.begin(), order.end());
  const auto take = [&](auto& values) {
    if (values.empty()) return;
    auto kept = values;
    kept.clear();
    for (const int i : order) kept.push_back(values[i]);
    values = kept;
  };
  for (auto& entry : nodes.quantities) take(entry.second);
  take(nodes.lattice);
  take(nodes.weight);
  take(nodes.kind);
  nodes.count = static_cast<int>(limit);
}

}  // namespace e2e_tf

#endif
