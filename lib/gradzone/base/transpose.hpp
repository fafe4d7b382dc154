// Rows and columns exchanged.
#pragma once

#include "gradzone/base/tensor.hpp"

namespace gradzone {

/// The transpose of a [rows, columns] tensor. Precondition: it has rank 2.
template <class T>
Tensor<T> transposed(const Tensor<T>& m) {
  const Index rows = m.dim(0), columns = m.dim(1);
  Tensor<T> out({columns, rows});
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < columns; ++j) out[j * rows + i] = m[i * columns + j];
  return out;
}

}  // namespace gradzone
