// The Delaunay graph of integer points, unique and exact: the union of all Delaunay triangulations.
//
// Two nodes are linked where some circle through both has no node strictly inside. Nodes on one empty circle are
// all linked to each other, nodes on one line to the next on either side, nodes at one place to each other and to
// the same neighbours. Points are inserted from left to right and edges flipped until every circle is empty; all
// predicates fit int64 while a graph spans at most 2^15 lattice points.
#ifndef E2E_TF_DELAUNAY_HPP
#define E2E_TF_DELAUNAY_HPP

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "e2e_tf/error.hpp"

namespace e2e_tf {

using Lattice = std::vector<std::array<std::int64_t, 2>>;
using EdgeList = std::vector<std::pair<int, int>>;  // (receiver, sender), so that it sorts as the tensors do

constexpr std::int64_t delaunay_span = 1 << 15;

namespace detail {

// Triangles as half-edges: e runs from corner[e] to corner[next(e)], twin[e] is its other side or -1 on the hull.
class Triangulation {
public:
  explicit Triangulation(const Lattice& points) : p_(points) { run(); }

  std::vector<int> corner, twin;

  static int next(int e) { return e % 3 == 2 ? e - 2 : e + 1; }

  // Positive where d is inside the circle through the counter-clockwise a, b, c; zero on it.
  std::int64_t in_circle(int a, int b, int c, int d) const {
    const auto ax = p_[a][0] - p_[d][0], ay = p_[a][1] - p_[d][1];
    const auto bx = p_[b][0] - p_[d][0], by = p_[b][1] - p_[d][1];
    const auto cx = p_[c][0] - p_[d][0], cy = p_[c][1] - p_[d][1];
    return (ax * by - bx * ay) * (cx * cx + cy * cy) + (bx * cy - cx * by) * (ax * ax + ay * ay) +
           (cx * ay - ax * cy) * (bx * bx + by * by);
  }

private:
  // Positive where a, b, c turn left.
  std::int64_t turn(int a, int b, int c) const {
    return (p_[b][0] - p_[a][0]) * (p_[c][1] - p_[a][1]) - (p_[b][1] - p_[a][1]) * (p_[c][0] - p_[a][0]);
  }

  void link(int a, int b) {
    twin[a] = b;
    if (b >= 0) twin[b] = a;
  }

  int add(int a, int b, int c) {
    const int e = static_cast<int>(corner.size());
    corner.insert(corner.end(), {a, b, c});
    twin.insert(twin.end(), {-1, -1, -1});
    return e;
  }

  void run() {
    const int n = static_cast<int>(p_.size());
    int m = 2;
    while (m < n && turn(0, 1, m) == 0) ++m;
    if (m >= n) return;  // all on one line
    std::vector<int> after(n), before(n), rim(n);
    const bool left = turn(0, 1, m) > 0;
    for (int i = 0; i + 1 < m; ++i) {
      const int e = left ? add(i, i + 1, m) : add(i + 1, i, m);
      if (i > 0) link(left ? e + 2 : e + 1, left ? e - 2 : e - 1);
    }
    const int edges = static_cast<int>(corner.size());
    for (int i = 0; i + 1 < m; ++i) {
      const int from = left ? i : i + 1, to = left ? i + 1 : i;
      after[from] = to, before[to] = from, rim[from] = 3 * i;
    }
    if (left) {
      after[m - 1] = m, before[m] = m - 1, rim[m - 1] = edges - 2;
      after[m] = 0, before[0] = m, rim[m] = 2;
    } else {
      after[0] = m, before[m] = 0, rim[0] = 1;
      after[m] = m - 1, before[m - 1] = m, rim[m] = edges - 1;
    }
    std::vector<int> stack;
    for (int p = m + 1; p < n; ++p) {
      // The point before p is the rightmost corner of the hull, so p sees at least one of its two edges.
      int start = p - 1, stop = p - 1, last = -1;
      while (turn(before[start], start, p) < 0) start = before[start];
      while (turn(stop, after[stop], p) < 0) stop = after[stop];
      for (int v = start; v != stop;) {
        const int w = after[v];
        const int e = add(w, v, p);
        link(e, rim[v]);
        if (last < 0) rim[start] = e + 1;
        else link(e + 1, last);
        last = e + 2;
        stack.push_back(e);
        v = w;
      }
      rim[p] = last;
      after[start] = p, before[p] = start, after[p] = stop, before[stop] = p;
      flip(p, rim, stack);
    }
  }

  // Every half-edge on the stack has p as the corner opposite to it.
  void flip(int p, std::vector<int>& rim, std::vector<int>& stack) {
    while (!stack.empty()) {
      const int a = stack.back();
      stack.pop_back();
      const int b = twin[a];
      if (b < 0) continue;
      const int a_next = next(a), a_last = next(a_next), b_next = next(b), b_last = next(b_next);
      const int far = corner[b_last];
      if (in_circle(corner[a], corner[a_next], p, far) <= 0) continue;
      const int outer_b = twin[b_last], outer_a = twin[a_last];
      corner[a] = far;
      corner[b] = p;
      link(a, outer_b);
      link(b, outer_a);
      link(a_last, b_last);
      if (outer_b < 0) rim[far] = a;
      if (outer_a < 0) rim[p] = b;
      stack.push_back(a);
      stack.push_back(b_next);
    }
  }

  const Lattice& p_;
};

}  // namespace detail

// Both directions of every edge between nodes 0 to n - 1, sorted by receiver, then sender.
inline EdgeList delaunay(const Lattice& points) {
  const int n = static_cast<int>(points.size());
  EdgeList out;
  if (n < 2) return out;
  std::array<std::int64_t, 2> low = points[0], high = points[0];
  for (const auto& point : points)
    for (int d = 0; d < 2; ++d) low[d] = std::min(low[d], point[d]), high[d] = std::max(high[d], point[d]);
  if (high[0] - low[0] > delaunay_span || high[1] - low[1] > delaunay_span)
    throw Error("a graph must span at most 32768 lattice points in each dimension to be triangulated");

  std::vector<int> order(n);
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int a, int b) { return std::tie(points[a], a) < std::tie(points[b], b); });
  Lattice places;                         // distinct points in lexicographic order
  std::vector<std::vector<int>> members;  // nodes at each place
  for (const int i : order) {
    const std::array<std::int64_t, 2> point{points[i][0] - low[0], points[i][1] - low[1]};
    if (places.empty() || places.back() != point) {
      places.push_back(point);
      members.emplace_back();
    }
    members.back().push_back(i);
  }

  std::vector<std::pair<int, int>> pairs;  // places that are linked, each pair at least once
  const detail::Triangulation mesh(places);
  const int edges = static_cast<int>(mesh.corner.size());
  if (edges == 0)
    for (int u = 0; u + 1 < static_cast<int>(places.size()); ++u) pairs.emplace_back(u, u + 1);
  std::vector<int> parent(edges / 3);
  std::iota(parent.begin(), parent.end(), 0);
  const auto root = [&](int t) {
    while (parent[t] != t) t = parent[t] = parent[parent[t]];
    return t;
  };
  for (int e = 0; e < edges; ++e) {
    const int twin = mesh.twin[e];
    const int f = detail::Triangulation::next(e);
    if (twin > e || twin < 0) pairs.emplace_back(mesh.corner[e], mesh.corner[f]);
    if (twin > e) {
      const int far = mesh.corner[detail::Triangulation::next(detail::Triangulation::next(twin))];
      if (mesh.in_circle(mesh.corner[e], mesh.corner[f], mesh.corner[detail::Triangulation::next(f)], far) == 0)
        parent[root(e / 3)] = root(twin / 3);
    }
  }
  // Triangles on one circle are one polygon: an empty circle passes through any two of its corners.
  std::vector<std::vector<int>> polygons(edges / 3);
  for (int t = 0; t < edges / 3; ++t)
    for (int c = 0; c < 3; ++c) polygons[root(t)].push_back(mesh.corner[3 * t + c]);
  for (auto& polygon : polygons) {
    if (polygon.size() <= 3) continue;
    std::sort(polygon.begin(), polygon.end());
    polygon.erase(std::unique(polygon.begin(), polygon.end()), polygon.end());
    for (std::size_t a = 0; a < polygon.size(); ++a)
      for (std::size_t b = 0; b < a; ++b) pairs.emplace_back(polygon[b], polygon[a]);
  }

  for (const auto& [u, v] : pairs)
    for (const int i : members[u])
      for (const int j : members[v]) out.emplace_back(i, j), out.emplace_back(j, i);
  for (const auto& nodes : members)
    for (const int i : nodes)
      for (const int j : nodes)
        if (i != j) out.emplace_back(i, j);
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

}  // namespace e2e_tf

#endif
