// Kinds of detector objects, in the order of e2e_tf.graph.KINDS: a kind is its index there.
#ifndef E2E_TF_KINDS_HPP
#define E2E_TF_KINDS_HPP

#include <array>
#include <cstddef>
#include <string>

#include "e2e_tf/error.hpp"

namespace e2e_tf {

constexpr std::array<const char*, 4> kinds = {"track", "ecal", "hcal", "pixel"};

// Which kinds become nodes, and how many leading ones of each; 0 keeps all.
struct KindLimit {
  bool wanted = true;
  unsigned limit = 0;
};
using KindLimits = std::array<KindLimit, kinds.size()>;

// The kinds that one end of a rule such as track-calo means; calo is ecal and hcal.
inline std::array<bool, kinds.size()> kinds_of(const std::string& name) {
  std::array<bool, kinds.size()> out{};
  bool known = false;
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    out[k] = name == kinds[k] || (name == "calo" && (k == 1 || k == 2));
    known = known || out[k];
  }
  if (!known) throw Error("a rule between kinds needs two of track, ecal, hcal, pixel, calo, not " + name);
  return out;
}

}  // namespace e2e_tf

#endif
