// Convolution and its gradients on the chain loop of chain-inl.hpp.
// Compiled once per SIMD target (Highway's foreach_target).
#if defined(GRADZONE_KERNELS_CPU_CONVOLUTION_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADZONE_KERNELS_CPU_CONVOLUTION_INL
#undef GRADZONE_KERNELS_CPU_CONVOLUTION_INL
#else
#define GRADZONE_KERNELS_CPU_CONVOLUTION_INL
#endif

#include <vector>

#include "gradzone/kernels/cpu/chain-inl.hpp"
#include "gradzone/kernels/cpu/taps.hpp"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gradzone::HWY_NAMESPACE {

using cpu::ImageShape;

template <class Real>
ImageShape image_shape(const Tensor<Real>& x) {
  return {x.dim(1), x.dim(2), x.dim(3)};
}

/// The convolution, or its input gradient: every pixel of every output channel is a chain over the taps of
/// its row, the taps of its column and the source channels. Weight (output channel o, source channel s,
/// kernel position k) is weights[o * output_stride + s * source_stride + k].
template <class Real>
struct Correlation {
  const Real* weights;
  Index output_stride, source_stride;
  Index kernel_w, kernel_size;
  const Real* bias;
  const Tensor<Real>& source;
  Tensor<Real>& out;
  cpu::AxisTaps rows, columns;
};

/// All weights as panels [kernel position][source channel][output channel].
template <class B, class Real>
Scratch<Real> packed_weights(const Correlation<Real>& c, Index panel_size) {
  const Index channels = c.out.dim(1), sources = c.source.dim(1), panels = B::panels(channels);
  Scratch<Real> packed = scratch<Real>(panels * panel_size);
  cpu::parallel(panels, panel_size, [&](Index begin, Index end) {
    for (Index p = begin; p < end; ++p) {
      const Index first = p * B::width, used = std::min(B::width, channels - first);
      for (Index k = 0; k < c.kernel_size; ++k) {
        pack(packed.get() + p * panel_size + k * sources * B::width, B::width,
             c.weights + first * c.output_stride + k, used, c.output_stride, sources, c.source_stride);
      }
    }
  });
  return packed;
}

/// `batches` times the images of `plan`, from image `first_image` on. The units of parallel work are register
/// blocks.
template <class F, class B, class Real = typename F::Real>
void correlate_images(const Correlation<Real>& c, const cpu::PixelPlan& plan, Index first_image,
                      Index images_of_plan, Index batches, const Real* weights, const Real* biases) {
  const ImageShape source = image_shape(c.source), out = image_shape(c.out);
  const Index panels = B::panels(out.channels), panel_size = c.kernel_size * source.channels * B::width;
  const Index blocks = static_cast<Index>(plan.blocks.size());
  const auto compute_block = [&](Index image, Index panel, const cpu::PixelPlan::Block& block,
                                 Real* sums) HWY_ATTR {
    const Index first = panel * B::width, used = std::min(B::width, out.channels - first);
    std::fill_n(sums, B::size, Real(0));
    continue_chains<F, B>(weights + panel * panel_size, plan.runs[block.runs], source.channels,
                          c.source.data.data() + image * source.size(), source.area(),
                          plan.input_offsets.data() + block.first, sums);
    finish<F, B>(sums, biases ? biases + first : nullptr);
    for (Index r = 0; r < block.count; ++r) {
      Real* to = c.out.data.data() + (image * out.size() + first * out.area()) +
                 plan.outputs[block.first + static_cast<std::size_t>(r)];
      for (Index lane = 0; lane < used; ++lane) to[lane * out.area()] = sums[r * B::width + lane];
    }
  };
  const Index cost = c.kernel_size * source.channels * B::rows * B::vectors;
  cpu::parallel(batches * panels * blocks, cost, [&](Index begin, Index end) HWY_ATTR {
    const Scratch<Real> sums = scratch<Real>(B::size);
    for (Index item = begin; item < end; ++item) {
      const Index batch = item / blocks / panels, panel = item / blocks % panels;
      compute_block(first_image + batch * images_of_plan, panel,
                    plan.blocks[static_cast<std::size_t>(item % blocks)], sums.get());
    }
  });
}

/// As many images as a block has rows go side by side, so that borders cost no more than the inside; the
/// images left over fill their blocks with neighbouring pixels.
template <class F, class Real = typename F::Real>
void correlate(const Correlation<Real>& c) {
  const ImageShape source = image_shape(c.source), out = image_shape(c.out);
  const Index images = c.out.dim(0);
  with_block<Real>(images * out.area(), out.channels, [&](auto block) HWY_ATTR {
    using B = decltype(block);
    const Scratch<Real> weights = packed_weights<B>(c, c.kernel_size * source.channels * B::width);
    const Scratch<Real> biases = padded_bias<B>(c.bias, out.channels);
    const auto compute = [&](Index first_image, Index images_of_plan, Index batches) HWY_ATTR {
      if (images_of_plan == 0 || batches == 0) return;
      const cpu::PixelPlan plan =
          cpu::plan_pixels(c.rows, c.columns, c.kernel_w, source, out, images_of_plan, B::rows);
      correlate_images<F, B>(c, plan, first_image, images_of_plan, batches, weights.get(), biases.get());
    };
    const Index left_over = images % B::rows;
    compute(0, B::rows, images / B::rows);
    compute(images - left_over, left_over, 1);
  });
}

template <class F, class T = Tensor<typename F::Real>>
void convolve(const Conv2d& op, const T& x, const T& w, const T* bias, T& y) {
  const Window& win = op.window;
  const Index kernel_size = win.kernel_h * win.kernel_w;
  correlate<F>({w.data.data(), op.in_channels * kernel_size, kernel_size, win.kernel_w, kernel_size,
                bias ? bias->data.data() : nullptr, x, y,
                cpu::forward_taps(cpu::rows_of(win), x.dim(2), y.dim(2)),
                cpu::forward_taps(cpu::columns_of(win), x.dim(3), y.dim(3))});
}

template <class F, class T = Tensor<typename F::Real>>
void convolve_input_gradient(const Conv2d& op, const T& dy, const T& w, T& dx) {
  const Window& win = op.window;
  const Index kernel_size = win.kernel_h * win.kernel_w;
  correlate<F>({w.data.data(), kernel_size, op.in_channels * kernel_size, win.kernel_w, kernel_size, nullptr,
                dy, dx, cpu::backward_taps(cpu::rows_of(win), dx.dim(2), dy.dim(2)),
                cpu::backward_taps(cpu::columns_of(win), dx.dim(3), dy.dim(3))});
}

/// The gradient of every weight: a chain over the images of a group, and in each over the output pixels. The
/// panel is one image's dy with its channels packed; the rows of a block are weight positions. Units of
/// parallel work are (panel of output channels, group of images); scratch memory is the weights once per
/// group and one panel per task.
template <class F, class T = Tensor<typename F::Real>>
void convolve_weight_gradient(const Conv2d& op, const T& x, const T& dy, T& dw) {
  using Real = typename F::Real;
  const ImageShape in = image_shape(x), out = image_shape(dy);
  const Index images = x.dim(0), weights = in.channels * op.window.kernel_h * op.window.kernel_w;
  const Index groups = std::max<Index>(1, (images + images_per_group - 1) / images_per_group);
  with_block<Real>(weights, out.channels, [&](auto block) HWY_ATTR {
    using B = decltype(block);
    const std::vector<cpu::WeightBlock> blocks = cpu::plan_weights(op.window, in, out, B::rows);
    const Index partial = static_cast<Index>(blocks.size()) * B::size, panels = B::panels(out.channels);
    const Scratch<Real> sums = scratch<Real>(panels * groups * partial);

    const auto add_group = [&](Index first, Index group, Real* panel, Real* group_sums) HWY_ATTR {
      const Index used = std::min(B::width, out.channels - first);
      std::fill_n(group_sums, partial, Real(0));
      for (Index n = group * images_per_group; n < std::min(images, (group + 1) * images_per_group); ++n) {
        pack(panel, B::width, &dy[n * out.size() + first * out.area()], used, out.area(), out.area(),
             Index{1});
        Real* block_sums = group_sums;
        for (const cpu::WeightBlock& b : blocks) {
          continue_chains<F, B>(panel, b.runs, b.length, x.data.data() + n * in.size(), op.window.stride_w,
                                b.offsets.data(), block_sums);
          block_sums += B::size;
        }
      }
    };
    cpu::parallel(
        panels * groups, images_per_group * out.area() * weights, [&](Index begin, Index end) HWY_ATTR {
          const Scratch<Real> panel = scratch<Real>(out.area() * B::width);
          for (Index item = begin; item < end; ++item) {
            add_group(item / groups * B::width, item % groups, panel.get(), sums.get() + item * partial);
          }
        });

    for (Index p = 0; p < panels; ++p) {
      Real* sum = sums.get() + p * groups * partial;
      tree_sum<F>(sum, groups, partial);
      const Index first = p * B::width, used = std::min(B::width, out.channels - first);
      for (const cpu::WeightBlock& b : blocks) {
        finish<F, B>(sum, static_cast<const Real*>(nullptr));
        for (Index r = 0; r < b.count; ++r)
          for (Index lane = 0; lane < used; ++lane) {
            dw[(first + lane) * weights + b.positions[static_cast<std::size_t>(r)]] =
                sum[r * B::width + lane];
          }
        sum += B::size;
      }
    }
  });
}

}  // namespace gradzone::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
