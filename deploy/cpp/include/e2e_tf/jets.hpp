// Raw jets in memory and in the runner's simple binary file.
//
// File, little endian, all values float32: "E2ETFJ01", uint32 jets, uint32 jet columns, each {name, float[jets]},
// uint32 tables, each {name, uint64 offsets[jets + 1], uint32 columns, each {name, float[rows]}}; a name is
// {uint32 length, bytes}. Tables are "candidates"; "track", "ecal" and "hcal" with columns "cell",
// "value"; and "objects/track", "objects/ecal", "objects/hcal", "objects/pixel" with those of detector objects.
#ifndef E2E_TF_JETS_HPP
#define E2E_TF_JETS_HPP

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "e2e_tf/error.hpp"

namespace e2e_tf {

using Columns = std::map<std::string, std::vector<float>>;

// Rows offsets[j] to offsets[j + 1] belong to jet j.
struct Table {
  std::vector<std::uint64_t> offsets{0};
  Columns columns;
};

struct Jets {
  std::uint32_t count = 0;
  Columns columns;  // pt, mass [GeV], eta, phi [rad], with hits also ieta and iphi
  std::map<std::string, Table> tables;
};

namespace detail {

class Reader {
public:
  explicit Reader(const std::vector<char>& bytes) : bytes_(bytes) {}

  template <typename T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof(T)), sizeof(T));
    return value;
  }

  std::string name() {
    const auto length = number<std::uint32_t>();
    if (length > 256) throw Error("a name in the file of jets is longer than 256 bytes, the file is damaged");
    const char* start = take(length);
    return std::string(start, length);
  }

  template <typename T>
  std::vector<T> array(std::uint64_t count) {
    if (count > bytes_.size() / sizeof(T)) throw Error("the file of jets is truncated");
    const char* start = take(count * sizeof(T));
    std::vector<T> values(count);
    if (count > 0) std::memcpy(values.data(), start, count * sizeof(T));
    return values;
  }

  bool done() const { return at_ == bytes_.size(); }

private:
  const char* take(std::size_t count) {
    if (count > bytes_.size() - at_) throw Error("the file of jets is truncated");
    const char* start = bytes_.data() + at_;
    at_ += count;
    return start;
  }

  const std::vector<char>& bytes_;
  std::size_t at_ = 0;
};

}  // namespace detail

inline Jets parse_jets(const std::vector<char>& bytes) {
  detail::Reader reader(bytes);
  if (bytes.size() < 8 || std::memcmp(bytes.data(), "E2ETFJ01", 8) != 0)
    throw Error("not a file of jets: it must begin with E2ETFJ01");
  reader.array<char>(8);
  Jets jets;
  jets.count = reader.number<std::uint32_t>();
  for (auto left = reader.number<std::uint32_t>(); left > 0; --left) {
    const std::string name = reader.name();
    jets.columns[name] = reader.array<float>(jets.count);
  }
  for (auto left = reader.number<std::uint32_t>(); left > 0; --left) {
    Table& table = jets.tables[reader.name()];
    table.columns.clear();
    table.offsets = reader.array<std::uint64_t>(std::uint64_t{jets.count} + 1);
    if (table.offsets.front() != 0) throw Error("offsets in the file of jets must begin with 0");
    for (std::size_t j = 0; j < jets.count; ++j)
      if (table.offsets[j + 1] < table.offsets[j]) throw Error("offsets in the file of jets must rise");
    for (auto columns = reader.number<std::uint32_t>(); columns > 0; --columns) {
      const std::string name = reader.name();
      table.columns[name] = reader.array<float>(table.offsets.back());
    }
  }
  if (!reader.done()) throw Error("the file of jets has bytes after its end");
  return jets;
}

inline Jets read_jets(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error("there is no file of jets " + path);
  return parse_jets({std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()});
}

}  // namespace e2e_tf

#endif
