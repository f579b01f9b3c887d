// The tables of features.hpp and values of delta_phi and the transforms, for comparison with Python.
// Arguments: pairs of hexadecimal doubles a b, whose delta_phi is printed; then "--" and floats to transform.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "e2e_tf/features.hpp"
#include "e2e_tf/transforms.hpp"

namespace {

void list(const char* what, const std::vector<std::string>& names) {
  std::printf("\t%s", what);
  for (const auto& name : names) std::printf(" %s", name.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  for (const auto& quantity : e2e_tf::candidate_quantities()) {
    std::printf("candidate\t%s", quantity.name.c_str());
    list("sources", quantity.sources);
    list("jet", quantity.jet_sources);
    list("uses_up", quantity.uses_up);
    std::printf("\tkeeps %d\n", quantity.keeps ? 1 : 0);
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
