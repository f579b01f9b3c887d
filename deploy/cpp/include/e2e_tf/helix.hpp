// Paths in the magnetic field, exactly along helices, to a cylinder closed by two discs: the formula of
// e2e_tf.data.helix.propagate, which simulated samples place tracks at the front of the ECAL with.
#ifndef E2E_TF_HELIX_HPP
#define E2E_TF_HELIX_HPP

#include <algorithm>
#include <cmath>
#include <limits>

#include "e2e_tf/angles.hpp"

namespace e2e_tf {

// A cylinder around the beam [m] in a field along z [T].
struct Face {
  double radius = 1.29, half_length = 3.17, tesla = 3.8;
};

// Where a particle meets a face: the direction of the point as seen from the middle of the detector [rad].
struct Impact {
  double eta = 0, phi = 0;
  bool reached = false;
};

namespace detail {

// Transverse length of the way to the cylinder along a line [m].
inline double line_to_cylinder(double dx, double dy, double x, double y, double radius) {
  const double inward = -(dx * x + dy * y);
  return inward + std::sqrt(std::max(inward * inward + radius * radius - (x * x + y * y), 0.0));
}

inline double positive_angle(double angle) {
  const double turned = std::fmod(angle, two_pi);
  return turned < 0 ? turned + two_pi : turned;
}

// The same along a circle that turns by `turn` per length [rad / m]; infinite where it stays inside.
inline double arc_to_cylinder(double dx, double dy, double turn, double x, double y, double radius) {
  const double bend = 1 / turn;  // signed radius of the circle
  const double centre_x = x - dy * bend, centre_y = y + dx * bend;
  const double away = std::hypot(centre_x, centre_y);
  // Angle between the outward direction of the centre and a point of the circle at the wanted radius.
  const double cosine = (radius * radius - away * away - bend * bend) / std::max(2 * away * std::fabs(bend), 1e-12);
  if (!(std::fabs(cosine) < 1)) return std::numeric_limits<double>::infinity();
  const double opening = std::acos(cosine), sense = turn > 0 ? 1 : -1;
  const double start = std::atan2(y - centre_y, x - centre_x) - std::atan2(centre_y, centre_x);
  return std::min(positive_angle((opening - start) * sense), positive_angle((-opening - start) * sense)) *
         std::fabs(bend);
}

}  // namespace detail

// The first crossing of a face. What curls inside the barrel and drifts to a disc reaches the disc.
// charge [e]; px, py, pz [GeV] at the point x, y, z [m] inside the cylinder.
inline Impact propagate(double charge, double px, double py, double pz, double x, double y, double z,
                        const Face& face) {
  const double pt = std::max(std::hypot(px, py), 1e-6);
  const double dx = px / pt, dy = py / pt, slope = pz / pt;  // dz per transverse arc length
  const bool bent = charge != 0;
  // Angle turned per transverse arc length; positive particles turn clockwise in a field along +z.
  const double turn = bent ? -charge * 0.299792458 * face.tesla / pt : 1.0;
  double arc = bent ? detail::arc_to_cylinder(dx, dy, turn, x, y, face.radius)
                    : detail::line_to_cylinder(dx, dy, x, y, face.radius);
  if (slope != 0) arc = std::min(arc, ((slope > 0 ? face.half_length : -face.half_length) - z) / slope);
  Impact out;
  out.reached = std::isfinite(arc) && arc >= 0;
  if (!out.reached) arc = 0;
  const double angle = turn * arc, half = std::sin(angle / 2);
  const double along = bent ? std::sin(angle) / turn : arc, aside = bent ? 2 * half * half / turn : 0.0;
  const double at_x = x + dx * along - dy * aside, at_y = y + dy * along + dx * aside;
  out.eta = std::asinh((z + slope * arc) / std::max(std::hypot(at_x, at_y), 1e-3));
  out.phi = std::atan2(at_y, at_x);
  return out;
}

}  // namespace e2e_tf

#endif
