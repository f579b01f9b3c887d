// From raw jets to the tensors of a bundle.
#ifndef E2E_TF_BUILDER_HPP
#define E2E_TF_BUILDER_HPP

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "e2e_tf/detector.hpp"
#include "e2e_tf/features.hpp"
#include "e2e_tf/graph.hpp"
#include "e2e_tf/jets.hpp"
#include "e2e_tf/node_inputs.hpp"
#include "e2e_tf/preprocess.hpp"

namespace e2e_tf {

// float32 values in C order. No tensor has rank 0, and dimension 0 is the batch (padded) or 1 (edges).
struct Tensor {
  std::string name;
  std::vector<std::int64_t> shape;
  std::vector<float> values;
};

class Builder {
public:
  explicit Builder(Preprocess preprocess) : preprocess_(std::move(preprocess)) {}

  static Builder from_file(const std::string& path) { return Builder(read_preprocess(path)); }

  const Preprocess& preprocess() const { return preprocess_; }

  // Tensors of jets first to last - 1, in the order of the manifest.
  std::vector<Tensor> operator()(const Jets& jets, std::size_t first, std::size_t last) const {
    if (first > last || last > jets.count) throw Error("jets out of range");
    std::vector<Nodes> nodes;
    for (std::size_t jet = first; jet < last; ++jet) {
      nodes.push_back(preprocess_.nodes == "hits"       ? hit_nodes(jets, jet)
                      : preprocess_.nodes == "detector" ? detector_nodes(jets, jet, preprocess_.of_kind)
                                                        : candidate_nodes(jets, jet));
      keep_leading(nodes.back(), preprocess_.max_nodes);
      if (preprocess_.wants_node_inputs()) add_node_inputs(nodes.back(), jets, jet, preprocess_.nodes == "hits");
    }
    auto tensors = preprocess_.padded ? padded(nodes) : edges(nodes);
    if (preprocess_.has_globals) tensors.push_back(globals(jets, first, last));
    else if (!preprocess_.padded) tensors.push_back(counts(nodes));
    return tensors;
  }

  // Edges of the nodes of one jet, (receiver, sender).
  EdgeList link(const Nodes& nodes) const {
    Points angles;
    const bool measured = std::any_of(preprocess_.rules.begin(), preprocess_.rules.end(), [&](const Rule& rule) {
      return rule.name == "radius" || rule.between() ||
             (!preprocess_.on_lattice() && (rule.name == "knn" || rule.name == "delaunay"));
    });
    for (const auto& name : coordinates()) {
      if (!measured) break;
      angles.columns.push_back(column(nodes, name));
      for (float& value : angles.columns.back()) value = bounded(value, wraps(name));
      angles.periods.push_back(wraps(name) ? two_pi : 0.0);
    }
    if (!measured) angles.columns.assign(1, std::vector<float>(nodes.count, 0.f)), angles.periods.assign(1, 0.0);
    return build_edges(preprocess_, angles, preprocess_.nodes == "hits" ? &nodes.lattice : nullptr, nodes.kind);
  }

private:
  // A coordinate as graphs take it: e2e_tf.graph.NodeSpace.bounded.
  static float bounded(float value, bool angle) {
    const float bound = angle ? static_cast<float>(pi) : 1e6f;
    if (!(std::fabs(value) <= 1e32f)) return 0.f;  // NaN too
    return std::min(std::max(value, -bound), bound);
  }

  std::vector<std::string> coordinates() const {
    if (!preprocess_.coordinates.empty()) return preprocess_.coordinates;
    // Where tracks and the energy that they leave are in one place, or the direction of a candidate or crystal.
    if (preprocess_.nodes == "detector") return {"deta_face", "dphi_face"};
    return {"deta", "dphi"};
  }

  static const std::vector<float>& column(const Nodes& nodes, const std::string& raw) {
    const auto found = nodes.quantities.find(raw);
    if (found == nodes.quantities.end()) throw Error("there is no input " + raw + " among the quantities of the nodes");
    return found->second;
  }

  std::vector<Tensor> edges(const std::vector<Nodes>& nodes) const {
    const auto width = static_cast<std::int64_t>(preprocess_.features.variables.size());
    std::int64_t total = 0;
    Tensor x{"x", {}, {}}, index{"edge_index", {}, {}}, batch{"batch", {}, {}};
    std::vector<float> senders, receivers;
    for (std::size_t g = 0; g < nodes.size(); ++g) {
      const std::size_t start = x.values.size();
      x.values.resize(start + nodes[g].count * width);
      for (std::int64_t f = 0; f < width; ++f) {
        const auto& variable = preprocess_.features.variables[f];
        const auto& raw = column(nodes[g], variable.raw);
        for (int i = 0; i < nodes[g].count; ++i) x.values[start + i * width + f] = variable(raw[i]);
      }
      batch.values.insert(batch.values.end(), nodes[g].count, static_cast<float>(g));
      for (const auto& [receiver, sender] : link(nodes[g])) {
        senders.push_back(static_cast<float>(total + sender));
        receivers.push_back(static_cast<float>(total + receiver));
      }
      total += nodes[g].count;
    }
    if (total >= 1 << 24) throw Error("a batch must have fewer than 2^24 nodes, indices are float32");
    x.shape = {1, total, width};
    batch.shape = {1, total};
    index.shape = {1, 2, static_cast<std::int64_t>(senders.size())};
    index.values = std::move(senders);
    index.values.insert(index.values.end(), receivers.begin(), receivers.end());
    return {std::move(x), std::move(index), std::move(batch)};
  }

  std::vector<Tensor> padded(const std::vector<Nodes>& nodes) const {
    const auto& features = preprocess_.features;
    std::int64_t length = std::max(1u, features.min_length);
    for (const auto& jet : nodes) length = std::max<std::int64_t>(length, jet.count);
    length = std::min<std::int64_t>(length, features.max_length);
    const auto count = static_cast<std::int64_t>(nodes.size());
    const auto block = [&](const char* name, const std::vector<Variable>& variables) {
      const auto width = static_cast<std::int64_t>(variables.size());
      Tensor out{name, {count, width, length}, std::vector<float>(count * width * length)};
      for (std::int64_t g = 0; g < count; ++g)
        for (std::int64_t f = 0; f < width; ++f) {
          float* row = out.values.data() + (g * width + f) * length;
          const auto& variable = variables[f];
          const auto kept = std::min<std::int64_t>(nodes[g].count, length);
          if (preprocess_.on_lattice() && (variable.raw == "row" || variable.raw == "column")) {
            for (std::int64_t i = 0; i < kept; ++i)
              row[i] = variable(static_cast<float>(nodes[g].lattice[i][variable.raw == "row" ? 0 : 1]));
          } else {
            const auto& raw = column(nodes[g], variable.raw);
            for (std::int64_t i = 0; i < kept; ++i) row[i] = variable(raw[i]);
          }
          std::fill(row + kept, row + length, variable.pad);
        }
      return out;
    };
    Tensor mask{"mask", {count, 1, length}, std::vector<float>(count * length)};
    for (std::int64_t g = 0; g < count; ++g)
      std::fill_n(mask.values.begin() + g * length, std::min<std::int64_t>(nodes[g].count, length), 1.f);
    return {block("points", preprocess_.points.variables), block("features", features.variables), std::move(mask)};
  }

  // How many jets there are, where no quantities of jets say so.
  static Tensor counts(const std::vector<Nodes>& nodes) {
    Tensor out{"n_node", {1, static_cast<std::int64_t>(nodes.size())}, {}};
    for (const auto& jet : nodes) out.values.push_back(static_cast<float>(jet.count));
    return out;
  }

  Tensor globals(const Jets& jets, std::size_t first, std::size_t last) const {
    const auto& variables = preprocess_.globals.variables;
    const auto width = static_cast<std::int64_t>(variables.size());
    const auto count = static_cast<std::int64_t>(last - first);
    Tensor out{"u", {count, width, 1}, {}};
    if (!preprocess_.padded) out.shape = {1, count, width};
    for (std::size_t jet = first; jet < last; ++jet)
      for (const auto& variable : variables) {
        const float value = detail::jet_value(jets, variable.raw, jet);
        out.values.push_back(variable(wraps(variable.raw) ? wrapped_angle(value) : value));
      }
    return out;
  }

  Preprocess preprocess_;
};

}  // namespace e2e_tf

#endif
