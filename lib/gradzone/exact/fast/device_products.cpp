#include "gradzone/exact/fast/device_products.hpp"

#include <algorithm>
#include <limits>

#include "gradzone/exact/fast/residue_products.hpp"

namespace gradzone {
namespace {

/// A residue product takes a CPU an eighth of the time of a digit product.
constexpr double residues_per_digit = 8;

/// Whether the kernels can count everything in 31 bits, and hold the sums in 127.
bool fits(const Conv2d& op, Index images, Index h, Index w, Index terms, int pairs) {
  constexpr double most = std::numeric_limits<int>::max(), most_terms = 0x1p24;
  const double kernel = static_cast<double>(op.window.kernel_h * op.window.kernel_w);
  const double pixels = static_cast<double>(images) * static_cast<double>(h * w);
  const double out_pixels =
      static_cast<double>(images) * static_cast<double>(op.window.out_h(h) * op.window.out_w(w));
  const double in = static_cast<double>(op.in_channels), out = static_cast<double>(op.out_channels);
  return in * pixels <= most && out * out_pixels <= most && in * out * kernel <= most &&
         static_cast<double>(terms) * pairs <= most_terms;
}

device::ConvolutionShape shape_of(const Conv2d& op, const Shape& x) {
  return {op, x[0], x[2], x[3]};
}
device::ConvolutionShape shape_of(const ResidueConvolution& c) {
  return {c.op, c.images, c.in[1], c.in[2]};
}

double products_of(const Conv2d& op, Index images, Index h, Index w) {
  const Window& v = op.window;
  return static_cast<double>(images * op.in_channels * op.out_channels) *
         static_cast<double>(v.kernel_h * v.kernel_w * v.out_h(h) * v.out_w(w));
}

/// Digit pairs (i, j) with i + j < limbs.
int pairs_of(int a, int b, int limbs) {
  int pairs = 0;
  for (int i = 0; i < a; ++i) pairs += std::clamp(limbs - i, 0, b);
  return pairs;
}

}  // namespace

DeviceProducts::DeviceProducts(std::unique_ptr<Device> device, double least)
    : least_(least), device_(std::move(device)), kernels_(make_integer_kernels(*device_)) {}

std::shared_ptr<DeviceProducts> make_products(Processor processor) {
  if (processor == Processor::cpu) return nullptr;
  return std::make_shared<DeviceProducts>(make_cuda_device());
}

DeviceProducts::Kept::Kept(std::shared_ptr<DeviceProducts> owner, const FixedTensor& t)
    : owner_(std::move(owner)), limbs_(t.limbs), entries_(t.entries) {
  const std::lock_guard lock(owner_->mutex_);
  digits_.upload(*owner_->device_, t.digits.data(), t.digits.size());
}
DeviceProducts::Kept::~Kept() {
  const std::lock_guard lock(owner_->mutex_);
  digits_ = {};
}

bool DeviceProducts::takes(const Conv2d& op, Index images, Index h, Index w, Index terms, int a_limbs,
                           int b_limbs, int limbs) const {
  return products_of(op, images, h, w) * pairs_of(a_limbs, b_limbs, limbs) >= least_ &&
         fits(op, images, h, w, terms, std::min({a_limbs, b_limbs, limbs}));
}

bool DeviceProducts::takes(const ResidueConvolution& c, Index terms) const {
  return products_of(c.op, c.images, c.in[1], c.in[2]) >= residues_per_digit * least_ &&
         fits(c.op, c.images, c.in[1], c.in[2], terms, 1);
}

bool DeviceProducts::multiply(ConvolutionSums which, const device::ConvolutionShape& shape,
                              const device::Planes<std::int64_t>& a, const FixedTensor& b, const Out& out) {
  b_.upload(*device_, b.digits.data(), b.digits.size());
  out_.resize(*device_, static_cast<std::size_t>(out.planes * out.entries));
  int below = 0;
  below_.upload(*device_, &below, 1);
  kernels_->multiply_digits(
      which, shape, a, {b_.data(), b.limbs, b.entries},
      {out_.data(), out.entries, out.planes, out.limbs, out.carry_plane, below_.data()});
  device_->copy_to_host(out.digits.data(), out_.data(), out_.size() * sizeof(std::int64_t));
  device_->copy_to_host(&below, below_.data(), sizeof(below));
  return below != 0;
}

void DeviceProducts::convolve(const Conv2d& op, const FixedTensor& x, const Kept& w, const Out& y) {
  const std::lock_guard lock(mutex_);
  multiply(ConvolutionSums::output, shape_of(op, x.shape), w.planes(), x, y);
}

void DeviceProducts::convolve_input_gradient(const Conv2d& op, const FixedTensor& dy, const Kept& w,
                                             const Shape& x_shape, const Out& dx) {
  const std::lock_guard lock(mutex_);
  multiply(ConvolutionSums::input_gradient, shape_of(op, x_shape), w.planes(), dy, dx);
}

bool DeviceProducts::convolve_weight_gradient(const Conv2d& op, const FixedTensor& x, const FixedTensor& dy,
                                              const Out& dw) {
  const std::lock_guard lock(mutex_);
  a_.upload(*device_, dy.digits.data(), dy.digits.size());
  return multiply(ConvolutionSums::weight_gradient, shape_of(op, x.shape), {a_.data(), dy.limbs, dy.entries},
                  x, dw);
}

void DeviceProducts::multiply(ConvolutionSums which, const ResidueField& field, const ResidueConvolution& c,
                              Residues a, Residues b, Residues bias, std::span<Residue> out) {
  const std::lock_guard lock(mutex_);
  residues_a_.upload(*device_, a.data(), a.size());
  residues_b_.upload(*device_, b.data(), b.size());
  bias_.upload(*device_, bias.data(), bias.size());
  residues_out_.resize(*device_, out.size());
  kernels_->multiply_residues(which, shape_of(c), field.prime(), residues_a_.data(), residues_b_.data(),
                              bias.empty() ? nullptr : bias_.data(), residues_out_.data());
  device_->copy_to_host(out.data(), residues_out_.data(), out.size_bytes());
}

namespace {

std::size_t inputs(const ResidueConvolution& c) {
  return static_cast<std::size_t>(c.images * element_count(c.in));
}
std::size_t outputs(const ResidueConvolution& c) {
  return static_cast<std::size_t>(c.images * c.op.out_channels * c.positions());
}
std::size_t weights(const ResidueConvolution& c) {
  return static_cast<std::size_t>(c.op.out_channels * c.depth());
}

}  // namespace

void DeviceProducts::convolve(const ResidueField& field, const ResidueConvolution& c, const Residue* x,
                              const Residue* w, Residues bias, Residue* y) {
  if (!bias.empty()) bias = bias.first(static_cast<std::size_t>(c.op.out_channels));
  multiply(ConvolutionSums::output, field, c, {w, weights(c)}, {x, inputs(c)}, bias, {y, outputs(c)});
}

void DeviceProducts::convolve_input_gradient(const ResidueField& field, const ResidueConvolution& c,
                                             const Residue* dy, const Residue* w, Residue* dx) {
  multiply(ConvolutionSums::input_gradient, field, c, {w, weights(c)}, {dy, outputs(c)}, {}, {dx, inputs(c)});
}

void DeviceProducts::convolve_weight_gradient(const ResidueField& field, const ResidueConvolution& c,
                                              const Residue* x, const Residue* dy, Residue* dw) {
  multiply(ConvolutionSums::weight_gradient, field, c, {dy, outputs(c)}, {x, inputs(c)}, {},
           {dw, weights(c)});
}

}  // namespace gradzone
