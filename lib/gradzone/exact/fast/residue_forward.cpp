#include "gradzone/exact/fast/residue_forward.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>

#include "gradzone/base/error.hpp"

namespace gradzone {

/// The evaluation of one node.
class ResidueForward::Step {
 public:
  Step(ResidueForward& pass, NodeId id) : pass_(pass), id_(id), node_(pass.graph().node(id)) {
    Shape shape = node_.shape;
    shape.insert(shape.begin(), pass_.images());
    y_ = ResidueTensor(std::move(shape), pass_.primes());
  }

  ResidueTensor run() {
    std::visit([this](const auto& op) { (*this)(op); }, node_.op);
    return std::move(y_);
  }

 private:
  const ResidueTensor& x(std::size_t k = 0) const { return pass_.value(node_.inputs[k]); }
  ResidueParameter parameter(int k, int prime) const { return pass_.parameter(node_, k, prime); }
  const std::vector<std::uint8_t>& codes() const { return pass_.branches_.back().codes; }
  std::vector<Residue> unknowns(std::string_view kind, int prime, Index count) const {
    RandomStream random = pass_.network().unknowns(kind, id_, prime);
    std::vector<Residue> out;
    for (Index i = 0; i < count; ++i) out.push_back(draw_unknown(pass_.field(prime), random));
    return out;
  }

  /// Calls body(prime, field, input plane, output plane).
  template <class Body>
  void for_each_prime(const Body& body) {
    gradzone::for_each_prime(pass_, [&](int prime, const ResidueField& field) {
      body(prime, field, x().plane(prime), y_.plane(prime));
    });
  }
  void undefine(Index output) { undefine_image(output / (y_.entries / y_.images())); }
  void undefine_image(Index n) {
    NodeId& from = pass_.undefined_from_[static_cast<std::size_t>(n)];
    from = std::min(from, id_);
  }
  void undefine_all() {
    for (Index n = 0; n < pass_.images(); ++n) undefine_image(n);
  }

  void operator()(const Input&) {}
  void operator()(const Conv2d& op) { convolve_node(op); }
  void operator()(const Linear& op) { convolve_node(op); }
  template <class Op>
  void convolve_node(const Op& op) {
    const ResidueConvolution c = as_convolution(op, x().shape);
    for_each_prime([&](int prime, const ResidueField& field, const Residue* in, Residue* out) {
      const ResidueParameter weight = parameter(0, prime), bias = op.bias ? parameter(1, prime) : nullptr;
      convolve(field, c, in, weight->data(), bias ? std::span(*bias) : std::span<const Residue>(), out,
               pass_.network().device());
    });
  }

  /// A value on a kink lies on both segments that meet there.
  void operator()(const Activation& op) {
    const PiecewiseLinear f = piecewise(op);
    for (Index i = 0; i < y_.entries; ++i) {
      if (codes()[static_cast<std::size_t>(i)] == unknown_branch) undefine(i);
    }
    for_each_prime([&](int, const ResidueField& field, const Residue* in, Residue* out) {
      std::vector<Residue> slopes, offsets;
      for (const double s : f.slopes) slopes.push_back(field.from(s));
      for (const double o : f.offsets) offsets.push_back(field.from(o));
      for (Index i = 0; i < y_.entries; ++i) {
        const std::size_t segment = codes()[static_cast<std::size_t>(i)] / 2u;
        if (segment >= slopes.size()) continue;  // unknown
        out[i] = field.reduce(static_cast<double>(slopes[segment]) * in[i] + offsets[segment]);
      }
    });
  }

  void operator()(const MaxPool2d& op) {
    constexpr Index none = -1;
    const Index window = op.window.kernel_h * op.window.kernel_w;
    std::vector<Index> sources(static_cast<std::size_t>(y_.entries), none);
    for_each_window(op.window, x().shape, y_.shape,
                    [&](Index output, const std::vector<WindowEntry>& entries, Index base) {
                      Index& source = sources[static_cast<std::size_t>(output)];
                      const std::uint8_t* code = codes().data() + output * window;
                      for (const WindowEntry& e : entries) {
                        if (code[e.position] == 1 && source == none) source = base + e.offset;
                      }
                      if (source == none || std::count(code, code + window, unknown_branch) > 0)
                        undefine(output);
                    });
    for_each_prime([&](int, const ResidueField&, const Residue* in, Residue* out) {
      for (Index i = 0; i < y_.entries; ++i) {
        const Index source = sources[static_cast<std::size_t>(i)];
        if (source != none) out[i] = in[source];
      }
    });
  }

  void operator()(const AvgPool2d& op) { average(op.window); }
  void operator()(const GlobalAvgPool&) { average(whole_image(pass_.graph().node(node_.inputs[0]).shape)); }
  void average(const Window& w) {
    for_each_prime([&](int, const ResidueField& field, const Residue* in, Residue* out) {
      const Residue share = field.inverse(field.from(w.kernel_h * w.kernel_w));
      for_each_window(w, x().shape, y_.shape,
                      [&](Index output, const std::vector<WindowEntry>& entries, Index base) {
                        std::int64_t sum = 0;
                        for (const WindowEntry& e : entries) sum += in[base + e.offset];
                        out[output] = field.multiply(share, field.from(sum));
                      });
    });
  }

  /// The root of a sum of squares is an unknown, the same one for windows with one sum.
  void operator()(const NormPool2d& op) {
    for_each_prime([&](int, const ResidueField& field, const Residue* in, Residue* out) {
      for_each_window(op.window, x().shape, y_.shape,
                      [&](Index output, const std::vector<WindowEntry>& entries, Index base) {
                        Residue sum = 0;
                        for (const WindowEntry& e : entries) {
                          const double v = in[base + e.offset];
                          sum = field.reduce(v * v + sum);
                        }
                        out[output] = sum;
                      });
    });
    std::map<std::vector<Residue>, Index> numbers;
    std::vector<Index> number_of(static_cast<std::size_t>(y_.entries));
    for (Index i = 0; i < y_.entries; ++i) {
      if (codes()[static_cast<std::size_t>(i)] == unknown_branch) undefine(i);
      std::vector<Residue> square;
      for (int k = 0; k < pass_.primes(); ++k) square.push_back(y_.plane(k)[i]);
      number_of[static_cast<std::size_t>(i)] =
          numbers.try_emplace(std::move(square), std::ssize(numbers)).first->second;
    }
    for_each_prime([&](int prime, const ResidueField&, const Residue*, Residue* out) {
      const std::vector<Residue> roots = unknowns("residue roots", prime, std::ssize(numbers));
      for (Index i = 0; i < y_.entries; ++i) {
        const bool zero = codes()[static_cast<std::size_t>(i)] == 1;
        out[i] = zero ? 0 : roots[static_cast<std::size_t>(number_of[static_cast<std::size_t>(i)])];
      }
    });
  }

  void operator()(const BatchNorm& op) {
    const bool training = op.mode == BatchNorm::Mode::training;
    const Index channels = x().shape[1], count = x().entries / channels;
    ResidueStatistics& s = pass_.statistics_.back();
    s.mean.resize(static_cast<std::size_t>(pass_.primes()));
    s.inverse_deviation.resize(s.mean.size());
    for_each_prime([&](int prime, const ResidueField& field, const Residue* in, Residue* out) {
      auto& mean = s.mean[static_cast<std::size_t>(prime)];
      auto& inverse = s.inverse_deviation[static_cast<std::size_t>(prime)];
      mean = *parameter(2, prime);
      inverse = unknowns("residue deviations", prime, channels);
      const ResidueParameter weight = parameter(0, prime), bias = parameter(1, prime);
      const Residue share = training ? field.inverse(field.from(count)) : 0;
      for (std::size_t c = 0; c < inverse.size(); ++c) {
        const Index channel = static_cast<Index>(c);
        if (training) {
          std::int64_t sum = 0;
          for_each_in_channel(x().shape, channel, [&](Index i) { sum += in[i]; });
          mean[c] = field.multiply(share, field.from(sum));
        }
        const double scale = field.multiply((*weight)[c], inverse[c]);
        for_each_in_channel(x().shape, channel, [&](Index i) {
          out[i] = field.reduce(scale * field.subtract(in[i], mean[c]) + (*bias)[c]);
        });
      }
    });
    if (training ? !batch_has_deviation(op) : !running_has_deviation(op)) undefine_all();
  }

  bool running_has_deviation(const BatchNorm& op) const {
    const Tensor<double>& variance =
        pass_.network().parameters()[static_cast<std::size_t>(node_.first_parameter) + 3];
    // The sign of a rounded sum is that of the sum.
    return std::all_of(variance.data.begin(), variance.data.end(), [&](double v) { return v + op.eps > 0; });
  }

  /// Whether every image is defined and no channel's variance + eps is zero.
  bool batch_has_deviation(const BatchNorm& op) const {
    for (Index n = 0; n < pass_.images(); ++n) {
      if (!pass_.is_defined(id_, n)) return false;
    }
    if (op.eps > 0) return true;
    const auto& nodes = pass_.graph().nodes();
    const bool rational = std::none_of(nodes.begin(), nodes.begin() + id_, has_unknowns);
    for (Index c = 0; c < x().shape[1] && rational; ++c) {
      if (!channel_varies(c)) return false;
    }
    return rational;
  }
  static bool has_unknowns(const Node& node) {
    return std::holds_alternative<BatchNorm>(node.op) || std::holds_alternative<NormPool2d>(node.op);
  }
  /// Two entries that differ modulo some prime differ.
  bool channel_varies(Index c) const {
    bool varies = false;
    for (int k = 0; k < pass_.primes(); ++k) {
      const Residue* in = x().plane(k);
      const Residue first = in[c * (x().entries / x().images() / x().shape[1])];
      for_each_in_channel(x().shape, c, [&](Index i) { varies = varies || in[i] != first; });
    }
    return varies;
  }

  void operator()(const Add& op) {
    for_each_prime([&](int prime, const ResidueField& field, const Residue* in, Residue* out) {
      const Residue* other = x(1).plane(prime);
      for (Index i = 0; i < y_.entries; ++i) {
        out[i] = op.subtract ? field.subtract(in[i], other[i]) : field.add(in[i], other[i]);
      }
    });
  }

  void operator()(const Concat&) {
    for_each_prime([&](int prime, const ResidueField&, const Residue*, Residue* out) {
      for (Index n = 0; n < y_.images(); ++n)
        for (std::size_t k = 0; k < node_.inputs.size(); ++k) {
          const Index size = x(k).entries / y_.images();
          out = std::copy_n(x(k).plane(prime) + n * size, size, out);
        }
    });
  }
  void operator()(const Flatten&) { y_.planes = x().planes; }
  void operator()(const Dropout&) { y_.planes = x().planes; }

  ResidueForward& pass_;
  const NodeId id_;
  const Node& node_;
  ResidueTensor y_;
};

ResidueForward::ResidueForward(std::shared_ptr<const ResidueNetwork> network, Fields fields,
                               const Tensor<double>& x)
    : network_(std::move(network)),
      fields_(std::move(fields)),
      branches_(1),
      statistics_(1),
      undefined_from_(static_cast<std::size_t>(x.dim(0)), std::numeric_limits<NodeId>::max()) {
  ResidueTensor input(x.shape, primes());
  for_each_prime(*this, [&](int prime, const ResidueField& f) {
    std::transform(x.data.begin(), x.data.end(), input.plane(prime), [&](double v) { return f.from(v); });
  });
  values_.push_back(std::make_shared<const ResidueTensor>(std::move(input)));
}

namespace {

/// The branches of node `id`, or nullptr if it has no kink.
const LayerBranches* branches_at(const Graph& graph, NodeId id, Index images,
                                 const std::vector<LayerBranches>& branches) {
  const Node& node = graph.node(id);
  if (!has_kink(node.op)) return nullptr;
  const auto* pool = std::get_if<MaxPool2d>(&node.op);
  const Index codes =
      images * element_count(node.shape) * (pool ? pool->window.kernel_h * pool->window.kernel_w : 1);
  for (const LayerBranches& b : branches) {
    if (b.node == id && std::ssize(b.codes) == codes) return &b;
  }
  throw UsageError(
      fmt::format("layer {}: {} branch codes are needed for {} images", node.name, codes, images));
}

}  // namespace

void ResidueForward::advance(NodeId through, const std::vector<LayerBranches>& branches) {
  for (NodeId id = reached() + 1; id <= through; ++id) {
    const LayerBranches* here = branches_at(graph(), id, images(), branches);
    branches_.push_back(here ? *here : LayerBranches{});
    statistics_.emplace_back();
    values_.push_back(std::make_shared<const ResidueTensor>(Step(*this, id).run()));
  }
}

}  // namespace gradzone
