// FloatComparison: the float gradients of a set of choices beside one another, mini-batch after mini-batch.
// What an Auditor says of the floats, without the reals and without passes that cannot tell the choices
// apart.
#pragma once

#include <memory>
#include <vector>

#include "gradzone/choice/choice.hpp"
#include "gradzone/eval/network.hpp"
#include "gradzone/eval/search.hpp"
#include "gradzone/exact/kink_rules.hpp"
#include "gradzone/graph/graph.hpp"
#include "gradzone/graph/point.hpp"
#include "gradzone/zones/float_difference.hpp"

namespace gradzone {

/// What the floats say of a mini-batch.
struct ComparedBatch {
  /// The forward run (of the first choice, where they have different ones) meets a kink at which the choices
  /// differ and which a derivative can reach: a window with several maxima (but not the zeros of a ReLU whose
  /// derivative at 0 is 0 in every choice), a pre-activation on a kink, a norm pool's window of norm zero.
  bool on_kink = false;
  FloatDifference difference;  ///< the largest over pairs of choices
  int predicted = -1;          ///< argmax of the first image's logits, of the first choice
};

/// Memory: where it computes, HostMemory or DeviceMemory; the same bits.
template <class F, class Memory = HostMemory>
class FloatComparison {
 public:
  using Real = typename F::Real;
  using T = typename Memory::template Tensor<Real>;

  /// `graph` must outlive it and have the scalars of the format (Graph::with_scalars_of). Parameters are
  /// rounded to the storage format. Preconditions: they fit the graph; at least two choices; devices have the
  /// order (check_device_order).
  FloatComparison(const Graph& graph, const Parameters& parameters, Order order, Form form,
                  const std::vector<Choice>& choices, Memory memory = {});

  /// x: storage values, channels last. Uses all threads of the current arena, whatever their number to the
  /// same bits; not itself thread-safe.
  ComparedBatch compare(const T& x, const std::vector<int>& labels);

 private:
  void forward(const T& x, const Choice& choice);
  void backward(std::size_t choice);
  bool on_kink();
  void search_kinks_of(std::size_t node);
  bool all_finite();
  bool is_dead_at_zero(NodeId id) const;
  FloatDifference difference();

  const Graph& graph_;
  Network<F, Memory> network_;
  std::vector<T> parameters_;
  std::vector<Choice> choices_;  ///< as the format's float program sees their numbers
  Form form_;
  std::vector<std::vector<KinkRule>> rules_;
  bool one_forward_;  ///< the choices share the forward run
  std::unique_ptr<Search<F, Memory>> search_;

  Activations<F, Memory> activations_;
  Gradients<F, Memory> gradients_;
  typename Network<F, Memory>::Labels labels_;
  T loss_, output_gradient_;
  std::vector<std::vector<T>> by_choice_;  ///< gradients of the parameters
};

}  // namespace gradzone
