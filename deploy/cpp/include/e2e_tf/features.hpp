// Raw quantities of the nodes of one jet, from candidates or from hits, as Python derives them.
#ifndef E2E_TF_FEATURES_HPP
#define E2E_TF_FEATURES_HPP

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "e2e_tf/delaunay.hpp"
#include "e2e_tf/error.hpp"
#include "e2e_tf/jets.hpp"

namespace e2e_tf {

constexpr int crystals = 125, tower = 5, towers = 25;  // on a side of the window, of a tower, towers of the window
constexpr double pi = 3.141592653589793;
constexpr double pitch = 2 * pi / 360;  // side of a crystal [rad]

struct Nodes {
  int count = 0;
  Columns quantities;        // by raw name, count values each
  Lattice lattice;           // row and column of hits
  std::vector<float> weight;  // what the leading nodes are chosen by
};

// a - b wrapped to [-pi, pi).
inline double delta_phi(double a, double b) {
  double value = std::fmod(a - b + pi, 2 * pi);
  if (value < 0) value += 2 * pi;
  return value - pi;
}

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
  Columns& q = out.quantities;
  for (const auto& [name, values] : raw)
    if (name != "pdg_id") q[name] = values;
  const auto size = static_cast<std::size_t>(out.count);
  if (raw.count("pt") && jets.columns.count("pt")) {
    const float pt = std::max(detail::jet_value(jets, "pt", jet), 1e-6f);
    auto& fraction = q["pt_fraction"];  // there even if the jet is empty
    fraction.clear();                   // what is derived replaces a column of that name, as in Python
    for (const float value : raw["pt"]) fraction.push_back(value / pt);
  }
  if (raw.count("deta") && raw.count("dphi")) {
    auto& distance = q["delta_r"];
    distance.clear();
    for (std::size_t i = 0; i < size; ++i) distance.push_back(std::hypot(raw["deta"][i], raw["dphi"][i]));
  }
  if (raw.count("pdg_id")) {
    const std::pair<const char*, float> kinds[] = {{"is_charged_hadron", 211}, {"is_neutral_hadron", 130},
                                                   {"is_photon", 22},          {"is_electron", 11},
                                                   {"is_muon", 13}};
    for (const auto& [name, code] : kinds) {
      if (raw.count(name)) continue;  // whoever knows kaons and protons has said it better
      auto& is_kind = q[name];
      for (const float id : raw["pdg_id"]) is_kind.push_back(std::fabs(id) == code ? 1.f : 0.f);
    }
  }
  for (const std::string name : {"d0", "dz"})
    if (raw.count(name + "_error") && raw.count(name)) {
      q.erase(name + "_error");
      auto& significance = q[name + "_significance"];
      significance.clear();
      for (std::size_t i = 0; i < size; ++i) {
        const float error = raw[name + "_error"][i];
        significance.push_back(error > 0 ? raw[name][i] / error : 0.f);
      }
    }
  if (q.count("pt")) out.weight = q["pt"];
  else if (q.count("ptrel")) out.weight = q["ptrel"];
  return out;
}

// One node per crystal with a signal; a tower's energy lies at its middle crystal. Outside the window all is zero.
inline Nodes hit_nodes(const Jets& jets, std::size_t jet) {
  const char* channels[] = {"track", "ecal", "hcal"};
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
      nodes.push_back(c < 2 ? index : (index / towers * tower + tower / 2) * crystals + index % towers * tower + tower / 2);
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
  const char* energies[] = {"track_pt", "ecal_energy", "hcal_energy"};
  for (const char* name : {"deta", "dphi"}) q[name];
  for (int c = 0; c < 3; ++c) {
    q[energies[c]];
    for (const char* name : {"_laplacian", "_hessian_ee", "_hessian_pp", "_hessian_ep"}) q[channels[c] + std::string(name)];
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
      const auto at = [&](int dr, int dc) { return here ? pixel(c, r + dr, k + dc) : 0.0; };
      const double centre = at(0, 0), up = at(-1, 0), down = at(1, 0), left = at(0, -1), right = at(0, 1);
      const std::string channel = channels[c];
      q[energies[c]].push_back(static_cast<float>(centre));
      q[channel + "_laplacian"].push_back(static_cast<float>(up + down + left + right - 4.0 * centre));
      q[channel + "_hessian_ee"].push_back(static_cast<float>(up + down - 2.0 * centre));
      q[channel + "_hessian_pp"].push_back(static_cast<float>(left + right - 2.0 * centre));
      q[channel + "_hessian_ep"].push_back(static_cast<float>(0.25 * (at(1, 1) + at(-1, -1) - at(1, -1) - at(-1, 1))));
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
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    const float x = nodes.weight[a], y = nodes.weight[b];
    return std::isnan(y) ? !std::isnan(x) : x > y;  // NaN comes last
  });
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
  nodes.count = static_cast<int>(limit);
}

}  // namespace e2e_tf

#endif
