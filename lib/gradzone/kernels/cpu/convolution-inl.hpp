// Convolution and its input gradient on the chain loop of chain-inl.hpp.
// Compiled once per SIMD target (Highway's foreach_target).
#if defined(GRADZONE_KERNELS_CPU_CONVOLUTION_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADZONE_KERNELS_CPU_CONVOLUTION_INL
#undef GRADZONE_KERNELS_CPU_CONVOLUTION_INL
#else
#define GRADZONE_KERNELS_CPU_CONVOLUTION_INL
#endif

#include <algorithm>
#include <span>

#include "gradzone/arith/format.hpp"
#include "gradzone/kernels/cpu/chain-inl.hpp"
#include "gradzone/kernels/cpu/plans.hpp"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gradzone::HWY_NAMESPACE {

using cpu::ImageShape;

/// The orders in which every sum is one chain; they differ in where the bias comes.
constexpr bool is_one_chain(Order order) {
  return order == Order::chain || order == Order::bias_first;
}

template <class Real>
ImageShape image_shape(const Tensor<Real>& x) {
  return {x.dim(1), x.dim(2), x.dim(3)};
}

/// The convolution, or its input gradient: every output channel of every pixel is a chain over the taps of
/// its row, the taps of its column and the source channels. Weight (output channel o, source channel s,
/// kernel position k) is weights[o * output_stride + s * source_stride + k].
template <class Real>
struct Correlation {
  const Real* weights;
  Index output_stride, source_stride;
  const Window& window;
  bool backward;
  const Real* bias;
  Order order;  ///< chain or bias_first
  bool relu;    ///< the positive part of the results
  const Tensor<Real>& source;
  Tensor<Real>& out;
  cpu::Plans& plans;

  Index kernel_size() const { return window.kernel_h * window.kernel_w; }
  const cpu::PixelPlan& plan(Index images, Index rows) const {
    const ImageShape from = image_shape(source), to = image_shape(out);
    return backward ? plans.backward(window, to, from, images, rows)
                    : plans.forward(window, from, to, images, rows);
  }
};

/// The weights of `count` output channels from `first_column` on, as panels [kernel position][source
/// channel][output channel].
template <class B, class Real>
Scratch<Real> packed_weights(const Correlation<Real>& c, Index first_column, Index count) {
  constexpr Index tile = 8;  // source channels whose weights are spread together
  const Index sources = c.source.dim(3), kernel_size = c.kernel_size(),
              panel_size = kernel_size * sources * B::width;
  Scratch<Real> packed(B::panels(count) * panel_size);
  const auto pack_tile = [&](Real* panel, Index first, Index used, Index begin) {
    const Index end = std::min(sources, begin + tile);
    for (Index lane = 0; lane < B::width; ++lane) {
      const Real* from = c.weights + (first_column + first + lane) * c.output_stride;
      for (Index s = begin; s < end; ++s)
        for (Index k = 0; k < kernel_size; ++k) {
          panel[(k * sources + s) * B::width + lane] = lane < used ? from[s * c.source_stride + k] : 0;
        }
    }
  };
  const Index tiles = (sources + tile - 1) / tile;
  cpu::parallel(B::panels(count) * tiles, panel_size / tiles, [&](Index begin, Index end) {
    for (Index item = begin; item < end; ++item) {
      const Index p = item / tiles, first = p * B::width, used = std::min(B::width, count - first);
      Real* panel = packed.get() + p * panel_size;
      pack_tile(panel, first, used, item % tiles * tile);
    }
  });
  return packed;
}

/// Output channels [first, first + count) of `batches` times the images of `plan`, from image `first_image`
/// on. Units of parallel work are (batch, panel, chunk of register blocks); the blocks of a chunk pass each
/// slice of the panel together.
template <class F, class B, class Real = typename F::Real>
void correlate_images(const Correlation<Real>& c, const cpu::PixelPlan& plan, Index first_image,
                      Index images_of_plan, Index batches, Index first_column, Index count,
                      const Real* weights, const Real* biases) {
  const ImageShape source = image_shape(c.source), out = image_shape(c.out);
  const Index panels = B::panels(count), panel_size = c.kernel_size() * source.channels * B::width;
  const Index blocks = static_cast<Index>(plan.blocks.size()), chunk = std::min<Index>(16, blocks),
              chunks = (blocks + chunk - 1) / chunk;
  const bool at_bias = biases && c.order == Order::bias_first;  // where the chains begin
  const auto compute_chunk = [&](Index image, Index panel, Index begin, Index end, Real* sums) HWY_ATTR {
    const Real* input = c.source.data.data() + image * source.size();
    const Index first = panel * B::width;
    Real* out_image = c.out.data.data() + image * out.size() + first_column + first;
    for (Index row = 0; at_bias && row < (end - begin) * B::rows; ++row)
      std::copy_n(biases + first, B::width, sums + row * B::width);
    for (std::size_t slice = 0; slice < plan.slices; ++slice)
      for (Index b = begin; b < end; ++b) {
        const cpu::PixelPlan::Block& block = plan.blocks[static_cast<std::size_t>(b)];
        const cpu::PixelPlan::Pattern& pattern = plan.patterns[block.pattern];
        const std::span<const Run> runs(pattern.runs.data() + pattern.slices[slice],
                                        pattern.slices[slice + 1] - pattern.slices[slice]);
        Real* to[B::rows] = {};
        for (Index r = 0; r < block.count; ++r)
          to[r] = out_image + plan.outputs[block.first + static_cast<std::size_t>(r)];
        const Results<Real> results{to, std::min(B::width, count - first),
                                    biases && !at_bias ? biases + first : nullptr, c.relu};
        continue_chains<F, B>({weights + panel * panel_size, B::width}, runs, input, UnitStep(),
                              plan.input_offsets.data() + block.first, slice == 0 && !at_bias,
                              sums + (b - begin) * B::size, slice + 1 == plan.slices ? &results : nullptr);
      }
  };
  const Index cost = chunk * c.kernel_size() * source.channels * B::rows * B::vectors;
  cpu::parallel(batches * panels * chunks, cost, [&](Index begin, Index end) HWY_ATTR {
    const Scratch<Real> sums(chunk * B::size);
    for (Index item = begin; item < end; ++item) {
      const Index batch = item / chunks / panels, first = item % chunks * chunk;
      compute_chunk(first_image + batch * images_of_plan, item / chunks % panels, first,
                    std::min(blocks, first + chunk), sums.get());
    }
  });
}

/// As many images as a block has rows go side by side, so that borders cost no more than the inside; the
/// images left over fill their blocks with neighbouring pixels.
template <class F, class Real = typename F::Real>
void correlate(const Correlation<Real>& c) {
  const Index images = c.out.dim(0);
  for_each_width<Real>(c.out.dim(3), [&](auto block, Index first_column, Index count) HWY_ATTR {
    using B = decltype(block);
    const Scratch<Real> weights = packed_weights<B>(c, first_column, count);
    const Scratch<Real> biases = padded_bias<B>(c.bias ? c.bias + first_column : nullptr, count);
    const auto compute = [&](Index first_image, Index images_of_plan, Index batches) HWY_ATTR {
      if (images_of_plan == 0 || batches == 0) return;
      correlate_images<F, B>(c, c.plan(images_of_plan, B::rows), first_image, images_of_plan, batches,
                             first_column, count, weights.get(), biases.get());
    };
    const Index left_over = images % B::rows;
    compute(0, B::rows, images / B::rows);
    compute(images - left_over, left_over, 1);
  });
}

template <class F, class T = Tensor<typename F::Real>>
void convolve(const Conv2d& op, const T& x, const T& w, const T* bias, Order order, bool relu,
              cpu::Plans& plans, T& y) {
  const Index kernel_size = op.window.kernel_h * op.window.kernel_w;
  correlate<F>({w.data.data(), op.in_channels * kernel_size, kernel_size, op.window, false,
                bias ? bias->data.data() : nullptr, order, relu, x, y, plans});
}

template <class F, class T = Tensor<typename F::Real>>
void convolve_input_gradient(const Conv2d& op, const T& dy, const T& w, cpu::Plans& plans, T& dx) {
  const Index kernel_size = op.window.kernel_h * op.window.kernel_w;
  correlate<F>({w.data.data(), kernel_size, op.in_channels * kernel_size, op.window, true, nullptr,
                Order::chain, false, dy, dx, plans});
}

}  // namespace gradzone::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
