#include "gradzone/exact/fast/softmax.hpp"

#include <algorithm>

namespace gradzone {
namespace {

/// Cross-entropy of one image: log S - (z_y - m) with S = sum of e^(z_k - m), p_k = e^(z_k - m) / S.
MpfrInterval cross_entropy(const std::vector<MpfrInterval>& z, std::size_t label, Index batch_size, int bits,
                           std::vector<MpfrInterval>& gradient) {
  // Any shift gives the same softmax; the largest logit keeps the exponentials near (0, 1].
  MpfrInterval shift = z[0];
  for (const MpfrInterval& v : z) {
    if (mpfr_less_p(shift.low.get(), v.low.get())) shift = v;
  }
  shift.high = shift.low;
  const MpfrInterval images = MpfrInterval::exactly(static_cast<double>(batch_size));
  std::vector<MpfrInterval> e;
  MpfrInterval sum = MpfrInterval::exactly(0), others = MpfrInterval::exactly(0);
  for (std::size_t k = 0; k < z.size(); ++k) {
    e.push_back(exponential(subtract(z[k], shift, bits), bits));
    sum = add(sum, e.back(), bits);
    if (k != label) others = add(others, e.back(), bits);
  }
  for (std::size_t k = 0; k < z.size(); ++k) {
    // p_y - 1 = -(sum of the others) / S: no cancellation where the network is confident.
    const MpfrInterval numerator = k == label ? negate(others) : e[k];
    gradient.push_back(divide(divide(numerator, sum, bits), images, bits));
  }
  return subtract(logarithm(sum, bits), subtract(z[label], shift, bits), bits);
}

}  // namespace

LossEnclosure enclose_loss(Loss loss, const FixedValues& output, const std::vector<int>& labels,
                           Index batch_size, int limbs) {
  const int bits = limb_bits * limbs + 64;
  const Index images = output.shape()[0], classes = output.mid.size() / std::max<Index>(1, images);
  LossEnclosure out{MpfrInterval::exactly(0), {}};
  std::vector<MpfrInterval> gradient;
  for (Index n = 0; n < images; ++n) {
    std::vector<MpfrInterval> z;
    for (Index k = 0; k < classes; ++k) z.push_back(interval_of(output, n * classes + k));
    if (loss == Loss::output) {
      for (const MpfrInterval& v : z)
        out.value = add(out.value, v, bits), gradient.push_back(MpfrInterval::exactly(1));
    } else {
      const std::size_t label = static_cast<std::size_t>(labels[static_cast<std::size_t>(n)]);
      out.value = add(out.value, cross_entropy(z, label, batch_size, bits, gradient), bits);
    }
  }
  if (loss == Loss::cross_entropy)
    out.value = divide(out.value, MpfrInterval::exactly(static_cast<double>(batch_size)), bits);
  out.gradient = fixed_values(output.shape(), gradient, limbs);
  return out;
}

}  // namespace gradzone
