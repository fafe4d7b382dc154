// A gradient under every choice, modulo every prime. Choices that agree so far share one tensor, and what is
// computed from it is computed once.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <utility>
#include <vector>

#include "gradzone/choice/choice.hpp"
#include "gradzone/exact/fast/residue_forward.hpp"

namespace gradzone {

/// dL/d(output) of a node, per choice; empty before any contribution.
using ByChoice = std::vector<std::shared_ptr<const ResidueTensor>>;

/// The first choice that shares all these tensors with choice s.
std::size_t first_like(std::size_t s, std::initializer_list<const ByChoice*> tensors);
inline bool all_share(const ByChoice& g) {
  return std::all_of(g.begin(), g.end(), [&](const auto& t) { return t == g.front(); });
}

/// `rule(dy)` of each different dy.
template <class Rule>
ByChoice for_each_different(const ByChoice& dy, const Rule& rule) {
  ByChoice out;
  for (std::size_t s = 0; s < dy.size(); ++s) {
    const std::size_t j = first_like(s, {&dy});
    out.push_back(j < s ? out[j] : std::make_shared<const ResidueTensor>(rule(*dy[s])));
  }
  return out;
}

/// `rule(dy, choice)` of each choice; choices for which it is the same tensor share that.
template <class Rule>
ByChoice for_each_choice(const ByChoice& dy, const std::vector<Choice>& choices, const Rule& rule) {
  ByChoice out;
  for (std::size_t s = 0; s < dy.size(); ++s) {
    ResidueTensor made = rule(*dy[s], choices[s]);
    const auto same = std::find_if(out.begin(), out.end(), [&](const auto& t) { return *t == made; });
    auto shared = same == out.end() ? std::make_shared<const ResidueTensor>(std::move(made)) : *same;
    out.push_back(std::move(shared));
  }
  return out;
}

/// a - b.
ResidueTensor difference(const ResidueForward& forward, const ResidueTensor& a, const ResidueTensor& b);
/// total += contribution.
void accumulate(const ResidueForward& forward, ByChoice& total, ByChoice contribution);

/// Whether `vanishes(prime, field, plane)` holds modulo every prime for the difference of every choice's
/// tensor to the first one's. What is linear in dy agrees under all choices if it vanishes there.
template <class Vanishes>
bool differences_vanish(const ResidueForward& forward, const ByChoice& dy, const Vanishes& vanishes) {
  for (std::size_t s = 1; s < dy.size(); ++s) {
    if (first_like(s, {&dy}) < s) continue;
    const ResidueTensor d = difference(forward, *dy[s], *dy.front());
    std::vector<char> zero(static_cast<std::size_t>(forward.primes()));
    for_each_prime(forward, [&](int prime, const ResidueField& field) {
      zero[static_cast<std::size_t>(prime)] = vanishes(prime, field, d.plane(prime));
    });
    if (std::find(zero.begin(), zero.end(), 0) != zero.end()) return false;
  }
  return true;
}

}  // namespace gradzone
