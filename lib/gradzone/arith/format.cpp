#include "gradzone/arith/format.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "gradzone/base/error.hpp"
#include "gradzone/base/text.hpp"

namespace gradzone {

std::string_view name(FormatId id) {
  switch (id) {
    case FormatId::fp64:
      return "fp64";
    case FormatId::fp32:
      return "fp32";
    case FormatId::fp16:
      return "fp16";
    case FormatId::bf16:
      return "bf16";
    case FormatId::fp16_strict:
      return "fp16-strict";
  }
  return "";
}

std::string_view name(Order order) {
  switch (order) {
    case Order::chain:
      return "chain";
    case Order::bias_first:
      return "bias-first";
    case Order::pairwise:
      return "pairwise";
    case Order::lanes16:
      return "lanes16";
  }
  return "";
}

std::string full_name(Format format) {
  return fmt::format("{}/{}", name(format.id), name(format.order));
}

namespace {

template <class List>
std::string names(const List& list) {
  std::string out;
  for (const auto item : list) out += fmt::format("{}{}", out.empty() ? "" : ", ", name(item));
  return out;
}

template <class List>
auto find_name(const List& list, std::string_view text, std::string_view what) {
  const auto it = std::find_if(list.begin(), list.end(), [&](auto item) { return name(item) == text; });
  if (it == list.end())
    throw UsageError(fmt::format("unknown {} '{}': known are {}", what, text, names(list)));
  return *it;
}

}  // namespace

Format parse_format(std::string_view text) {
  const std::size_t slash = text.find('/');
  Format format{find_name(all_formats, text.substr(0, slash), "format"), Order::chain};
  if (slash != std::string_view::npos) format.order = find_name(all_orders, text.substr(slash + 1), "order");
  return format;
}

std::vector<Format> parse_formats(std::string_view text) {
  std::vector<Format> formats;
  for (const std::string_view part : split(text, ',')) {
    const Format format = parse_format(part);
    if (std::find(formats.begin(), formats.end(), format) != formats.end()) {
      throw UsageError(fmt::format("format {} is listed twice", full_name(format)));
    }
    formats.push_back(format);
  }
  return formats;
}

}  // namespace gradzone
