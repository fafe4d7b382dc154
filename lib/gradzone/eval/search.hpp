// Search: looks through tensors for the few entries that decide what a mini-batch is, wherever the tensors
// lie.
#pragma once

#include <memory>

#include "gradzone/kernels/cuda/device_memory.hpp"
#include "gradzone/kernels/kernels.hpp"

namespace gradzone {

/// Each call of for_...() looks for one thing; found() answers for all of them together, so that a device is
/// waited for once. What comes after a find need not be looked at.
template <class F, class Memory = HostMemory>
class Search {
 public:
  using Real = typename F::Real;
  using T = typename Memory::template Tensor<Real>;
  using Sets = typename Memory::template Array<std::uint8_t>;

  virtual ~Search() = default;

  /// Starts anew.
  virtual void forget() = 0;
  /// Infinities and NaN.
  virtual void for_non_finite(const T& t) = 0;
  /// Entries equal to `value`, which zeros of both signs are.
  virtual void for_equal(const T& t, Real value) = 0;
  /// Windows of so many positions with several maxima; those whose maximum is 0 do not count if
  /// `zero_is_harmless`.
  virtual void for_ties(const Sets& sets, const T& maxima, Index window, bool zero_is_harmless) = 0;
  /// Entries whose difference is not zero: NaN and infinities differ from themselves.
  virtual void for_difference(const T& a, const T& b) = 0;
  /// Whether anything was found since forget().
  virtual bool found() = 0;
};

template <class F>
std::unique_ptr<Search<F>> make_search(HostMemory);
/// memory.device must outlive it.
template <class F>
std::unique_ptr<Search<F, DeviceMemory>> make_search(DeviceMemory memory);
/// The same for a device of make_cuda_device(): defined by search.cu or no_cuda.cpp.
template <class F>
std::unique_ptr<Search<F, DeviceMemory>> make_cuda_search(DeviceMemory memory);

}  // namespace gradzone
