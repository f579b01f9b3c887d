// A bundle as the runner reads it: its manifest, and that what is read is as it was exported.
#ifndef E2E_TF_BUNDLE_HPP
#define E2E_TF_BUNDLE_HPP

#include <fstream>
#include <iterator>
#include <string>

#include <nlohmann/json.hpp>

#include "e2e_tf/error.hpp"
#include "sha256.hpp"

namespace e2e_tf {

class Bundle {
public:
  // Refuses a manifest that has changed since its export. Its checksum is of its bytes with zeros instead of the entry.
  explicit Bundle(const std::string& folder) : folder_(folder) {
    std::string text;
    if (!read("manifest.json", text)) throw Error(folder + " is not a bundle: it has no manifest.json");
    manifest_ = nlohmann::ordered_json::parse(text);  // columns of the output are in order
    if (manifest_.value("format_version", 0) < 2)
      throw Error(folder + " was written before manifests had a checksum; 'e2e-tf export' writes it anew");
    const auto listed = checksum("manifest.json");
    for (auto at = text.find(listed); at != std::string::npos && listed.size() == 64; at = text.find(listed, at))
      text.replace(at, listed.size(), std::string(64, '0'));
    compare("manifest.json", sha256(text), listed);
  }

  const nlohmann::ordered_json& manifest() const { return manifest_; }

  // The path of a file, or of a folder, whose files have not changed since the export.
  std::string path(const std::string& name) const {
    const bool folder = !manifest_.at("checksums").contains(name);
    bool found = false;
    for (const auto& [file, listed] : manifest_.at("checksums").items()) {
      if (file != name && !(folder && file.rfind(name + "/", 0) == 0)) continue;
      found = true;
      std::string content;
      if (!read(file, content)) throw Error(folder_ + " lacks " + file + ", which its manifest lists");
      compare(file, sha256(content), listed.get<std::string>());
    }
    if (!found) checksum(name);
    return folder_ + "/" + name;
  }

private:
  bool read(const std::string& name, std::string& text) const {
    std::ifstream file(folder_ + "/" + name, std::ios::binary);
    text.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    return static_cast<bool>(file);
  }

  std::string checksum(const std::string& name) const {
    const auto checksums = manifest_.value("checksums", nlohmann::ordered_json::object());
    if (!checksums.contains(name)) throw Error(folder_ + "/manifest.json lists no checksum of " + name);
    return checksums.at(name).get<std::string>();
  }

  void compare(const std::string& name, const std::string& found, const std::string& listed) const {
    if (found != listed)
      throw Error(folder_ + "/" + name + " has changed: its SHA-256 is " + found.substr(0, 12) +
                  "..., the manifest says " + listed.substr(0, 12) + "...");
  }

  std::string folder_;
  nlohmann::ordered_json manifest_;
};

}  // namespace e2e_tf

#endif
