#include "gradzone/exact/fast/residue_choices.hpp"

namespace gradzone {

std::size_t first_like(std::size_t s, std::initializer_list<const ByChoice*> tensors) {
  for (std::size_t j = 0; j < s; ++j) {
    if (std::all_of(tensors.begin(), tensors.end(), [&](const ByChoice* t) { return (*t)[j] == (*t)[s]; }))
      return j;
  }
  return s;
}

ResidueTensor difference(const ResidueForward& forward, const ResidueTensor& a, const ResidueTensor& b) {
  ResidueTensor out(a.shape, forward.primes());
  for_each_prime(forward, [&](int prime, const ResidueField& field) {
    std::transform(a.plane(prime), a.plane(prime) + a.entries, b.plane(prime), out.plane(prime),
                   [&](Residue x, Residue y) { return field.subtract(x, y); });
  });
  return out;
}

namespace {

ResidueTensor total_of(const ResidueForward& forward, const ResidueTensor& a, const ResidueTensor& b) {
  ResidueTensor out(a.shape, forward.primes());
  for_each_prime(forward, [&](int prime, const ResidueField& field) {
    std::transform(a.plane(prime), a.plane(prime) + a.entries, b.plane(prime), out.plane(prime),
                   [&](Residue x, Residue y) { return field.add(x, y); });
  });
  return out;
}

}  // namespace

void accumulate(const ResidueForward& forward, ByChoice& total, ByChoice contribution) {
  if (total.empty()) {
    total = std::move(contribution);
    return;
  }
  ByChoice sums;
  for (std::size_t s = 0; s < total.size(); ++s) {
    const std::size_t j = first_like(s, {&total, &contribution});
    sums.push_back(
        j < s ? sums[j]
              : std::make_shared<const ResidueTensor>(total_of(forward, *total[s], *contribution[s])));
  }
  total = std::move(sums);
}

}  // namespace gradzone
