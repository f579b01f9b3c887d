// Edges between the nodes of one jet by the rules of preprocess.json, the same as Python finds.
#ifndef E2E_TF_GRAPH_HPP
#define E2E_TF_GRAPH_HPP

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "e2e_tf/angles.hpp"
#include "e2e_tf/delaunay.hpp"
#include "e2e_tf/error.hpp"
#include "e2e_tf/kinds.hpp"
#include "e2e_tf/preprocess.hpp"

namespace e2e_tf {

constexpr double delaunay_resolution = 1.0 / 8192;  // rad

// Points of one jet: coordinates by dimension, and the length at which each wraps (0: it does not).
struct Points {
  std::vector<std::vector<float>> columns;
  std::vector<double> periods;

  int size() const { return columns.empty() ? 0 : static_cast<int>(columns[0].size()); }
};

namespace detail {

inline double difference(double a, double b, double period) {
  double d = std::fabs(a - b);
  if (period > 0 && d > 0.5 * period) {
    d = std::fmod(d, period);
    if (d > 0.5 * period) d = period - d;
  }
  return d;
}

// Squared distances of all nodes from node i, summed in the order of the dimensions.
E2E_TF_EXACT inline void squared_distances(const Points& points, int i, std::vector<double>& out) {
  E2E_TF_EXACT_BODY
  out.assign(points.size(), 0.0);
  for (std::size_t d = 0; d < points.columns.size(); ++d) {
    const auto& column = points.columns[d];
    for (std::size_t j = 0; j < column.size(); ++j) {
      const double step = difference(column[j], column[i], points.periods[d]);
      const double square = step * step;
      out[j] = d == 0 ? square : out[j] + square;
    }
  }
}

inline void check_finite(const Points& points) {
  for (const auto& column : points.columns)
    for (const float value : column)
      if (!std::isfinite(value)) throw Error("coordinates of nodes must be finite to build a graph");
}

inline void knn(const Points& points, int k, EdgeList& out) {
  const int n = points.size();
  const int kept = std::min(k, n - 1);
  std::vector<double> distance;
  std::vector<int> order;
  for (int i = 0; i < n && kept > 0; ++i) {
    squared_distances(points, i, distance);
    order.clear();
    for (int j = 0; j < n; ++j)
      if (j != i) order.push_back(j);
    std::partial_sort(order.begin(), order.begin() + kept, order.end(),
                      [&](int a, int b) { return distance[a] < distance[b] || (distance[a] == distance[b] && a < b); });
    for (int a = 0; a < kept; ++a) out.emplace_back(i, order[a]);
  }
}

inline void radius(const Points& points, double r, EdgeList& out) {
  const double squared = r * r;
  std::vector<double> distance;
  for (int i = 0; i < points.size(); ++i) {
    squared_distances(points, i, distance);
    for (int j = 0; j < points.size(); ++j)
      if (j != i && distance[j] <= squared) out.emplace_back(i, j);
  }
}

// Pairs within a radius of which one node is of the one kinds and one of the others.
inline void between(const Rule& rule, const Points& points, const std::vector<int>& kind, EdgeList& out) {
  if (kind.size() != static_cast<std::size_t>(points.size()))
    throw Error(rule.name + " needs the kind of each node; only detector objects have one");
  const auto hyphen = rule.name.find('-');
  const auto first = kinds_of(rule.name.substr(0, hyphen)), second = kinds_of(rule.name.substr(hyphen + 1));
  EdgeList near;
  radius(points, rule.number, near);
  for (const auto& [i, j] : near)
    if ((first[kind[i]] && second[kind[j]]) || (first[kind[j]] && second[kind[i]])) out.emplace_back(i, j);
}

// Coordinates on a circle laid out on a line: the circle is cut at the widest gap between the points.
inline std::vector<double> unwrap(const std::vector<float>& values, double period) {
  std::vector<double> out(values.begin(), values.end());
  if (out.empty() || period <= 0) return out;
  for (double& value : out)
    if (value < -0.5 * period || value >= 0.5 * period) value -= period * std::floor(value / period + 0.5);
  auto ordered = out;
  std::sort(ordered.begin(), ordered.end());
  double widest = ordered.front() + period - ordered.back(), cut = ordered.front();
  for (std::size_t i = 1; i < ordered.size(); ++i)
    if (ordered[i] - ordered[i - 1] > widest) widest = ordered[i] - ordered[i - 1], cut = ordered[i];
  for (double& value : out)
    if (value < cut) value += period;
  return out;
}

// Points on a lattice, on a coarser one where they would span more than a triangulation may: a soft track may curl to
// the far side of the detector.
inline Lattice to_lattice(const Points& points) {
  if (points.columns.size() != 2) throw Error("Delaunay graphs are planar: the graph needs two coordinates");
  Lattice out(points.size());
  const std::vector<double> lines[2] = {unwrap(points.columns[0], points.periods[0]),
                                        unwrap(points.columns[1], points.periods[1])};
  std::int64_t span = delaunay_span + 1;
  for (double pitch = delaunay_resolution; span > delaunay_span; pitch *= 2) {
    span = 0;
    for (int d = 0; d < 2; ++d) {
      std::int64_t low = 0, high = 0;
      for (std::size_t i = 0; i < lines[d].size(); ++i) {
        const double scaled = std::floor(lines[d][i] / pitch + 0.5);
        if (std::fabs(scaled) > 9007199254740992.0) throw Error("coordinates are too large to be triangulated");
        out[i][d] = static_cast<std::int64_t>(scaled);
        low = i == 0 ? out[i][d] : std::min(low, out[i][d]);
        high = i == 0 ? out[i][d] : std::max(high, out[i][d]);
      }
      span = std::max(span, high - low);
    }
  }
  return out;
}

}  // namespace detail

// Edges without loops, (receiver, sender), sorted. `lattice` holds row and column where nodes are crystals (else
// null); neighbours are then counted on it, and angles only serve a radius. `kind` is that of each detector object.
inline EdgeList build_edges(const Preprocess& preprocess, const Points& angles, const Lattice* lattice,
                            const std::vector<int>& kind = {}) {
  EdgeList out;
  const bool on_lattice = lattice != nullptr && preprocess.on_lattice();
  Points rows;
  if (on_lattice) {
    rows.columns.resize(2);
    rows.periods = {0, 0};
    for (const auto& cell : *lattice)
      for (int d = 0; d < 2; ++d) rows.columns[d].push_back(static_cast<float>(cell[d]));
  }
  const int n = lattice != nullptr ? static_cast<int>(lattice->size()) : angles.size();
  for (const auto& rule : preprocess.rules) {
    const auto before = static_cast<std::ptrdiff_t>(out.size());
    if (rule.name == "knn" || rule.name == "radius" || rule.name == "delaunay") {
      const Points& points = on_lattice && rule.name != "radius" ? rows : angles;
      detail::check_finite(points);
      if (rule.name == "knn") detail::knn(points, static_cast<int>(std::min(rule.number, 1e8)), out);
      else if (rule.name == "radius") detail::radius(points, rule.number, out);
      else {
        const auto found = delaunay(on_lattice ? *lattice : detail::to_lattice(points));
        out.insert(out.end(), found.begin(), found.end());
      }
    } else if (rule.between()) {
      detail::check_finite(angles);
      detail::between(rule, angles, kind, out);
    } else if (rule.name == "full") {
      for (int i = 0; i < n; ++i)
        for (int j = 0; j < n; ++j)
          if (i != j) out.emplace_back(i, j);
    } else {
      if (lattice == nullptr) throw Error("the graph grid8 links neighbouring pixels; candidates are not on a grid");
      for (int i = 0; i < n; ++i)
        for (int j = 0; j < n; ++j)
          if (i != j && std::abs((*lattice)[i][0] - (*lattice)[j][0]) <= 1 &&
              std::abs((*lattice)[i][1] - (*lattice)[j][1]) <= 1)
            out.emplace_back(i, j);
    }
    std::sort(out.begin() + before, out.end());
    std::inplace_merge(out.begin(), out.begin() + before, out.end());
  }
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

}  // namespace e2e_tf

#endif
