// One threshold of a score, or one for each bin of the jet's pT: e2e_tf.training.pt_points.
#ifndef E2E_TF_WORKING_POINT_HPP
#define E2E_TF_WORKING_POINT_HPP

#include <cstddef>
#include <vector>

namespace e2e_tf {

struct WorkingPoint {
  float threshold = 0;                        // where there are no bins
  std::vector<double> low, high, thresholds;  // of bins [GeV]; each holds its lower edge and not its upper one

  // Bins rise and have a threshold each.
  bool valid() const {
    if (high.size() != low.size() || thresholds.size() != low.size()) return false;
    for (std::size_t i = 0; i < low.size(); ++i)
      if (!(low[i] < high[i]) || (i > 0 && !(high[i - 1] <= low[i]))) return false;
    return true;
  }

  // A jet in no bin has no threshold and does not pass, nor does one whose pT or score is no number.
  bool passes(float score, double pt) const {
    if (low.empty()) return score >= threshold;
    const double stored = static_cast<float>(pt);  // as files hold it, of which the bins were made
    for (std::size_t i = 0; i < low.size(); ++i)
      if (stored >= low[i] && stored < high[i]) return score >= static_cast<float>(thresholds[i]);
    return false;
  }
};

}  // namespace e2e_tf

#endif
