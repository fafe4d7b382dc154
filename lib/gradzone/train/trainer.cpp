#include "gradzone/train/trainer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "gradzone/base/error.hpp"
#include "gradzone/base/parallel.hpp"
#include "gradzone/eval/network.hpp"
#include "gradzone/eval/non_finite.hpp"
#include "gradzone/kernels/amp16_kernels.hpp"
#include "gradzone/train/amp16.hpp"
#include "gradzone/train/running_statistics.hpp"

namespace gradzone {
namespace {

template <class F>
Tensor<typename F::Real> to_format(const Tensor<double>& t) {
  Tensor<typename F::Real> out(t.shape);
  for (Index i = 0; i < t.size(); ++i) out[i] = F::from_double(t[i]);
  return out;
}

template <class F>
Tensor<typename F::Real> to_format(const Tensor<float>& t) {
  constexpr Index piece = 1 << 14;
  Tensor<typename F::Real> out(t.shape);
  parallel_for((t.size() + piece - 1) / piece, [&](Index k) {
    const Index end = std::min(t.size(), (k + 1) * piece);
    for (Index i = k * piece; i < end; ++i) out[i] = F::store(static_cast<typename F::Real>(t[i]));
  });
  return out;
}

template <class Real>
Tensor<double> to_double(const Tensor<Real>& t) {
  return {t.shape, std::vector<double>(t.data.begin(), t.data.end())};
}

/// Images whose first largest logit is their label's; as in PyTorch's argmax a NaN counts as largest.
template <class Real>
Index correct_predictions(const Tensor<Real>& logits, const std::vector<int>& labels) {
  const auto less = [](Real a, Real b) { return !std::isnan(a) && (std::isnan(b) || a < b); };
  const Index classes = logits.size() / logits.dim(0);
  Index correct = 0;
  for (std::size_t n = 0; n < labels.size(); ++n) {
    const auto row = logits.data.begin() + static_cast<Index>(n) * classes;
    correct += std::max_element(row, row + classes, less) - row == labels[n];
  }
  return correct;
}

/// Everything in one format.
template <class F>
struct Uniform {
  using Computed = F;
  using Kept = F;
  static constexpr bool mixed = false;
  static std::unique_ptr<Kernels<F>> kernels() { return make_cpu_kernels<F>(Order::chain); }
};

struct Amp16 {
  using Computed = Fp16;
  using Kept = Fp32;
  static constexpr bool mixed = true;
  static std::unique_ptr<Kernels<Fp16>> kernels() {
    return make_amp16_kernels(make_cpu_kernels<Fp16>(Order::chain), make_cpu_kernels<Fp32>(Order::chain));
  }
};

/// The two formats have the same carrier.
template <class Mix>
class TypedTrainer final : public Trainer {
 public:
  using F = typename Mix::Computed;
  using Kept = typename Mix::Kept;
  using Real = typename F::Real;
  using T = Tensor<Real>;

  TypedTrainer(const Graph& graph, const Parameters& initial, const Recipe& recipe)
      : recipe_(recipe),
        graph_(graph.with_scalars_of(F::id).with_batch_norm(BatchNorm::Mode::training)),
        evaluation_graph_(graph_.with_batch_norm(BatchNorm::Mode::evaluation)),
        network_(graph_, Mix::kernels()),
        evaluation_network_(evaluation_graph_, Mix::kernels()),
        optimiser_(recipe.optimiser, graph_) {
    for (const auto& p : initial) parameters_.push_back(to_format<Kept>(p));
    prepare_weights();
  }

  StepResult step(const Tensor<float>& images, const std::vector<int>& labels, double rate) override {
    const auto activations = network_.forward(weights(), to_format<F>(images), recipe_.choice, recipe_.form);
    const T& logits = activations.values.back();
    StepResult result;
    T output_gradient;
    result.loss = static_cast<double>(network_.loss(logits, labels, &output_gradient));
    result.correct = correct_predictions(logits, labels);
    const float scale = recipe_.loss_scale.scale();
    if constexpr (Mix::mixed) scale_and_round(output_gradient, scale);
    auto gradients = network_.backward(weights(), activations, std::move(output_gradient), recipe_.choice,
                                       recipe_.form, false);
    bool finite = true;
    if constexpr (Mix::mixed) {
      finite = unscale(gradients.parameters, scale);
    } else {
      finite = std::ranges::all_of(gradients.parameters, all_finite<Real>);
    }
    result.skipped = !recipe_.loss_scale.update(finite);
    result.finite = std::isfinite(result.loss) && (finite || result.skipped);
    if (!result.finite) {
      result.non_finite_layer = non_finite_layer(graph_, activations, result.loss, gradients);
    }
    if (!result.skipped) optimiser_.step(parameters_, gradients.parameters, rate);
    update_running_statistics<Kept>(graph_, activations, parameters_);
    prepare_weights();
    return result;
  }

  Score evaluate(const Tensor<float>& images, const std::vector<int>& labels) const override {
    const auto activations =
        evaluation_network_.forward(weights(), to_format<F>(images), recipe_.choice, recipe_.form);
    const T& logits = activations.values.back();
    const Index count = images.dim(0);
    const double loss = static_cast<double>(evaluation_network_.loss(logits, labels, nullptr));
    return {loss * static_cast<double>(count), correct_predictions(logits, labels), count};
  }

  Parameters parameters() const override {
    Parameters out;
    for (const T& p : parameters_) out.push_back(to_double(p));
    return out;
  }

  TrainerState state() override {
    TrainerState out{parameters(), {}, optimiser_.steps(), recipe_.loss_scale.state()};
    for (const auto& [name, values] : optimiser_.state()) out.optimiser.push_back({name, to_double(*values)});
    return out;
  }

  void restore(const TrainerState& state) override {
    const auto refuse_unless = [](bool fine, const std::string& name) {
      if (!fine) throw InputError(fmt::format("{} is missing or of another network or optimiser", name));
    };
    const auto own = optimiser_.state();
    refuse_unless(state.optimiser.size() == own.size(), "the optimiser's state");
    for (std::size_t i = 0; i < own.size(); ++i) {
      const auto& saved = state.optimiser[i];
      refuse_unless(saved.name == own[i].name && saved.values.shape == own[i].values->shape, own[i].name);
      *own[i].values = to_format<Kept>(saved.values);
    }
    for (std::size_t p = 0; p < parameters_.size(); ++p) {
      refuse_unless(state.parameters[p].shape == parameters_[p].shape, graph_.parameters()[p].name);
      parameters_[p] = to_format<Kept>(state.parameters[p]);
    }
    optimiser_.restore_steps(state.steps);
    recipe_.loss_scale.restore(state.loss_scale);
    prepare_weights();
  }

 private:
  /// What the networks read.
  const std::vector<T>& weights() const { return Mix::mixed ? rounded_ : parameters_; }
  void prepare_weights() {
    if constexpr (Mix::mixed) round_weights(graph_, parameters_, rounded_);
  }

  Recipe recipe_;
  Graph graph_, evaluation_graph_;
  Network<F> network_, evaluation_network_;
  Optimiser<Kept> optimiser_;
  std::vector<T> parameters_, rounded_;
};

}  // namespace

Score& Score::operator+=(const Score& other) {
  loss += other.loss;
  correct += other.correct;
  images += other.images;
  return *this;
}

std::unique_ptr<Trainer> make_trainer(const Graph& graph, const Parameters& initial, const Recipe& recipe) {
  validate(graph, initial);
  if (recipe.format.mixed()) return std::make_unique<TypedTrainer<Amp16>>(graph, initial, recipe);
  if (recipe.loss_scale.text() != "none")
    throw UsageError(fmt::format("a loss scale is for amp16: {} has none", name(recipe.format)));
  return visit_format(recipe.format.kept, [&](auto f) -> std::unique_ptr<Trainer> {
    return std::make_unique<TypedTrainer<Uniform<typename decltype(f)::type>>>(graph, initial, recipe);
  });
}

}  // namespace gradzone
