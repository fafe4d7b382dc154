#include "gradzone/exact/fast/forward_pass.hpp"

#include <algorithm>
#include <utility>

#include "gradzone/exact/fast/branch_maps.hpp"
#include "gradzone/exact/fast/settle.hpp"
#include "gradzone/graph/window_walk.hpp"

namespace gradzone {

template <class Field>
ForwardPass<Field>::ForwardPass(BranchSearch& search, Field field, std::vector<Index> images,
                                TieOracle* oracle, bool keep)
    : search_(search),
      net_(search.net),
      field_(std::move(field)),
      images_(std::move(images)),
      oracle_(oracle),
      keep_(keep) {}

template <class Field>
bool ForwardPass<Field>::run() {
  const auto& nodes = net_.graph.nodes();
  values_.resize(nodes.size());
  statistics_.resize(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    id_ = static_cast<NodeId>(i);
    node_ = &nodes[i];
    settle_images();
    if (std::all_of(images_.begin(), images_.end(),
                    [&](Index n) { return search_.next[static_cast<std::size_t>(n)] <= id_; }))
      return false;
    values_[i] = evaluate();
    release_inputs();
  }
  return true;
}

template <class Field>
void ForwardPass<Field>::release_inputs() {
  for (const NodeId input : node_->inputs) {
    const std::size_t at = static_cast<std::size_t>(input);
    if (net_.last_use[at] == id_ && !(keep_ && net_.read_backward[at])) values_[at] = {};
  }
}

template <class Field>
void ForwardPass<Field>::settle_images() {
  const std::vector<std::uint8_t> dependent = dependent_channels();
  std::vector<std::uint8_t> known(images_.size(), 0);
  parallel_for(static_cast<Index>(images_.size()), [&](Index k) {
    const std::size_t slot = static_cast<std::size_t>(k);
    if (!at_this_node(slot)) return;
    known[slot] =
        node_->inputs.empty() || settle_branches(search_, id_, images_[slot], x(), k, Field::stage, oracle_);
  });
  // Images that depend on each other stop together.
  if (net_.coupled && std::any_of(known.begin(), known.end(), [](std::uint8_t k) { return k == 0; }) &&
      at_this_node(0))
    return;
  parallel_for(static_cast<Index>(images_.size()), [&](Index k) {
    const std::size_t slot = static_cast<std::size_t>(k);
    if (known[slot] != 0) search_.advance(id_, images_[slot], dependent);
  });
}

template <class Field>
std::vector<std::uint8_t> ForwardPass<Field>::dependent_channels() const {
  const auto* norm = std::get_if<BatchNorm>(&node_->op);
  if (!norm || norm->mode == BatchNorm::Mode::evaluation) return {};
  const Index channels = node_->shape[0], area = element_count(node_->shape) / channels;
  std::vector<std::uint8_t> out(static_cast<std::size_t>(channels), 0);
  if (!at_this_node(0)) return out;
  for (const Index n : images_)
    for (Index i = 0; i < channels * area; ++i) {
      if (!search_.structure[static_cast<std::size_t>(n)].choice_free(node_->inputs[0], i))
        out[static_cast<std::size_t>(i / area)] = 1;
    }
  return out;
}

template <class Field>
std::vector<std::uint8_t> ForwardPass<Field>::codes() const {
  std::vector<std::uint8_t> out;
  for (const Index n : images_) {
    const auto codes = std::as_const(search_).codes(id_, n);
    out.insert(out.end(), codes.begin(), codes.end());
  }
  return out;
}

template <class Field>
typename ForwardPass<Field>::Values ForwardPass<Field>::evaluate() {
  return std::visit(
      overloaded{
          [&](const Input&) {
            const Index pixels = search_.batch.x.size() / search_.batch.size();
            Tensor<double> chosen(net_.batched(id_, static_cast<Index>(images_.size())));
            for (std::size_t k = 0; k < images_.size(); ++k)
              std::copy_n(search_.batch.x.data.begin() + images_[k] * pixels, pixels,
                          chosen.data.begin() + static_cast<Index>(k) * pixels);
            return field_.input(chosen);
          },
          [&](const Conv2d&) { return field_.forward(net_.layer(id_), x()); },
          [&](const Linear&) { return field_.forward(net_.layer(id_), x()); },
          [&](const Activation& op) { return activation(op); },
          [&](const MaxPool2d& op) { return max_pool(op); },
          [&](const AvgPool2d& op) { return average(op.window); },
          [&](const GlobalAvgPool&) { return average(whole_image(net_.graph.node(node_->inputs[0]).shape)); },
          [&](const NormPool2d& op) { return norm_pool(op); },
          [&](const BatchNorm& op) { return batch_norm(op); },
          [&](const Add& op) { return field_.add(x(0), x(1), op.subtract); },
          [&](const Concat&) {
            std::vector<const Values*> parts;
            for (std::size_t k = 0; k < node_->inputs.size(); ++k) parts.push_back(&x(k));
            return field_.concatenate(parts);
          },
          [&](const Flatten&) {
            return field_.reshaped(x(), net_.batched(id_, static_cast<Index>(images_.size())));
          },
          [&](const Dropout&) { return x(); }},
      node_->op);
}

template <class Field>
typename ForwardPass<Field>::Values ForwardPass<Field>::activation(const Activation& op) {
  const auto [map, constants] = activation_map(op, x().shape(), codes());
  Values y = field_.apply(map, x(), {});
  return constants.empty() ? y : field_.add(y, field_.input(constants), false);
}

template <class Field>
typename ForwardPass<Field>::Values ForwardPass<Field>::max_pool(const MaxPool2d& op) {
  const Shape shape = net_.batched(id_, static_cast<Index>(images_.size()));
  return field_.apply(max_pool_map(op, x().shape(), shape, codes()), x(),
                      {PixelRule::Kind::window, op.window});
}

template <class Field>
typename ForwardPass<Field>::Values ForwardPass<Field>::average(const Window& window) {
  const Shape shape = net_.batched(id_, static_cast<Index>(images_.size()));
  return field_.apply(average_map(window, x().shape(), shape, field_.interval_bits()), x(),
                      {PixelRule::Kind::window, window});
}

template <class Field>
typename ForwardPass<Field>::Values ForwardPass<Field>::norm_pool(const NormPool2d& op) {
  if constexpr (!Field::complete) {
    return x();  // not reached: the filter is not asked about such networks
  } else {
    const Shape shape = net_.batched(id_, static_cast<Index>(images_.size()));
    const Extent in = x().extent(), out = extent(shape);
    const int bits = field_.interval_bits();
    std::vector<MpfrInterval> norms;
    for (Index o = 0; o < element_count(shape); ++o) {
      MpfrInterval sum = MpfrInterval::exactly(0);
      for (const WindowEntry& e : window_entries(op.window, in.h, in.w, o / out.w % out.h, o % out.w)) {
        const MpfrInterval v = interval_of(x(), o / out.area() * in.area() + e.offset);
        sum = gradzone::add(sum, gradzone::multiply(v, v, 2 * bits), 2 * bits);
      }
      norms.push_back(square_root(sum, bits));
    }
    return field_.input(shape, norms);
  }
}

template <class Field>
ChannelStatistics ForwardPass<Field>::batch_statistics(const BatchNorm& op, Values& centred) {
  const int bits = field_.interval_bits();
  const std::size_t channels = static_cast<std::size_t>(op.channels);
  ChannelStatistics out;
  const auto finish = [&](const MpfrInterval& variance) {
    out.inverse_deviation.push_back(
        divide(MpfrInterval::exactly(1),
               square_root(gradzone::add(variance, MpfrInterval::exactly(op.eps), bits), bits), bits));
  };
  if (op.mode == BatchNorm::Mode::evaluation) {
    for (Index c = 0; c < op.channels; ++c) {
      out.mean.push_back(MpfrInterval::exactly(net_.parameter(id_, 2)[c]));
      finish(MpfrInterval::exactly(net_.parameter(id_, 3)[c]));
    }
    return out;
  }
  if constexpr (Field::complete) {
    const Extent e = x().extent();
    const MpfrInterval count = MpfrInterval::exactly(static_cast<double>(e.pixels()));
    std::vector<MpfrInterval> minus_mean;
    for (const MpfrInterval& sum : field_.channel_sums(x())) {
      out.mean.push_back(divide(sum, count, bits));
      minus_mean.push_back(negate(out.mean.back()));
    }
    centred = field_.add_per_channel(x(), minus_mean);
    const std::vector<MpfrInterval> squares = field_.channel_sums(field_.multiply(centred, centred));
    for (std::size_t c = 0; c < channels; ++c) finish(divide(squares[c], count, bits));
  }
  return out;
}

template <class Field>
typename ForwardPass<Field>::Values ForwardPass<Field>::batch_norm(const BatchNorm& op) {
  const int bits = field_.interval_bits();
  Values centred;
  ChannelStatistics& s = statistics_[static_cast<std::size_t>(id_)];
  s = batch_statistics(op, centred);
  std::vector<MpfrInterval> scale, shift;
  for (Index c = 0; c < op.channels; ++c) {
    const std::size_t at = static_cast<std::size_t>(c);
    scale.push_back(
        multiply(MpfrInterval::exactly(net_.parameter(id_, 0)[c]), s.inverse_deviation[at], bits));
    shift.push_back(MpfrInterval::exactly(net_.parameter(id_, 1)[c]));
    if (op.mode == BatchNorm::Mode::evaluation)
      shift.back() = subtract(shift.back(), multiply(s.mean[at], scale.back(), bits), bits);
  }
  const Values& from = op.mode == BatchNorm::Mode::evaluation ? x() : centred;
  return field_.add_per_channel(field_.scale_channels(from, scale), shift);
}

template class ForwardPass<DoubleField>;
template class ForwardPass<FixedField>;

}  // namespace gradzone
