// The kernels of a training step that several processes share (shared_batch.hpp): every operation on one's
// own images, sums over the batch on all of them, with the bits of the kernels of a process alone.
#pragma once

#include <memory>

#include "gradzone/kernels/kernels.hpp"
#include "gradzone/kernels/shared_batch.hpp"

namespace gradzone {

/// make_cpu_kernels' whose batch norms take their sums over the shared batch, which must outlive them.
template <class F>
std::unique_ptr<Kernels<F>> make_cpu_kernels(Order order, const SharedBatch& batch);

/// Kernels that compute as `inner`, whose batch norms take their sums over the shared batch already, but
/// weight gradients and the loss, too. Tensors hold one's own images; labels are those of the whole
/// mini-batch, and the loss is its loss.
template <class F>
std::unique_ptr<Kernels<F>> make_shared_batch_kernels(std::unique_ptr<Kernels<F>> inner, Order order,
                                                      const SharedBatch& batch);

}  // namespace gradzone
