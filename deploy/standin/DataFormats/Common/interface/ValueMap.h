#ifndef STANDIN_DATAFORMATS_COMMON_INTERFACE_VALUEMAP_H
#define STANDIN_DATAFORMATS_COMMON_INTERFACE_VALUEMAP_H

#include <cstddef>
#include <iterator>
#include <map>
#include <vector>

#include "DataFormats/Common/interface/Handle.h"

namespace edm {

template <typename T>
class ValueMap {
public:
  // One value for each element of a collection; they are in the map once fill was called.
  class Filler {
  public:
    explicit Filler(ValueMap& map) : map_(map) {}

    template <typename H, typename I>
    void insert(const H& handle, I begin, I end) {
      if (static_cast<std::size_t>(std::distance(begin, end)) != handle->size())
        throw cms::Exception("Inconsistency") << "a ValueMap needs one value for each of " << handle->size()
                                              << " elements, not " << std::distance(begin, end);
      if (!inserted_.emplace(handle.id(), std::vector<T>(begin, end)).second)
        throw cms::Exception("Inconsistency") << "values of a collection are there twice";
    }

    void fill() { map_.values_.swap(inserted_); }

  private:
    ValueMap& map_;
    std::map<ProductID, std::vector<T>> inserted_;
  };

  T get(ProductID id, std::size_t i) const { return of(id).at(i); }
  const std::vector<T>& of(ProductID id) const { return values_.at(id); }

private:
  std::map<ProductID, std::vector<T>> values_;
};

}  // namespace edm

#endif
