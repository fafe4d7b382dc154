#include "gradzone/exact/identity.hpp"

#include <bit>

namespace gradzone {

std::size_t IdentityTable::Hash::operator()(const std::vector<std::uint32_t>& key) const {
  std::uint64_t h = key.size();
  for (const std::uint32_t word : key) h = (h ^ word) * 0x9E3779B97F4A7C15u, h ^= h >> 29;
  return h;
}

Identity IdentityTable::constant(double value) {
  const std::uint64_t bits = std::bit_cast<std::uint64_t>(value == 0 ? 0.0 : value);  // -0 is 0
  return make(Kind::constant, {static_cast<std::uint32_t>(bits), static_cast<std::uint32_t>(bits >> 32)}, {},
              {.choice_free = true, .zero = true});
}

Identity IdentityTable::make(Kind kind, std::initializer_list<std::uint32_t> numbers,
                             std::span<const Identity> parts, Derivative derivative) {
  std::vector<std::uint32_t> key;
  key.reserve(2 + numbers.size() + parts.size());
  key.push_back(static_cast<std::uint32_t>(kind));
  key.push_back(static_cast<std::uint32_t>(numbers.size()));
  key.insert(key.end(), numbers);
  key.insert(key.end(), parts.begin(), parts.end());
  const auto [it, inserted] =
      identities_.try_emplace(std::move(key), static_cast<Identity>(derivatives_.size()));
  if (inserted) derivatives_.push_back(derivative);
  return it->second;
}

Identity IdentityTable::unique() {
  derivatives_.push_back({.choice_free = false, .zero = false});
  return static_cast<Identity>(derivatives_.size() - 1);
}

IdentityTable::Derivative IdentityTable::all_of(std::span<const Identity> parts) const {
  Derivative out{.choice_free = true, .zero = true};
  for (const Identity part : parts) {
    out.choice_free = out.choice_free && derivatives_[part].choice_free;
    out.zero = out.zero && derivatives_[part].zero;
  }
  return out;
}

}  // namespace gradzone
