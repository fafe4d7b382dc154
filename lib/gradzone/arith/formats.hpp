// The list of formats. A new format is one traits file and one line in `FormatList` (and its name in
// format.cpp); the laws in tests/laws and the agreement tests run on every entry.
//
// A traits type F states:
//   Real                carrier type: holds every storage value and every accumulator value exactly
//   precision, emin, emax            of the storage format; accumulator_* of the accumulator
//   store(x)            accumulator value to the nearest storage value (the one rounding of an operation)
//   from_double(x)      any double to the nearest storage value
//   scalar(x)           a hyper-parameter (beta, slope, eps) as the float program sees it
//   add sub mul div fma sqrt exp log   accumulator operations
#pragma once

#include <tuple>
#include <type_traits>
#include <utility>

#include "gradzone/arith/formats/bf16.hpp"
#include "gradzone/arith/formats/fp16.hpp"
#include "gradzone/arith/formats/fp16_strict.hpp"
#include "gradzone/arith/formats/fp32.hpp"
#include "gradzone/arith/formats/fp64.hpp"

namespace gradzone {

template <class... F>
struct TypeList {};

using FormatList = TypeList<Fp64, Fp32, Fp16, Bf16, Fp16Strict>;

namespace detail {
template <class Visitor, class F, class... Rest>
decltype(auto) visit_format(FormatId id, Visitor&& visitor, TypeList<F, Rest...>) {
  if constexpr (sizeof...(Rest) == 0) {
    return visitor(std::type_identity<F>{});
  } else {
    if (F::id == id) return visitor(std::type_identity<F>{});
    return visit_format(id, std::forward<Visitor>(visitor), TypeList<Rest...>{});
  }
}
}  // namespace detail

/// Calls visitor(std::type_identity<F>{}) with the traits type of `id`.
template <class Visitor>
decltype(auto) visit_format(FormatId id, Visitor&& visitor) {
  return detail::visit_format(id, std::forward<Visitor>(visitor), FormatList{});
}

/// A double rounded to the storage format / as the float program's scalar, as a double again.
inline double round_to_storage(FormatId id, double x) {
  return visit_format(id, [x](auto f) { return static_cast<double>(decltype(f)::type::from_double(x)); });
}
inline double round_to_scalar(FormatId id, double x) {
  return visit_format(id, [x](auto f) { return static_cast<double>(decltype(f)::type::scalar(x)); });
}

}  // namespace gradzone
