// Products of residues: convolution, its gradients, and the projected weight gradient that tests one in no
// time. A linear layer is the 1x1 convolution of [features, 1, 1].
//
// Every sum is exact: products are below 2^48 and a partial sum is reduced before it can pass 2^52, so that
// vector width and order leave no trace. Each call runs on one thread: the passes share primes among threads.
// A device (may be nullptr) computes those that it takes.
#pragma once

#include <span>

#include "gradzone/exact/fast/device_products.hpp"
#include "gradzone/exact/fast/residue_field.hpp"
#include "gradzone/graph/operations.hpp"

namespace gradzone {

/// A convolution of `images` inputs of shape `in`: [c, h, w].
struct ResidueConvolution {
  Conv2d op;
  Shape in;
  Index images;

  Index out_h() const { return op.window.out_h(in[1]); }
  Index out_w() const { return op.window.out_w(in[2]); }
  Index positions() const { return out_h() * out_w(); }
  /// Terms of one output, in the order of a weight's entries: channel, kernel row, kernel column.
  Index depth() const { return op.in_channels * op.window.kernel_h * op.window.kernel_w; }
};

/// y[n, o, i, j] = sum over the patch of w x, plus bias[o] (if not empty). `w` has residue_padding.
void convolve(const ResidueField& field, const ResidueConvolution& c, const Residue* x, const Residue* w,
              std::span<const Residue> bias, Residue* y, DeviceProducts* device = nullptr);

/// dx: [images, in...] from dy: [images, out...]. `w` has residue_padding.
void convolve_input_gradient(const ResidueField& field, const ResidueConvolution& c, const Residue* dy,
                             const Residue* w, Residue* dx, DeviceProducts* device = nullptr);

/// dw: [out, depth()], summed over the images.
void convolve_weight_gradient(const ResidueField& field, const ResidueConvolution& c, const Residue* x,
                              const Residue* dy, Residue* dw, DeviceProducts* device = nullptr);

/// The product of each row of that dw with the vector `r`, of depth() residues and residue_padding: out[o],
/// for about as much work as one output channel.
void project_weight_gradient(const ResidueField& field, const ResidueConvolution& c, const Residue* x,
                             const Residue* dy, const Residue* r, Residue* out);

}  // namespace gradzone
