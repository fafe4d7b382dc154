#include "gradzone/exact/real_forward.hpp"

#include <algorithm>
#include <cmath>

#include "gradzone/base/parallel.hpp"
#include "gradzone/graph/window_walk.hpp"

namespace gradzone {

namespace {

using Kind = IdentityTable::Kind;

template <class A>
class ForwardPass {
 public:
  using Number = typename A::Number;
  using T = Tensor<Number>;

  ForwardPass(const A& arithmetic, const ForwardInput& input, const std::vector<T>& parameters)
      : a_(arithmetic), in_(input), parameters_(parameters), images_(input.batch.size()) {}

  RealForward<A> run() {
    const auto& nodes = in_.graph.nodes();
    out_.values.resize(nodes.size());
    out_.batch_norm.resize(nodes.size());
    out_.identities.resize(nodes.size());
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      id_ = static_cast<NodeId>(i);
      node_ = &nodes[i];
      y_ = &out_.values[i];
      Shape shape = node_->shape;
      shape.insert(shape.begin(), images_);
      *y_ = T(std::move(shape));
      ids_ = &out_.identities[i];
      ids_->resize(y_->data.size());
      std::visit([this](const auto& op) { (*this)(op); }, node_->op);
    }
    return std::move(out_);
  }

 private:
  const T& x(std::size_t k = 0) const { return out_.values[static_cast<std::size_t>(node_->inputs[k])]; }
  const std::vector<Identity>& x_ids(std::size_t k = 0) const {
    return out_.identities[static_cast<std::size_t>(node_->inputs[k])];
  }
  const T& parameter(std::size_t k) const {
    return parameters_[static_cast<std::size_t>(node_->first_parameter) + k];
  }
  std::uint32_t node_number() const { return static_cast<std::uint32_t>(id_); }
  Identity& id_at(Index i) { return (*ids_)[static_cast<std::size_t>(i)]; }

  void operator()(const Input&) {
    const Tensor<double>& data = in_.batch.x;
    for (Index i = 0; i < data.size(); ++i) {
      (*y_)[i] = a_.from(data[i]);
      id_at(i) = out_.table.constant(data[i]);
    }
  }

  void operator()(const Conv2d& op) {
    const Shape& in = x().shape;
    const Index channels = in[1], plane = in[2] * in[3], out_plane = node_->shape[1] * node_->shape[2];
    const Index kernel = op.window.kernel_h * op.window.kernel_w;
    const T& w = parameter(0);
    std::vector<std::vector<WindowEntry>> windows;
    for (Index i = 0; i < node_->shape[1]; ++i)
      for (Index j = 0; j < node_->shape[2]; ++j)
        windows.push_back(window_entries(op.window, in[2], in[3], i, j));
    parallel_for(images_ * op.out_channels, [&](Index no) {
      const Index n = no / op.out_channels, o = no % op.out_channels;
      for (Index at = 0; at < out_plane; ++at) {
        auto sum = a_.sum();
        for (const WindowEntry& e : windows[static_cast<std::size_t>(at)])
          for (Index c = 0; c < channels; ++c) {
            sum.add_product(w[(o * channels + c) * kernel + e.position],
                            x()[(n * channels + c) * plane + e.offset]);
          }
        if (op.bias) sum.add(parameter(1)[o]);
        (*y_)[no * out_plane + at] = sum.take();
      }
    });
    const Identity padding = out_.table.constant(0);  // adds nothing, as a zero does
    for (Index n = 0; n < images_; ++n)
      for (Index at = 0; at < out_plane; ++at) {
        std::vector<Identity> patch(static_cast<std::size_t>(channels * kernel), padding);
        for (const WindowEntry& e : windows[static_cast<std::size_t>(at)])
          for (Index c = 0; c < channels; ++c) {
            patch[static_cast<std::size_t>(c * kernel + e.position)] =
                x_ids()[static_cast<std::size_t>((n * channels + c) * plane + e.offset)];
          }
        identify_outputs(Kind::conv, patch, op.out_channels, [&](Index o) -> Identity& {
          return id_at((n * op.out_channels + o) * out_plane + at);
        });
      }
  }

  void operator()(const Linear& op) {
    const T& w = parameter(0);
    parallel_for(images_ * op.out_features, [&](Index no) {
      const Index n = no / op.out_features, o = no % op.out_features;
      auto sum = a_.sum();
      for (Index k = 0; k < op.in_features; ++k) {
        sum.add_product(w[o * op.in_features + k], x()[n * op.in_features + k]);
      }
      if (op.bias) sum.add(parameter(1)[o]);
      (*y_)[no] = sum.take();
    });
    for (Index n = 0; n < images_; ++n) {
      const auto row = std::span(x_ids()).subspan(static_cast<std::size_t>(n * op.in_features),
                                                  static_cast<std::size_t>(op.in_features));
      identify_outputs(Kind::linear, row, op.out_features,
                       [&](Index o) -> Identity& { return id_at(n * op.out_features + o); });
    }
  }

  /// Outputs of one layer on one patch of identities: the patch is looked up once, each output adds its
  /// number.
  template <class Slot>
  void identify_outputs(Kind kind, std::span<const Identity> patch, Index outputs, Slot&& slot) {
    auto derivative = out_.table.all_of(patch);
    const Identity whole = out_.table.make(Kind::patch, {}, patch, derivative);
    derivative.zero = false;  // the weights are differentiated too
    for (Index o = 0; o < outputs; ++o) {
      slot(o) =
          out_.table.make(kind, {node_number(), static_cast<std::uint32_t>(o)}, {&whole, 1}, derivative);
    }
  }

  void operator()(const Activation& op) {
    const PiecewiseLinear f = piecewise(op);
    LayerBranches& branches = new_branches(static_cast<std::size_t>(y_->size()));
    for (Index i = 0; i < y_->size(); ++i) {
      std::uint8_t& code = branches.codes[static_cast<std::size_t>(i)];
      code = place(x()[i], f);
      ++(code == unknown_branch ? out_.stages.undecided : out_.stages.mpfr);
      if (code == unknown_branch) code = known_code(i);
      if (code == unknown_branch) {
        out_.complete = false;
        (*y_)[i] = unknown_activation(x()[i], f);
        id_at(i) = out_.table.unique();
      } else {
        apply_segment(op, f, code, i);
      }
    }
  }

  std::uint8_t place(const Number& v, const PiecewiseLinear& f) const {
    std::uint8_t code = 0;
    for (const double kink : f.kinks) {
      const Certain<int> side = kink == 0 ? A::sign(v) : A::compare(v, a_.from(kink));
      if (!side.is_known()) return unknown_branch;
      if (side.value() < 0) return code;
      if (side.value() == 0) return static_cast<std::uint8_t>(code + 1);
      code = static_cast<std::uint8_t>(code + 2);
    }
    return code;
  }

  /// f is Lipschitz: |f(t) - f(m)| <= L |t - m|.
  Number unknown_activation([[maybe_unused]] const Number& v,
                            [[maybe_unused]] const PiecewiseLinear& f) const {
    if constexpr (A::always_certain) {
      return v;  // not reached: every comparison was certain
    } else {
      Number mid = v;
      mid.rad = Magnitude();
      Number out = segment_value(mid, f, place(mid, f) / 2u);
      double lipschitz = 0;
      for (const double slope : f.slopes) lipschitz = std::max(lipschitz, std::fabs(slope));
      out.rad += v.rad * Magnitude::of(lipschitz);
      return out;
    }
  }

  Number segment_value(const Number& v, const PiecewiseLinear& f, std::size_t segment) const {
    if (f.slopes[segment] == 0) return a_.from(f.offsets[segment]);
    if (f.slopes[segment] == 1) return v;  // slopes 1 pass through the origin
    return a_.multiply(a_.from(f.slopes[segment]), v);
  }

  void apply_segment(const Activation& op, const PiecewiseLinear& f, std::uint8_t code, Index i) {
    const std::size_t segment = code / 2u;
    const Identity of_x = x_ids()[static_cast<std::size_t>(i)];
    if (code % 2 == 0) {
      (*y_)[i] = segment_value(x()[i], f, segment);
      id_at(i) = scaled_identity(of_x, f.slopes[segment], f.offsets[segment]);
      return;
    }
    const double value = f.slopes[segment] * f.kinks[segment] + f.offsets[segment];
    (*y_)[i] = a_.from(value);
    const KinkRule& rule = in_.rules[static_cast<std::size_t>(id_)][segment];
    auto derivative = out_.table.derivative(of_x);
    if (derivative.zero || (rule.agree && rule.value == 0)) {
      id_at(i) = out_.table.constant(value);
      return;
    }
    if (!rule.agree) derivative.choice_free = false, out_.met_tie = true;
    id_at(i) = out_.table.make(Kind::kink, {node_number(), static_cast<std::uint32_t>(op.kind), code},
                               {&of_x, 1}, derivative);
  }

  Identity scaled_identity(Identity of_x, double slope, double offset) {
    if (slope == 0) return out_.table.constant(offset);
    if (slope == 1) return of_x;
    return out_.table.make(Kind::scaled, {node_number(), slope < 0}, {&of_x, 1}, out_.table.derivative(of_x));
  }

  void operator()(const MaxPool2d& op) {
    const Index window = op.window.kernel_h * op.window.kernel_w;
    LayerBranches& branches = new_branches(static_cast<std::size_t>(y_->size() * window));
    branches.signs.assign(y_->data.size(), 0);
    for_each_window(op.window, [&](Index output, const std::vector<WindowEntry>& entries, Index base) {
      std::uint8_t* codes = &branches.codes[static_cast<std::size_t>(output * window)];
      decide_maximum(entries, base, codes);
      adopt_known(output * window, window, codes);
      finish_maximum(entries, base, codes, output, branches.signs[static_cast<std::size_t>(output)]);
    });
  }

  /// Marks the entries that attain the maximum: 1, 0, or unknown.
  void decide_maximum(const std::vector<WindowEntry>& entries, Index base, std::uint8_t* codes) {
    const auto value = [&](const WindowEntry& e) -> const Number& { return x()[base + e.offset]; };
    const auto identity = [&](const WindowEntry& e) {
      return x_ids()[static_cast<std::size_t>(base + e.offset)];
    };
    const WindowEntry* best = &entries.front();
    for (const WindowEntry& e : entries) {
      if (midpoint_less(value(*best), value(e))) best = &e;
    }
    bool certain = true, by_structure = false;
    for (const WindowEntry& e : entries) {
      if (&e == best || (in_.use_structure && identity(e) == identity(*best))) {
        by_structure = by_structure || &e != best;
        codes[e.position] = 1;
        continue;
      }
      const Certain<int> order = A::compare(value(e), value(*best));
      codes[e.position] = !order.is_known() ? unknown_branch : order.value() == 0 ? 1 : 0;
      certain = certain && order.is_known();
    }
    ++(!certain ? out_.stages.undecided : by_structure ? out_.stages.structure : out_.stages.mpfr);
    if (certain) return;
    // Something may exceed what looked like the maximum: then that is not certain either.
    for (const WindowEntry& e : entries) {
      if (codes[e.position] == 1) codes[e.position] = unknown_branch;
    }
  }

  static bool midpoint_less(const Number& a, const Number& b) {
    if constexpr (A::always_certain) {
      return a < b;
    } else {
      return mpfr_less_p(a.mid.get(), b.mid.get()) != 0;
    }
  }

  void adopt_known(Index first, Index count, std::uint8_t* codes) const {
    if (std::find(codes, codes + count, unknown_branch) == codes + count || !in_.known) return;
    const auto& known = (*in_.known)[out_.branches.size() - 1].codes;
    std::copy_n(known.begin() + first, count, codes);
  }

  void finish_maximum(const std::vector<WindowEntry>& entries, Index base, const std::uint8_t* codes,
                      Index output, std::int8_t& sign) {
    const Index window_size = node_is_pool_size();
    const bool unknown = std::find(codes, codes + window_size, unknown_branch) != codes + window_size;
    const Number* best = nullptr;
    Number hull;
    std::vector<Identity> members;
    for (const WindowEntry& e : entries) {
      if (codes[e.position] == 0) continue;
      const Number& v = x()[base + e.offset];
      if (unknown) {
        hull = best ? a_.maximum(hull, v) : v;
        best = &hull;
      } else if (!best || A::tighter(v, *best)) {
        best = &v;
      }
      members.push_back(x_ids()[static_cast<std::size_t>(base + e.offset)]);
    }
    (*y_)[output] = *best;
    const Certain<int> s = A::sign(*best);
    sign = s.is_known() ? static_cast<std::int8_t>(s.value()) : known_sign(output);
    if (unknown) {
      out_.complete = false;
      id_at(output) = out_.table.unique();
      return;
    }
    if (sign == unknown_sign && members.size() > 1) out_.complete = false;
    id_at(output) = maximum_identity(members);
  }

  /// The weights of every choice sum to 1, so a maximum attained by one identity alone has that identity.
  Identity maximum_identity(const std::vector<Identity>& members) {
    const bool all_same =
        std::all_of(members.begin(), members.end(), [&](Identity m) { return m == members[0]; });
    auto derivative = out_.table.all_of(members);
    const KinkRule& rule = in_.rules[static_cast<std::size_t>(id_)][0];
    if (members.size() > 1 && !derivative.zero && !rule.agree) out_.met_tie = true;
    if (all_same) return members[0];
    if (!derivative.zero && !rule.agree) derivative.choice_free = false;
    return out_.table.make(Kind::max, {node_number()}, members, derivative);
  }

  void operator()(const AvgPool2d& op) { average(op.window); }
  void operator()(const GlobalAvgPool&) { average(whole_image(in_.graph.node(node_->inputs[0]).shape)); }

  void average(const Window& w) {
    const Index size = w.kernel_h * w.kernel_w;
    for_each_window(w, [&](Index output, const std::vector<WindowEntry>& entries, Index base) {
      auto sum = a_.sum();
      std::vector<Identity> parts;
      for (const WindowEntry& e : entries) {
        sum.add(x()[base + e.offset]);
        parts.push_back(x_ids()[static_cast<std::size_t>(base + e.offset)]);
      }
      (*y_)[output] = a_.divide(sum.take(), size);
      id_at(output) =
          out_.table.make(Kind::average, {static_cast<std::uint32_t>(size)}, parts, out_.table.all_of(parts));
    });
  }

  void operator()(const NormPool2d& op) {
    LayerBranches& branches = new_branches(y_->data.size());
    const KinkRule& rule = in_.rules[static_cast<std::size_t>(id_)][0];
    for_each_window(op.window, [&](Index output, const std::vector<WindowEntry>& entries, Index base) {
      std::uint8_t& code = branches.codes[static_cast<std::size_t>(output)];
      code = 1;
      auto sum = a_.sum();
      std::vector<Identity> parts;
      for (const WindowEntry& e : entries) {
        const Number& v = x()[base + e.offset];
        parts.push_back(x_ids()[static_cast<std::size_t>(base + e.offset)]);
        sum.add_product(v, v);
        const Certain<int> s = A::sign(v);
        if (s.is_known() && s.value() != 0) code = 0;
        if (!s.is_known() && code == 1) code = unknown_branch;
      }
      ++(code == unknown_branch ? out_.stages.undecided : out_.stages.mpfr);
      if (code == unknown_branch) code = known_code(output);
      auto derivative = out_.table.all_of(parts);
      if (code == unknown_branch) {
        out_.complete = false;
        id_at(output) = out_.table.unique();
      } else if (code == 1 && (derivative.zero || (rule.agree && rule.value == 0))) {
        id_at(output) = out_.table.constant(0);
      } else {
        if (code == 1 && !rule.agree) derivative.choice_free = false, out_.met_tie = true;
        id_at(output) = out_.table.make(Kind::norm, {node_number(), code}, parts, derivative);
      }
      (*y_)[output] = code == 1 ? a_.from(0) : a_.square_root(sum.take());
    });
  }

  void operator()(const BatchNorm& op) {
    const Index channels = x().dim(1), area = x().size() / (images_ * channels);
    RealBatchNorm<Number>& state = out_.batch_norm[static_cast<std::size_t>(id_)];
    for (Index c = 0; c < channels; ++c) {
      std::vector<Index> entries;
      for (Index n = 0; n < images_; ++n)
        for (Index k = 0; k < area; ++k) entries.push_back((n * channels + c) * area + k);
      Number mean = parameter(2)[c], variance = parameter(3)[c];
      // A batch statistic depends on every entry of its channel, and so does its derivative.
      bool choice_free = true;
      if (op.mode == BatchNorm::Mode::training) {
        mean = batch_mean(entries, [&](auto& sum, const Number& v) { sum.add(v); });
        variance = batch_mean(entries, [&](auto& sum, const Number& v) {
          const Number d = a_.subtract(v, mean);
          sum.add_product(d, d);
        });
        for (const Index i : entries) {
          choice_free =
              choice_free && out_.table.derivative(x_ids()[static_cast<std::size_t>(i)]).choice_free;
        }
      }
      const Number deviation = a_.square_root(a_.add(variance, a_.from(op.eps)));
      state.mean.push_back(mean);
      state.inverse_deviation.push_back(a_.divide(a_.from(1), deviation));
      for (const Index i : entries) {
        const Number normalised = a_.multiply(a_.subtract(x()[i], mean), state.inverse_deviation.back());
        (*y_)[i] = a_.add(a_.multiply(parameter(0)[c], normalised), parameter(1)[c]);
        const Identity of_x = x_ids()[static_cast<std::size_t>(i)];
        id_at(i) =
            out_.table.make(Kind::batch_norm, {node_number(), static_cast<std::uint32_t>(c)}, {&of_x, 1},
                            {choice_free && out_.table.derivative(of_x).choice_free, false});
      }
    }
  }

  template <class AddTerm>
  Number batch_mean(const std::vector<Index>& entries, AddTerm&& add_term) const {
    auto sum = a_.sum();
    for (const Index i : entries) add_term(sum, x()[i]);
    return a_.divide(sum.take(), static_cast<Index>(entries.size()));
  }

  void operator()(const Add& op) {
    for (Index i = 0; i < y_->size(); ++i) {
      const Identity parts[] = {x_ids(0)[static_cast<std::size_t>(i)], x_ids(1)[static_cast<std::size_t>(i)]};
      if (op.subtract && parts[0] == parts[1] && in_.use_structure) {
        (*y_)[i] = a_.from(0);
        id_at(i) = out_.table.constant(0);
        continue;
      }
      (*y_)[i] = op.subtract ? a_.subtract(x(0)[i], x(1)[i]) : a_.add(x(0)[i], x(1)[i]);
      id_at(i) = out_.table.make(Kind::sum, {op.subtract}, parts, out_.table.all_of(parts));
    }
  }

  void operator()(const Concat&) {
    Index offset = 0;
    for (std::size_t k = 0; k < node_->inputs.size(); ++k) {
      const Index size = x(k).size() / images_, stride = y_->size() / images_;
      for (Index n = 0; n < images_; ++n)
        for (Index i = 0; i < size; ++i) copy_entry(k, n * size + i, n * stride + offset + i);
      offset += size;
    }
  }
  void operator()(const Flatten&) { copy_all(); }
  void operator()(const Dropout&) { copy_all(); }

  void copy_all() {
    for (Index i = 0; i < y_->size(); ++i) copy_entry(0, i, i);
  }
  void copy_entry(std::size_t k, Index from, Index to) {
    (*y_)[to] = x(k)[from];
    id_at(to) = x_ids(k)[static_cast<std::size_t>(from)];
  }

  /// Calls visit(output, entries, first index of the input plane) for every window.
  template <class Visit>
  void for_each_window(const Window& w, Visit&& visit) {
    const Index h = x().dim(2), width = x().dim(3), out_h = y_->dim(2), out_w = y_->dim(3);
    for (Index output = 0; output < y_->size(); ++output) {
      const Index plane = output / (out_h * out_w);
      visit(output, window_entries(w, h, width, output / out_w % out_h, output % out_w), plane * h * width);
    }
  }

  Index node_is_pool_size() const {
    const Window* w = pooling_window(node_->op);
    return w->kernel_h * w->kernel_w;
  }

  LayerBranches& new_branches(std::size_t codes) {
    return out_.branches.emplace_back(LayerBranches{id_, std::vector<std::uint8_t>(codes, 0), {}});
  }
  std::uint8_t known_code(Index i) const {
    return in_.known ? (*in_.known)[out_.branches.size() - 1].codes[static_cast<std::size_t>(i)]
                     : unknown_branch;
  }
  std::int8_t known_sign(Index i) const {
    return in_.known ? (*in_.known)[out_.branches.size() - 1].signs[static_cast<std::size_t>(i)]
                     : unknown_sign;
  }

  const A& a_;
  const ForwardInput& in_;
  const std::vector<T>& parameters_;
  const Index images_;
  RealForward<A> out_;
  // The node being evaluated.
  NodeId id_ = 0;
  const Node* node_ = nullptr;
  T* y_ = nullptr;
  std::vector<Identity>* ids_ = nullptr;
};

}  // namespace

template <class A>
RealForward<A> real_forward(const A& arithmetic, const ForwardInput& input,
                            const std::vector<Tensor<typename A::Number>>& parameters) {
  return ForwardPass<A>(arithmetic, input, parameters).run();
}

template RealForward<BallArithmetic> real_forward(const BallArithmetic&, const ForwardInput&,
                                                  const std::vector<Tensor<Ball>>&);
template RealForward<RationalArithmetic> real_forward(const RationalArithmetic&, const ForwardInput&,
                                                      const std::vector<Tensor<RationalArithmetic::Number>>&);

}  // namespace gradzone
