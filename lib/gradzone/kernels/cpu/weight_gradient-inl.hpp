// The weight gradient of a convolution: for every weight a chain over the images of a group, and in each over
// the output pixels. The panel is dy itself, a pixel's channels being neighbours; the rows of a register
// block are weight positions. Compiled once per SIMD target (Highway's foreach_target).
#if defined(GRADZONE_KERNELS_CPU_WEIGHT_GRADIENT_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADZONE_KERNELS_CPU_WEIGHT_GRADIENT_INL
#undef GRADZONE_KERNELS_CPU_WEIGHT_GRADIENT_INL
#else
#define GRADZONE_KERNELS_CPU_WEIGHT_GRADIENT_INL
#endif

#include "gradzone/kernels/cpu/convolution-inl.hpp"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gradzone::HWY_NAMESPACE {

template <class F, class B>
class WeightGradient {
 public:
  using Real = typename F::Real;
  using T = Tensor<Real>;

  /// Of the output channels [first_column, first_column + count).
  WeightGradient(const Conv2d& op, const T& x, const T& dy, Index first_column, Index count,
                 cpu::Plans& plans)
      : x_(x),
        dy_(dy),
        in_(image_shape(x)),
        out_(image_shape(dy)),
        first_column_(first_column),
        count_(count),
        weights_(in_.channels * op.window.kernel_h * op.window.kernel_w),
        step_(op.window.stride_w * in_.channels),
        images_per_chunk_(std::clamp<Index>(128 / std::max<Index>(1, out_.area()), 1, images_per_group)),
        plan_(plans.weights(op.window, in_, out_, images_per_chunk_, B::rows)) {}

  /// Units of parallel work are (panel of output channels, bundle of blocks) and, below them, the groups of
  /// images; the blocks of a bundle pass a chunk of images together.
  void run(T& dw) const {
    const Index images = x_.dim(0),
                groups = std::max<Index>(1, (images + images_per_group - 1) / images_per_group);
    const Index blocks = static_cast<Index>(plan_.blocks.size()), panels = B::panels(count_),
                bundle = std::clamp<Index>(blocks * panels / 32, 1, 12),
                bundles = (blocks + bundle - 1) / bundle;
    const Index cost = images * out_.area() * B::rows * B::vectors * bundle;
    cpu::parallel(panels * bundles, cost, [&](Index begin, Index end) HWY_ATTR {
      const Scratch<Real> sums(groups * bundle * B::size);
      for (Index item = begin; item < end; ++item) {
        const Index panel = item % panels, first = item / panels * bundle,
                    last = std::min(blocks, first + bundle);
        const Index size = (last - first) * B::size;
        cpu::parallel(groups, cost / groups, [&](Index from, Index to) HWY_ATTR {
          for (Index g = from; g < to; ++g) add_group(g, panel, first, last, sums.get() + g * size);
        });
        tree_sum<F>(sums.get(), groups, size);
        write(panel, first, last, sums.get(), dw);
      }
    });
  }

 private:
  const cpu::WeightBlock& block(Index b) const { return plan_.blocks[static_cast<std::size_t>(b)]; }

  void add_group(Index group, Index panel, Index first_block, Index last_block, Real* sums) const {
    const Index column = panel * B::width, used = std::min(B::width, count_ - column),
                end = std::min(x_.dim(0), (group + 1) * images_per_group);
    for (Index n = group * images_per_group; n < end; n += images_per_chunk_) {
      const Index images = std::min(images_per_chunk_, end - n);
      Panel<Real> rows{dy_.data.data() + n * out_.size() + first_column_ + column, out_.channels};
      // The lanes beyond the last channel may hold anything, but not lie beyond the tensor.
      const Index first_of_last_pixel = (n + images) * out_.size() - out_.channels + first_column_ + column;
      Scratch<Real> packed;
      if (first_of_last_pixel + B::width > dy_.size()) {
        packed = Scratch<Real>(images * out_.area() * B::width);
        pack(packed.get(), B::width, rows.data, used, Index{1}, images * out_.area(), rows.stride);
        rows = {packed.get(), B::width};
      }
      for (Index b = first_block; b < last_block; ++b) {
        const auto& runs = plan_.runs[block(b).rectangle];
        const std::size_t used_runs =
            runs.size() / static_cast<std::size_t>(images_per_chunk_) * static_cast<std::size_t>(images);
        continue_chains<F, B>(rows, {runs.data(), used_runs}, x_.data.data() + n * in_.size(), step_,
                              block(b).offsets.data(), n == group * images_per_group,
                              sums + (b - first_block) * B::size);
      }
    }
  }

  void write(Index panel, Index first_block, Index last_block, Real* sums, T& dw) const {
    const Index column = panel * B::width, used = std::min(B::width, count_ - column);
    for (Index b = first_block; b < last_block; ++b, sums += B::size) {
      for (Index lane = 0; lane < used; ++lane)
        for (Index r = 0; r < block(b).count; ++r) {
          dw[(first_column_ + column + lane) * weights_ + block(b).positions[static_cast<std::size_t>(r)]] =
              F::store(sums[r * B::width + lane]);
        }
    }
  }

  const T &x_, &dy_;
  const ImageShape in_, out_;
  const Index first_column_, count_, weights_, step_, images_per_chunk_;
  const cpu::WeightPlan& plan_;
};

template <class F, class T = Tensor<typename F::Real>>
void convolve_weight_gradient(const Conv2d& op, const T& x, const T& dy, cpu::Plans& plans, T& dw) {
  for_each_width<typename F::Real>(op.out_channels, [&](auto block, Index first, Index count) HWY_ATTR {
    WeightGradient<F, decltype(block)>(op, x, dy, first, count, plans).run(dw);
  });
}

}  // namespace gradzone::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
