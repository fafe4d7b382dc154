#include "gradzone/io/gradient_dump.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "gradzone/base/error.hpp"
#include "gradzone/base/text.hpp"
#include "gradzone/base/transpose.hpp"

namespace gradzone {
namespace {

using TensorsByName = std::map<std::string, const NamedTensor*, std::less<>>;

bool is_extra(std::string_view name) {
  return name == dump_input || name == dump_labels || name == dump_logits;
}

const NamedTensor* find(const TensorsByName& tensors, std::string_view name) {
  const auto it = tensors.find(name);
  return it == tensors.end() ? nullptr : it->second;
}

/// What a wrapper of the model puts before every name ("module." of DataParallel), if it is that.
std::string wrapper_prefix(const Graph& graph, const TensorsByName& tensors) {
  const std::string& wanted = graph.parameters().front().name;
  for (const auto& [name, tensor] : tensors) {
    if (name.size() > wanted.size() && name.ends_with("." + wanted))
      return name.substr(0, name.size() - wanted.size());
  }
  return "";
}

std::string renaming_advice(const Graph& graph, const TensorsByName& tensors) {
  const std::string prefix = wrapper_prefix(graph, tensors);
  if (prefix.empty()) return "";
  return fmt::format("; the names begin with \"{}\": save them without it", shown(prefix));
}

void refuse_unknown(const Graph& graph, const TensorsByName& tensors, const std::string& where) {
  for (const auto& [name, tensor] : tensors) {
    if (is_extra(name)) continue;
    const auto spec = std::ranges::find(graph.parameters(), name, &ParameterSpec::name);
    if (spec == graph.parameters().end()) {
      throw InputError(fmt::format("{}: tensor {} is not a parameter of {}{}", where, shown(name),
                                   graph.name(), renaming_advice(graph, tensors)));
    }
    if (!spec->trainable)
      throw InputError(fmt::format("{}: tensor {} is not trained: it has no gradient", where, shown(name)));
  }
}

Tensor<double> in_layout_of(const ParameterSpec& spec, const NamedTensor& tensor, bool turned,
                            const std::string& where) {
  if (tensor.stored == StoredType::i64) {
    throw InputError(fmt::format("{}: tensor {} holds whole numbers (I64); gradients are floating-point",
                                 where, spec.name));
  }
  Shape wanted = spec.shape;
  if (turned) std::reverse(wanted.begin(), wanted.end());
  if (tensor.values.shape == wanted) return turned ? transposed(tensor.values) : tensor.values;
  const bool other_way = Shape(wanted.rbegin(), wanted.rend()) == tensor.values.shape;
  throw InputError(fmt::format("{}: tensor {} has shape {} but {} is needed{}", where, spec.name,
                               to_string(tensor.values.shape), to_string(wanted),
                               other_way ? ": it is transposed" : ""));
}

void take_gradients(const Graph& graph, const TensorsByName& tensors, const DumpOptions& options,
                    const std::string& where, GradientDump& out) {
  bool any = false;
  for (const ParameterSpec& spec : graph.parameters()) {
    Tensor<double>& gradient = out.gradient.emplace_back();
    if (!spec.trainable) continue;
    const NamedTensor* tensor = find(tensors, spec.name);
    if (tensor == nullptr) {
      out.missing.push_back(spec.name);
      continue;
    }
    gradient = in_layout_of(spec, *tensor, options.transposed.contains(spec.name), where);
    if (!any) {
      out.stored = tensor->stored;
    } else if (tensor->stored != out.stored) {
      out.stored.reset();
    }
    any = true;
  }
  if (!any) {
    throw InputError(fmt::format("{}: holds no gradient of {}; {} is missing{}", where, graph.name(),
                                 out.missing.front(), renaming_advice(graph, tensors)));
  }
  if (!out.missing.empty() && !options.allow_missing) {
    throw InputError(fmt::format(
        "{}: the gradient of {} is missing{}; --allow-missing accepts that", where, out.missing.front(),
        out.missing.size() > 1 ? fmt::format(", and {} more", out.missing.size() - 1) : ""));
  }
}

MiniBatch batch_of(const Graph& graph, const NamedTensor& input, const NamedTensor& labels,
                   const std::string& where) {
  if (input.stored == StoredType::i64)
    throw InputError(fmt::format("{}: {} holds whole numbers (I64)", where, dump_input));
  if (labels.stored != StoredType::i64)
    throw InputError(fmt::format("{}: {} must be whole numbers (I64)", where, dump_labels));
  MiniBatch out;
  out.x = input.values;
  Shape wanted = graph.input_shape();
  wanted.insert(wanted.begin(), out.size());
  if (out.x.shape != wanted || out.size() < 1 || out.size() > largest_dump_batch) {
    throw InputError(fmt::format("{}: {} has shape {}, but {} takes [N, {}", where, dump_input,
                                 to_string(out.x.shape), graph.name(),
                                 to_string(graph.input_shape()).substr(1)));
  }
  if (labels.values.shape != Shape{out.size()}) {
    throw InputError(fmt::format("{}: {} has shape {} but [{}] is needed", where, dump_labels,
                                 to_string(labels.values.shape), out.size()));
  }
  for (const double label : labels.values.data) {
    if (label < 0 || label >= static_cast<double>(graph.classes()))
      throw InputError(fmt::format("{}: label {} is not in 0 to {}", where, label, graph.classes() - 1));
    out.labels.push_back(static_cast<int>(label));
  }
  try {
    validate(graph, out);
  } catch (const InputError& error) {
    throw InputError(fmt::format("{}: {}: {}", where, dump_input, error.what()));
  }
  return out;
}

void take_point(const Graph& graph, const Checkpoint& file, const TensorsByName& tensors,
                const std::string& where, GradientDump& out) {
  const NamedTensor *input = find(tensors, dump_input), *labels = find(tensors, dump_labels);
  if ((input == nullptr) != (labels == nullptr)) {
    throw InputError(fmt::format("{}: {} without {}: a point needs both", where,
                                 input ? dump_input : dump_labels, input ? dump_labels : dump_input));
  }
  if (input != nullptr) out.batch = batch_of(graph, *input, *labels, where);
  const auto samples = file.metadata.find("samples");
  if (samples == file.metadata.end()) return;
  try {
    out.samples = parse_samples(samples->second, fmt::format("{}: metadata \"samples\"", where));
  } catch (const UsageError& error) {
    throw InputError(error.what());
  }
}

}  // namespace

GradientDump gradient_dump(const Graph& graph, const Checkpoint& file, const DumpOptions& options,
                           const std::string& where) {
  TensorsByName tensors;
  for (const NamedTensor& t : file.tensors) tensors.emplace(t.name, &t);
  refuse_unknown(graph, tensors, where);
  GradientDump out;
  take_gradients(graph, tensors, options, where, out);
  take_point(graph, file, tensors, where, out);
  if (const NamedTensor* logits = find(tensors, dump_logits)) {
    const Shape& shape = logits->values.shape;
    if (shape.size() != 2 || shape[1] != graph.classes() || (out.batch && shape[0] != out.batch->size())) {
      throw InputError(fmt::format("{}: {} has shape {}, but {} has {} logits an image", where, dump_logits,
                                   to_string(shape), graph.name(), graph.classes()));
    }
    out.logits = logits->values;
  }
  return out;
}

GradientDump read_gradient_dump(const Graph& graph, const std::filesystem::path& file,
                                const DumpOptions& options) {
  return gradient_dump(graph, read_safetensors(file), options, file.string());
}

namespace {

Index parse_index(std::string_view part, std::string_view text, const std::string& where) {
  Index value = 0;
  const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
  if (error != std::errc() || end != part.data() + part.size() || value < 0) {
    throw UsageError(
        fmt::format("{}: \"{}\" is no list of images such as 17, 0-127 or 3,5,9", where, shown(text)));
  }
  return value;
}

}  // namespace

std::vector<Index> parse_samples(std::string_view text, const std::string& where) {
  std::vector<Index> out;
  for (const std::string_view part : split(text, ',')) {
    const std::size_t dash = part.find('-');
    const Index first = parse_index(part.substr(0, dash), text, where);
    const Index last =
        dash == std::string_view::npos ? first : parse_index(part.substr(dash + 1), text, where);
    if (last < first) throw UsageError(fmt::format("{}: \"{}\" ends before it begins", where, shown(part)));
    if (last - first >= largest_dump_batch - static_cast<Index>(out.size())) {
      throw UsageError(fmt::format("{}: \"{}\" is more than the {} images that a point may have", where,
                                   shown(text), largest_dump_batch));
    }
    for (Index i = first; i <= last; ++i) out.push_back(i);
  }
  return out;
}

FormatId format_of(StoredType type) {
  switch (type) {
    case StoredType::f64:
      return FormatId::fp64;
    case StoredType::f16:
      return FormatId::fp16;
    case StoredType::bf16:
      return FormatId::bf16;
    case StoredType::f32:
    case StoredType::i64:
      break;
  }
  return FormatId::fp32;
}

}  // namespace gradzone
