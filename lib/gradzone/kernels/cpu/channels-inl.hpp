// What works on the channels of a pixel side by side: element-wise sums, bias gradients, batch normalisation.
// Chains run over pixels, so neighbouring channels are independent lanes.
// Compiled once per SIMD target (Highway's foreach_target).
#if defined(GRADZONE_KERNELS_CPU_CHANNELS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADZONE_KERNELS_CPU_CHANNELS_INL
#undef GRADZONE_KERNELS_CPU_CHANNELS_INL
#else
#define GRADZONE_KERNELS_CPU_CHANNELS_INL
#endif

#include <vector>

#include "gradzone/kernels/cpu/arithmetic-inl.hpp"
#include "gradzone/kernels/cpu/parallel.hpp"
#include "gradzone/kernels/cpu/parts-inl.hpp"
#include "gradzone/kernels/kernels.hpp"
#include "gradzone/kernels/reshape.hpp"
#include "gradzone/kernels/shared_batch.hpp"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gradzone::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// An image tensor as rows of channels.
template <class Real>
struct Pixels {
  Index images, area, channels;
  explicit Pixels(const Tensor<Real>& x)
      : images(x.dim(0)), area(x.shape.size() == 4 ? x.dim(1) * x.dim(2) : 1), channels(x.shape.back()) {}
  Index groups() const { return std::max<Index>(1, (images + images_per_group - 1) / images_per_group); }
};

/// Sums over a batch: result s of channel c is, in the accumulator, the tree over the groups of images of the
/// chains over their pixels; step(part, i, c, sums) takes the chains of channels c, ... through pixel entry
/// i. With `shared`, p is one's own part of it.
template <class F, int Sums, class Real, class Step>
std::vector<Real> batch_sums(const Pixels<Real>& p, const SharedBatch* shared, const Step& step) {
  constexpr Index chunk = 64 / static_cast<Index>(sizeof(Real));
  const Index groups = p.groups(), chunks = (p.channels + chunk - 1) / chunk, size = Sums * p.channels;
  std::vector<Real> sums(static_cast<std::size_t>(groups * size));
  cpu::parallel(groups * chunks, images_per_group * p.area * Sums, [&](Index begin, Index end) HWY_ATTR {
    for (Index item = begin; item < end; ++item) {
      const Index group = item / chunks, first = item % chunks * chunk;
      const Index from = group * images_per_group * p.area,
                  to = std::min(p.images, (group + 1) * images_per_group) * p.area;
      for_each_part<Real>(first, std::min(p.channels, first + chunk),
                          [&](const auto& part, Index c) HWY_ATTR {
                            using Part = std::decay_t<decltype(part)>;
                            typename Part::V sum[Sums];
                            for (auto& s : sum) s = hn::Zero(typename Part::Lanes());
                            for (Index pixel = from; pixel < to; ++pixel)
                              step(part, pixel * p.channels + c, c, sum);
                            for (int s = 0; s < Sums; ++s)
                              part.save(sum[s], sums.data() + group * size + s * p.channels + c);
                          });
    }
  });
  if (shared) {
    shared->add_groups<F>(sums.data(), size);
  } else {
    tree_sum<F>(sums.data(), groups, size);
  }
  return sums;
}

/// Calls body(part, i, c) for channels c, ... of every pixel, at entry i, in parallel.
template <class Real, class Body>
void for_each_entry(const Pixels<Real>& p, const Body& body) {
  cpu::parallel(p.images * p.area, p.channels, [&](Index begin, Index end) HWY_ATTR {
    for (Index pixel = begin; pixel < end; ++pixel) {
      for_each_part<Real>(0, p.channels,
                          [&](const auto& part, Index c) HWY_ATTR { body(part, pixel * p.channels + c, c); });
    }
  });
}

/// db[o] = store(sum of dy[..., o]).
template <class F, class T = Tensor<typename F::Real>>
void bias_gradient(const T& dy, T& db) {
  const Pixels<typename F::Real> p(dy);
  const auto sums = batch_sums<F, 1>(p, nullptr, [&](const auto& part, Index i, Index, auto* sum) HWY_ATTR {
    sum[0] = VectorOps<F>::add(sum[0], part.load(&dy[i]));
  });
  reshape(db, {p.channels});
  for (Index c = 0; c < p.channels; ++c) db[c] = F::store(sums[static_cast<std::size_t>(c)]);
}

/// y = store(a + b) or store(a - b).
template <class F, class T = Tensor<typename F::Real>>
void add(const Add& op, const T& a, const T& b, T& y) {
  using Real = typename F::Real;
  using Ops = VectorOps<F>;
  cpu::parallel(a.size(), 1, [&](Index begin, Index end) HWY_ATTR {
    for_each_vector<Real>(begin, end, [&](auto d, Index i) HWY_ATTR {
      const auto u = hn::LoadU(d, &a[i]), v = hn::LoadU(d, &b[i]);
      hn::StoreU(Ops::store(op.subtract ? Ops::sub(u, v) : Ops::add(u, v)), d, &y[i]);
    });
  });
}

/// Mean and variance of the batch per channel, in the accumulator.
template <class F, class Real = typename F::Real>
void batch_statistics(const Tensor<Real>& x, const SharedBatch* shared, std::vector<Real>& mean,
                      std::vector<Real>& variance) {
  using Ops = VectorOps<F>;
  const Pixels<Real> p(x);
  const Real count = static_cast<Real>((shared ? shared->images() : p.images) * p.area);
  const auto divided = [&](std::vector<Real> sums) {
    sums.resize(static_cast<std::size_t>(p.channels));
    for (Real& s : sums) s = F::div(s, count);
    return sums;
  };
  mean = divided(batch_sums<F, 1>(p, shared, [&](const auto& part, Index i, Index, auto* sum) HWY_ATTR {
    sum[0] = Ops::add(sum[0], part.load(&x[i]));
  }));
  const Real* m = mean.data();
  variance = divided(batch_sums<F, 1>(p, shared, [&](const auto& part, Index i, Index c, auto* sum) HWY_ATTR {
    const auto e = Ops::sub(part.load(&x[i]), part.load(m + c));
    sum[0] = Ops::fma(e, e, sum[0]);
  }));
}

template <class F, class T = Tensor<typename F::Real>>
void normalise(const T& x, const T& weight, const T& bias, const BatchNormState<typename F::Real>& state,
               T& y) {
  using Ops = VectorOps<F>;
  const auto *mean = state.mean.data(), *inverse = state.inverse_deviation.data();
  for_each_entry(Pixels<typename F::Real>(x), [&](const auto& part, Index i, Index c) HWY_ATTR {
    const auto centred = Ops::sub(part.load(&x[i]), part.load(mean + c));
    const auto scaled = Ops::mul(centred, part.load(inverse + c));
    part.save(Ops::store(Ops::fma(part.load(&weight[c]), scaled, part.load(&bias[c]))), &y[i]);
  });
}

template <class F, class T = Tensor<typename F::Real>>
void normalise_gradient(const BatchNorm& op, const T& x, const T& weight,
                        const BatchNormState<typename F::Real>& state, const SharedBatch* shared, const T& dy,
                        T& dx, T& dw, T& db) {
  using Real = typename F::Real;
  using Ops = VectorOps<F>;
  const Pixels<Real> p(x);
  const Real *mean = state.mean.data(), *inverse = state.inverse_deviation.data();
  const auto normalised = [&](const auto& part, Index i, Index c) HWY_ATTR {
    return Ops::mul(Ops::sub(part.load(&x[i]), part.load(mean + c)), part.load(inverse + c));
  };
  const auto sums = batch_sums<F, 2>(p, shared, [&](const auto& part, Index i, Index c, auto* sum) HWY_ATTR {
    const auto g = part.load(&dy[i]);
    sum[0] = Ops::add(sum[0], g);
    sum[1] = Ops::fma(g, normalised(part, i, c), sum[1]);
  });
  reshape(dw, {p.channels});
  reshape(db, {p.channels});
  const std::size_t channels = static_cast<std::size_t>(p.channels);
  std::vector<Real> scale(channels), mean_g(channels), mean_gx(channels);
  const Real count = static_cast<Real>((shared ? shared->images() : p.images) * p.area);
  for (std::size_t c = 0; c < channels; ++c) {
    db.data[c] = F::store(sums[c]);
    dw.data[c] = F::store(sums[channels + c]);
    scale[c] = F::mul(weight.data[c], inverse[c]);
    mean_g[c] = F::div(sums[c], count);
    mean_gx[c] = F::div(sums[channels + c], count);
  }
  const bool training = op.mode == BatchNorm::Mode::training;
  for_each_entry(p, [&](const auto& part, Index i, Index c) HWY_ATTR {
    auto g = part.load(&dy[i]);
    if (training) {
      g = Ops::fma(hn::Neg(normalised(part, i, c)), part.load(mean_gx.data() + c),
                   Ops::sub(g, part.load(mean_g.data() + c)));
    }
    part.save(Ops::store(Ops::mul(part.load(scale.data() + c), g)), &dx[i]);
  });
}

}  // namespace gradzone::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
