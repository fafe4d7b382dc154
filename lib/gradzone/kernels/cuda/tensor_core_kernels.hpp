// TensorCoreKernels<F, Queue>: the kernels of a format of tensor cores. Convolutions and linear layers are
// the vendor's, with what stands around their sums; everything else is that of the order chain.
#pragma once

#include <type_traits>
#include <utility>

#include "gradzone/kernels/cuda/bodies/packing.hpp"
#include "gradzone/kernels/cuda/kernels_on.hpp"

namespace gradzone::device {

template <class F, class Queue>
class TensorCoreKernels final : public KernelsOn<F, Queue> {
  using Base = KernelsOn<F, Queue>;
  using Packed = typename Packing<F>::Packed;
  /// Nothing to pack: the library reads carriers, and writes them.
  static constexpr bool direct = std::is_same_v<Packed, typename F::Real>;

 public:
  using typename Base::Real;
  using typename Base::T;

  TensorCoreKernels(DeviceMemory memory, Queue queue, std::unique_ptr<VendorProducts> library)
      : Base(memory, std::move(queue)), library_(std::move(library)) {}

  /// One after the other: they share what they pack their factors into, and the library's workspace.
  void side_by_side(const std::function<void()>& first, const std::function<void()>& second) const override {
    Kernels<F, DeviceMemory>::side_by_side(first, second);
  }

 private:
  using Base::device;
  using Base::each;
  using Base::in;
  using Base::out;

  void products(const Conv2d& op, const Shape& x_shape, const T& x, const T& w, const T* bias, After after,
                T& y) const override {
    const Framed framed(op, x_shape);
    const void* source = packed(into_frame(framed, x), framed.entries(), a_);
    Packed* sums = room(out(y), y.size(), sums_);
    library_->forward(framed.c, source, packed_weights(framed.c, w), sums);
    const bool relu = after == After::relu;
    if (direct && !bias && !relu) return;
    each(y.size(), FinishOutput<F>{sums, bias ? in(*bias) : nullptr, out(y), Divisor(framed.c.out), relu});
  }

  void input_gradient(const Conv2d& op, const Shape& x_shape, const T& dy, const T& w, T& dx) const override {
    const Framed framed(op, x_shape);
    const void* source = packed(in(dy), dy.size(), a_);
    Real* target = framed.needed ? sized(frame_, framed.entries()) : out(dx);
    Packed* sums = room(target, framed.entries(), sums_);
    library_->input_gradient(framed.c, source, packed_weights(framed.c, w), sums);
    unpack(sums, target, framed.entries());
    if (framed.needed) move_images(target, framed.shape, out(dx), x_shape, framed.top, framed.left);
  }

  void weight_gradient(const Conv2d& op, const Shape& x_shape, const T& x, const T& dy, T& dw,
                       T* db) const override {
    const Framed framed(op, x_shape);
    const Convolution& c = framed.c;
    const void* source = packed(into_frame(framed, x), framed.entries(), a_);
    const void* gradient = packed(in(dy), dy.size(), b_);
    const bool arranged = c.taps() == 1;
    Packed* sums = arranged ? room(out(dw), dw.size(), sums_) : sized(sums_, dw.size());
    library_->weight_gradient(c, source, gradient, sums);
    if (arranged) {
      unpack(sums, out(dw), dw.size());
    } else {
      each(dw.size(), UnpackWeights<F>{sums, out(dw), Divisor(c.in), Divisor(c.taps())});
    }
    if (db) this->bias_gradient(dy, *db);
  }

  /// A convolution as the library knows it, with the same padding on both sides: where it is not, without
  /// any, of images in a frame of zeros.
  struct Framed {
    Shape shape;  ///< of the images
    Convolution c;
    bool needed;
    Index top, left;

    Framed(const Conv2d& op, const Shape& x)
        : shape(x),
          c(op, x),
          needed(op.window.trailing_h != 0 || op.window.trailing_w != 0),
          top(op.window.padding_h),
          left(op.window.padding_w) {
      if (!needed) return;
      shape[1] += 2 * top + op.window.trailing_h;
      shape[2] += 2 * left + op.window.trailing_w;
      Conv2d unpadded = op;
      unpadded.window.padding_h = unpadded.window.padding_w = 0;
      unpadded.window.trailing_h = unpadded.window.trailing_w = 0;
      c = Convolution(unpadded, shape);
    }
    Index entries() const { return element_count(shape); }
  };

  const Real* into_frame(const Framed& framed, const T& x) const {
    if (!framed.needed) return in(x);
    Real* target = sized(frame_, framed.entries());
    move_images(in(x), x.shape, target, framed.shape, -framed.top, -framed.left);
    return target;
  }
  void move_images(const Real* from, const Shape& from_shape, Real* to, const Shape& shape, Index down,
                   Index right) const {
    const auto divisor = [&](std::size_t axis) { return Divisor(small(shape[axis])); };
    each(element_count(shape), MoveImages{from, to, small(from_shape[1]), small(from_shape[2]), small(down),
                                          small(right), divisor(3), divisor(2), divisor(1)});
  }

  template <class Value>
  Value* sized(DeviceArray<Value>& array, Index count) const {
    array.resize(device(), static_cast<std::size_t>(count));
    return array.data();
  }
  /// Where the library writes what becomes `target`.
  Packed* room(Real* target, Index count, DeviceArray<Packed>& array) const {
    if constexpr (direct) {
      return target;
    } else {
      return sized(array, count);
    }
  }
  const void* packed(const Real* from, Index count, DeviceArray<Packed>& array) const {
    if constexpr (direct) return from;
    Packed* to = sized(array, count);
    each(count, Pack<F>{from, to});
    return to;
  }
  const void* packed_weights(const Convolution& c, const T& w) const {
    if (c.taps() == 1) return packed(in(w), w.size(), b_);
    Packed* to = sized(b_, w.size());
    each(w.size(), PackWeights<F>{in(w), to, Divisor(c.in), Divisor(c.taps())});
    return to;
  }
  void unpack(const Packed* from, Real* to, Index count) const {
    if (!direct) each(count, Unpack<F>{from, to});
  }

  std::unique_ptr<VendorProducts> library_;
  // Memory between the bodies of an operation: what is multiplied, what comes of it.
  mutable DeviceArray<Packed> a_, b_, sums_;
  mutable DeviceArray<Real> frame_;
};

/// The kernels of F in an order that a device has; `products(factor)` are those of a format of tensor cores.
template <class F, class Queue, class MakeProducts>
std::unique_ptr<Kernels<F, DeviceMemory>> make_kernels_on(DeviceMemory memory, Queue queue, Order order,
                                                          const MakeProducts& products) {
  if constexpr (has_tensor_cores(F::id)) {
    if (order == Order::tensor_cores) {
      return std::make_unique<TensorCoreKernels<F, Queue>>(memory, std::move(queue),
                                                           products(Packing<F>::factor));
    }
  }
  assert(order == Order::chain);
  return std::make_unique<KernelsOn<F, Queue>>(memory, std::move(queue));
}

}  // namespace gradzone::device
