#include "unrolled.hpp"

#include <algorithm>

namespace gradzone::support {

namespace mp = boost::multiprecision;

Rational square_root(const Rational& x) {
  if (x < 0) throw NotRational("the root of a negative number");
  using Integer = mp::number<mp::gmp_int, mp::et_off>;
  const Integer p = mp::numerator(x), q = mp::denominator(x);
  const Integer top = mp::sqrt(p), bottom = mp::sqrt(q);
  if (top * top != p || bottom * bottom != q) throw NotRational("the root of " + x.str());
  return Rational(top, bottom);
}

template <class Scalar>
Unrolled<Scalar>::Unrolled(const Graph& graph, const std::vector<std::vector<Scalar>>& parameters,
                           const std::vector<Scalar>& x, Index images, Record record)
    : graph_(graph), images_(images), record_(record == Record::derivatives) {
  one_ = leaf(1);
  minus_one_ = leaf(-1);
  for (std::size_t p = 0; p < parameters.size(); ++p) {
    Ids ids;
    for (const Scalar& v : parameters[p]) ids.push_back(leaf(v, graph.parameters()[p].trainable));
    parameters_.push_back(std::move(ids));
  }
  activations_.resize(graph.nodes().size());
  for (const Scalar& v : x) activations_[0].push_back(leaf(v));
  for (NodeId id = 1; id <= graph.output(); ++id) run(id);
}

template <class Scalar>
int Unrolled<Scalar>::leaf(Scalar value, bool needed) {
  const int id = finish(std::move(value));
  needed_.back() = needed;
  return id;
}

/// Closes the node whose edges were just added.
template <class Scalar>
int Unrolled<Scalar>::finish(Scalar value) {
  const std::size_t begin = first_edge_.empty() ? 0 : first_edge_.back();
  value_.push_back(std::move(value));
  first_edge_.push_back(edges_.size());
  needed_.push_back(edges_.size() > begin);
  return static_cast<int>(value_.size()) - 1;
}

template <class Scalar>
void Unrolled<Scalar>::edge(int parent, int factor) {
  if (record_ && needed_[static_cast<std::size_t>(parent)]) edges_.push_back({parent, factor});
}

template <class Scalar>
void Unrolled<Scalar>::rule_edge(int parent, Rule rule) {
  if (!record_ || !needed_[static_cast<std::size_t>(parent)]) return;
  edges_.push_back({parent, -1, static_cast<int>(rules_.size())});
  rules_.push_back(rule);
}

template <class Scalar>
int Unrolled<Scalar>::dot(const std::vector<std::pair<int, int>>& products, int bias) {
  Scalar sum = 0;
  if (bias >= 0) {
    sum = value_[static_cast<std::size_t>(bias)];
    edge(bias, one_);
  }
  for (const auto& [a, b] : products) {
    sum += value_[static_cast<std::size_t>(a)] * value_[static_cast<std::size_t>(b)];
    edge(a, b);
    edge(b, a);
  }
  return finish(std::move(sum));
}

template <class Scalar>
int Unrolled<Scalar>::scaled(int a, const Scalar& factor) {
  const int constant = leaf(factor);
  return dot({{a, constant}});
}

template <class Scalar>
int Unrolled<Scalar>::root(int a) {
  const Scalar r = square_root(value_[static_cast<std::size_t>(a)]);
  const int slope = leaf(Scalar(1) / (2 * r));
  edge(a, slope);
  return finish(r);
}

template <class Scalar>
int Unrolled<Scalar>::reciprocal(int a) {
  const Scalar inverse = Scalar(1) / value_[static_cast<std::size_t>(a)];
  const int slope = leaf(-inverse * inverse);
  edge(a, slope);
  return finish(inverse);
}

template <class Scalar>
void Unrolled<Scalar>::run(NodeId id) {
  const Node& node = graph_.node(id);
  const Ids& x = activations_[static_cast<std::size_t>(node.inputs[0])];
  const Shape& in = graph_.node(node.inputs[0]).shape;
  Ids& y = activations_[static_cast<std::size_t>(id)];
  const auto same = [&](const auto&) { y = x; };
  std::visit(overloaded{[&](const Conv2d& op) { convolution(node, op, in); },
                        [&](const Linear& op) { linear(node, op); },
                        [&](const Activation& op) { activation(id, op); },
                        [&](const MaxPool2d& op) { max_pool(id, op, in); },
                        [&](const AvgPool2d& op) { average(op.window, in, x, y); },
                        [&](const GlobalAvgPool&) {
                          average({in[1], in[2], 1, 1, 0, 0}, in, x, y);
                        },
                        [&](const NormPool2d& op) { norm_pool(id, op, in); },
                        [&](const BatchNorm& op) { batch_norm(node, op); },
                        [&](const Add& op) {
                          const Ids& b = activations_[static_cast<std::size_t>(node.inputs[1])];
                          for (std::size_t i = 0; i < x.size(); ++i) {
                            y.push_back(dot({{x[i], one_}, {b[i], op.subtract ? minus_one_ : one_}}));
                          }
                        },
                        [&](const Concat&) {
                          for (Index n = 0; n < images_; ++n)
                            for (const NodeId from : node.inputs) {
                              const Ids& part = activations_[static_cast<std::size_t>(from)];
                              const Index size = static_cast<Index>(part.size()) / images_;
                              y.insert(y.end(), part.begin() + n * size, part.begin() + (n + 1) * size);
                            }
                        },
                        same},
             node.op);
}

template <class Scalar>
void Unrolled<Scalar>::convolution(const Node& node, const Conv2d& op, const Shape& in) {
  const Ids& x = activations_[static_cast<std::size_t>(node.inputs[0])];
  const Ids& w = parameters_[static_cast<std::size_t>(node.first_parameter)];
  Ids& y = activations_[static_cast<std::size_t>(&node - graph_.nodes().data())];
  const Window& win = op.window;
  const Index taps = win.kernel_h * win.kernel_w;
  std::vector<std::pair<int, int>> products;
  for (Index n = 0; n < images_; ++n)
    for (Index o = 0; o < op.out_channels; ++o)
      for (Index i = 0; i < node.shape[1]; ++i)
        for (Index j = 0; j < node.shape[2]; ++j) {
          products.clear();
          for (Index c = 0; c < op.in_channels; ++c)
            for (Index t = 0; t < taps; ++t) {
              const Index row = i * win.stride_h + t / win.kernel_w - win.padding_h;
              const Index column = j * win.stride_w + t % win.kernel_w - win.padding_w;
              if (row < 0 || column < 0 || row >= in[1] || column >= in[2]) continue;
              products.emplace_back(
                  w[static_cast<std::size_t>((o * op.in_channels + c) * taps + t)],
                  x[static_cast<std::size_t>(((n * in[0] + c) * in[1] + row) * in[2] + column)]);
            }
          const int bias = op.bias ? parameters_[static_cast<std::size_t>(node.first_parameter) + 1]
                                                [static_cast<std::size_t>(o)]
                                   : -1;
          y.push_back(dot(products, bias));
        }
}

template <class Scalar>
void Unrolled<Scalar>::linear(const Node& node, const Linear& op) {
  const Ids& x = activations_[static_cast<std::size_t>(node.inputs[0])];
  const Ids& w = parameters_[static_cast<std::size_t>(node.first_parameter)];
  Ids& y = activations_[static_cast<std::size_t>(&node - graph_.nodes().data())];
  std::vector<std::pair<int, int>> products(static_cast<std::size_t>(op.in_features));
  for (Index n = 0; n < images_; ++n)
    for (Index o = 0; o < op.out_features; ++o) {
      for (Index k = 0; k < op.in_features; ++k) {
        products[static_cast<std::size_t>(k)] = {w[static_cast<std::size_t>(o * op.in_features + k)],
                                                 x[static_cast<std::size_t>(n * op.in_features + k)]};
      }
      const int bias =
          op.bias
              ? parameters_[static_cast<std::size_t>(node.first_parameter) + 1][static_cast<std::size_t>(o)]
              : -1;
      y.push_back(dot(products, bias));
    }
}

template <class Scalar>
void Unrolled<Scalar>::activation(NodeId id, const Activation& op) {
  const Ids& x = activations_[static_cast<std::size_t>(graph_.node(id).inputs[0])];
  Ids& y = activations_[static_cast<std::size_t>(id)];
  LayerBranches taken{id, {}, {}};
  const int zero = leaf(0), six = leaf(6);
  const Scalar below = op.kind == Activation::Kind::leaky_relu ? Scalar(op.negative_slope)
                       : op.kind == Activation::Kind::abs      ? Scalar(-1)
                                                               : Scalar(0);
  for (const int from : x) {
    const Scalar v = value_[static_cast<std::size_t>(from)];
    const bool has_six = op.kind == Activation::Kind::relu6;
    if (v == 0 || (has_six && v == 6)) {
      const std::size_t kink = v == 0 ? 0 : 1;
      rule_edge(from, {.layer = id, .kink = kink});
      y.push_back(finish(v));
      taken.codes.push_back(static_cast<std::uint8_t>(2 * kink + 1));
    } else if (has_six && v > 6) {
      y.push_back(six);
      taken.codes.push_back(4);
    } else if (v > 0) {
      y.push_back(from);
      taken.codes.push_back(2);
    } else {
      y.push_back(below == 0 ? zero : scaled(from, below));
      taken.codes.push_back(0);
    }
  }
  branches_.push_back(std::move(taken));
}

/// Calls visit(positions, entries) for every window in row-major order of the outputs.
template <class Scalar>
template <class Visit>
void Unrolled<Scalar>::for_each_window(const Window& w, const Shape& in, Visit&& visit) const {
  std::vector<Index> positions, entries;
  for (Index plane = 0; plane < images_ * in[0]; ++plane)
    for (Index i = 0; i < w.out_h(in[1]); ++i)
      for (Index j = 0; j < w.out_w(in[2]); ++j) {
        positions.clear();
        entries.clear();
        for (Index p = 0; p < w.kernel_h * w.kernel_w; ++p) {
          const Index row = i * w.stride_h - w.padding_h + p / w.kernel_w;
          const Index column = j * w.stride_w - w.padding_w + p % w.kernel_w;
          if (row < 0 || column < 0 || row >= in[1] || column >= in[2]) continue;
          positions.push_back(p);
          entries.push_back((plane * in[1] + row) * in[2] + column);
        }
        visit(positions, entries);
      }
}

template <class Scalar>
void Unrolled<Scalar>::max_pool(NodeId id, const MaxPool2d& op, const Shape& in) {
  const Ids& x = activations_[static_cast<std::size_t>(graph_.node(id).inputs[0])];
  Ids& y = activations_[static_cast<std::size_t>(id)];
  LayerBranches taken{id, {}, {}};
  for_each_window(op.window, in, [&](const std::vector<Index>& positions, const std::vector<Index>& entries) {
    const auto value = [&](Index e) -> const Scalar& {
      return value_[static_cast<std::size_t>(x[static_cast<std::size_t>(e)])];
    };
    const Scalar largest = value(*std::max_element(entries.begin(), entries.end(),
                                                   [&](Index a, Index b) { return value(a) < value(b); }));
    std::vector<int> winners;
    std::vector<std::uint8_t> codes(static_cast<std::size_t>(op.window.kernel_h * op.window.kernel_w), 0);
    for (std::size_t e = 0; e < entries.size(); ++e) {
      if (value(entries[e]) != largest) continue;
      winners.push_back(x[static_cast<std::size_t>(entries[e])]);
      codes[static_cast<std::size_t>(positions[e])] = 1;
    }
    taken.codes.insert(taken.codes.end(), codes.begin(), codes.end());
    taken.signs.push_back(static_cast<std::int8_t>(largest > 0 ? 1 : largest < 0 ? -1 : 0));
    if (winners.size() == 1) {
      y.push_back(winners[0]);
      return;
    }
    for (std::size_t k = 0; k < winners.size(); ++k) {
      rule_edge(winners[k], {.layer = id, .ties = static_cast<int>(winners.size()), .first = k == 0});
    }
    y.push_back(finish(largest));
  });
  branches_.push_back(std::move(taken));
}

template <class Scalar>
void Unrolled<Scalar>::average(const Window& w, const Shape& in, const Ids& x, Ids& y) {
  const int share = leaf(Scalar(1) / Scalar(w.kernel_h * w.kernel_w));
  for_each_window(w, in, [&](const std::vector<Index>&, const std::vector<Index>& entries) {
    std::vector<std::pair<int, int>> products;
    for (const Index e : entries) products.emplace_back(x[static_cast<std::size_t>(e)], share);
    y.push_back(dot(products));
  });
}

template <class Scalar>
void Unrolled<Scalar>::norm_pool(NodeId id, const NormPool2d& op, const Shape& in) {
  const Ids& x = activations_[static_cast<std::size_t>(graph_.node(id).inputs[0])];
  Ids& y = activations_[static_cast<std::size_t>(id)];
  LayerBranches taken{id, {}, {}};
  for_each_window(op.window, in, [&](const std::vector<Index>&, const std::vector<Index>& entries) {
    std::vector<std::pair<int, int>> squares;
    for (const Index e : entries)
      squares.emplace_back(x[static_cast<std::size_t>(e)], x[static_cast<std::size_t>(e)]);
    const int sum = dot(squares);
    const bool zero = value_[static_cast<std::size_t>(sum)] == 0;
    taken.codes.push_back(zero);
    if (!zero) {
      y.push_back(root(sum));
      return;
    }
    for (const auto& [entry, same] : squares) rule_edge(entry, {.layer = id});
    y.push_back(finish(0));
  });
  branches_.push_back(std::move(taken));
}

template <class Scalar>
void Unrolled<Scalar>::batch_norm(const Node& node, const BatchNorm& op) {
  const Ids& x = activations_[static_cast<std::size_t>(node.inputs[0])];
  Ids& y = activations_[static_cast<std::size_t>(&node - graph_.nodes().data())];
  y.resize(x.size());
  const std::size_t area = static_cast<std::size_t>(element_count(node.shape) / op.channels);
  for (std::size_t c = 0; c < static_cast<std::size_t>(op.channels); ++c) {
    const auto parameter = [&](int k) {
      return parameters_[static_cast<std::size_t>(node.first_parameter + k)][c];
    };
    std::vector<std::size_t> members;
    for (std::size_t n = 0; n < static_cast<std::size_t>(images_); ++n)
      for (std::size_t i = 0; i < area; ++i)
        members.push_back((n * static_cast<std::size_t>(op.channels) + c) * area + i);
    int mean = parameter(2), variance = parameter(3);
    const int share = leaf(Scalar(1) / Scalar(members.size()));
    if (op.mode == BatchNorm::Mode::training) {
      std::vector<std::pair<int, int>> terms;
      for (const std::size_t m : members) terms.emplace_back(x[m], share);
      mean = dot(terms);
      terms.clear();
      for (const std::size_t m : members) {
        const int centred = dot({{mean, minus_one_}}, x[m]);
        terms.emplace_back(centred, centred);
      }
      variance = dot({{dot(terms), share}});
    }
    const int eps = leaf(Scalar(op.eps));
    const int inverse = reciprocal(root(dot({{variance, one_}}, eps)));
    for (const std::size_t m : members) {
      const int normalised = dot({{dot({{mean, minus_one_}}, x[m]), inverse}});
      y[m] = dot({{parameter(0), normalised}}, parameter(1));
    }
  }
}

template <class Scalar>
std::vector<Scalar> Unrolled<Scalar>::logits() const {
  std::vector<Scalar> out;
  for (const int id : activations_.back()) out.push_back(value_[static_cast<std::size_t>(id)]);
  return out;
}

template <class Scalar>
Scalar Unrolled<Scalar>::partial(const Edge& e, const Choice& choice) const {
  if (e.rule < 0) return value_[static_cast<std::size_t>(e.factor)];
  const Rule& rule = rules_[static_cast<std::size_t>(e.rule)];
  const Operation& op = graph_.node(rule.layer).op;
  if (const auto* a = std::get_if<Activation>(&op)) return Scalar(derivative_at_kinks(*a, choice)[rule.kink]);
  if (std::holds_alternative<NormPool2d>(op)) return Scalar(choice.normpool_at_0);
  const Scalar beta(beta_of(std::get<MaxPool2d>(op), choice));
  const Scalar share = beta / rule.ties;
  return rule.first ? Scalar(share + (1 - beta)) : share;
}

template <class Scalar>
std::vector<Scalar> Unrolled<Scalar>::derivative(Index logit, const Choice& choice) const {
  std::vector<Scalar> adjoint(value_.size(), Scalar(0));
  const int top = activations_.back()[static_cast<std::size_t>(logit)];
  adjoint[static_cast<std::size_t>(top)] = 1;
  for (int id = top; id > 0; --id) {
    const std::size_t at = static_cast<std::size_t>(id);
    if (first_edge_[at - 1] == first_edge_[at] || adjoint[at] == 0) continue;
    for (std::size_t e = first_edge_[at - 1]; e < first_edge_[at]; ++e) {
      adjoint[static_cast<std::size_t>(edges_[e].parent)] += adjoint[at] * partial(edges_[e], choice);
    }
  }
  std::vector<Scalar> out;
  for (std::size_t p = 0; p < parameters_.size(); ++p) {
    if (!graph_.parameters()[p].trainable) continue;
    for (const int id : parameters_[p]) out.push_back(adjoint[static_cast<std::size_t>(id)]);
  }
  return out;
}

template class Unrolled<Rational>;
template class Unrolled<DecimalOf<40>>;
template class Unrolled<Decimal>;

}  // namespace gradzone::support
