// The gradient audit (zones.md, section 5): a float gradient against the certified one.
#pragma once

#include <string>
#include <vector>

#include "gradzone/arith/format.hpp"
#include "gradzone/exact/certified_tensor.hpp"
#include "gradzone/graph/graph.hpp"
#include "gradzone/zones/record.hpp"

namespace gradzone {

/// One record per trainable tensor, then one for the whole gradient (tensor "*"). An entry whose error is not
/// at least 1000 times the reference's radius is counted in `unquoted` and left out of every figure. Errors
/// are relative to the real value (infinite where that is 0 and the float is not); zeros that are right count
/// in no error figure, for they have no significant bits. A figure without any entry is NaN.
std::vector<GradientRecord> gradient_errors(const Graph& graph, const std::vector<Tensor<double>>& computed,
                                            const std::vector<CertifiedTensor>& certified, FormatId format);

/// A unit in the last place of x in the storage format.
double unit_in_last_place(double x, FormatId format);

}  // namespace gradzone
