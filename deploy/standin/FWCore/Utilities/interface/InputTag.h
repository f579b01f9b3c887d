#ifndef STANDIN_FWCORE_UTILITIES_INTERFACE_INPUTTAG_H
#define STANDIN_FWCORE_UTILITIES_INTERFACE_INPUTTAG_H

#include <string>

namespace edm {

class InputTag {
public:
  InputTag() = default;
  // "label" or "label:instance"
  explicit InputTag(const std::string& text) : label_(text.substr(0, text.find(':'))) {
    if (label_.size() < text.size()) instance_ = text.substr(label_.size() + 1);
  }
  InputTag(const std::string& label, const std::string& instance) : label_(label), instance_(instance) {}
  const std::string& label() const { return label_; }
  const std::string& instance() const { return instance_; }
  std::string encode() const { return label_ + (instance_.empty() ? "" : ":" + instance_); }

private:
  std::string label_, instance_;
};

template <typename T>
class EDGetTokenT {
public:
  EDGetTokenT() = default;
  explicit EDGetTokenT(const InputTag& tag) : tag_(tag), made_(true) {}
  bool isUninitialized() const { return !made_; }
  const InputTag& tag() const { return tag_; }

private:
  InputTag tag_;
  bool made_ = false;
};

}  // namespace edm

#endif
