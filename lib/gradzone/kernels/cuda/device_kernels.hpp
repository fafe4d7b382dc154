// The kernels on a device: in the order `chain`, or by its tensor cores.
#pragma once

#include <memory>
#include <string>

#include "gradzone/kernels/cuda/device_memory.hpp"
#include "gradzone/kernels/kernels.hpp"

namespace gradzone {

/// Kernels for tensors on memory.device, which must outlive them. In the order `chain` they are bit for bit
/// the reference kernels. Of `tensor_cores` (which F has: has_tensor_cores) convolutions and linear layers
/// are the vendor's: results are the library's sums rounded to storage, to which a bias is added in the
/// accumulator, rounded again; padding is multiplied. Throws UsageError if the library is not there. The loss
/// alone is computed on the host, whose exp and log are correctly rounded.
template <class F>
std::unique_ptr<Kernels<F, DeviceMemory>> make_device_kernels(DeviceMemory memory,
                                                              Order order = Order::chain);

/// Throws UsageError if devices do not have the order; `format` names who asks for it.
void check_device_order(Order order, const std::string& format);

}  // namespace gradzone
