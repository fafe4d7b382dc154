// Dense row-major arrays. Images are NCHW, vectors NC; the first dimension is the image of the mini-batch.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace gradzone {

using Index = std::int64_t;
using Shape = std::vector<Index>;

/// Number of elements; 1 for the empty shape. Precondition: the product fits an Index (readers check
/// untrusted shapes with checked_element_count).
Index element_count(const Shape& shape);

/// Number of elements of a shape from an untrusted source; throws InputError naming `where` if a dimension is
/// negative or the product exceeds `limit`.
Index checked_element_count(const Shape& shape, Index limit, const std::string& where);

/// "[16, 6, 5, 5]"
std::string to_string(const Shape& shape);

template <class T>
struct Tensor {
  Shape shape;
  std::vector<T> data;

  Tensor() = default;
  explicit Tensor(Shape s, T fill = T()) : shape(std::move(s)) {
    data.assign(static_cast<std::size_t>(element_count(shape)), fill);
  }
  Tensor(Shape s, std::vector<T> values) : shape(std::move(s)), data(std::move(values)) {
    assert(static_cast<Index>(data.size()) == element_count(shape));
  }

  Index size() const { return static_cast<Index>(data.size()); }
  bool empty() const { return data.empty(); }
  Index dim(std::size_t axis) const { return shape[axis]; }
  T& operator[](Index i) { return data[static_cast<std::size_t>(i)]; }
  const T& operator[](Index i) const { return data[static_cast<std::size_t>(i)]; }

  friend bool operator==(const Tensor&, const Tensor&) = default;
};

}  // namespace gradzone
