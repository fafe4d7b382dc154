#include "gradzone/io/checkpoint.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <map>
#include <vector>

#include "gradzone/base/error.hpp"
#include "gradzone/base/text.hpp"
#include "gradzone/nets/mlp.hpp"
#include "gradzone/nets/nets.hpp"

namespace gradzone {
namespace {

using TensorsByName = std::map<std::string, const NamedTensor*, std::less<>>;

/// Every tensor that is a parameter: neither batch norm's step counters nor what a trainer keeps beside.
TensorsByName tensors_by_name(const Checkpoint& checkpoint) {
  TensorsByName out;
  for (const NamedTensor& t : checkpoint.tensors) {
    if (!t.name.ends_with(".num_batches_tracked") && !t.name.starts_with(optimiser_prefix))
      out.emplace(t.name, &t);
  }
  return out;
}

bool fits(const Graph& graph, const TensorsByName& tensors) {
  const auto& specs = graph.parameters();
  return tensors.size() == specs.size() &&
         std::all_of(specs.begin(), specs.end(), [&](const ParameterSpec& spec) {
           const auto it = tensors.find(spec.name);
           return it != tensors.end() && it->second->values.shape == spec.shape;
         });
}

/// "3x256" if the tensors could be an mlp's: one weight per linear layer, the first of shape [width, 784].
std::optional<std::string> mlp_sizes(const TensorsByName& tensors) {
  const auto first = tensors.find("layers.0.weight");
  if (first == tensors.end() || first->second->values.shape.size() != 2) return std::nullopt;
  const Index width = first->second->values.dim(0);
  const Index layers = std::count_if(tensors.begin(), tensors.end(),
                                     [](const auto& item) { return item.first.ends_with(".weight"); }) -
                       1;
  if (layers < 1 || layers > most_mlp_layers || width < 1 || width > most_mlp_width) return std::nullopt;
  return fmt::format("{}x{}", layers, width);
}

std::optional<std::string> recognise(const TensorsByName& tensors) {
  std::vector<std::string> candidates = net_names();
  if (const auto sizes = mlp_sizes(tensors)) {
    candidates.push_back("mlp:" + *sizes);
    candidates.push_back("mlp-relu:" + *sizes);
  }
  for (std::string& candidate : candidates) {
    if (fits(make_net(candidate, BatchNorm::Mode::evaluation), tensors)) return std::move(candidate);
  }
  return std::nullopt;
}

/// The first way in which the tensors are not the graph's parameters; empty if they are.
std::string mismatch(const Graph& graph, const TensorsByName& tensors) {
  for (const ParameterSpec& spec : graph.parameters()) {
    const auto it = tensors.find(spec.name);
    if (it == tensors.end()) return fmt::format("tensor {} is missing", spec.name);
    if (const Shape& shape = it->second->values.shape; shape != spec.shape) {
      return fmt::format("tensor {} has shape {} but {} is needed", spec.name, to_string(shape),
                         to_string(spec.shape));
    }
  }
  const auto wanted = [&](const std::string& name) {
    const auto& specs = graph.parameters();
    return std::any_of(specs.begin(), specs.end(),
                       [&](const ParameterSpec& spec) { return spec.name == name; });
  };
  for (const auto& item : tensors) {
    if (!wanted(item.first)) return fmt::format("tensor {} is not one of its parameters", shown(item.first));
  }
  return {};
}

bool is_variance(const Graph& graph, std::size_t parameter) {
  const Node& node = graph.node(graph.parameters()[parameter].node);
  return std::holds_alternative<BatchNorm>(node.op) &&
         static_cast<int>(parameter) == node.first_parameter + 3;  // weight, bias, mean, variance
}

/// The first reason why these numbers cannot be parameters; empty if they can.
std::string unusable(const NamedTensor& tensor, bool variance) {
  if (tensor.stored == StoredType::i64) return "holds whole numbers (I64); parameters are floating-point";
  for (Index i = 0; i < tensor.values.size(); ++i) {
    const double v = tensor.values[i];
    if (!std::isfinite(v)) return fmt::format("entry {} is {}; parameters must be finite", i, v);
    if (variance && v < 0) return fmt::format("entry {} is {}; a variance is not negative", i, v);
  }
  return {};
}

/// The tensors of a checkpoint that fits the graph.
TensorsByName matched_tensors(const Graph& graph, const Checkpoint& checkpoint, const std::string& where) {
  TensorsByName tensors = tensors_by_name(checkpoint);
  if (const std::string what = mismatch(graph, tensors); !what.empty()) {
    const auto other = recognise(tensors);
    throw InputError(fmt::format("{}: does not fit {}: {}{}", where, graph.name(), what,
                                 other ? fmt::format("; it looks like {}", *other) : ""));
  }
  return tensors;
}

Parameters in_order_of(const Graph& graph, const TensorsByName& tensors) {
  Parameters out;
  out.reserve(graph.parameters().size());
  for (const ParameterSpec& spec : graph.parameters()) out.push_back(tensors.find(spec.name)->second->values);
  return out;
}

/// "3x64x64" or "784"
Shape parse_input(std::string_view text) {
  Shape out;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (true) {
    Index extent = 0;
    const auto [stop, error] = std::from_chars(at, end, extent);
    if (error != std::errc() || extent < 1) break;
    out.push_back(extent);
    if (stop == end && (out.size() == 1 || out.size() == 3)) return out;
    if (stop == end || *stop != 'x') break;
    at = stop + 1;
  }
  throw UsageError(
      fmt::format("input={}: write CHANNELSxHEIGHTxWIDTH, for example input=3x224x224, or FEATURES", text));
}

}  // namespace

std::optional<ModelSpec> parse_onnx_spec(std::string_view text) {
  constexpr std::string_view option = ",input=", ending = ".onnx";
  const std::size_t at = text.rfind(option);
  const std::string_view file = text.substr(0, at);
  if (!file.ends_with(ending)) return std::nullopt;
  ModelSpec out{{}, std::filesystem::path(file), {}, {}};
  if (at != std::string_view::npos) out.input = parse_input(text.substr(at + option.size()));
  return out;
}

ModelSpec parse_model_spec(std::string_view text) {
  for (std::size_t colon = text.find(':'); colon != std::string_view::npos;
       colon = text.find(':', colon + 1)) {
    const std::string_view net = text.substr(0, colon);
    if (!find_net(net, BatchNorm::Mode::evaluation)) continue;
    if (colon + 1 == text.size()) break;
    const std::string_view rest = text.substr(colon + 1);
    if (parse_onnx_spec(rest))
      throw UsageError(
          fmt::format("model \"{}\": an ONNX file holds its network, too: write {}", text, rest));
    constexpr std::string_view drawn = "init=";
    if (rest.starts_with(drawn))
      return {std::string(net), {}, parse_initialisation(rest.substr(drawn.size())), {}};
    return {std::string(net), std::filesystem::path(rest), {}, {}};
  }
  if (auto spec = parse_onnx_spec(text)) return *std::move(spec);
  throw UsageError(
      fmt::format("model \"{}\": write NETWORK:FILE, for example lenet5:model.safetensors, "
                  "NETWORK:init=torch, or FILE.onnx; networks: {}"
                  ", mlp:LAYERSxWIDTH and mlp-relu:LAYERSxWIDTH",
                  text, fmt::join(net_names(), ", ")));
}

Parameters parameters_for(const Graph& graph, const Checkpoint& checkpoint, const std::string& where) {
  const TensorsByName tensors = matched_tensors(graph, checkpoint, where);
  for (std::size_t i = 0; i < graph.parameters().size(); ++i) {
    const std::string& name = graph.parameters()[i].name;
    if (const std::string what = unusable(*tensors.find(name)->second, is_variance(graph, i));
        !what.empty()) {
      throw InputError(fmt::format("{}: tensor {}: {}", where, name, what));
    }
  }
  return in_order_of(graph, tensors);
}

Parameters stored_parameters_for(const Graph& graph, const Checkpoint& checkpoint, const std::string& where) {
  return in_order_of(graph, matched_tensors(graph, checkpoint, where));
}

std::optional<std::string> recognise_net(const Checkpoint& checkpoint) {
  return recognise(tensors_by_name(checkpoint));
}

StoredType stored_type(FormatId format) {
  switch (format) {
    case FormatId::fp64:
      return StoredType::f64;
    case FormatId::fp32:
      return StoredType::f32;
    case FormatId::fp16:
    case FormatId::fp16_strict:
      return StoredType::f16;
    case FormatId::bf16:
      return StoredType::bf16;
  }
  return StoredType::f64;
}

FormatId stored_format(const Checkpoint& checkpoint) {
  bool f64 = false, f32 = false, f16 = false, bf16 = false;
  for (const NamedTensor& t : checkpoint.tensors) {
    f64 = f64 || t.stored == StoredType::f64;
    f32 = f32 || t.stored == StoredType::f32;
    f16 = f16 || t.stored == StoredType::f16;
    bf16 = bf16 || t.stored == StoredType::bf16;
  }
  if (f64) return FormatId::fp64;
  if (f32 || f16 == bf16) return FormatId::fp32;
  return f16 ? FormatId::fp16 : FormatId::bf16;
}

Checkpoint checkpoint_of(const Graph& graph, const Parameters& parameters, FormatId format) {
  Checkpoint out;
  out.metadata["network"] = graph.name();
  const Parameters rounded = round_to_format(parameters, format);
  for (std::size_t i = 0; i < rounded.size(); ++i) {
    out.tensors.push_back({graph.parameters()[i].name, stored_type(format), rounded[i]});
  }
  return out;
}

}  // namespace gradzone
