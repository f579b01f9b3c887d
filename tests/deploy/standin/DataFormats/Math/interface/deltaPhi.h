#ifndef STANDIN_DATAFORMATS_MATH_INTERFACE_DELTAPHI_H
#define STANDIN_DATAFORMATS_MATH_INTERFACE_DELTAPHI_H

#include <cmath>

namespace reco {

// a - b in [-pi, pi].
inline double deltaPhi(double a, double b) { return std::remainder(a - b, 2 * 3.14159265358979323846); }

}  // namespace reco

#endif
