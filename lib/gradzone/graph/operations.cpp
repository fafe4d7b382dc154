#include "gradzone/graph/operations.hpp"

namespace gradzone {

std::string_view operation_name(const Operation& op) {
  return std::visit(
      overloaded{[](const Input&) { return "input"; }, [](const Conv2d&) { return "conv2d"; },
                 [](const Linear&) { return "linear"; },
                 [](const Activation& a) {
                   switch (a.kind) {
                     case Activation::Kind::relu:
                       return "relu";
                     case Activation::Kind::leaky_relu:
                       return "leaky_relu";
                     case Activation::Kind::relu6:
                       return "relu6";
                     case Activation::Kind::abs:
                       return "abs";
                   }
                   return "";
                 },
                 [](const MaxPool2d&) { return "max_pool2d"; }, [](const AvgPool2d&) { return "avg_pool2d"; },
                 [](const GlobalAvgPool&) { return "global_avg_pool"; },
                 [](const NormPool2d&) { return "norm_pool2d"; },
                 [](const BatchNorm&) { return "batch_norm"; },
                 [](const Add& a) { return a.subtract ? "subtract" : "add"; },
                 [](const Concat&) { return "concat"; }, [](const Flatten&) { return "flatten"; },
                 [](const Dropout&) { return "dropout"; }},
      op);
}

PiecewiseLinear piecewise(const Activation& activation) {
  switch (activation.kind) {
    case Activation::Kind::relu:
      return {{0}, {0, 1}, {0, 0}};
    case Activation::Kind::leaky_relu:
      return {{0}, {activation.negative_slope, 1}, {0, 0}};
    case Activation::Kind::relu6:
      return {{0, 6}, {0, 1, 0}, {0, 0, 6}};
    case Activation::Kind::abs:
      return {{0}, {-1, 1}, {0, 0}};
  }
  return {};
}

bool has_kink(const Operation& op) {
  return std::holds_alternative<Activation>(op) || std::holds_alternative<MaxPool2d>(op) ||
         std::holds_alternative<NormPool2d>(op);
}

const Window* pooling_window(const Operation& op) {
  if (const auto* p = std::get_if<MaxPool2d>(&op)) return &p->window;
  if (const auto* p = std::get_if<AvgPool2d>(&op)) return &p->window;
  if (const auto* p = std::get_if<NormPool2d>(&op)) return &p->window;
  return nullptr;
}

}  // namespace gradzone
