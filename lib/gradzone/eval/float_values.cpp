#include "gradzone/eval/float_values.hpp"

#include "gradzone/arith/formats.hpp"
#include "gradzone/arith/tensors.hpp"
#include "gradzone/eval/network.hpp"
#include "gradzone/kernels/layout.hpp"

namespace gradzone {

std::vector<Tensor<double>> float_values(const Graph& unrounded, const Parameters& parameters, Format format,
                                         const MiniBatch& batch, const Choice& choice, Form form) {
  return visit_format(format.id, [&](auto f) {
    using F = typename decltype(f)::type;
    const Graph graph = unrounded.with_scalars_of(F::id);
    const Network<F> network(graph, make_cpu_kernels<F>(format.order));
    std::vector<Tensor<typename F::Real>> rounded;
    for (const Tensor<double>& t : parameters) rounded.push_back(to_format<F>(t));
    Activations<F> activations;
    network.forward(rounded, channels_last<typename F::Real>(to_format<F>(batch.x)), choice, form,
                    Keep::outputs, activations);
    std::vector<Tensor<double>> out;
    for (const auto& value : activations.values) out.push_back(channels_first<double>(value));
    return out;
  });
}

}  // namespace gradzone
