// Tensors on a device (kernels/cuda/device.hpp), and the Memory of kernels that work on them.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <utility>
#include <vector>

#include "gradzone/base/tensor.hpp"
#include "gradzone/kernels/cuda/device.hpp"

namespace gradzone {

/// Like a std::vector, but on a device, uninitialised, and with memory that never shrinks. A view is one over
/// memory of somebody else.
template <class Value>
class DeviceArray {
 public:
  DeviceArray() = default;
  static DeviceArray view(Device& device, Value* data, std::size_t size) {
    DeviceArray out;
    out.device_ = &device;
    out.data_ = data;
    out.size_ = out.capacity_ = size;
    return out;
  }
  DeviceArray(const DeviceArray& other) { *this = other; }
  DeviceArray(DeviceArray&& other) noexcept { swap(other); }
  DeviceArray& operator=(const DeviceArray& other) {
    if (this == &other) return *this;
    if (other.device_) resize(*other.device_, other.size_);
    size_ = other.size_;
    if (size_ > 0) device_->copy(data_, other.data_, size_ * sizeof(Value));
    return *this;
  }
  DeviceArray& operator=(DeviceArray&& other) noexcept {
    DeviceArray(std::move(other)).swap(*this);
    return *this;
  }
  ~DeviceArray() {
    if (owned_) device_->release(data_);
  }

  /// Keeps the memory where it fits; the content is unspecified.
  void resize(Device& device, std::size_t size) {
    if (size > capacity_) {
      assert(owned_ || data_ == nullptr);  // views have their final size
      if (owned_) device_->release(std::exchange(data_, nullptr));
      owned_ = false;
      data_ = static_cast<Value*>(device.allocate(size * sizeof(Value)));
      owned_ = true;
      capacity_ = size;
    }
    device_ = &device;
    size_ = size;
  }

  Value* data() { return data_; }
  const Value* data() const { return data_; }
  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }
  bool empty() const { return size_ == 0; }

  void upload(Device& device, const Value* from, std::size_t size) {
    resize(device, size);
    if (size > 0) device.copy_to_device(data_, from, size * sizeof(Value));
  }
  std::vector<Value> download() const {
    std::vector<Value> out(size_);
    if (size_ > 0) device_->copy_to_host(out.data(), data_, size_ * sizeof(Value));
    return out;
  }

 private:
  void swap(DeviceArray& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    std::swap(owned_, other.owned_);
  }

  Device* device_ = nullptr;
  Value* data_ = nullptr;
  std::size_t size_ = 0, capacity_ = 0;
  bool owned_ = false;
};

template <class Real>
struct DeviceTensor {
  Shape shape;
  DeviceArray<Real> data;

  Index size() const { return static_cast<Index>(data.size()); }
  bool empty() const { return data.empty(); }
  Index dim(std::size_t axis) const { return shape[axis]; }

  Tensor<Real> download() const { return {shape, data.download()}; }
};

struct DeviceMemory {
  template <class Real>
  using Tensor = DeviceTensor<Real>;
  template <class Value>
  using Array = DeviceArray<Value>;

  Device* device;
};

/// As kernels/reshape.hpp's: gives `t` a shape, keeping its memory where it fits.
template <class Real>
void reshape(const DeviceMemory& memory, DeviceTensor<Real>& t, const Shape& shape) {
  if (&t.shape != &shape) t.shape = shape;
  t.data.resize(*memory.device, static_cast<std::size_t>(element_count(shape)));
}

template <class Real>
void upload(const DeviceMemory& memory, const Tensor<Real>& from, DeviceTensor<Real>& to) {
  to.shape = from.shape;
  to.data.upload(*memory.device, from.data.data(), from.data.size());
}

}  // namespace gradzone
