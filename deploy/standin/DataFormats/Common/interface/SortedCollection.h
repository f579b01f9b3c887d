#ifndef STANDIN_DATAFORMATS_COMMON_INTERFACE_SORTEDCOLLECTION_H
#define STANDIN_DATAFORMATS_COMMON_INTERFACE_SORTEDCOLLECTION_H

#include <vector>

namespace edm {

template <typename T>
class SortedCollection {
public:
  void push_back(const T& element) { elements_.push_back(element); }
  std::size_t size() const { return elements_.size(); }
  typename std::vector<T>::const_iterator begin() const { return elements_.begin(); }
  typename std::vector<T>::const_iterator end() const { return elements_.end(); }

private:
  std::vector<T> elements_;
};

}  // namespace edm

#endif
