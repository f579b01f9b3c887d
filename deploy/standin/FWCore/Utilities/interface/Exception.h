#ifndef STANDIN_FWCORE_UTILITIES_INTERFACE_EXCEPTION_H
#define STANDIN_FWCORE_UTILITIES_INTERFACE_EXCEPTION_H

#include <exception>
#include <sstream>
#include <string>

namespace cms {

class Exception : public std::exception {
public:
  explicit Exception(const std::string& category) : text_(category + ": ") {}

  template <typename T>
  Exception& operator<<(const T& value) {
    std::ostringstream out;
    out << value;
    text_ += out.str();
    return *this;
  }

  const char* what() const noexcept override { return text_.c_str(); }

private:
  std::string text_;
};

}  // namespace cms

#endif
