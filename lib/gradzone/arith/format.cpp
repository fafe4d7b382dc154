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
    case Order::tensor_cores:
      return "tensor-cores";
  }
  return "";
}

std::string full_name(Format format) {
  if (format.order == Order::tensor_cores)
    return fmt::format("{}-tc", format.id == FormatId::fp32 ? "tf32" : name(format.id));
  return fmt::format("{}/{}", name(format.id), name(format.order));
}

namespace {

std::vector<Format> tensor_core_formats() {
  std::vector<Format> out;
  for (const FormatId id : all_formats)
    if (has_tensor_cores(id)) out.push_back({id, Order::tensor_cores});
  return out;
}

std::string name(Format format) {
  return full_name(format);
}

template <class List>
std::string names(const List& list) {
  std::string out;
  for (const auto item : list) out += fmt::format("{}{}", out.empty() ? "" : ", ", name(item));
  return out;
}

template <class List>
auto find_name(const List& list, std::string_view text) {
  return std::find_if(list.begin(), list.end(), [&](auto item) { return name(item) == text; });
}

}  // namespace

Format parse_format(std::string_view text) {
  const std::size_t slash = text.find('/');
  const bool has_order = slash != std::string_view::npos;
  const std::string_view storage = text.substr(0, slash);
  const std::vector<Format> of_cards = tensor_core_formats();
  if (const auto it = find_name(of_cards, storage); it != of_cards.end()) {
    if (has_order) throw UsageError(fmt::format("'{}': {} sums in an order of its own", text, storage));
    return *it;
  }
  const auto id = find_name(all_formats, storage);
  if (id == all_formats.end()) {
    throw UsageError(
        fmt::format("unknown format '{}': known are {}, {}", storage, names(all_formats), names(of_cards)));
  }
  if (!has_order) return {*id, Order::chain};
  const auto order = find_name(all_orders, text.substr(slash + 1));
  if (order == all_orders.end()) {
    throw UsageError(
        fmt::format("unknown order '{}': known are {}", text.substr(slash + 1), names(all_orders)));
  }
  return {*id, *order};
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

std::vector<Format> require_stated(std::vector<Format> formats) {
  for (const Format format : formats) {
    if (format.order != Order::tensor_cores) continue;
    throw UsageError(fmt::format(
        "{} sums in no stated order: audit judges it, train and bench step compute in it (--device cuda)",
        full_name(format)));
  }
  return formats;
}

void refuse_without_card(std::string_view format) {
  throw UsageError(fmt::format("{} is computed by a card's tensor cores: give --device cuda", format));
}

}  // namespace gradzone
