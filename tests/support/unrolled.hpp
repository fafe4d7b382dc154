// A network unrolled into scalar operations on any number type: every activation of every image is one node
// of a tape, every sum of products one list of edges. Nothing is shared with the library's evaluators:
// derivatives are products along the edges of scalars, not rules of layers, so that a mistake would have to
// be made twice.
#pragma once

#include <boost/multiprecision/gmp.hpp>
#include <boost/multiprecision/mpfr.hpp>
#include <stdexcept>
#include <utility>
#include <vector>

#include "gradzone/choice/choice.hpp"
#include "gradzone/eval/float_evaluator.hpp"
#include "gradzone/graph/graph.hpp"
#include "gradzone/graph/point.hpp"

namespace gradzone::support {

using Rational =
    boost::multiprecision::number<boost::multiprecision::gmp_rational, boost::multiprecision::et_off>;
template <unsigned digits>
using DecimalOf = boost::multiprecision::number<boost::multiprecision::mpfr_float_backend<digits>,
                                                boost::multiprecision::et_off>;
using Decimal = DecimalOf<300>;

/// Thrown where a value of the network is not rational.
struct NotRational : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The root of a perfect square, or NotRational.
Rational square_root(const Rational& x);
template <unsigned digits>
DecimalOf<digits> square_root(const DecimalOf<digits>& x) {
  return sqrt(x);
}

/// Whether the scalar operations are kept for derivatives or only their values.
enum class Record { values, derivatives };

/// `parameters` and `x` are numbers of type Scalar in the layout of Parameters and MiniBatch::x.
template <class Scalar>
class Unrolled {
 public:
  Unrolled(const Graph& graph, const std::vector<std::vector<Scalar>>& parameters,
           const std::vector<Scalar>& x, Index images, Record record);

  /// [images * classes], row-major.
  std::vector<Scalar> logits() const;
  /// As FloatRun::branches, decided by comparisons of Scalars: exact for Rational only.
  const std::vector<LayerBranches>& branches() const { return branches_; }
  /// d(logit) / d(trainable parameters), flattened in the order of Graph::parameters(), under a choice.
  std::vector<Scalar> derivative(Index logit, const Choice& choice) const;
  /// Whether any derivative rule on the tape looks at the choice.
  bool meets_kink() const { return !rules_.empty(); }

 private:
  struct Edge {
    int parent;
    int factor;     ///< node whose value is the partial derivative, or -1
    int rule = -1;  ///< otherwise: index into rules_
  };
  /// A partial derivative that the choice decides.
  struct Rule {
    NodeId layer;
    int ties = 0;        ///< max pool: size of the argmax set
    bool first = false;  ///< max pool: the first maximal entry
    std::size_t kink = 0;
  };
  using Ids = std::vector<int>;

  int leaf(Scalar value, bool needed = false);
  int finish(Scalar value);
  void edge(int parent, int factor);
  void rule_edge(int parent, Rule rule);
  int dot(const std::vector<std::pair<int, int>>& products, int bias = -1);
  int scaled(int a, const Scalar& factor);
  int root(int a);
  int reciprocal(int a);
  Scalar partial(const Edge& e, const Choice& choice) const;

  void run(NodeId id);
  void convolution(const Node& node, const Conv2d& op, const Shape& in);
  void linear(const Node& node, const Linear& op);
  void activation(NodeId id, const Activation& op);
  void max_pool(NodeId id, const MaxPool2d& op, const Shape& in);
  void average(const Window& w, const Shape& in, const Ids& x, Ids& y);
  void norm_pool(NodeId id, const NormPool2d& op, const Shape& in);
  void batch_norm(const Node& node, const BatchNorm& op);
  template <class Visit>
  void for_each_window(const Window& w, const Shape& in, Visit&& visit) const;

  const Graph& graph_;
  Index images_;
  bool record_;
  std::vector<Scalar> value_;
  std::vector<std::size_t> first_edge_;
  std::vector<char> needed_;  ///< depends on a trainable parameter
  std::vector<Edge> edges_;
  std::vector<Rule> rules_;
  std::vector<Ids> parameters_;   ///< tape nodes of each parameter tensor
  std::vector<Ids> activations_;  ///< tape nodes of each graph node, [images, shape...]
  std::vector<LayerBranches> branches_;
  int one_ = 0, minus_one_ = 0;
};

extern template class Unrolled<Rational>;
extern template class Unrolled<DecimalOf<40>>;
extern template class Unrolled<Decimal>;

/// The numbers of a point as Scalars: exact for Rational and for every Decimal of 20 digits or more.
template <class Scalar>
std::vector<Scalar> numbers(const Tensor<double>& t) {
  return {t.data.begin(), t.data.end()};
}
template <class Scalar>
std::vector<std::vector<Scalar>> numbers(const Parameters& parameters) {
  std::vector<std::vector<Scalar>> out;
  for (const auto& t : parameters) out.push_back(numbers<Scalar>(t));
  return out;
}

}  // namespace gradzone::support
