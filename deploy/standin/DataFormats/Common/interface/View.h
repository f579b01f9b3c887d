#ifndef STANDIN_DATAFORMATS_COMMON_INTERFACE_VIEW_H
#define STANDIN_DATAFORMATS_COMMON_INTERFACE_VIEW_H

#include <cstddef>
#include <utility>
#include <vector>

#include "DataFormats/Common/interface/Ptr.h"

namespace edm {

// Elements of a collection through their base class.
template <typename T>
class View {
public:
  View() = default;
  explicit View(std::vector<const T*> elements) : elements_(std::move(elements)) {}
  std::size_t size() const { return elements_.size(); }
  bool empty() const { return elements_.empty(); }
  const T& operator[](std::size_t i) const { return *elements_[i]; }
  Ptr<T> ptrAt(std::size_t i) const { return Ptr<T>(elements_[i]); }

private:
  std::vector<const T*> elements_;
};

}  // namespace edm

#endif
