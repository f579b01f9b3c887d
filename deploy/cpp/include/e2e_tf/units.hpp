// A score that was learned as a ratio, in the unit of the quantity of its jet: e2e_tf.training.targets.times_quantity.
#ifndef E2E_TF_UNITS_HPP
#define E2E_TF_UNITS_HPP

#include <cmath>
#include <limits>

namespace e2e_tf {

// NaN where the quantity is not positive and finite.
inline float times_quantity(float ratio, double quantity) {
  if (!(quantity > 0) || std::isinf(quantity)) return std::numeric_limits<float>::quiet_NaN();
  return static_cast<float>(static_cast<double>(ratio) * quantity);
}

}  // namespace e2e_tf

#endif
