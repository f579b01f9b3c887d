// Angles, the one place where a difference of azimuths is wrapped in C++.
#ifndef E2E_TF_ANGLES_HPP
#define E2E_TF_ANGLES_HPP

#include <cmath>
#include <string>

namespace e2e_tf {

constexpr double pi = 3.141592653589793;
constexpr double two_pi = 2 * pi;

// a - b wrapped to [-pi, pi), bit for bit that of e2e_tf.data.grid.delta_phi.
inline double delta_phi(double a, double b) {
  double value = std::fmod(a - b + pi, two_pi);
  if (value < 0) value += two_pi;
  return value - pi;
}

// The quantities that wrap at 2 pi.
inline bool wraps(const std::string& name) { return name == "phi" || name == "dphi" || name == "dphi_face"; }

// An azimuth of any range, such as [0, 2 pi), in [-pi, pi]: the function of the same name in e2e_tf.data.grid.
inline float wrapped_angle(float value) {
  if (std::fabs(value) <= static_cast<float>(pi)) return value;
  return static_cast<float>(delta_phi(value, 0));
}

}  // namespace e2e_tf

#endif
