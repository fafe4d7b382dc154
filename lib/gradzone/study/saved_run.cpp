#include "gradzone/study/saved_run.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>

#include "gradzone/base/error.hpp"
#include "gradzone/io/checkpoint.hpp"

namespace gradzone {
namespace {

/// The bits of a NaN depend on the SIMD target; that it is one does not.
Tensor<double> with_one_nan(Tensor<double> t) {
  for (double& v : t.data) {
    if (std::isnan(v)) v = std::numeric_limits<double>::quiet_NaN();
  }
  return t;
}

std::string number_text(double v) {
  return std::isnan(v) ? "nan" : fmt::format("{}", v);
}

class Metadata {
 public:
  Metadata(const Checkpoint& checkpoint, const std::string& where)
      : entries_(checkpoint.metadata), where_(where) {}

  bool has(const std::string& key) const { return entries_.contains(key); }
  const std::string& text(const std::string& key) const {
    const auto it = entries_.find(key);
    if (it == entries_.end()) {
      throw InputError(
          fmt::format("{}: not the checkpoint of a training: its metadata lacks \"{}\"", where_, key));
    }
    return it->second;
  }
  template <class Number>
  Number number(const std::string& key) const {
    const std::string& value = text(key);
    Number out{};
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), out);
    if (error != std::errc() || end != value.data() + value.size()) {
      throw InputError(fmt::format("{}: metadata \"{}\": \"{:.40}\" is not a number", where_, key, value));
    }
    return out;
  }
  template <class Count>
  Count count(const std::string& key) const {
    const Count out = number<Count>(key);
    if (out < 0) throw InputError(fmt::format("{}: metadata \"{}\" is negative", where_, key));
    return out;
  }

 private:
  const std::map<std::string, std::string>& entries_;
  const std::string& where_;
};

}  // namespace

Checkpoint checkpoint_of(const Graph& graph, FormatId format, const RunState& state) {
  Parameters parameters;
  for (const auto& p : state.trainer.parameters) parameters.push_back(with_one_nan(p));
  Checkpoint out = checkpoint_of(graph, parameters, format);
  const double steps = static_cast<double>(state.all_steps);
  for (const Node& node : graph.nodes()) {
    if (!std::holds_alternative<BatchNorm>(node.op)) continue;
    out.tensors.push_back(
        {node.name + ".num_batches_tracked", StoredType::i64, Tensor<double>(Shape{}, steps)});
  }
  for (const auto& [name, values] : state.trainer.optimiser) {
    out.tensors.push_back({std::string(optimiser_prefix) + name, stored_type(format), with_one_nan(values)});
  }
  auto& m = out.metadata;
  m["steps"] = std::to_string(state.trainer.steps);
  m["epoch"] = std::to_string(state.epoch);
  m["epoch_step"] = std::to_string(state.step);
  m["epoch_loss"] = number_text(state.score.loss);
  m["epoch_correct"] = std::to_string(state.score.correct);
  m["epoch_images"] = std::to_string(state.score.images);
  if (state.trainer.loss_scale != LossScaler::State()) {
    m["loss_scale"] = fmt::format("{}", state.trainer.loss_scale.scale);
    m["loss_scale_finite_steps"] = std::to_string(state.trainer.loss_scale.finite_steps);
  }
  if (state.non_finite) {
    m["non_finite_epoch"] = std::to_string(state.non_finite->epoch);
    m["non_finite_step"] = std::to_string(state.non_finite->step);
    m["non_finite_layer"] = state.non_finite->layer;
  }
  return out;
}

RunState run_state(const Graph& graph, FormatId format, const Checkpoint& checkpoint,
                   const std::string& where) {
  RunState out;
  const Metadata m(checkpoint, where);
  out.trainer.parameters = stored_parameters_for(graph, checkpoint, where);
  for (const NamedTensor& t : checkpoint.tensors) {
    if (!t.name.starts_with(optimiser_prefix)) continue;
    if (t.stored != stored_type(format))
      throw InputError(fmt::format("{}: tensor {} is not stored in {}", where, t.name, name(format)));
    out.trainer.optimiser.push_back({t.name.substr(optimiser_prefix.size()), t.values});
  }
  out.trainer.steps = m.count<Index>("steps");
  if (m.has("loss_scale")) {
    out.trainer.loss_scale = {m.number<float>("loss_scale"), m.count<int>("loss_scale_finite_steps")};
    int exponent = 0;
    if (std::frexp(out.trainer.loss_scale.scale, &exponent) != 0.5f)
      throw InputError(fmt::format("{}: metadata \"loss_scale\" is not a power of two", where));
  }
  out.epoch = m.count<int>("epoch");
  out.step = m.count<Index>("epoch_step");
  out.score = {m.number<double>("epoch_loss"), m.count<Index>("epoch_correct"),
               m.count<Index>("epoch_images")};
  if (m.has("non_finite_layer")) {
    out.non_finite = NonFinite{m.count<int>("non_finite_epoch"), m.count<Index>("non_finite_step"),
                               m.text("non_finite_layer")};
  }
  return out;
}

SavedRun::SavedRun(std::filesystem::path file, const Graph& graph, FormatId format, TrainingRun run,
                   std::map<std::string, std::string> identity)
    : file_(std::move(file)),
      graph_(graph),
      format_(format),
      run_(std::move(run)),
      identity_(std::move(identity)) {
  if (!std::filesystem::exists(file_)) return;
  const Checkpoint checkpoint = read_safetensors(file_);
  for (const auto& [key, value] : identity_) {
    const auto it = checkpoint.metadata.find(key);
    if (it != checkpoint.metadata.end() && it->second == value) continue;
    throw InputError(fmt::format("{}: the checkpoint of another training: its {} is {}, not {}",
                                 file_.string(), key,
                                 it == checkpoint.metadata.end() ? "missing" : it->second, value));
  }
  RunState state = run_state(graph_, format_, checkpoint, file_.string());
  if (state.step >= run_.steps_per_epoch())
    throw InputError(
        fmt::format("{}: step {} of an epoch of {}", file_.string(), state.step, run_.steps_per_epoch()));
  try {
    run_.restore(state);
  } catch (const InputError& error) {
    throw InputError(fmt::format("{}: {}", file_.string(), error.what()));
  }
}

void SavedRun::save(const RunHooks& hooks) {
  if (hooks.before_save) hooks.before_save();
  Checkpoint checkpoint = checkpoint_of(graph_, format_, run_.state());
  checkpoint.metadata.insert(identity_.begin(), identity_.end());
  write_safetensors(file_, checkpoint);
  saved_ = Clock::now();
}

EpochRecord SavedRun::epoch(const RunHooks& hooks, const std::function<void(const TrainingRun&)>& after_step,
                            const std::stop_token& stop) {
  const auto between_steps = [&] {
    if (stop.stop_requested()) {
      save(hooks);
      throw InterruptedError(fmt::format("interrupted in epoch {} of {}; the same command continues",
                                         run_.epochs() + 1, file_.stem().string()));
    }
    if (Clock::now() - saved_ > save_interval) save(hooks);
    if (hooks.before_step) hooks.before_step(run_);
  };
  for (;;) {
    hooks.between_steps ? hooks.between_steps(between_steps) : between_steps();
    const std::optional<EpochRecord> record = run_.step();
    if (after_step) after_step(run_);
    if (record) return *record;
  }
}

}  // namespace gradzone
