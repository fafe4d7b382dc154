// The channels of a pixel as vectors: full ones, and what is left as one masked vector.
// Compiled once per SIMD target (Highway's foreach_target).
#if defined(GRADZONE_KERNELS_CPU_PARTS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADZONE_KERNELS_CPU_PARTS_INL
#undef GRADZONE_KERNELS_CPU_PARTS_INL
#else
#define GRADZONE_KERNELS_CPU_PARTS_INL
#endif

#include <algorithm>
#include <cstdint>

#include "gradzone/base/tensor.hpp"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gradzone::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// Whether stores to some lanes only leave the memory of the others alone, for other threads to write.
inline constexpr bool has_masked_stores = HWY_TARGET <= HWY_AVX2;

/// Writes the first `count` lanes.
template <class D>
HWY_INLINE void save_first(D d, hn::Vec<D> v, Index count, hn::TFromD<D>* to) {
  if constexpr (has_masked_stores) {
    hn::BlendedStore(v, hn::FirstN(d, static_cast<std::size_t>(count)), d, to);
  } else {
    HWY_ALIGN hn::TFromD<D> lanes[hn::MaxLanes(D())];
    hn::Store(v, d, lanes);
    std::copy_n(lanes, count, to);
  }
}

/// Lanes as integers of their width, and as what memory has of them: 32-bit words.
template <class D>
using Words = hn::RebindToSigned<D>;

/// The channels of a pixel that a vector holds: all its lanes.
template <class D>
struct WholePart {
  using Lanes = D;
  using V = hn::Vec<D>;
  using Word = hn::Vec<Words<D>>;
  static constexpr hn::Rebind<std::int32_t, D> d32{};

  HWY_INLINE V load(const hn::TFromD<D>* p) const { return hn::LoadU(D(), p); }
  HWY_INLINE void save(V v, hn::TFromD<D>* p) const { hn::StoreU(v, D(), p); }
  HWY_INLINE Word load_words(const std::int32_t* p) const { return widened(hn::LoadU(d32, p)); }
  HWY_INLINE void save_words(Word word, std::int32_t* p) const { hn::StoreU(narrowed(word), d32, p); }

 protected:
  static constexpr hn::Rebind<std::uint32_t, D> du32{};
  static HWY_INLINE Word widened(hn::Vec<hn::Rebind<std::int32_t, D>> word) {
    if constexpr (sizeof(hn::TFromD<D>) == 4) {
      return word;
    } else {
      return hn::PromoteTo(Words<D>(), word);
    }
  }
  static HWY_INLINE hn::Vec<hn::Rebind<std::int32_t, D>> narrowed(Word word) {
    if constexpr (sizeof(hn::TFromD<D>) == 4) {
      return word;
    } else {
      return hn::BitCast(d32, hn::TruncateTo(du32, hn::BitCast(hn::RebindToUnsigned<D>(), word)));
    }
  }
};

/// Its first `count` lanes.
template <class D>
struct FirstPart : WholePart<D> {
  using Base = WholePart<D>;
  using Base::d32;
  using typename Base::V;
  using typename Base::Word;
  hn::Mask<D> mask;
  hn::Mask<hn::Rebind<std::int32_t, D>> mask32;

  explicit FirstPart(Index count)
      : mask(hn::FirstN(D(), static_cast<std::size_t>(count))),
        mask32(hn::FirstN(d32, static_cast<std::size_t>(count))) {}

  HWY_INLINE V load(const hn::TFromD<D>* p) const { return hn::MaskedLoad(mask, D(), p); }
  HWY_INLINE void save(V v, hn::TFromD<D>* p) const { hn::BlendedStore(v, mask, D(), p); }
  HWY_INLINE Word load_words(const std::int32_t* p) const {
    return Base::widened(hn::MaskedLoad(mask32, d32, p));
  }
  HWY_INLINE void save_words(Word word, std::int32_t* p) const {
    hn::BlendedStore(Base::narrowed(word), mask32, d32, p);
  }
};

/// Calls body(part, c) until all channels are covered: full vectors, then what is left in the narrowest
/// masked vector that holds it, or without masks in ever shorter ones.
template <class Real, std::size_t Lanes = 64 / sizeof(Real), class Body>
HWY_INLINE void for_each_part(Index begin, Index channels, const Body& body) {
  using D = hn::CappedTag<Real, Lanes>;
  constexpr Index lanes = static_cast<Index>(hn::MaxLanes(D()));
  for (; begin + lanes <= channels; begin += lanes) body(WholePart<D>(), begin);
  if constexpr (has_masked_stores && lanes > 2) {
    if (2 * (channels - begin) > lanes) return body(FirstPart<D>(channels - begin), begin);
  }
  if constexpr (lanes > 1) for_each_part<Real, static_cast<std::size_t>(lanes / 2)>(begin, channels, body);
}

}  // namespace gradzone::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
