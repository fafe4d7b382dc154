#include "gradzone/choice/choice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "gradzone/arith/formats.hpp"
#include "gradzone/base/error.hpp"
#include "gradzone/base/text.hpp"

namespace gradzone {

std::string_view name(Form form) {
  return form == Form::direct ? "direct" : "composed";
}

Form parse_form(std::string_view text) {
  if (text == "direct") return Form::direct;
  if (text == "composed") return Form::composed;
  throw UsageError(fmt::format("unknown form '{}': known are direct, composed", text));
}

std::string Choice::name() const {
  const Choice standard;
  std::string out = maxpool_beta == 0   ? "native"
                    : maxpool_beta == 1 ? "minimal"
                                        : fmt::format("beta={}", maxpool_beta);
  if (relu_at_0 != standard.relu_at_0) out += fmt::format("+relu={}", relu_at_0);
  if (leaky_relu_at_0 != standard.leaky_relu_at_0) out += fmt::format("+leaky={}", leaky_relu_at_0);
  if (relu6_at_0 != standard.relu6_at_0 || relu6_at_6 != standard.relu6_at_6) {
    out += fmt::format("+relu6={}:{}", relu6_at_0, relu6_at_6);
  }
  if (abs_at_0 != standard.abs_at_0) out += fmt::format("+abs={}", abs_at_0);
  if (normpool_at_0 != standard.normpool_at_0) out += fmt::format("+normpool={}", normpool_at_0);
  return out;
}

namespace {

double parse_number(std::string_view text, std::string_view part) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    throw UsageError(fmt::format("choice '{}': '{}' is not a number", part, text));
  }
  return value;
}

void apply_part(Choice& choice, std::string_view part) {
  if (part == "native") {
    choice.maxpool_beta = 0;
    return;
  }
  if (part == "minimal") {
    choice.maxpool_beta = 1;
    return;
  }
  const std::size_t equals = part.find('=');
  const std::string_view key = part.substr(0, equals);
  const std::string_view value = equals == std::string_view::npos ? "" : part.substr(equals + 1);
  if (key == "beta") {
    choice.maxpool_beta = parse_number(value, part);
  } else if (key == "relu") {
    choice.relu_at_0 = parse_number(value, part);
  } else if (key == "leaky") {
    choice.leaky_relu_at_0 = parse_number(value, part);
    if (choice.leaky_relu_at_0 < 0)
      throw UsageError("choice 'leaky': the derivative at 0 must not be negative");
  } else if (key == "relu6") {
    const std::size_t colon = value.find(':');
    choice.relu6_at_0 = parse_number(value.substr(0, colon), part);
    choice.relu6_at_6 =
        colon == std::string_view::npos ? choice.relu6_at_0 : parse_number(value.substr(colon + 1), part);
  } else if (key == "abs") {
    choice.abs_at_0 = parse_number(value, part);
  } else if (key == "normpool") {
    choice.normpool_at_0 = parse_number(value, part);
  } else {
    throw UsageError(fmt::format(
        "unknown choice '{}': known are native, minimal, beta=B, relu=A, leaky=A, relu6=A:B, abs=A, "
        "normpool=A, joined by '+'",
        part));
  }
}

}  // namespace

Choice parse_choice(std::string_view text) {
  Choice choice;
  while (true) {
    const std::size_t plus = text.find('+');
    apply_part(choice, text.substr(0, plus));
    if (plus == std::string_view::npos) return choice;
    text.remove_prefix(plus + 1);
  }
}

std::vector<Choice> parse_choices(std::string_view text) {
  std::vector<Choice> choices;
  for (const std::string_view part : split(text, ',')) {
    const Choice choice = parse_choice(part);
    if (std::find(choices.begin(), choices.end(), choice) != choices.end()) {
      throw UsageError(fmt::format("choice {} is listed twice", choice.name()));
    }
    choices.push_back(choice);
  }
  if (choices.size() < 2) {
    throw UsageError("a zone compares choices: name at least two, e.g. --choices native,minimal");
  }
  return choices;
}

std::string names(const std::vector<Choice>& choices) {
  std::string out;
  for (const Choice& c : choices) out += (out.empty() ? "" : ",") + c.name();
  return out;
}

Choice round_to_scalars(const Choice& choice, FormatId format) {
  Choice out = choice;
  for (double* v : {&out.maxpool_beta, &out.relu_at_0, &out.leaky_relu_at_0, &out.relu6_at_0, &out.relu6_at_6,
                    &out.abs_at_0, &out.normpool_at_0}) {
    *v = round_to_scalar(format, *v);
  }
  return out;
}

std::vector<double> derivative_at_kinks(const Activation& activation, const Choice& choice) {
  switch (activation.kind) {
    case Activation::Kind::relu:
      return {choice.relu_at_0};
    case Activation::Kind::leaky_relu:
      return {choice.leaky_relu_at_0 < 0 ? activation.negative_slope : choice.leaky_relu_at_0};
    case Activation::Kind::relu6:
      return {choice.relu6_at_0, choice.relu6_at_6};
    case Activation::Kind::abs:
      return {choice.abs_at_0};
  }
  return {};
}

}  // namespace gradzone
