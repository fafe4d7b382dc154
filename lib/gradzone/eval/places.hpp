// What code asks for that is a template over where its tensors lie, in this process or on a device.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "gradzone/arith/tensors.hpp"
#include "gradzone/eval/backend.hpp"
#include "gradzone/graph/point.hpp"
#include "gradzone/kernels/cuda/device_kernels.hpp"
#include "gradzone/kernels/kernels.hpp"

namespace gradzone {

/// Where the numbers of a backend lie. Precondition: Memory is of its kind.
template <class Memory>
Memory memory_of(const Backend& backend) {
  if constexpr (std::is_same_v<Memory, DeviceMemory>) {
    return {&backend.device()};
  } else {
    return {};
  }
}

template <class F>
std::unique_ptr<Kernels<F>> make_kernels(HostMemory, Order order) {
  return make_cpu_kernels<F>(order);
}
/// Precondition: check_device_order() lets the order pass.
template <class F>
std::unique_ptr<Kernels<F, DeviceMemory>> make_kernels(DeviceMemory memory, Order order) {
  return make_device_kernels<F>(memory, order);
}

/// to = from, in memory that `to` has, where it fits.
template <class Real>
void put(HostMemory, Tensor<Real> from, Tensor<Real>& to) {
  to = std::move(from);
}
template <class Real>
void put(DeviceMemory memory, const Tensor<Real>& from, DeviceTensor<Real>& to) {
  upload(memory, from, to);
  memory.device->wait();  // `from` is read until then
}

template <class Value>
void put(HostMemory, const std::vector<Value>& from, std::vector<Value>& to) {
  to = from;
}
template <class Value>
void put(DeviceMemory memory, const std::vector<Value>& from, DeviceArray<Value>& to) {
  to.upload(*memory.device, from.data(), from.size());
  memory.device->wait();  // as above
}

template <class Real>
const Tensor<Real>& on_host(const Tensor<Real>& t) {
  return t;
}
template <class Real>
Tensor<Real> on_host(const DeviceTensor<Real>& t) {
  return t.download();
}

/// Rounded to the format.
template <class F, class Memory>
std::vector<typename Memory::template Tensor<typename F::Real>> put_parameters(Memory memory,
                                                                               const Parameters& parameters) {
  std::vector<typename Memory::template Tensor<typename F::Real>> out(parameters.size());
  for (std::size_t p = 0; p < parameters.size(); ++p) put(memory, to_format<F>(parameters[p]), out[p]);
  return out;
}

}  // namespace gradzone
