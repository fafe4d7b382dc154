// Is the gradient of max(w1 * 2 + w2 * 1, w1 * 0 + w2 * 2) at w = (1, 2) right? Both patches give 4: a true
// tie between different patches.
#include <gradzone/zones/auditor.hpp>
#include <iostream>

int main() {
  using namespace gradzone;
  GraphBuilder builder("tie", {1, 2, 2});
  builder.then("conv",
               Conv2d{.in_channels = 1, .out_channels = 1, .window = {1, 2, 1, 1, 0, 0}, .bias = false});
  builder.then("pool", MaxPool2d{.window = {2, 1, 1, 1, 0, 0}});
  builder.then("flatten", Flatten{});
  const Graph graph = builder.build(Loss::output);
  const Parameters weights{Tensor<double>({1, 1, 1, 2}, {1, 2})};
  const MiniBatch point{Tensor<double>({1, 1, 2, 2}, {2, 1, 0, 2}), {}};
  const Auditor auditor(graph, weights,
                        {.format = {FormatId::fp32}, .choices = parse_choices("native,minimal")});
  const PointResult result = auditor.audit(point);
  std::cout << name(result.point.zone) << ", witness " << result.point.witness << "\n";
  return result.point.zone == Zone::bifurcation ? 0 : 1;
}
