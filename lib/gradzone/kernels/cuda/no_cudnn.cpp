// A build without the headers of cuDNN and cuBLAS.
#include "gradzone/base/error.hpp"
#include "gradzone/kernels/cuda/vendor_products.hpp"

namespace gradzone::device {

std::unique_ptr<VendorProducts> make_cuda_products(Device&, Factor) {
  throw UsageError(
      "this build has no formats of tensor cores: configure it where the headers of cuDNN and cuBLAS are "
      "(docs/cuda.md)");
}

}  // namespace gradzone::device
