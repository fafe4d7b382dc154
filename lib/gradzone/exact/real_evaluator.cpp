#include "gradzone/exact/real_evaluator.hpp"

#include "gradzone/exact/fast/fast_evaluator.hpp"

namespace gradzone {
namespace {

template <class Evaluator>
class EngineAdapter final : public RealEvaluator {
 public:
  EngineAdapter(const Graph& graph, const Parameters& parameters, const ReferenceOptions& options)
      : evaluator_(graph, parameters, options) {}
  RealVerdict evaluate(const MiniBatch& batch, const std::vector<Choice>& choices) const override {
    return evaluator_.evaluate(batch, choices);
  }

 private:
  Evaluator evaluator_;
};

}  // namespace

std::unique_ptr<RealEvaluator> make_real_evaluator(const Graph& graph, const Parameters& parameters,
                                                   const ReferenceOptions& options) {
  if (options.engine == Engine::plain)
    return std::make_unique<EngineAdapter<ReferenceEvaluator>>(graph, parameters, options);
  return std::make_unique<EngineAdapter<FastEvaluator>>(graph, parameters, options);
}

}  // namespace gradzone
