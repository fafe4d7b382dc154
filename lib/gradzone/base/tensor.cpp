#include "gradzone/base/tensor.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "gradzone/base/error.hpp"

namespace gradzone {

Index element_count(const Shape& shape) {
  Index n = 1;
  for (const Index d : shape) n *= d;
  return n;
}

Index checked_element_count(const Shape& shape, Index limit, const std::string& where) {
  Index n = 1;
  for (const Index d : shape) {
    if (d < 0) throw InputError(fmt::format("{}: negative dimension in shape {}", where, to_string(shape)));
    if (d > 0 && n > limit / d) {
      throw InputError(
          fmt::format("{}: shape {} holds more than {} elements", where, to_string(shape), limit));
    }
    n *= d;
  }
  return n;
}

std::string to_string(const Shape& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

}  // namespace gradzone
