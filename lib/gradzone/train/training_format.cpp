#include "gradzone/train/training_format.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "gradzone/base/error.hpp"
#include "gradzone/base/text.hpp"

namespace gradzone {
namespace {

std::vector<TrainingFormat> all_training_formats() {
  std::vector<TrainingFormat> out(all_formats.begin(), all_formats.end());
  out.push_back(amp16);
  return out;
}

std::string_view name_without_order(TrainingFormat format) {
  return format.mixed() ? "amp16" : name(format.kept);
}

/// Its name if its sums are those of tensor cores.
std::string name_of_tensor_cores(TrainingFormat format) {
  return format.mixed() ? "amp16-tc" : full_name(Format{format.kept, Order::tensor_cores});
}

}  // namespace

std::string name(TrainingFormat format) {
  return format.order == Order::chain ? std::string(name_without_order(format)) : full_name(format);
}

std::string file_part(TrainingFormat format) {
  std::string out = name(format);
  std::ranges::replace(out, '/', '-');
  return out;
}

std::string full_name(TrainingFormat format) {
  if (format.order == Order::tensor_cores) return name_of_tensor_cores(format);
  return fmt::format("{}/{}", name_without_order(format), name(format.order));
}

TrainingFormat parse_training_format(std::string_view text) {
  std::string names, orders, of_cards;
  for (TrainingFormat format : all_training_formats()) {
    if (has_tensor_cores(format.computed)) {
      if (text == name_of_tensor_cores(format)) return {format.computed, format.kept, Order::tensor_cores};
      of_cards += ", " + name_of_tensor_cores(format);
    }
    for (const Order order : all_orders) {
      format.order = order;
      if (text == name(format) || text == full_name(format)) return format;
    }
    names += fmt::format("{}{}", names.empty() ? "" : ", ", name_without_order(format));
  }
  for (const Order order : all_orders)
    orders += fmt::format("{}/{}", orders.empty() ? "" : ", ", name(order));
  throw UsageError(fmt::format(
      "no format \"{}\" to train in: there are {}, each with an optional order {}, and on a card {}", text,
      names, orders, of_cards.substr(2)));
}

std::vector<TrainingFormat> parse_training_formats(std::string_view text) {
  std::vector<TrainingFormat> out;
  for (const std::string_view part : split(text, ',')) {
    const TrainingFormat format = parse_training_format(part);
    if (std::ranges::count(out, format) > 0)
      throw UsageError(fmt::format("format {} is there twice", name(format)));
    out.push_back(format);
  }
  return out;
}

}  // namespace gradzone
