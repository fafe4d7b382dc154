// VendorProducts by cuDNN, and by cuBLAS where a convolution is one product of matrices.
#include <cublas_v2.h>
#include <cudnn.h>

#include <array>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "gradzone/kernels/cuda/cuda_device.hpp"
#include "gradzone/kernels/cuda/device_memory.hpp"
#include "gradzone/kernels/cuda/shared_library.hpp"
#include "gradzone/kernels/cuda/vendor_products.hpp"

namespace gradzone::device {
namespace {

const char* const needed_by = "tensor cores need cuDNN and cuBLAS";

[[noreturn]] void fail(const char* call, const std::string& reason) {
  throw InterruptedError(std::string("the CUDA device failed: ") + call + ": " + reason);
}

/// The functions of cuDNN that are called here.
struct Cudnn {
  const SharedLibrary library{{"libcudnn.so." + std::to_string(CUDNN_MAJOR)}, needed_by};
  decltype(&cudnnCreate) create = library["cudnnCreate"];
  decltype(&cudnnDestroy) destroy = library["cudnnDestroy"];
  decltype(&cudnnGetErrorString) error_string = library["cudnnGetErrorString"];
  decltype(&cudnnSetStream) set_stream = library["cudnnSetStream"];
  decltype(&cudnnCreateTensorDescriptor) create_tensor = library["cudnnCreateTensorDescriptor"];
  decltype(&cudnnDestroyTensorDescriptor) destroy_tensor = library["cudnnDestroyTensorDescriptor"];
  decltype(&cudnnSetTensor4dDescriptor) set_tensor = library["cudnnSetTensor4dDescriptor"];
  decltype(&cudnnCreateFilterDescriptor) create_filter = library["cudnnCreateFilterDescriptor"];
  decltype(&cudnnDestroyFilterDescriptor) destroy_filter = library["cudnnDestroyFilterDescriptor"];
  decltype(&cudnnSetFilter4dDescriptor) set_filter = library["cudnnSetFilter4dDescriptor"];
  decltype(&cudnnCreateConvolutionDescriptor) create_convolution =
      library["cudnnCreateConvolutionDescriptor"];
  decltype(&cudnnDestroyConvolutionDescriptor) destroy_convolution =
      library["cudnnDestroyConvolutionDescriptor"];
  decltype(&cudnnSetConvolution2dDescriptor) set_convolution = library["cudnnSetConvolution2dDescriptor"];
  decltype(&cudnnSetConvolutionMathType) set_math = library["cudnnSetConvolutionMathType"];
  decltype(&cudnnGetConvolutionForwardAlgorithm_v7) forward_algorithms =
      library["cudnnGetConvolutionForwardAlgorithm_v7"];
  decltype(&cudnnGetConvolutionBackwardDataAlgorithm_v7) data_algorithms =
      library["cudnnGetConvolutionBackwardDataAlgorithm_v7"];
  decltype(&cudnnGetConvolutionBackwardFilterAlgorithm_v7) filter_algorithms =
      library["cudnnGetConvolutionBackwardFilterAlgorithm_v7"];
  decltype(&cudnnConvolutionForward) forward = library["cudnnConvolutionForward"];
  decltype(&cudnnConvolutionBackwardData) backward_data = library["cudnnConvolutionBackwardData"];
  decltype(&cudnnConvolutionBackwardFilter) backward_filter = library["cudnnConvolutionBackwardFilter"];

  void check(cudnnStatus_t status, const char* call) const {
    if (status != CUDNN_STATUS_SUCCESS) fail(call, error_string(status));
  }
};

/// ... and of cuBLAS: of the version that this was compiled with, or the one before, which has them too.
struct Cublas {
  const SharedLibrary library{{"libcublas.so." + std::to_string(CUBLAS_VER_MAJOR),
                               "libcublas.so." + std::to_string(CUBLAS_VER_MAJOR - 1)},
                              needed_by};
  decltype(&cublasCreate_v2) create = library["cublasCreate_v2"];
  decltype(&cublasDestroy_v2) destroy = library["cublasDestroy_v2"];
  decltype(&cublasGetStatusString) error_string = library["cublasGetStatusString"];
  decltype(&cublasSetStream_v2) set_stream = library["cublasSetStream_v2"];
  decltype(&cublasSetWorkspace_v2) set_workspace = library["cublasSetWorkspace_v2"];
  decltype(&cublasSetMathMode) set_math = library["cublasSetMathMode"];
  decltype(&cublasGemmEx_64) multiply = library["cublasGemmEx_64"];

  void check(cublasStatus_t status, const char* call) const {
    if (status != CUBLAS_STATUS_SUCCESS) fail(call, error_string(status));
  }
};

/// A descriptor or handle that the library made. It is given back by a function that it looked up.
template <class Handle>
using Owned = std::unique_ptr<std::remove_pointer_t<Handle>, std::function<void(Handle)>>;

constexpr float one = 1, zero = 0;

/// Products of matrices [rows][columns], in the precision of a factor.
class Multiplier {
 public:
  Multiplier(CudaDevice& device, Factor factor) : factor_(factor) {
    cublasHandle_t handle = nullptr;
    cublas_.check(cublas_.create(&handle), "cublasCreate");
    handle_ = {handle, [this](cublasHandle_t h) { cublas_.destroy(h); }};
    cublas_.check(cublas_.set_stream(handle, device.stream()), "cublasSetStream");
    // Of its own, so that recordings allocate nothing and results do not depend on what else runs.
    constexpr std::size_t workspace = std::size_t{32} << 20;
    workspace_.resize(device, workspace);
    cublas_.check(cublas_.set_workspace(handle, workspace_.data(), workspace), "cublasSetWorkspace");
    cublas_.check(cublas_.set_math(handle, CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION),
                  "cublasSetMathMode");
  }

  /// c [m][n] = a [m][k] * b [k][n], where a or b may be given transposed.
  void multiply(Index m, Index n, Index k, const void* a, bool a_transposed, const void* b, bool b_transposed,
                void* c) const {
    // cuBLAS counts along columns: to it all three are transposed, and so the factors change places.
    const auto transposed = [](bool yes) { return yes ? CUBLAS_OP_T : CUBLAS_OP_N; };
    const cudaDataType_t type = factor_ == Factor::binary16   ? CUDA_R_16F
                                : factor_ == Factor::bfloat16 ? CUDA_R_16BF
                                                              : CUDA_R_32F;
    const auto precision = factor_ == Factor::tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
    cublas_.check(cublas_.multiply(handle_.get(), transposed(b_transposed), transposed(a_transposed), n, m, k,
                                   &one, b, type, b_transposed ? k : n, a, type, a_transposed ? m : k, &zero,
                                   c, type, n, precision, CUBLAS_GEMM_DEFAULT),
                  "cublasGemmEx");
  }

 private:
  Cublas cublas_;
  Factor factor_;
  DeviceArray<std::byte> workspace_;
  Owned<cublasHandle_t> handle_;
};

enum class Direction { forward, input_gradient, weight_gradient };

const char* name(Direction direction) {
  switch (direction) {
    case Direction::forward:
      return "cudnnConvolutionForward";
    case Direction::input_gradient:
      return "cudnnConvolutionBackwardData";
    case Direction::weight_gradient:
      break;
  }
  return "cudnnConvolutionBackwardFilter";
}

/// A convolution as cuDNN knows it, and the algorithm it is computed by.
struct Plan {
  Owned<cudnnTensorDescriptor_t> x, y;
  Owned<cudnnFilterDescriptor_t> w;
  Owned<cudnnConvolutionDescriptor_t> convolution;
  int algorithm = 0;  ///< of the direction's enumeration
  std::size_t workspace = 0;
};

class CudnnConvolver {
 public:
  CudnnConvolver(CudaDevice& device, Factor factor) : device_(device), factor_(factor) {
    cudnnHandle_t handle = nullptr;
    cudnn_.check(cudnn_.create(&handle), "cudnnCreate");
    handle_ = {handle, [this](cudnnHandle_t h) { cudnn_.destroy(h); }};
    cudnn_.check(cudnn_.set_stream(handle, device.stream()), "cudnnSetStream");
  }

  void forward(const Convolution& c, const void* x, const void* w, void* y) {
    const Plan& p = plan(Direction::forward, c);
    cudnn_.check(cudnn_.forward(handle_.get(), &one, p.x.get(), x, p.w.get(), w, p.convolution.get(),
                                static_cast<cudnnConvolutionFwdAlgo_t>(p.algorithm), workspace_.data(),
                                p.workspace, &zero, p.y.get(), y),
                 name(Direction::forward));
  }
  void input_gradient(const Convolution& c, const void* dy, const void* w, void* dx) {
    const Plan& p = plan(Direction::input_gradient, c);
    cudnn_.check(cudnn_.backward_data(handle_.get(), &one, p.w.get(), w, p.y.get(), dy, p.convolution.get(),
                                      static_cast<cudnnConvolutionBwdDataAlgo_t>(p.algorithm),
                                      workspace_.data(), p.workspace, &zero, p.x.get(), dx),
                 name(Direction::input_gradient));
  }
  void weight_gradient(const Convolution& c, const void* x, const void* dy, void* dw) {
    const Plan& p = plan(Direction::weight_gradient, c);
    cudnn_.check(cudnn_.backward_filter(handle_.get(), &one, p.x.get(), x, p.y.get(), dy, p.convolution.get(),
                                        static_cast<cudnnConvolutionBwdFilterAlgo_t>(p.algorithm),
                                        workspace_.data(), p.workspace, &zero, p.w.get(), dw),
                 name(Direction::weight_gradient));
  }

 private:
  /// Made when a convolution is seen for the first time, before a device records it.
  const Plan& plan(Direction direction, const Convolution& c) {
    const auto [at, fresh] = plans_.try_emplace({direction, c});
    if (fresh) {
      try {
        describe(c, at->second);
        choose_algorithm(direction, c, at->second);
      } catch (...) {
        plans_.erase(at);
        throw;
      }
    }
    return at->second;
  }

  void describe(const Convolution& c, Plan& plan) const {
    const cudnnDataType_t type = factor_ == Factor::binary16   ? CUDNN_DATA_HALF
                                 : factor_ == Factor::bfloat16 ? CUDNN_DATA_BFLOAT16
                                                               : CUDNN_DATA_FLOAT;
    plan.x = made(cudnn_.create_tensor, cudnn_.destroy_tensor);
    plan.y = made(cudnn_.create_tensor, cudnn_.destroy_tensor);
    plan.w = made(cudnn_.create_filter, cudnn_.destroy_filter);
    plan.convolution = made(cudnn_.create_convolution, cudnn_.destroy_convolution);
    cudnn_.check(cudnn_.set_tensor(plan.x.get(), CUDNN_TENSOR_NHWC, type, c.images, c.in, c.h, c.w),
                 "cudnnSetTensor4dDescriptor");
    cudnn_.check(cudnn_.set_tensor(plan.y.get(), CUDNN_TENSOR_NHWC, type, c.images, c.out, c.out_h, c.out_w),
                 "cudnnSetTensor4dDescriptor");
    cudnn_.check(
        cudnn_.set_filter(plan.w.get(), type, CUDNN_TENSOR_NHWC, c.out, c.in, c.kernel_h, c.kernel_w),
        "cudnnSetFilter4dDescriptor");
    cudnn_.check(cudnn_.set_convolution(plan.convolution.get(), c.padding_h, c.padding_w, c.stride_h,
                                        c.stride_w, 1, 1, CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT),
                 "cudnnSetConvolution2dDescriptor");
    set_math(plan, factor_ == Factor::tf32 ? CUDNN_DEFAULT_MATH : CUDNN_TENSOR_OP_MATH);
  }
  /// To binary32 the default is TF32.
  void set_math(const Plan& plan, cudnnMathType_t math) const {
    cudnn_.check(cudnn_.set_math(plan.convolution.get(), math), "cudnnSetConvolutionMathType");
  }
  template <class Handle>
  Owned<Handle> made(cudnnStatus_t (*create)(Handle*), cudnnStatus_t (*destroy)(Handle)) const {
    Handle handle = nullptr;
    cudnn_.check(create(&handle), "a descriptor of cuDNN");
    return {handle, [destroy](Handle h) { destroy(h); }};
  }

  void choose_algorithm(Direction direction, const Convolution& c, Plan& p) {
    switch (direction) {
      case Direction::forward:
        return choose<cudnnConvolutionFwdAlgoPerf_t>(direction, c, p, [&](int most, int* count, auto* found) {
          return cudnn_.forward_algorithms(handle_.get(), p.x.get(), p.w.get(), p.convolution.get(),
                                           p.y.get(), most, count, found);
        });
      case Direction::input_gradient:
        return choose<cudnnConvolutionBwdDataAlgoPerf_t>(
            direction, c, p, [&](int most, int* count, auto* found) {
              return cudnn_.data_algorithms(handle_.get(), p.w.get(), p.y.get(), p.convolution.get(),
                                            p.x.get(), most, count, found);
            });
      case Direction::weight_gradient:
        return choose<cudnnConvolutionBwdFilterAlgoPerf_t>(
            direction, c, p, [&](int most, int* count, auto* found) {
              return cudnn_.filter_algorithms(handle_.get(), p.x.get(), p.y.get(), p.convolution.get(),
                                              p.w.get(), most, count, found);
            });
    }
  }
  /// The one that cuDNN expects to be fastest of those that return the same bits every time. Nothing is
  /// measured: the choice is the same every time, too.
  template <class Performance, class Query>
  void choose(Direction direction, const Convolution& c, Plan& plan, const Query& query) {
    constexpr int most = 16;  // more than there are
    constexpr std::size_t largest_workspace = std::size_t{1} << 30;
    std::array<Performance, most> found;
    int count = 0;
    cudnn_.check(query(most, &count, found.data()), "the algorithms of cuDNN");
    for (int i = 0; i < count; ++i) {
      const Performance& p = found[static_cast<std::size_t>(i)];
      if (p.status != CUDNN_STATUS_SUCCESS || p.determinism != CUDNN_DETERMINISTIC) continue;
      if (p.memory > largest_workspace || p.mathType == CUDNN_FMA_MATH) continue;
      set_math(plan, p.mathType);
      plan.algorithm = p.algo;
      plan.workspace = p.memory;
      if (p.memory > workspace_.size()) workspace_.resize(device_, p.memory);
      return;
    }
    throw UsageError(std::string(name(direction)) +
                     ": cuDNN has no deterministic algorithm for a convolution of " + text(c));
  }
  static std::string text(const Convolution& c) {
    return to_string(Shape{c.images, c.h, c.w, c.in}) + " with " +
           to_string(Shape{c.out, c.kernel_h, c.kernel_w, c.in});
  }

  Cudnn cudnn_;
  CudaDevice& device_;
  Factor factor_;
  DeviceArray<std::byte> workspace_;
  Owned<cudnnHandle_t> handle_;
  std::map<std::pair<Direction, Convolution>, Plan> plans_;
};

class CudaProducts final : public VendorProducts {
 public:
  CudaProducts(CudaDevice& device, Factor factor) : convolver_(device, factor), multiplier_(device, factor) {}

  void forward(const Convolution& c, const void* x, const void* w, void* y) override {
    if (!is_one_product(c)) return convolver_.forward(c, x, w, y);
    multiplier_.multiply(pixels(c), c.out, c.in, x, false, w, true, y);
  }
  void input_gradient(const Convolution& c, const void* dy, const void* w, void* dx) override {
    if (!is_one_product(c)) return convolver_.input_gradient(c, dy, w, dx);
    multiplier_.multiply(pixels(c), c.in, c.out, dy, false, w, false, dx);
  }
  void weight_gradient(const Convolution& c, const void* x, const void* dy, void* dw) override {
    if (!is_one_product(c)) return convolver_.weight_gradient(c, x, dy, dw);
    multiplier_.multiply(c.out, c.in, pixels(c), dy, true, x, false, dw);
  }

 private:
  /// A linear layer, or a convolution that treats every pixel like one.
  static bool is_one_product(const Convolution& c) {
    return c.taps() == 1 && c.stride_h == 1 && c.stride_w == 1 && c.padding_h == 0 && c.padding_w == 0;
  }
  static Index pixels(const Convolution& c) { return Index{c.images} * c.h * c.w; }

  CudnnConvolver convolver_;
  Multiplier multiplier_;
};

}  // namespace

std::unique_ptr<VendorProducts> make_cuda_products(Device& device, Factor factor) {
  return std::make_unique<CudaProducts>(static_cast<CudaDevice&>(device), factor);
}

}  // namespace gradzone::device
