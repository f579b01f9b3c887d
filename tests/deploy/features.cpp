// The tables of features.hpp and values of delta_phi and the transforms, for comparison with Python.
// Arguments: pairs of hexadecimal doubles a b, whose delta_phi is printed; then "--" and floats to transform; or "event",
// eta, phi and radius of a cone and pt, eta, phi of every candidate, whose density and rows in the cone are printed; or
// "helix" and charge, momentum and start of particles, whose place at the front of the ECAL is printed; or "point", how
// many bins, their lower and upper edges and thresholds, and pairs of score and pT, which pass or not.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "e2e_tf/detector.hpp"
#include "e2e_tf/event.hpp"
#include "e2e_tf/features.hpp"
#include "e2e_tf/helix.hpp"
#include "e2e_tf/node_inputs.hpp"
#include "e2e_tf/transforms.hpp"
#include "e2e_tf/working_point.hpp"

namespace {

void list(const char* what, const std::vector<std::string>& names) {
  std::printf("\t%s", what);
  for (const auto& name : names) std::printf(" %s", name.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "event") {
    const auto number = [&](int at) { return std::strtod(argv[at], nullptr); };
    e2e_tf::Directions of;
    for (int k = 5; k + 2 < argc; k += 3) of.add(number(k), number(k + 1), number(k + 2));
    std::printf("density\t%a\nrows\t", e2e_tf::median_density(of));
    for (const auto row : e2e_tf::in_cone(of, number(2), number(3), number(4))) std::printf(" %zu", row);
    std::printf("\n");
    return 0;
  }
  if (argc > 2 && std::string(argv[1]) == "point") {
    int k = 3;
    const auto number = [&] { return std::strtod(argv[k++], nullptr); };
    e2e_tf::WorkingPoint point;
    for (int bin = std::atoi(argv[2]); bin > 0; --bin) {
      point.low.push_back(number());
      point.high.push_back(number());
      point.thresholds.push_back(number());
    }
    std::printf("valid\t%d\npasses\t", point.valid() ? 1 : 0);
    while (k + 1 < argc) {
      const auto score = static_cast<float>(number());
      std::printf(" %d", point.passes(score, number()) ? 1 : 0);
    }
    std::printf("\n");
    return 0;
  }
  if (argc > 1 && std::string(argv[1]) == "helix") {
    for (int k = 2; k + 6 < argc; k += 7) {
      double of[7];
      for (int i = 0; i < 7; ++i) of[i] = std::strtod(argv[k + i], nullptr);
      const auto face = e2e_tf::propagate(of[0], of[1], of[2], of[3], of[4], of[5], of[6], {});
      std::printf("face\t%a\t%a\t%d\n", face.eta, face.phi, face.reached ? 1 : 0);
    }
    return 0;
  }
  for (const auto& quantity : e2e_tf::candidate_quantities()) {
    std::printf("candidate\t%s", quantity.name.c_str());
    list("sources", quantity.sources);
    list("jet", quantity.jet_sources);
    list("uses_up", quantity.uses_up);
    std::printf("\tkeeps %d\n", quantity.keeps ? 1 : 0);
  }
  for (const auto& input : e2e_tf::node_inputs()) std::printf("input\t%s\n", input.name.c_str());
  for (const auto& quantity : e2e_tf::detector_quantities()) {
    std::printf("detector\t%s", quantity.name.c_str());
    for (std::size_t k = 0; k < quantity.of.size(); ++k) {
      if (quantity.of[k].formula == nullptr) continue;
      list(e2e_tf::kinds[k], quantity.of[k].columns);
      list("jet", quantity.of[k].jet_columns);
    }
    std::printf("\n");
  }
  for (int c = 0; c < 3; ++c) std::printf("channel\t%s\t%s\n", e2e_tf::channels[c], e2e_tf::energies[c]);
  for (const auto& derivative : e2e_tf::derivatives) std::printf("derivative\t%s\n", derivative.name);
  int i = 1;
  for (; i + 1 < argc && std::string(argv[i]) != "--"; i += 2)
    std::printf("delta_phi\t%a\n", e2e_tf::delta_phi(std::strtod(argv[i], nullptr), std::strtod(argv[i + 1], nullptr)));
  for (const auto& transform : e2e_tf::transforms) {
    std::printf("transform\t%s\t", transform.name);
    for (int k = i + 1; k < argc; ++k) std::printf(" %.9g", transform.apply(std::strtof(argv[k], nullptr)));
    std::printf("\n");
  }
}
