#include "gradzone/train/schedule.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <numbers>
#include <optional>

#include "gradzone/arith/scalar_functions.hpp"
#include "gradzone/base/error.hpp"

namespace gradzone {
namespace {

/// A whole number or a real one, nothing around it.
template <class Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

std::optional<int> positive(std::string_view text) {
  const auto value = number<int>(text);
  return value && *value > 0 ? value : std::nullopt;
}

}  // namespace

Schedule Schedule::parse(std::string_view text) {
  const auto refuse = [text](std::string_view why) {
    return UsageError(fmt::format(
        "schedule \"{}\": {}; there are constant, cosine and step:EVERY:FACTOR (step:30:0.1), each "
        "with ,warmup:EPOCHS behind it if wanted",
        text, why));
  };
  Schedule out;
  std::string_view kind = text;
  if (const std::size_t comma = text.find(','); comma != std::string_view::npos) {
    constexpr std::string_view warmup = "warmup:";
    const std::string_view end = text.substr(comma + 1);
    kind = text.substr(0, comma);
    const auto epochs = end.starts_with(warmup) ? positive(end.substr(warmup.size())) : std::nullopt;
    if (!epochs) throw refuse("after the comma there must be warmup: and a number of epochs");
    out.warmup_ = *epochs;
  }
  constexpr std::string_view step = "step:";
  if (kind == "cosine") {
    out.kind_ = Kind::cosine;
  } else if (kind.starts_with(step)) {
    const std::string_view sizes = kind.substr(step.size());
    const std::size_t colon = sizes.find(':');
    if (colon == std::string_view::npos) throw refuse("step needs a number of epochs and a factor");
    const auto every = positive(sizes.substr(0, colon));
    const auto factor = number<double>(sizes.substr(colon + 1));
    if (!every) throw refuse("step's number of epochs must be a whole number from 1");
    if (!factor || !(*factor > 0 && *factor <= 1))
      throw refuse("step's factor must be above 0 and at most 1");
    out.kind_ = Kind::step;
    out.every_ = *every;
    out.factor_ = *factor;
  } else if (kind != "constant") {
    throw refuse("unknown");
  }
  return out;
}

std::string Schedule::text() const {
  const std::string warmup = warmup_ > 0 ? fmt::format(",warmup:{}", warmup_) : "";
  if (kind_ == Kind::step) return fmt::format("step:{}:{}{}", every_, factor_, warmup);
  return (kind_ == Kind::cosine ? "cosine" : "constant") + warmup;
}

double Schedule::rate(double base, int epoch, int epochs) const {
  double rate = base;
  if (kind_ == Kind::cosine) rate = base * (1 + cos_rounded(std::numbers::pi * epoch / epochs)) / 2;
  if (kind_ == Kind::step) rate = base * power_rounded(factor_, static_cast<unsigned long>(epoch / every_));
  return epoch < warmup_ ? rate * (epoch + 1) / warmup_ : rate;
}

}  // namespace gradzone
