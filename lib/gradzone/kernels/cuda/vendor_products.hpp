// VendorProducts: the sums of products of a format of tensor cores (Order::tensor_cores), by the library of
// the card's vendor.
#pragma once

#include <memory>

#include "gradzone/kernels/cuda/bodies/convolution.hpp"
#include "gradzone/kernels/cuda/host_device.hpp"

namespace gradzone::device {

/// How the library is given numbers, and gives them back.
enum class Factor {
  binary16,
  bfloat16,
  tf32  ///< binary32, of which the units read as many bits as TF32 has
};

/// The sums of convolutions and their gradients, in binary32 and in an order that nobody states; rounded to
/// the factors' type. Pointers are the device's: images as kernels hold them, weights [out][taps][in].
class VendorProducts {
 public:
  virtual ~VendorProducts() = default;

  virtual void forward(const Convolution& c, const void* x, const void* w, void* y) = 0;
  virtual void input_gradient(const Convolution& c, const void* dy, const void* w, void* dx) = 0;
  /// One sum over the whole batch.
  virtual void weight_gradient(const Convolution& c, const void* x, const void* dy, void* dw) = 0;
};

/// Plain loops for a host that plays a device, one more order that nobody states. `device` must outlive them.
std::unique_ptr<VendorProducts> make_host_products(HostDevice& device, Factor factor);

/// cuDNN and cuBLAS: defined by cudnn_products.cpp, or no_cudnn.cpp in a build without their headers.
/// Precondition: `device` is of make_cuda_device(); it must outlive the products. Throws UsageError if the
/// libraries are not there.
std::unique_ptr<VendorProducts> make_cuda_products(Device& device, Factor factor);

}  // namespace gradzone::device
