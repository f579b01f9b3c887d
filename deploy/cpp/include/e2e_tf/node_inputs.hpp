// Inputs of nodes beside x that some models take, exactly as they are: e2e_tf/data/node_inputs.py. A bundle has them as
// columns of x whose names have a dot; their bounds are in preprocess.json.
#ifndef E2E_TF_NODE_INPUTS_HPP
#define E2E_TF_NODE_INPUTS_HPP

#include <cmath>
#include <string>
#include <vector>

#include "e2e_tf/angles.hpp"
#include "e2e_tf/features.hpp"
#include "e2e_tf/jets.hpp"

namespace e2e_tf {

struct NodeInput {
  std::string name;
  std::vector<std::string> sources, jet_sources;  // columns of candidates and jets that it needs
};

// In the order of the table in Python; mass is taken where nodes have one.
inline const std::vector<NodeInput>& node_inputs() {
  static const std::vector<NodeInput> table = {
      {"points.deta", {"deta"}, {}},
      {"points.dphi", {"dphi"}, {}},
      {"p4.pt", {"pt"}, {}},
      {"p4.eta", {"deta"}, {"eta", "phi"}},
      {"p4.phi", {"dphi"}, {"eta", "phi"}},
      {"p4.mass", {}, {}},
  };
  return table;
}

// Adds the quantities of the table that can be had. Without a direction of the jet, momenta stay relative to it.
inline void add_node_inputs(Nodes& nodes, const Jets& jets, std::size_t jet, bool hits) {
  Columns& q = nodes.quantities;
  if (!q.count("deta") || !q.count("dphi")) return;
  q["points.deta"] = q["deta"];
  q["points.dphi"] = q["dphi"];
  if (!hits && !q.count("pt")) return;
  const bool placed = jets.columns.count("eta") && jets.columns.count("phi");
  const double jet_eta = placed ? detail::jet_value(jets, "eta", jet) : 0.f;
  const double jet_phi = placed ? detail::jet_value(jets, "phi", jet) : 0.f;
  auto &pt = q["p4.pt"], &eta = q["p4.eta"], &phi = q["p4.phi"], &mass = q["p4.mass"];
  for (int i = 0; i < nodes.count; ++i) {
    const double deta = q["deta"][i], dphi = q["dphi"][i];
    eta.push_back(static_cast<float>(deta + jet_eta));
    phi.push_back(static_cast<float>(placed ? delta_phi(dphi, -jet_phi) : dphi));
    mass.push_back(q.count("mass") && !hits ? q["mass"][i] : 0.f);
    if (hits)  // deposits are as hard as E / cosh(eta), tracks add their pT
      pt.push_back(q[energies[0]][i] + (q[energies[1]][i] + q[energies[2]][i]) / std::cosh(eta.back()));
    else
      pt.push_back(q["pt"][i]);
  }
}

}  // namespace e2e_tf

#endif
