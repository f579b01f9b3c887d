#ifndef STANDIN_DATAFORMATS_COMMON_INTERFACE_HANDLE_H
#define STANDIN_DATAFORMATS_COMMON_INTERFACE_HANDLE_H

#include <cstddef>

#include "FWCore/Utilities/interface/Exception.h"

namespace edm {

using ProductID = std::size_t;

template <typename T>
class Handle {
public:
  Handle() = default;
  Handle(const T* product, ProductID id) : product_(product), id_(id) {}
  bool isValid() const { return product_ != nullptr; }
  ProductID id() const { return id_; }
  const T& operator*() const { return *product(); }
  const T* operator->() const { return product(); }

private:
  const T* product() const {
    if (product_ == nullptr) throw cms::Exception("ProductNotFound") << "the product of a handle is not in the event";
    return product_;
  }

  const T* product_ = nullptr;
  ProductID id_ = 0;
};

}  // namespace edm

#endif
