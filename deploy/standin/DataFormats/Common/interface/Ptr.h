#ifndef STANDIN_DATAFORMATS_COMMON_INTERFACE_PTR_H
#define STANDIN_DATAFORMATS_COMMON_INTERFACE_PTR_H

#include <vector>

namespace edm {

template <typename T>
class Ptr {
public:
  explicit Ptr(const T* element) : element_(element) {}
  const T* get() const { return element_; }
  const T* operator->() const { return element_; }

private:
  const T* element_;
};

template <typename T>
using PtrVector = std::vector<Ptr<T>>;

}  // namespace edm

#endif
