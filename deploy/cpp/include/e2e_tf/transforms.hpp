// Transforms of raw quantities, by the names of e2e_tf.data.features.TRANSFORMS.
#ifndef E2E_TF_TRANSFORMS_HPP
#define E2E_TF_TRANSFORMS_HPP

#include <cmath>
#include <string>

#include "e2e_tf/error.hpp"

namespace e2e_tf {

using Function = float (*)(float);

struct Transform {
  const char* name;
  Function apply;
};

constexpr Transform transforms[] = {
    {"identity", [](float value) { return value; }},
    {"log", [](float value) { return std::log(value < 1e-6f ? 1e-6f : value); }},  // NaN stays NaN
    {"log1p", [](float value) { return std::log1p(value); }},
    {"signed_log1p", [](float value) { return value == 0 ? 0.f : std::copysign(std::log1p(std::fabs(value)), value); }},
    {"tanh", [](float value) { return std::tanh(value); }},
};

inline Function transform(const std::string& name) {
  std::string known;
  for (const auto& entry : transforms) {
    if (name == entry.name) return entry.apply;
    known += (known.empty() ? "" : ", ") + std::string(entry.name);
  }
  throw Error("the transform must be one of " + known + ", not " + name);
}

}  // namespace e2e_tf

#endif
