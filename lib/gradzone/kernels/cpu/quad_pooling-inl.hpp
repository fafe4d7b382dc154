// Max pooling of 2x2 windows side by side, the usual pool: every window lies whole inside its image, no two
// share an entry, and an argmax set is a 32-bit word per channel, read and written as integers of a vector's
// lanes. Compiled once per SIMD target (Highway's foreach_target).
#if defined(GRADZONE_KERNELS_CPU_QUAD_POOLING_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADZONE_KERNELS_CPU_QUAD_POOLING_INL
#undef GRADZONE_KERNELS_CPU_QUAD_POOLING_INL
#else
#define GRADZONE_KERNELS_CPU_QUAD_POOLING_INL
#endif

#include "gradzone/kernels/cpu/parts-inl.hpp"
#include "gradzone/kernels/cpu/pooling-inl.hpp"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gradzone::HWY_NAMESPACE {

inline bool is_quad(const Window& w) {
  return w.kernel_h == 2 && w.kernel_w == 2 && w.stride_h == 2 && w.stride_w == 2 && w.padding_h == 0 &&
         w.padding_w == 0 && w.trailing_h == 0 && w.trailing_w == 0;
}

/// Positions of a window and the bytes of its argmax set.
inline constexpr Index quad = 4;

/// Where the four entries of a window lie, relative to the first.
struct QuadOffsets {
  Index at[quad];
  explicit QuadOffsets(const PoolShape& s) : at{0, s.channels, s.w * s.channels, (s.w + 1) * s.channels} {}
};

/// Calls body(first input entry, first output entry) for every window, in parallel.
template <class Body>
void for_each_quad(const PoolShape& s, Index images, const Body& body) {
  cpu::parallel(images * s.out_h, quad * s.out_w * s.channels, [&](Index begin, Index end) {
    for (Index row = begin; row < end; ++row) {
      const Index top = row / s.out_h * s.h + 2 * (row % s.out_h);
      for (Index j = 0; j < s.out_w; ++j) {
        body((top * s.w + 2 * j) * s.channels, (row * s.out_w + j) * s.channels);
      }
    }
  });
}

template <class D>
HWY_INLINE hn::Vec<Words<D>> bit_of(D, Index position) {
  return hn::Set(Words<D>(), hn::TFromD<Words<D>>{1} << (8 * position));
}
/// Where a word has the bit of a position.
template <class D>
HWY_INLINE hn::Mask<D> has_bit(D d, hn::Vec<Words<D>> word, Index position) {
  return hn::RebindMask(d, hn::TestBit(word, bit_of(d, position)));
}
/// Maximal entries of every window.
template <class D>
HWY_INLINE hn::Vec<D> count_of(D d, hn::Vec<Words<D>> word) {
  const auto pairs = hn::Add(word, hn::ShiftRight<16>(word));
  const auto sum = hn::And(hn::Add(pairs, hn::ShiftRight<8>(pairs)), hn::Set(Words<D>(), 7));
  return hn::ConvertTo(d, sum);
}

/// A NaN is maximal, and the first one alone in its argmax set: mends channels of a window at `x`.
template <class Real>
void settle_nan_of_quad(const QuadOffsets& offsets, const Real* x, Index channels, Real* y,
                        std::int32_t* words) {
  for (Index c = 0; c < channels; ++c)
    for (Index p = 0; p < quad; ++p) {
      if (!std::isnan(x[offsets.at[p] + c])) continue;
      y[c] = std::numeric_limits<Real>::quiet_NaN();
      words[c] = 1 << (8 * p);
      break;
    }
}

template <class F, class T = Tensor<typename F::Real>>
void quad_max_pool(const MaxPool2d& op, const Choice& choice, Form form, const T& x, T& y, ArgmaxSets& sets) {
  using Real = typename F::Real;
  const PoolShape s = pool_shape(x, y);
  const QuadOffsets offsets(s);
  const Real beta = F::scalar(beta_of(op, choice)), rest = F::scalar(1 - beta_of(op, choice));
  sets.resize(static_cast<std::size_t>(y.size() * quad));
  auto* words = reinterpret_cast<std::int32_t*>(sets.data());
  for_each_quad(s, x.dim(0), [&](Index in, Index out) HWY_ATTR {
    bool may_have_nan = false;
    for_each_part<Real>(0, s.channels, [&](const auto& part, Index c) HWY_ATTR {
      using Part = std::decay_t<decltype(part)>;
      const typename Part::Lanes d;
      typename Part::V entry[quad];
      for (Index p = 0; p < quad; ++p) entry[p] = part.load(&x[in + offsets.at[p] + c]);
      auto best = entry[0];
      for (Index p = 1; p < quad; ++p)  // of equal entries the first
        best = hn::IfThenElse(hn::Gt(entry[p], best), entry[p], best);
      auto word = hn::Zero(Words<typename Part::Lanes>());
      for (Index p = 0; p < quad; ++p) {
        const auto is_best = hn::RebindMask(Words<typename Part::Lanes>(), hn::Eq(entry[p], best));
        word = hn::Or(word, hn::IfThenElseZero(is_best, bit_of(d, p)));
      }
      part.save_words(word, words + out + c);
      part.save(form == Form::direct ? best : composed<F>(d, beta, rest, best), &y[out + c]);
      // A NaN makes the sum one, and so do infinities of both signs.
      const auto sum = hn::Add(hn::Add(entry[0], entry[1]), hn::Add(entry[2], entry[3]));
      may_have_nan = may_have_nan || !hn::AllFalse(d, hn::IsNaN(sum));
    });
    if (may_have_nan) settle_nan_of_quad(offsets, &x[in], s.channels, &y[out], words + out);
  });
}

template <class F, class T = Tensor<typename F::Real>>
void quad_max_pool_gradient(const MaxPool2d& op, const Choice& choice, Form form, const ArgmaxSets& sets,
                            const T& dy, T& dx) {
  using Real = typename F::Real;
  const PoolShape s = pool_shape(dx, dy);
  const QuadOffsets offsets(s);
  const Real beta = F::scalar(beta_of(op, choice)), rest = F::scalar(1 - beta_of(op, choice));
  const bool native = form == Form::direct && beta == 0;  // all to the first: weights 1 and 0
  const auto* words = reinterpret_cast<const std::int32_t*>(sets.data());
  if (s.h % 2 != 0 || s.w % 2 != 0) std::fill(dx.data.begin(), dx.data.end(), Real(0));
  for_each_quad(s, dx.dim(0), [&](Index in, Index out) HWY_ATTR {
    for_each_part<Real>(0, s.channels, [&](const auto& part, Index c) HWY_ATTR {
      using Part = std::decay_t<decltype(part)>;
      const typename Part::Lanes d;
      const auto word = part.load_words(words + out + c);
      const auto first = hn::And(word, hn::Neg(word));
      const auto g = part.load(&dy[out + c]);
      auto share = Share<typename Part::V>{g, hn::Zero(d)};
      if (!native) share = share_of<F>(d, form, beta, rest, count_of(d, word), g);
      for (Index p = 0; p < quad; ++p) {
        const auto other = hn::IfThenElseZero(has_bit(d, word, p), share.other);
        part.save(hn::IfThenElse(has_bit(d, first, p), share.first, other), &dx[in + offsets.at[p] + c]);
      }
    });
  });
}

}  // namespace gradzone::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
