// The kernels on a device. Orders other than `chain` have none.
#pragma once

#include <memory>
#include <string>

#include "gradzone/kernels/cuda/device_memory.hpp"
#include "gradzone/kernels/kernels.hpp"

namespace gradzone {

/// Kernels in order `chain` for tensors on memory.device, which must outlive them, bit for bit the reference
/// kernels. The loss alone is computed on the host, whose exp and log are correctly rounded.
template <class F>
std::unique_ptr<Kernels<F, DeviceMemory>> make_device_kernels(DeviceMemory memory);

/// Throws UsageError if devices do not have the order; `format` names who asks for it.
void check_device_order(Order order, const std::string& format);

}  // namespace gradzone
