#include "gradzone/train/trainer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "gradzone/arith/tensors.hpp"
#include "gradzone/base/error.hpp"
#include "gradzone/eval/network.hpp"
#include "gradzone/train/device_site.hpp"
#include "gradzone/train/host_site.hpp"

namespace gradzone {
namespace {

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

/// Site: HostSite or DeviceSite.
template <class Mix, template <class> class SiteOf>
class TypedTrainer final : public Trainer {
  using Site = SiteOf<Mix>;
  using F = typename Mix::Computed;
  using Kept = typename Mix::Kept;
  using Memory = typename Site::Memory;
  using T = typename Site::T;

 public:
  template <class... SiteArguments>
  TypedTrainer(const Graph& graph, const Parameters& initial, const Recipe& recipe, SiteArguments&&... site)
      : recipe_(recipe),
        graph_(graph.with_scalars_of(F::id).with_batch_norm(BatchNorm::Mode::training)),
        evaluation_graph_(graph_.with_batch_norm(BatchNorm::Mode::evaluation)),
        site_(graph_, recipe.optimiser, std::forward<SiteArguments>(site)...),
        network_(graph_, site_.step_kernels()),
        evaluation_network_(evaluation_graph_, site_.kernels()) {
    activations_.values.resize(graph_.nodes().size());
    set_parameters(initial);
    site_.prepare(gradients_);
  }

  StepResult step(const Tensor<float>& images, const std::vector<int>& labels, double rate) override {
    return step_at(images, images.dim(0), labels, rate);
  }
  StepResult step(const BatchPlan& plan, double rate) override {
    return step_at(plan, std::ssize(plan.images), plan.labels, rate);
  }
  Score evaluate(const Tensor<float>& images, const std::vector<int>& labels) override {
    return evaluate_at(images, images.dim(0), labels);
  }
  Score evaluate(const BatchPlan& plan) override {
    return evaluate_at(plan, std::ssize(plan.images), plan.labels);
  }
  bool hold(const Dataset& data) override { return site_.hold(data); }

  Parameters parameters() const override {
    Parameters out;
    for (const auto& p : site_.parameters()) out.push_back(to_double(p));
    return out;
  }

  TrainerState state() override {
    Optimiser<Kept>& optimiser = site_.optimiser();
    TrainerState out{parameters(), {}, optimiser.steps(), recipe_.loss_scale.state()};
    for (const auto& [name, values] : optimiser.state()) out.optimiser.push_back({name, to_double(*values)});
    return out;
  }

  void restore(const TrainerState& state) override {
    const auto refuse_unless = [](bool fine, const std::string& name) {
      if (!fine) throw InputError(fmt::format("{} is missing or of another network or optimiser", name));
    };
    Optimiser<Kept>& optimiser = site_.optimiser();
    const auto own = optimiser.state();
    refuse_unless(state.optimiser.size() == own.size(), "the optimiser's state");
    for (std::size_t i = 0; i < own.size(); ++i) {
      const auto& saved = state.optimiser[i];
      refuse_unless(saved.name == own[i].name && saved.values.shape == own[i].values->shape, own[i].name);
      *own[i].values = to_format<Kept>(saved.values);
    }
    for (std::size_t p = 0; p < graph_.parameters().size(); ++p)
      refuse_unless(state.parameters[p].shape == graph_.parameters()[p].shape, graph_.parameters()[p].name);
    optimiser.restore_steps(state.steps);
    site_.optimiser_changed();
    set_parameters(state.parameters);
    recipe_.loss_scale.restore(state.loss_scale);
  }

 private:
  /// images: a tensor of them, or their plan.
  template <class Images>
  StepResult step_at(const Images& images, Index count, const std::vector<int>& labels, double rate) {
    if (std::exchange(recorded_images_, count) != count) recorded_ = {};
    site_.load_step(images, x());
    site_.set_labels(labels);
    site_.begin_step(rate, recipe_.loss_scale.scale());
    site_.run(recorded_, [&] { record_step(count); });
    const SeenStep<typename F::Real>& seen = site_.seen();
    StepResult result;
    result.loss = static_cast<double>(seen.loss);
    result.correct = correct_predictions(seen.logits, labels);
    result.skipped = !recipe_.loss_scale.update(seen.finite);
    result.finite = std::isfinite(result.loss) && (seen.finite || result.skipped);
    if (!result.finite && !named_non_finite_) result.non_finite_layer = first_non_finite_layer(result.loss);
    named_non_finite_ = named_non_finite_ || !result.finite;
    // Only now, as the layer is named at the parameters that the step began with.
    if (!seen.updated() && !result.skipped) site_.update_anyway(gradients_);
    return result;
  }

  /// Everything between the mini-batch and what the step reports: without an answer from a device.
  void record_step(Index count) {
    network_.forward(site_.weights(), x(), recipe_.choice, recipe_.form, Keep::parameters, activations_);
    const T& logits = activations_.values.back();
    network_.loss(logits, site_.labels(), loss_, &output_gradient_);
    if constexpr (Mix::mixed) site_.scale_and_round(output_gradient_);
    network_.backward(site_.weights(), activations_, output_gradient_, recipe_.choice, recipe_.form,
                      Keep::parameters, gradients_);
    site_.unscale(gradients_);
    site_.update(gradients_, loss_);
    site_.finish(activations_, count);
    site_.report(loss_, logits);
  }

  template <class Images>
  Score evaluate_at(const Images& images, Index count, const std::vector<int>& labels) {
    recorded_images_ = 0;  // the activations are used here, too
    site_.load(images, x());
    evaluation_network_.forward(site_.weights(), x(), recipe_.choice, recipe_.form, Keep::parameters,
                                activations_);
    const T& logits = activations_.values.back();
    site_.set_labels(labels);
    evaluation_network_.loss(logits, site_.labels(), loss_, nullptr);
    const double loss = static_cast<double>(site_.on_host(loss_).data[0]);
    return {loss * static_cast<double>(count), correct_predictions(site_.on_host(logits), labels), count};
  }

  /// The mini-batch, where the forward pass wants it.
  T& x() { return activations_.values.front(); }
  void set_parameters(const Parameters& parameters) {
    std::vector<Tensor<typename F::Real>> rounded;
    for (const auto& p : parameters) rounded.push_back(to_format<Kept>(p));
    site_.set_parameters(std::move(rounded));
  }

  /// The passes that have just been made once more, keeping everything.
  std::string first_non_finite_layer(double loss) const {
    Activations<F, Memory> activations;
    Gradients<F, Memory> gradients;
    network_.forward(site_.weights(), activations_.values.front(), recipe_.choice, recipe_.form,
                     Keep::outputs, activations);
    network_.backward(site_.weights(), activations, output_gradient_, recipe_.choice, recipe_.form,
                      Keep::outputs, gradients);
    return site_.non_finite_layer(activations, loss, gradients);
  }

  Recipe recipe_;
  Graph graph_, evaluation_graph_;
  Site site_;
  Network<F, Memory> network_, evaluation_network_;
  bool named_non_finite_ = false;
  // The memory of a step, which the next one takes over.
  T loss_, output_gradient_;
  Recording recorded_;  ///< a step of so many images
  Index recorded_images_ = 0;
  Activations<F, Memory> activations_;
  Gradients<F, Memory> gradients_;
};

/// A trainer at such a site.
template <template <class> class SiteOf, class... SiteArguments>
std::unique_ptr<Trainer> trainer_at(const Graph& graph, const Parameters& initial, const Recipe& recipe,
                                    SiteArguments&&... site) {
  validate(graph, initial);
  if (recipe.format.mixed())
    return std::make_unique<TypedTrainer<Amp16, SiteOf>>(graph, initial, recipe,
                                                         std::forward<SiteArguments>(site)...);
  if (recipe.loss_scale.text() != "none")
    throw UsageError(fmt::format("a loss scale is for amp16: {} has none", name(recipe.format)));
  return visit_format(recipe.format.kept, [&](auto f) -> std::unique_ptr<Trainer> {
    using Mix = Uniform<typename decltype(f)::type>;
    return std::make_unique<TypedTrainer<Mix, SiteOf>>(graph, initial, recipe,
                                                       std::forward<SiteArguments>(site)...);
  });
}

}  // namespace

Score& Score::operator+=(const Score& other) {
  loss += other.loss;
  correct += other.correct;
  images += other.images;
  return *this;
}

void check_processor(TrainingFormat format, Processor processor) {
  if (processor == Processor::cuda) return check_device_order(format.order, full_name(format));
  if (format.order == Order::tensor_cores) refuse_without_card(name(format));
}

std::unique_ptr<Trainer> make_trainer(const Graph& graph, const Parameters& initial, const Recipe& recipe) {
  if (recipe.processor == Processor::cpu) {
    check_processor(recipe.format, Processor::cpu);
    return trainer_at<HostSite>(graph, initial, recipe, recipe.format.order, recipe.peers);
  }
  if (recipe.peers != nullptr && recipe.peers->size() > 1)
    throw UsageError(
        fmt::format("--device cuda: a card computes its steps alone, and {} processes share these; "
                    "use --device cpu or one process",
                    recipe.peers->size()));
  return make_device_trainer(graph, initial, recipe, make_cuda_device());
}

std::unique_ptr<Trainer> make_device_trainer(const Graph& graph, const Parameters& initial,
                                             const Recipe& recipe, std::unique_ptr<Device> device) {
  check_processor(recipe.format, Processor::cuda);
  return trainer_at<DeviceSite>(graph, initial, recipe, std::move(device), recipe.format.order);
}

FlatLayout::FlatLayout(const Graph& graph) : offsets(graph.parameters().size()) {
  constexpr Index boundary = 64;
  for (const bool first : {true, false}) {
    for (std::size_t p = 0; p < offsets.size(); ++p) {
      const ParameterSpec& spec = graph.parameters()[p];
      if (spec.trainable != first) continue;
      offsets[p] = size;
      size += (element_count(spec.shape) + boundary - 1) / boundary * boundary;
    }
    if (first) trainable = size;
  }
}

}  // namespace gradzone
