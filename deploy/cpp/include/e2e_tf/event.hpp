// From the candidates of an event to what a jet is given: those around its axis, and the density of pileup. The
// functions of simulated samples, e2e_tf.sim.jet_objects.candidates_of_jets and e2e_tf.sim.pileup.density.
#ifndef E2E_TF_EVENT_HPP
#define E2E_TF_EVENT_HPP

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include "e2e_tf/angles.hpp"

namespace e2e_tf {

// Directions [rad] and transverse momenta [GeV] of n candidates.
struct Directions {
  std::vector<double> pt, eta, phi;
  std::size_t size() const { return pt.size(); }
  void add(double of_pt, double of_eta, double of_phi) {
    pt.push_back(of_pt), eta.push_back(of_eta), phi.push_back(of_phi);
  }
};

inline double delta_r(double eta, double phi, double axis_eta, double axis_phi) {
  return std::hypot(eta - axis_eta, delta_phi(phi, axis_phi));
}

// Rows within ΔR < radius of an axis, by falling pT; of equal ones the first comes first.
inline std::vector<std::size_t> in_cone(const Directions& of, double eta, double phi, double radius) {
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < of.size(); ++i)
    if (delta_r(of.eta[i], of.phi[i], eta, phi) < radius) rows.push_back(i);
  std::stable_sort(rows.begin(), rows.end(), [&](std::size_t a, std::size_t b) { return of.pt[a] > of.pt[b]; });
  return rows;
}

// GeV per unit area: median pT per area of a grid of 8 x 12 cells in |eta| < 2.2.
inline double median_density(const Directions& of) {
  constexpr int rows = 8, columns = 12;
  constexpr double max_eta = 2.2;
  std::array<double, rows * columns> total{};
  for (std::size_t i = 0; i < of.size(); ++i) {
    const double row = std::floor((of.eta[i] / max_eta + 1) / 2 * rows);
    if (!(row >= 0 && row < rows) || !std::isfinite(of.phi[i])) continue;  // NaN too
    const int column = static_cast<int>(std::floor((delta_phi(of.phi[i], 0) / pi + 1) / 2 * columns)) % columns;
    total[static_cast<std::size_t>(row) * columns + static_cast<std::size_t>(column)] += of.pt[i];
  }
  std::sort(total.begin(), total.end());
  const double middle = (total[total.size() / 2 - 1] + total[total.size() / 2]) / 2;
  return middle / ((2 * max_eta / rows) * (two_pi / columns));
}

}  // namespace e2e_tf

#endif
