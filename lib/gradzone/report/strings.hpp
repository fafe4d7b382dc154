// Texts that repeat on thousands of rows of a table are stored once.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <unordered_map>

namespace gradzone::report_sections {

class Strings {
 public:
  std::size_t id(const std::string& text) {
    const auto [at, is_new] = ids_.try_emplace(text, list_.size());
    if (is_new) list_.push_back(text);
    return at->second;
  }
  const nlohmann::ordered_json& list() const { return list_; }

 private:
  std::unordered_map<std::string, std::size_t> ids_;
  nlohmann::ordered_json list_ = nlohmann::ordered_json::array();
};

}  // namespace gradzone::report_sections
