// Raw quantities of the nodes of one jet, from detector objects: the formulas of e2e_tf/data/detector_features.py, in a
// table of the same names. Tests compare both tables, and the values on the shipped and on broken jets.
//
// Objects are the tables objects/track, objects/ecal, objects/hcal and objects/pixel of the jets, with the columns of
// e2e_tf/data/objects.py; a column leading_<name> is that of the jet's leading track.
#ifndef E2E_TF_DETECTOR_HPP
#define E2E_TF_DETECTOR_HPP

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "e2e_tf/angles.hpp"
#include "e2e_tf/error.hpp"
#include "e2e_tf/features.hpp"
#include "e2e_tf/jets.hpp"
#include "e2e_tf/kinds.hpp"

namespace e2e_tf {

// How one kind of objects gives a quantity: a formula of its columns, and of those of its jet.
struct Source {
  std::vector<std::string> columns, jet_columns;
  float (*formula)(const float* object, const float* jet) = nullptr;  // null: this kind lacks the quantity
};

struct DetectorQuantity {
  std::string name;
  std::array<Source, kinds.size()> of;  // by kind
};

namespace detail {

constexpr float jet_radius = 0.4f;  // rad; the leading track lies within, if any track does
constexpr float soft = 0.01f;       // rad, half a crystal: the leading track itself is no end of the scale

// Rounded from double: neighbouring values of float libraries would order equal deposits by the processor.
inline float float_cosh(float eta) { return static_cast<float>(std::cosh(static_cast<double>(eta))); }

inline float same(const float* of, const float*) { return of[0]; }
inline float one(const float*, const float*) { return 1.f; }
inline float momentum(const float* of, const float* jet) { return of[0] * float_cosh(of[1] + jet[0]); }
inline float transverse(const float* of, const float* jet) { return of[0] / float_cosh(of[1] + jet[0]); }
inline float cell_fraction(const float* of, const float* jet) {
  const float pt = transverse(of, jet);
  return fraction_of_jet(&pt, jet + 1);
}
inline float from(const float* of, const float*) { return wrapped_angle(of[0] - of[1]); }
E2E_TF_EXACT inline float away(const float* of, const float*) {
  E2E_TF_EXACT_BODY
  const float eta = of[0] - of[1], phi = wrapped_angle(of[2] - of[3]);
  return std::sqrt(eta * eta + phi * phi + soft * soft);
}
inline float less(const float* of, const float*) { return of[0] - of[1]; }
inline float apart(const float* of, const float*) {
  const float pair[] = {of[0] - of[1], std::hypot(of[2], of[3])};
  return significance(pair, nullptr);
}
inline float transverse_over(const float* of, const float* jet) {
  const float pair[] = {transverse(of, jet), of[2]};
  return significance(pair, nullptr);
}
inline float product(const float* of, const float*) { return of[0] * of[1]; }

inline Source column(const std::string& name) { return {{name}, {}, same}; }

inline std::array<Source, kinds.size()> flag(std::size_t kind) {
  std::array<Source, kinds.size()> of;
  of[kind] = {{"deta"}, {}, one};
  return of;
}

inline std::array<Source, kinds.size()> only(std::size_t kind, const std::string& name) {
  std::array<Source, kinds.size()> of;
  of[kind] = column(name);
  return of;
}

// The leading track's place: at the face for deposits, else at the vertex.
inline std::string leading_place(std::size_t kind, const std::string& name) {
  return "leading_" + name + (kind == 1 || kind == 2 ? "_face" : "");
}

inline std::array<Source, kinds.size()> from_leading(const std::string& name) {
  std::array<Source, kinds.size()> of;
  for (std::size_t k = 0; k < of.size(); ++k) of[k] = {{name, leading_place(k, name)}, {}, from};
  return of;
}

inline std::array<Source, kinds.size()> distance_to_leading() {
  std::array<Source, kinds.size()> of;
  for (std::size_t k = 0; k < of.size(); ++k)
    of[k] = {{"deta", leading_place(k, "deta"), "dphi", leading_place(k, "dphi")}, {}, away};
  return of;
}

inline std::array<Source, kinds.size()> at_face(const std::string& name) {
  return {column(name + "_face"), column(name), column(name), column(name)};
}

inline std::array<Source, kinds.size()> impact(const std::string& name) {
  return {Source{{name, name + "_error"}, {}, significance}, {}, {}, {}};
}

}  // namespace detail

namespace detail {

inline std::vector<DetectorQuantity> make_detector_quantities() {
  const Source et{{"energy", "deta"}, {"eta"}, transverse}, cell_share{{"energy", "deta"}, {"eta", "pt"}, cell_fraction};
  const Source cell_over{{"energy", "deta", "leading_pt"}, {"eta"}, transverse_over}, to_axis{{"deta", "dphi"}, {}, distance};
  const auto everywhere = [](const Source& source) {
    return std::array<Source, kinds.size()>{source, source, source, source};
  };
  return {
      {"is_track", flag(0)},
      {"is_ecal", flag(1)},
      {"is_hcal", flag(2)},
      {"is_pixel", flag(3)},
      {"pt", {column("pt"), et, et, {}}},
      {"pt_fraction", {Source{{"pt"}, {"pt"}, fraction_of_jet}, cell_share, cell_share, {}}},
      {"energy", {Source{{"pt", "deta"}, {"eta"}, momentum}, column("energy"), column("energy"), {}}},
      {"deta", everywhere(column("deta"))},
      {"dphi", everywhere(column("dphi"))},
      {"delta_r", everywhere(to_axis)},
      {"deta_face", at_face("deta")},
      {"dphi_face", at_face("dphi")},
      {"charge", only(0, "charge")},
      {"d0", only(0, "d0")},
      {"dz", only(0, "dz")},
      {"d0_significance", impact("d0")},
      {"dz_significance", impact("dz")},
      {"dz_leading", {Source{{"dz", "leading_dz"}, {}, less}, {}, {}, {}}},
      {"dz_leading_significance",
       {Source{{"dz", "leading_dz", "dz_error", "leading_dz_error"}, {}, apart}, {}, {}, {}}},
      {"deta_leading", from_leading("deta")},
      {"dphi_leading", from_leading("dphi")},
      {"delta_r_leading", distance_to_leading()},
      {"pt_over_leading", {Source{{"pt", "leading_pt"}, {}, significance}, cell_over, cell_over, {}}},
      {"charge_leading", {Source{{"charge", "leading_charge"}, {}, product}, {}, {}, {}}},
      {"chi2", only(0, "chi2")},
      {"n_hits", only(0, "n_hits")},
      {"n_pixel_hits", only(0, "n_pixel_hits")},
      {"from_pv", only(0, "from_pv")},
      {"time", only(1, "time")},
      {"depth", only(2, "depth")},
      {"layer", only(3, "layer")},
  };
}

}  // namespace detail

inline const std::vector<DetectorQuantity>& detector_quantities() {
  static const std::vector<DetectorQuantity> table = detail::make_detector_quantities();
  return table;
}

namespace detail {

// A column of the objects of one kind; that of the leading track is one value for all rows.
struct ObjectColumn {
  const float* first = nullptr;
  std::size_t stride = 1;
  bool angle = false;
  float at(std::size_t row) const { return angle ? wrapped_angle(first[row * stride]) : first[row * stride]; }
};

constexpr std::size_t no_track = std::numeric_limits<std::size_t>::max();

// The objects of the jets of one kind, null where the jets have none.
inline const Table* objects_of(const Jets& jets, std::size_t kind) {
  const auto found = jets.tables.find(std::string("objects/") + kinds[kind]);
  return found == jets.tables.end() ? nullptr : &found->second;
}

inline ObjectColumn object_column(const Table& table, const std::string& name) {
  const auto found = table.columns.find(name);
  if (found == table.columns.end()) return {};
  return {found->second.data(), 1, wraps(name)};
}

inline ObjectColumn needed_column(const Table& table, std::size_t kind, const std::string& name) {
  if (!table.columns.count(name))
    throw Error(std::string("objects of the kind ") + kinds[kind] + " need the column " + name);
  return object_column(table, name);
}

// Row of the track of highest pt within 0.4 of the axis, or of all if none is that near; the first of equal ones.
inline std::size_t leading_track(const Table& tracks, std::size_t jet) {
  const auto pt = needed_column(tracks, 0, "pt"), deta = needed_column(tracks, 0, "deta");
  const auto dphi = needed_column(tracks, 0, "dphi");
  std::size_t best = no_track;
  bool best_near = false;
  for (auto row = static_cast<std::size_t>(tracks.offsets[jet]); row < tracks.offsets[jet + 1]; ++row) {
    const bool near = std::hypot(deta.at(row), dphi.at(row)) < jet_radius;
    if (best == no_track || (near && !best_near) || (near == best_near && heavier(pt.at(row), pt.at(best))))
      best = row, best_near = near;
  }
  return best;
}

// A source with its columns; `known` is false where objects, or tracks for leading_<name>, lack one.
struct Bound {
  const Source* source = nullptr;
  std::vector<ObjectColumn> columns;
  std::vector<float> jet;
  bool known = false;

  float operator()(std::size_t row) const {
    float of[4] = {};
    for (std::size_t i = 0; i < columns.size(); ++i) of[i] = columns[i].at(row);
    return source->formula(of, jet.data());
  }
};

inline Bound bound(const Source& source, const Jets& jets, std::size_t jet, const Table& table, const Table* tracks,
                   std::size_t leading) {
  static const float nothing = 0;
  static const std::string prefix = "leading_";
  Bound out;
  out.source = &source;
  if (source.formula == nullptr) return out;
  for (const auto& name : source.columns) {
    ObjectColumn column = object_column(table, name);
    if (name.compare(0, prefix.size(), prefix) == 0) {
      const auto own = name.substr(prefix.size());
      if (tracks == nullptr || !tracks->columns.count(own)) return out;
      column = object_column(*tracks, own);
      // A jet without tracks has 0, so that places are relative to the axis.
      column.first = leading == no_track ? &nothing : column.first + leading;
      column.stride = 0;
    } else if (!table.columns.count(name)) {
      return out;
    }
    out.columns.push_back(column);
  }
  for (const auto& name : source.jet_columns) out.jet.push_back(jet_value(jets, name, jet));
  out.known = true;
  return out;
}

// Rows of the objects of a jet, the leading ones first: by falling pt, clusters of pixels by layer, then by distance.
inline std::vector<std::size_t> leading_rows(const Jets& jets, std::size_t jet, std::size_t kind, const Table& table) {
  std::vector<std::size_t> rows(static_cast<std::size_t>(table.offsets[jet + 1] - table.offsets[jet]));
  std::iota(rows.begin(), rows.end(), static_cast<std::size_t>(table.offsets[jet]));
  const bool pixel = kind == 3;
  for (const char* name : {"deta", "dphi", pixel ? "layer" : kind == 0 ? "pt" : "energy"})
    needed_column(table, kind, name);
  const auto& known = detector_quantities();
  const char* wanted = pixel ? "delta_r" : "pt";
  const auto quantity =
      std::find_if(known.begin(), known.end(), [&](const auto& entry) { return entry.name == wanted; });
  const auto key_of = bound(quantity->of[kind], jets, jet, table, nullptr, no_track);
  const auto layer = object_column(table, "layer");
  struct Key {
    float layer, value;
  };
  std::vector<Key> keys;
  for (const auto row : rows) keys.push_back({pixel ? layer.at(row) : 0.f, key_of(row)});
  std::vector<std::size_t> order(rows.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    if (!pixel) return heavier(keys[a].value, keys[b].value);
    if (lighter(keys[a].layer, keys[b].layer)) return true;
    return !lighter(keys[b].layer, keys[a].layer) && lighter(keys[a].value, keys[b].value);
  });
  for (auto& place : order) place = rows[place];
  return order;
}

}  // namespace detail

// One node for each object, kind by kind, within a kind the leading ones first.
inline Nodes detector_nodes(const Jets& jets, std::size_t jet, const KindLimits& limits) {
  std::array<const Table*, kinds.size()> tables{};
  std::array<std::vector<std::size_t>, kinds.size()> rows;
  Nodes out;
  bool any = false;
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    const Table* found = detail::objects_of(jets, k);
    any = any || found != nullptr;
    if (found == nullptr || !limits[k].wanted) continue;
    tables[k] = found;
    rows[k] = detail::leading_rows(jets, jet, k, *found);
    if (limits[k].limit > 0 && rows[k].size() > limits[k].limit) rows[k].resize(limits[k].limit);
    out.kind.insert(out.kind.end(), rows[k].size(), static_cast<int>(k));
  }
  if (!any) throw Error("graphs of detector objects need objects (track, ecal, hcal, pixel); these jets have none");
  out.count = static_cast<int>(out.kind.size());
  const Table* tracks = detail::objects_of(jets, 0);
  const auto leading = tracks == nullptr ? detail::no_track : detail::leading_track(*tracks, jet);
  for (const auto& quantity : detector_quantities()) {
    std::vector<float> values(out.kind.size());
    bool known = false;
    std::size_t at = 0;
    for (std::size_t k = 0; k < kinds.size(); ++k) {
      if (tables[k] == nullptr) continue;
      const auto of = detail::bound(quantity.of[k], jets, jet, *tables[k], tracks, leading);
      known = known || of.known || quantity.name.compare(0, 3, "is_") == 0;
      for (const auto row : rows[k]) {
        if (of.known) values[at] = wraps(quantity.name) ? wrapped_angle(of(row)) : of(row);
        ++at;
      }
    }
    if (known) out.quantities[quantity.name] = std::move(values);
  }
  if (out.quantities.count("pt")) out.weight = out.quantities["pt"];
  return out;
}

}  // namespace e2e_tf

#endif
