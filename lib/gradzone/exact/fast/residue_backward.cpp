#include "gradzone/exact/fast/residue_backward.hpp"

#include <algorithm>
#include <memory>

#include "gradzone/exact/fast/residue_choices.hpp"

namespace gradzone {
namespace {

class BackwardPass {
 public:
  BackwardPass(const ResidueForward& forward, const std::vector<Choice>& choices,
               const std::vector<Index>& images, WeightTest test)
      : forward_(forward), choices_(choices), images_(images), test_(test) {}

  bool run(ResidueTensor output_gradient) {
    const Graph& graph = forward_.graph();
    gradients_.resize(graph.nodes().size());
    gradients_.back().assign(choices_.size(),
                             std::make_shared<const ResidueTensor>(std::move(output_gradient)));
    for (id_ = graph.output(); id_ > 0; --id_) {
      node_ = &graph.node(id_);
      dy_ = std::exchange(gradients_[static_cast<std::size_t>(id_)], {});
      if (!std::visit([this](const auto& op) { return parameters_agree(op); }, node_->op)) return false;
      std::visit([this](const auto& op) { pass(op); }, node_->op);
    }
    return true;
  }

 private:
  // ---- the node at hand ----

  bool wanted(std::size_t k = 0) const { return node_->inputs[k] != 0; }
  Shape x_shape(std::size_t k = 0) const {
    Shape shape = forward_.graph().node(node_->inputs[k]).shape;
    shape.insert(shape.begin(), std::ssize(images_));
    return shape;
  }
  ResidueTensor zeros(std::size_t k = 0) const { return {x_shape(k), forward_.primes()}; }
  const Shape& y_shape() const { return dy_.front()->shape; }
  /// The chosen images of a node's values.
  ResidueTensor chosen(NodeId id) const {
    const ResidueTensor& all = forward_.value(id);
    if (std::ssize(images_) == all.images()) return all;
    Shape shape = all.shape;
    shape[0] = std::ssize(images_);
    ResidueTensor out(std::move(shape), forward_.primes());
    const Index size = all.entries / all.images();
    for (int k = 0; k < forward_.primes(); ++k) {
      Residue* to = out.plane(k);
      for (const Index n : images_) to = std::copy_n(all.plane(k) + n * size, size, to);
    }
    return out;
  }
  ResidueTensor chosen_x() const { return chosen(node_->inputs[0]); }
  /// The branch codes of the chosen images.
  std::vector<std::uint8_t> codes() const {
    const auto& all = forward_.branches(id_).codes;
    const Index size = std::ssize(all) / forward_.images();
    std::vector<std::uint8_t> out;
    for (const Index n : images_) out.insert(out.end(), &all[n * size], &all[n * size] + size);
    return out;
  }
  ResidueParameter parameter(int k, int prime) const { return forward_.parameter(*node_, k, prime); }
  template <class Body>
  void for_each_prime(const Body& body) const {
    gradzone::for_each_prime(forward_, body);
  }

  /// Gives input k what `rule(dy)` makes of each different dy.
  template <class Rule>
  void give(std::size_t k, const Rule& rule) {
    if (wanted(k)) accumulate(forward_, gradient_of_input(k), for_each_different(dy_, rule));
  }
  /// Gives input 0 what `rule(dy, choice)` makes of each dy.
  template <class Rule>
  void give_by_choice(const Rule& rule) {
    accumulate(forward_, gradient_of_input(0), for_each_choice(dy_, choices_, rule));
  }
  ByChoice& gradient_of_input(std::size_t k) {
    return gradients_[static_cast<std::size_t>(node_->inputs[k])];
  }

  // ---- convolution and linear layers ----

  bool parameters_agree(const Conv2d& op) const { return weights_agree(op); }
  bool parameters_agree(const Linear& op) const { return weights_agree(op); }
  void pass(const Conv2d& op) { pass_convolution(op); }
  void pass(const Linear& op) { pass_convolution(op); }

  template <class Op>
  bool weights_agree(const Op& op) const {
    if (all_share(dy_)) return true;
    const ResidueTensor x = chosen_x();
    const ResidueConvolution c = as_convolution(op, x.shape);
    return differences_vanish(forward_, dy_, [&](int prime, const ResidueField& field, const Residue* dy) {
      return weight_gradient_vanishes(prime, field, c, x.plane(prime), dy) &&
             (!op.bias || channel_sums_vanish(field, dy));
    });
  }

  bool weight_gradient_vanishes(int prime, const ResidueField& field, const ResidueConvolution& c,
                                const Residue* x, const Residue* dy) const {
    std::vector<Residue> gradient;
    if (test_ == WeightTest::projected) {
      RandomStream random = forward_.network().unknowns("residue projection", id_, prime);
      std::vector<Residue> vector;
      for (Index i = 0; i < c.depth(); ++i) vector.push_back(draw_unknown(field, random));
      vector.resize(vector.size() + residue_padding);
      gradient.resize(static_cast<std::size_t>(c.op.out_channels));
      project_weight_gradient(field, c, x, dy, vector.data(), gradient.data());
    } else {
      gradient.resize(static_cast<std::size_t>(c.op.out_channels * c.depth()));
      convolve_weight_gradient(field, c, x, dy, gradient.data(), forward_.network().device());
    }
    return vanishes(gradient);
  }
  static bool vanishes(const std::vector<Residue>& v) {
    return std::all_of(v.begin(), v.end(), [](Residue r) { return r == 0; });
  }
  bool channel_sums_vanish(const ResidueField& field, const Residue* dy) const {
    for (Index c = 0; c < y_shape()[1]; ++c) {
      std::int64_t sum = 0;
      for_each_in_channel(y_shape(), c, [&](Index i) { sum += dy[i]; });
      if (field.from(sum) != 0) return false;
    }
    return true;
  }

  template <class Op>
  void pass_convolution(const Op& op) {
    give(0, [&](const ResidueTensor& dy) {
      ResidueTensor dx = zeros();
      const ResidueConvolution c = as_convolution(op, dx.shape);
      for_each_prime([&](int prime, const ResidueField& field) {
        convolve_input_gradient(field, c, dy.plane(prime), parameter(0, prime)->data(), dx.plane(prime),
                                forward_.network().device());
      });
      return dx;
    });
  }

  // ---- kinks ----

  void pass(const Activation& op) {
    if (!wanted()) return;
    const PiecewiseLinear f = piecewise(op);
    const std::vector<std::uint8_t> code = codes();
    give_by_choice([&](const ResidueTensor& dy, const Choice& choice) {
      ResidueTensor dx = zeros();
      const std::vector<double> at_kinks = derivative_at_kinks(op, choice);
      for_each_prime([&](int prime, const ResidueField& field) {
        std::vector<Residue> slopes;  // by code
        for (std::size_t s = 0; s < f.slopes.size(); ++s) {
          slopes.push_back(field.from(f.slopes[s]));
          if (s < at_kinks.size()) slopes.push_back(field.from(at_kinks[s]));
        }
        const Residue* in = dy.plane(prime);
        Residue* out = dx.plane(prime);
        for (std::size_t i = 0; i < code.size(); ++i) {
          // An undefined image that is carried along with others has unknown codes and a derivative of 0.
          if (in[i] != 0) out[i] = field.multiply(slopes[code[i]], in[i]);
        }
      });
      return dx;
    });
  }

  /// An output passes a share of its derivative to an entry of its argmax set.
  struct Edge {
    Index output, input;
    std::size_t ties;
    bool first;
  };

  void pass(const MaxPool2d& op) {
    if (!wanted()) return;
    const Index window = op.window.kernel_h * op.window.kernel_w;
    const std::vector<std::uint8_t> code = codes();
    std::vector<Edge> edges;
    for_each_window(op.window, x_shape(), y_shape(),
                    [&](Index output, const std::vector<WindowEntry>& entries, Index base) {
                      const std::uint8_t* in_set = code.data() + output * window;
                      const auto ties = static_cast<std::size_t>(std::count(in_set, in_set + window, 1));
                      bool first = true;
                      for (const WindowEntry& e : entries) {
                        if (in_set[e.position] == 0) continue;
                        edges.push_back({output, base + e.offset, ties, first});
                        first = false;
                      }
                    });
    give_by_choice([&](const ResidueTensor& dy, const Choice& choice) {
      ResidueTensor dx = zeros();
      for_each_prime([&](int prime, const ResidueField& field) {
        const Residue beta = field.from(beta_of(op, choice)), native = field.subtract(1, beta);
        std::vector<Residue> share(1);  // beta / ties
        for (Index n = 1; n <= window; ++n)
          share.push_back(field.multiply(beta, field.inverse(field.from(n))));
        const Residue* in = dy.plane(prime);
        Residue* out = dx.plane(prime);
        for (const Edge& e : edges) {
          const Residue weight = e.first ? field.add(share[e.ties], native) : share[e.ties];
          out[e.input] = field.reduce(static_cast<double>(weight) * in[e.output] + out[e.input]);
        }
      });
      return dx;
    });
  }

  /// x / r in a window of norm r, the choice's value in a window of zeros.
  void pass(const NormPool2d& op) {
    if (!wanted()) return;
    const ResidueTensor x = chosen_x(), norms = chosen(id_);
    const std::vector<std::uint8_t> code = codes();
    give_by_choice([&](const ResidueTensor& dy, const Choice& choice) {
      ResidueTensor dx = zeros();
      for_each_prime([&](int prime, const ResidueField& field) {
        const Residue at_zero = field.from(choice.normpool_at_0);
        const Residue *in = dy.plane(prime), *values = x.plane(prime);
        Residue* out = dx.plane(prime);
        for_each_window(op.window, x.shape, dy.shape,
                        [&](Index output, const std::vector<WindowEntry>& entries, Index base) {
                          const bool zero = code[static_cast<std::size_t>(output)] == 1;
                          const Residue scale = field.multiply(
                              in[output], zero ? at_zero : field.inverse(norms.plane(prime)[output]));
                          for (const WindowEntry& e : entries) {
                            const Index i = base + e.offset;
                            out[i] =
                                field.reduce(static_cast<double>(scale) * (zero ? 1 : values[i]) + out[i]);
                          }
                        });
      });
      return dx;
    });
  }

  // ---- batch norm ----

  /// (x - mean) / deviation.
  Residue normalised(int prime, const ResidueField& field, Index channel, Residue x) const {
    const ResidueStatistics& s = forward_.statistics(id_);
    const auto c = static_cast<std::size_t>(channel), k = static_cast<std::size_t>(prime);
    return field.multiply(field.subtract(x, s.mean[k][c]), s.inverse_deviation[k][c]);
  }
  /// The sum of dy times the normalised input of a channel.
  Residue weight_gradient(int prime, const ResidueField& field, Index channel, const Residue* x,
                          const Residue* dy) const {
    Residue sum = 0;
    for_each_in_channel(y_shape(), channel, [&](Index i) {
      sum = field.reduce(static_cast<double>(dy[i]) * normalised(prime, field, channel, x[i]) + sum);
    });
    return sum;
  }

  bool parameters_agree(const BatchNorm&) const {
    if (all_share(dy_)) return true;
    const ResidueTensor x = chosen_x();
    return differences_vanish(forward_, dy_, [&](int prime, const ResidueField& field, const Residue* dy) {
      for (Index c = 0; c < x.shape[1]; ++c) {
        if (weight_gradient(prime, field, c, x.plane(prime), dy) != 0) return false;
      }
      return channel_sums_vanish(field, dy);
    });
  }

  void pass(const BatchNorm& op) {
    const bool training = op.mode == BatchNorm::Mode::training;
    const ResidueTensor x = chosen_x();
    give(0, [&](const ResidueTensor& dy) {
      ResidueTensor dx = zeros();
      for_each_prime([&](int prime, const ResidueField& field) {
        const ResidueParameter weight = parameter(0, prime);
        const Residue share = field.inverse(field.from(x.entries / x.shape[1]));
        const Residue *in = dy.plane(prime), *values = x.plane(prime);
        Residue* out = dx.plane(prime);
        for (Index c = 0; c < x.shape[1]; ++c) {
          const Residue inverse =
              forward_.statistics(id_)
                  .inverse_deviation[static_cast<std::size_t>(prime)][static_cast<std::size_t>(c)];
          const Residue scale = field.multiply((*weight)[static_cast<std::size_t>(c)], inverse);
          std::int64_t sum = 0;
          if (training) for_each_in_channel(x.shape, c, [&](Index i) { sum += in[i]; });
          const Residue mean = field.multiply(share, field.from(sum));
          const Residue slope =
              training ? field.multiply(share, weight_gradient(prime, field, c, values, in)) : 0;
          for_each_in_channel(x.shape, c, [&](Index i) {
            const Residue tilt = field.multiply(slope, normalised(prime, field, c, values[i]));
            out[i] = field.multiply(scale, field.subtract(field.subtract(in[i], mean), tilt));
          });
        }
      });
      return dx;
    });
  }

  // ---- the rest ----

  template <class Op>
  bool parameters_agree(const Op&) const {
    return true;
  }

  void pass(const Input&) {}
  void pass(const AvgPool2d& op) { average(op.window); }
  void pass(const GlobalAvgPool&) { average(whole_image(forward_.graph().node(node_->inputs[0]).shape)); }
  void average(const Window& w) {
    give(0, [&](const ResidueTensor& dy) {
      ResidueTensor dx = zeros();
      for_each_prime([&](int prime, const ResidueField& field) {
        const Residue share = field.inverse(field.from(w.kernel_h * w.kernel_w));
        const Residue* in = dy.plane(prime);
        Residue* out = dx.plane(prime);
        for_each_window(w, dx.shape, dy.shape,
                        [&](Index output, const std::vector<WindowEntry>& entries, Index base) {
                          const Residue part = field.multiply(share, in[output]);
                          for (const WindowEntry& e : entries) {
                            out[base + e.offset] = field.add(out[base + e.offset], part);
                          }
                        });
      });
      return dx;
    });
  }

  void pass(const Add& op) {
    give(0, [](const ResidueTensor& dy) { return dy; });
    give(1, [&](const ResidueTensor& dy) { return op.subtract ? difference(forward_, zeros(1), dy) : dy; });
  }

  void pass(const Concat&) {
    Index offset = 0;
    for (std::size_t k = 0; k < node_->inputs.size(); ++k) {
      const Index size = element_count(forward_.graph().node(node_->inputs[k]).shape);
      give(k, [&](const ResidueTensor& dy) {
        ResidueTensor part = zeros(k);
        const Index stride = dy.entries / dy.images();
        for (int prime = 0; prime < forward_.primes(); ++prime)
          for (Index n = 0; n < dy.images(); ++n)
            std::copy_n(dy.plane(prime) + n * stride + offset, size, part.plane(prime) + n * size);
        return part;
      });
      offset += size;
    }
  }
  void pass(const Flatten&) { reshape(); }
  void pass(const Dropout&) { reshape(); }
  void reshape() {
    give(0, [&](const ResidueTensor& dy) {
      ResidueTensor dx = dy;
      dx.shape = x_shape();
      return dx;
    });
  }

  const ResidueForward& forward_;
  const std::vector<Choice>& choices_;
  const std::vector<Index>& images_;
  const WeightTest test_;
  std::vector<ByChoice> gradients_;  ///< per node
  // The node being passed.
  NodeId id_ = 0;
  const Node* node_ = nullptr;
  ByChoice dy_;
};

}  // namespace

bool gradients_are_congruent(const ResidueForward& forward, const std::vector<Choice>& choices,
                             const std::vector<Index>& images, ResidueTensor output_gradient,
                             WeightTest test) {
  return BackwardPass(forward, choices, images, test).run(std::move(output_gradient));
}

}  // namespace gradzone
