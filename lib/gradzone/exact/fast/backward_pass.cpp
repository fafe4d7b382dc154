#include "gradzone/exact/fast/backward_pass.hpp"

#include <utility>

#include "gradzone/exact/fast/branch_maps.hpp"
#include "gradzone/graph/window_walk.hpp"

namespace gradzone {
namespace {

class BackwardPass {
 public:
  BackwardPass(const BranchSearch& search, const ForwardPass<FixedField>& forward, int forward_limbs,
               const Choice& choice, int limbs)
      : search_(search),
        net_(search.net),
        forward_(forward),
        field_(forward_limbs),
        choice_(choice),
        limbs_(limbs),
        images_(static_cast<Index>(forward.images().size())) {}

  FixedGradient run(FixedValues output_gradient) {
    const auto& nodes = net_.graph.nodes();
    gradient_.resize(net_.graph.parameters().size());
    outputs_.resize(nodes.size());
    outputs_.back() = std::move(output_gradient);
    for (std::size_t i = nodes.size() - 1; i > 0; --i) {
      id_ = static_cast<NodeId>(i);
      node_ = &nodes[i];
      dy_ = std::move(outputs_[i]);
      std::visit([this](const auto& op) { (*this)(op); }, node_->op);
      outputs_[i] = {};
    }
    return std::move(gradient_);
  }

 private:
  const FixedValues& x(std::size_t k = 0) const { return forward_.values(node_->inputs[k]); }
  Shape x_shape(std::size_t k = 0) const { return net_.batched(node_->inputs[k], images_); }
  bool wanted(std::size_t k = 0) const { return node_->inputs[k] != 0; }
  ParameterGradient& gradient_of(std::size_t k) {
    return gradient_[static_cast<std::size_t>(node_->first_parameter) + k];
  }
  std::vector<std::uint8_t> codes() const {
    std::vector<std::uint8_t> out;
    for (const Index n : forward_.images()) {
      const auto codes = search_.codes(id_, n);
      out.insert(out.end(), codes.begin(), codes.end());
    }
    return out;
  }
  void accumulate(std::size_t k, FixedValues contribution) {
    FixedValues& sum = outputs_[static_cast<std::size_t>(node_->inputs[k])];
    sum = sum.mid.limbs == 0 ? std::move(contribution) : field_.add(sum, contribution, false);
  }

  void operator()(const Input&) {}
  void operator()(const Conv2d&) { linear(); }
  void operator()(const Linear&) { linear(); }
  void linear() {
    const LinearLayer& layer = net_.layer(id_);
    gradient_of(0) = weight_gradient(layer, x(), dy_, limbs_);
    if (layer.bias) gradient_of(1) = channel_sums(dy_, limbs_);
    if (wanted()) accumulate(0, input_gradient(layer, dy_, x_shape(), field_.limbs()));
  }

  void operator()(const Activation& op) {
    if (wanted())
      accumulate(0, field_.apply(activation_gradient_map(op, choice_, x_shape(), codes()), dy_, {}));
  }

  void operator()(const MaxPool2d& op) {
    if (!wanted()) return;
    const SparseMap map =
        max_pool_gradient_map(op, choice_, x_shape(), dy_.shape(), codes(), field_.interval_bits());
    accumulate(0, field_.apply(map, dy_, {PixelRule::Kind::covering, op.window}));
  }

  void operator()(const AvgPool2d& op) { average(op.window); }
  void operator()(const GlobalAvgPool&) { average(whole_image(net_.graph.node(node_->inputs[0]).shape)); }
  void average(const Window& window) {
    if (!wanted()) return;
    const SparseMap map = average_gradient_map(window, x_shape(), dy_.shape(), field_.interval_bits());
    accumulate(0, field_.apply(map, dy_, {PixelRule::Kind::covering, window}));
  }

  void operator()(const NormPool2d& op) {
    if (!wanted()) return;
    const int bits = field_.interval_bits();
    const Extent in = x().extent(), out = dy_.extent();
    const std::vector<std::uint8_t> zero = codes();
    const FixedValues& norms = forward_.values(id_);
    std::vector<MpfrInterval> dx(static_cast<std::size_t>(in.images * in.size()), MpfrInterval::exactly(0));
    for (Index o = 0; o < out.images * out.size(); ++o) {
      const MpfrInterval g = interval_of(dy_, o);
      for (const WindowEntry& e : window_entries(op.window, in.h, in.w, o / out.w % out.h, o % out.w)) {
        const Index at = o / out.area() * in.area() + e.offset;
        const MpfrInterval factor = zero[static_cast<std::size_t>(o)] == 1
                                        ? MpfrInterval::exactly(choice_.normpool_at_0)
                                        : divide(interval_of(x(), at), interval_of(norms, o), bits);
        MpfrInterval& sum = dx[static_cast<std::size_t>(at)];
        sum = gradzone::add(sum, gradzone::multiply(g, factor, bits), bits);
      }
    }
    accumulate(0, field_.input(x_shape(), dx));
  }

  /// x^ = (x - mean) inv; db = sum g, dw = sum g x^, and dx = w inv g, or in training mode
  /// w inv (g - db / M - x^ dw / M).
  void operator()(const BatchNorm& op) {
    const int bits = field_.interval_bits();
    const ChannelStatistics& s = forward_.statistics(id_);
    const MpfrInterval count = MpfrInterval::exactly(static_cast<double>(dy_.extent().pixels()));
    std::vector<MpfrInterval> minus_mean, dw, scale, of_centred, constant;
    for (const MpfrInterval& mean : s.mean) minus_mean.push_back(negate(mean));
    const FixedValues centred = field_.add_per_channel(x(), minus_mean);
    const std::vector<MpfrInterval> sum_g = field_.channel_sums(dy_);
    const std::vector<MpfrInterval> sum_gx = field_.channel_sums(field_.multiply(dy_, centred));
    for (std::size_t c = 0; c < static_cast<std::size_t>(op.channels); ++c) {
      const MpfrInterval& inverse = s.inverse_deviation[c];
      dw.push_back(gradzone::multiply(inverse, sum_gx[c], bits));
      scale.push_back(gradzone::multiply(MpfrInterval::exactly(net_.parameter(id_, 0)[static_cast<Index>(c)]),
                                         inverse, bits));
      const MpfrInterval mean_gx = divide(dw[c], count, bits), mean_g = divide(sum_g[c], count, bits);
      of_centred.push_back(
          negate(gradzone::multiply(scale[c], gradzone::multiply(inverse, mean_gx, bits), bits)));
      constant.push_back(negate(gradzone::multiply(scale[c], mean_g, bits)));
    }
    gradient_of(0) = parameter_gradient({op.channels}, dw, limbs_);
    gradient_of(1) = parameter_gradient({op.channels}, sum_g, limbs_);
    if (!wanted()) return;
    FixedValues dx = field_.scale_channels(dy_, scale);
    if (op.mode == BatchNorm::Mode::training) {
      dx = field_.add(dx, field_.scale_channels(centred, of_centred), false);
      dx = field_.add_per_channel(dx, constant);
    }
    accumulate(0, std::move(dx));
  }

  void operator()(const Add& op) {
    if (wanted(0)) accumulate(0, dy_);
    if (!wanted(1)) return;
    const std::vector<MpfrInterval> minus(static_cast<std::size_t>(dy_.extent().channels),
                                          MpfrInterval::exactly(-1));
    accumulate(1, op.subtract ? field_.scale_channels(dy_, minus) : dy_);
  }

  void operator()(const Concat&) {
    Index first = 0;
    for (std::size_t k = 0; k < node_->inputs.size(); ++k) {
      const Index count = x_shape(k)[1];
      if (wanted(k)) accumulate(k, channels_of(dy_, first, count));
      first += count;
    }
  }
  void operator()(const Flatten&) {
    if (wanted()) accumulate(0, reshaped(dy_, x_shape()));
  }
  void operator()(const Dropout&) {
    if (wanted()) accumulate(0, dy_);
  }

  const BranchSearch& search_;
  const FastNetwork& net_;
  const ForwardPass<FixedField>& forward_;
  const FixedField field_;
  const Choice& choice_;
  const int limbs_;
  const Index images_;
  FixedGradient gradient_;
  std::vector<FixedValues> outputs_;
  // The node being passed.
  NodeId id_ = 0;
  const Node* node_ = nullptr;
  FixedValues dy_;
};

}  // namespace

FixedGradient backward(const BranchSearch& search, const ForwardPass<FixedField>& forward, int forward_limbs,
                       const Choice& choice, FixedValues output_gradient, int limbs) {
  return BackwardPass(search, forward, forward_limbs, choice, limbs).run(std::move(output_gradient));
}

}  // namespace gradzone
