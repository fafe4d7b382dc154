#include "gradzone/train/trainer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "gradzone/arith/tensors.hpp"
#include "gradzone/base/error.hpp"
#include "gradzone/eval/network.hpp"
#include "gradzone/eval/non_finite.hpp"
#include "gradzone/kernels/amp16_kernels.hpp"
#include "gradzone/kernels/layout.hpp"
#include "gradzone/kernels/reshape.hpp"
#include "gradzone/train/amp16.hpp"
#include "gradzone/train/running_statistics.hpp"

namespace gradzone {
namespace {

/// x = the images in the kernels' layout, rounded to F, in the memory it has.
template <class F>
void load_images(const Tensor<float>& images, Tensor<typename F::Real>& x) {
  const Index count = images.dim(0), channels = images.dim(1);
  reshape(x, channels_last(count, {images.shape.begin() + 1, images.shape.end()}));
  transpose_images(images.data.data(), x.data.data(), count, channels, images.size() / count / channels,
                   [](float v) { return F::store(static_cast<typename F::Real>(v)); });
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
    activations_.values.resize(graph_.nodes().size());
    for (const auto& p : initial) parameters_.push_back(to_format<Kept>(p));
    prepare_weights();
  }

  StepResult step(const Tensor<float>& images, const std::vector<int>& labels, double rate) override {
    load_images<F>(images, x());
    network_.forward(weights(), x(), recipe_.choice, recipe_.form, Keep::parameters, activations_);
    const T& logits = activations_.values.back();
    StepResult result;
    result.loss = static_cast<double>(network_.loss(logits, labels, &output_gradient_));
    result.correct = correct_predictions(logits, labels);
    const float scale = recipe_.loss_scale.scale();
    if constexpr (Mix::mixed) scale_and_round(output_gradient_, scale);
    network_.backward(weights(), activations_, output_gradient_, recipe_.choice, recipe_.form,
                      Keep::parameters, gradients_);
    bool finite = true;
    if constexpr (Mix::mixed) {
      finite = unscale(gradients_.parameters, scale);
    } else {
      finite = std::ranges::all_of(gradients_.parameters, all_finite<Real>);
    }
    result.skipped = !recipe_.loss_scale.update(finite);
    result.finite = std::isfinite(result.loss) && (finite || result.skipped);
    if (!result.finite && !named_non_finite_) result.non_finite_layer = first_non_finite_layer(result.loss);
    named_non_finite_ = named_non_finite_ || !result.finite;
    if (!result.skipped) optimiser_.step(parameters_, gradients_.parameters, rate);
    update_running_statistics<Kept>(graph_, activations_, parameters_);
    prepare_weights();
    return result;
  }

  Score evaluate(const Tensor<float>& images, const std::vector<int>& labels) override {
    load_images<F>(images, x());
    evaluation_network_.forward(weights(), x(), recipe_.choice, recipe_.form, Keep::parameters, activations_);
    const T& logits = activations_.values.back();
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
  /// The mini-batch, where the forward pass wants it.
  T& x() { return activations_.values.front(); }
  /// What the networks read.
  const std::vector<T>& weights() const { return Mix::mixed ? rounded_ : parameters_; }
  void prepare_weights() {
    if constexpr (Mix::mixed) round_weights(graph_, parameters_, rounded_);
  }

  /// The passes that have just been made once more, keeping everything.
  std::string first_non_finite_layer(double loss) const {
    Activations<F> activations;
    Gradients<F> gradients;
    network_.forward(weights(), activations_.values.front(), recipe_.choice, recipe_.form, Keep::outputs,
                     activations);
    network_.backward(weights(), activations, output_gradient_, recipe_.choice, recipe_.form, Keep::outputs,
                      gradients);
    return non_finite_layer(graph_, activations, loss, gradients);
  }

  Recipe recipe_;
  Graph graph_, evaluation_graph_;
  Network<F> network_, evaluation_network_;
  Optimiser<Kept> optimiser_;
  std::vector<T> parameters_, rounded_;
  bool named_non_finite_ = false;
  // The memory of a step, which the next one takes over.
  T output_gradient_;
  Activations<F> activations_;
  Gradients<F> gradients_;
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
