#ifndef STANDIN_FWCORE_UTILITIES_INTERFACE_ESGETTOKEN_H
#define STANDIN_FWCORE_UTILITIES_INTERFACE_ESGETTOKEN_H

namespace edm {

// One that no consumes gave has no product.
template <typename T, typename Record>
class ESGetToken {
public:
  ESGetToken() = default;
  explicit ESGetToken(bool made) : made_(made) {}
  bool isInitialized() const { return made_; }

private:
  bool made_ = false;
};

}  // namespace edm

#endif
