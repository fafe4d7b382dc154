#include "gradzone/exact/fast/structure.hpp"

#include <algorithm>
#include <bit>

#include "gradzone/graph/window_walk.hpp"

namespace gradzone {
namespace {

std::uint64_t mix(std::uint64_t hash, std::uint32_t word) {
  hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
  return hash ^ (hash >> 29);
}

std::uint64_t hash_of(std::span<const std::uint32_t> tuple) {
  std::uint64_t hash = tuple.size();
  for (const std::uint32_t word : tuple) hash = mix(hash, word);
  return hash;
}

}  // namespace

std::span<const std::uint32_t> TupleTable::tuple_at(std::uint32_t number) const {
  const std::size_t begin = offsets_[number];
  const std::size_t end = number + 1 < offsets_.size() ? offsets_[number + 1] : words_.size();
  return std::span(words_).subspan(begin, end - begin);
}

void TupleTable::grow() {
  slots_.assign(std::max<std::size_t>(64, 2 * slots_.size()), 0);
  for (std::uint32_t number = 0; number < size(); ++number) {
    std::size_t slot = hashes_[number] & (slots_.size() - 1);
    while (slots_[slot] != 0) slot = (slot + 1) & (slots_.size() - 1);
    slots_[slot] = number + 1;
  }
}

std::pair<std::uint32_t, bool> TupleTable::find(std::span<const std::uint32_t> tuple) {
  if (2 * offsets_.size() >= slots_.size()) grow();
  const std::uint64_t hash = hash_of(tuple);
  std::size_t slot = hash & (slots_.size() - 1);
  for (; slots_[slot] != 0; slot = (slot + 1) & (slots_.size() - 1)) {
    const std::uint32_t number = slots_[slot] - 1;
    if (hashes_[number] == hash && std::ranges::equal(tuple_at(number), tuple)) return {number, false};
  }
  const std::uint32_t number = size();
  slots_[slot] = number + 1;
  hashes_.push_back(hash);
  offsets_.push_back(words_.size());
  words_.insert(words_.end(), tuple.begin(), tuple.end());
  return {number, true};
}

ImageStructure::ImageStructure(const Graph& graph, const std::vector<std::vector<KinkRule>>& rules)
    : graph_(graph), rules_(rules), ids_(graph.nodes().size()), flags_{none} {}

bool ImageStructure::choice_free(NodeId id, Index i) const {
  return (flags_[ids(id)[static_cast<std::size_t>(i)]] & dependent) == 0;
}

bool ImageStructure::derivative_vanishes(NodeId id, Index i) const {
  return (flags_[ids(id)[static_cast<std::size_t>(i)]] & alive) == 0;
}

ImageStructure::Id ImageStructure::fresh(std::uint8_t flags) {
  flags_.push_back(flags);
  return static_cast<Id>(flags_.size() - 1);
}

ImageStructure::Id ImageStructure::tuple_id(std::span<const std::uint32_t> tuple, std::uint8_t flags) {
  const auto [number, is_new] = tuples_.find(tuple);
  if (is_new) tuple_ids_.push_back(fresh(flags));
  return tuple_ids_[number];
}

std::uint8_t ImageStructure::flags_of(std::span<const Id> parts) const {
  std::uint8_t flags = none;
  for (const Id part : parts) flags |= flags_[part];
  return flags;
}

void ImageStructure::advance(NodeId id, std::span<const std::uint8_t> codes, std::span<const double> pixels,
                             const std::vector<std::uint8_t>& dependent_channels) {
  id_ = id;
  node_ = &graph_.node(id);
  y_ = &ids_[static_cast<std::size_t>(id)];
  y_->resize(static_cast<std::size_t>(element_count(node_->shape)));
  tuples_ = {};
  tuple_ids_.clear();
  std::visit(overloaded{[&](const Input&) { input(pixels); },
                        [&](const Conv2d& op) { linear(op.window, op.out_channels); },
                        [&](const Linear& op) { linear(Window::square(1, 1), op.out_features); },
                        [&](const Activation& op) { activation(op, codes); },
                        [&](const MaxPool2d& op) { max_pool(op, codes); },
                        [&](const AvgPool2d& op) { average(op.window); },
                        [&](const GlobalAvgPool&) { average(whole_image(x_shape())); },
                        [&](const NormPool2d& op) { norm_pool(op, codes); },
                        [&](const BatchNorm&) { batch_norm(dependent_channels); },
                        [&](const Add& op) { add(op); }, [&](const Concat&) { concatenate(); },
                        [&](const Flatten&) { *y_ = x(); }, [&](const Dropout&) { *y_ = x(); }},
             node_->op);
}

void ImageStructure::input(std::span<const double> pixels) {
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    if (pixels[i] == 0) {
      (*y_)[i] = zero;
      continue;
    }
    const std::uint64_t bits = std::bit_cast<std::uint64_t>(pixels[i]);
    const std::uint32_t words[] = {static_cast<std::uint32_t>(bits), static_cast<std::uint32_t>(bits >> 32)};
    (*y_)[i] = tuple_id(words, none);
  }
}

/// A convolution's output is (channel, patch): value sum w x + b, derivative sum w D(x) + sum x dw + db, both
/// functions of exactly that. Padding adds nothing, as a zero does.
void ImageStructure::linear(const Window& window, Index outputs) {
  const Shape& in = x_shape();
  const bool image = in.size() == 3;
  const Index channels = in[0], h = image ? in[1] : 1, w = image ? in[2] : 1, area = h * w;
  TupleTable pixels;
  std::vector<std::uint32_t> pixel_class(static_cast<std::size_t>(area));
  std::vector<std::uint8_t> class_flags;
  std::vector<std::uint32_t> column(static_cast<std::size_t>(channels), zero);
  const auto classify = [&] {
    const auto [number, is_new] = pixels.find(column);
    if (is_new) class_flags.push_back(flags_of(column));
    return number;
  };
  const std::uint32_t padding = classify();
  for (Index p = 0; p < area; ++p) {
    for (Index c = 0; c < channels; ++c)
      column[static_cast<std::size_t>(c)] = x()[static_cast<std::size_t>(c * area + p)];
    pixel_class[static_cast<std::size_t>(p)] = classify();
  }
  const Index out_h = window.out_h(h), out_w = window.out_w(w), out_area = out_h * out_w;
  std::vector<std::uint32_t> patch(static_cast<std::size_t>(window.kernel_h * window.kernel_w));
  std::vector<Id> first_id;  // of each patch: outputs follow each other
  for (Index at = 0; at < out_area; ++at) {
    std::fill(patch.begin(), patch.end(), padding);
    for (const WindowEntry& e : window_entries(window, h, w, at / out_w, at % out_w))
      patch[static_cast<std::size_t>(e.position)] = pixel_class[static_cast<std::size_t>(e.offset)];
    const auto [number, is_new] = tuples_.find(patch);
    if (is_new) {
      std::uint8_t flags = alive;  // the weights are differentiated too
      for (const std::uint32_t c : patch) flags |= class_flags[c];
      first_id.push_back(static_cast<Id>(flags_.size()));
      flags_.insert(flags_.end(), static_cast<std::size_t>(outputs), flags);
    }
    for (Index o = 0; o < outputs; ++o)
      (*y_)[static_cast<std::size_t>(o * out_area + at)] = first_id[number] + static_cast<Id>(o);
  }
}

void ImageStructure::activation(const Activation& op, std::span<const std::uint8_t> codes) {
  const PiecewiseLinear f = piecewise(op);
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const Id of_x = x()[i];
    const std::uint32_t code = codes[i];
    const std::size_t segment = code / 2;
    if (code % 2 == 0) {
      const double slope = f.slopes[segment], offset = f.offsets[segment];
      const std::uint32_t scaled[] = {code, of_x}, constant[] = {code};
      (*y_)[i] = slope == 1                  ? of_x
                 : slope == 0 && offset == 0 ? zero
                 : slope == 0                ? tuple_id(constant, none)
                                             : tuple_id(scaled, flags_[of_x]);
      continue;
    }
    // On a kink: a constant where no derivative passes, whatever the choice.
    const double value = f.slopes[segment] * f.kinks[segment] + f.offsets[segment];
    const KinkRule& here = rule(segment);
    std::uint8_t flags = flags_[of_x];
    const std::uint32_t kink[] = {code, of_x}, constant[] = {code, 0xFFFFFFFFu};
    if ((flags & alive) == 0 || (here.agree && here.value == 0)) {
      (*y_)[i] = value == 0 ? zero : tuple_id(constant, none);
      continue;
    }
    if (!here.agree) flags |= dependent, met_tie_ = true;
    (*y_)[i] = tuple_id(kink, flags);
  }
}

template <class Visit>
void ImageStructure::for_each_window(const Window& window, Visit&& visit) {
  const Index channels = x_shape()[0], h = x_shape()[1], w = x_shape()[2];
  const Index out_h = window.out_h(h), out_w = window.out_w(w);
  std::vector<std::vector<WindowEntry>> windows;
  for (Index at = 0; at < out_h * out_w; ++at)
    windows.push_back(window_entries(window, h, w, at / out_w, at % out_w));
  for (Index c = 0; c < channels; ++c)
    for (Index at = 0; at < out_h * out_w; ++at)
      visit(static_cast<std::size_t>(c * out_h * out_w + at), windows[static_cast<std::size_t>(at)],
            c * h * w);
}

/// The weights of every choice sum to 1, so a maximum attained by one identity alone has that identity.
void ImageStructure::max_pool(const MaxPool2d& op, std::span<const std::uint8_t> codes) {
  const std::size_t size = static_cast<std::size_t>(op.window.kernel_h * op.window.kernel_w);
  const bool agree = rule(0).agree;
  std::vector<Id> members;
  for_each_window(op.window, [&](std::size_t output, const std::vector<WindowEntry>& entries, Index base) {
    members.clear();
    for (const WindowEntry& e : entries) {
      if (codes[output * size + static_cast<std::size_t>(e.position)] == 1)
        members.push_back(x()[static_cast<std::size_t>(base + e.offset)]);
    }
    std::uint8_t flags = flags_of(members);
    const bool matters = members.size() > 1 && (flags & alive) != 0 && !agree;
    met_tie_ = met_tie_ || matters;
    if (std::all_of(members.begin(), members.end(), [&](Id m) { return m == members[0]; })) {
      (*y_)[output] = members[0];
      return;
    }
    if (matters) flags |= dependent;
    (*y_)[output] = tuple_id(members, flags);
  });
}

void ImageStructure::average(const Window& window) {
  std::vector<Id> parts;
  for_each_window(window, [&](std::size_t output, const std::vector<WindowEntry>& entries, Index base) {
    parts.clear();
    for (const WindowEntry& e : entries) parts.push_back(x()[static_cast<std::size_t>(base + e.offset)]);
    (*y_)[output] = tuple_id(parts, flags_of(parts));
  });
}

void ImageStructure::norm_pool(const NormPool2d& op, std::span<const std::uint8_t> codes) {
  std::vector<Id> parts;
  for_each_window(op.window, [&](std::size_t output, const std::vector<WindowEntry>& entries, Index base) {
    parts.clear();
    for (const WindowEntry& e : entries) parts.push_back(x()[static_cast<std::size_t>(base + e.offset)]);
    std::uint8_t flags = flags_of(parts);
    const bool at_zero = codes[output] == 1;
    if (at_zero && ((flags & alive) == 0 || (rule(0).agree && rule(0).value == 0))) {
      (*y_)[output] = zero;
      return;
    }
    if (at_zero && !rule(0).agree) flags |= dependent, met_tie_ = true;
    parts.push_back(codes[output]);
    (*y_)[output] = tuple_id(parts, flags);
  });
}

void ImageStructure::batch_norm(const std::vector<std::uint8_t>& dependent_channels) {
  const std::size_t channels = static_cast<std::size_t>(node_->shape[0]), area = y_->size() / channels;
  for (std::size_t c = 0; c < channels; ++c) {
    const bool statistics = !dependent_channels.empty() && dependent_channels[c] != 0;
    for (std::size_t i = c * area; i < (c + 1) * area; ++i) {
      const std::uint32_t tuple[] = {static_cast<std::uint32_t>(c), x()[i]};
      const std::uint8_t flags = flags_[x()[i]] | alive | (statistics ? dependent : none);
      (*y_)[i] = tuple_id(tuple, flags);
    }
  }
}

void ImageStructure::add(const Add& op) {
  for (std::size_t i = 0; i < y_->size(); ++i) {
    const Id parts[] = {x(0)[i], x(1)[i]};
    (*y_)[i] = op.subtract && parts[0] == parts[1] ? zero : tuple_id(parts, flags_of(parts));
  }
}

void ImageStructure::concatenate() {
  auto to = y_->begin();
  for (std::size_t k = 0; k < node_->inputs.size(); ++k) to = std::copy(x(k).begin(), x(k).end(), to);
}

}  // namespace gradzone
