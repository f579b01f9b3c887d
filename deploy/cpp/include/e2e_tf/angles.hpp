// Angles, the one place where a difference of azimuths is wrapped in C++.
#ifndef E2E_TF_ANGLES_HPP
#define E2E_TF_ANGLES_HPP

#include <cmath>

namespace e2e_tf {

constexpr double pi = 3.141592653589793;
constexpr double two_pi = 2 * pi;

// a - b wrapped to [-pi, pi), bit for bit that of e2e_tf.data.grid.delta_phi.
inline double delta_phi(double a, double b) {
  double value = std::fmod(a - b + pi, two_pi);
  if (value < 0) value += two_pi;
  return value - pi;
}

}  // namespace e2e_tf

#endif
