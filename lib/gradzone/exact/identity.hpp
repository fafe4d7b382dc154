// Identities: which entries of a network are the same expression of equal inputs (zones.md, section 3,
// "structure").
//
// Two entries with one identity have the same real value *and* the same formal derivative with respect to
// every parameter, under each choice of the audited set S. The rules are in real_forward.cpp; this table only
// makes identities from their parts, comparing the parts in full (no hash is ever trusted).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <unordered_map>
#include <vector>

namespace gradzone {

using Identity = std::uint32_t;

class IdentityTable {
 public:
  /// What an identity is made of, besides its parts.
  enum class Kind : std::uint32_t {
    constant,
    patch,
    conv,
    linear,
    scaled,
    kink,
    max,
    average,
    norm,
    batch_norm,
    sum,
    unknown
  };

  /// What is known of the derivative of every entry with this identity.
  struct Derivative {
    bool choice_free = true;  ///< the same under every choice of S
    bool zero = false;        ///< vanishes under every choice of S
  };

  /// The identity of a constant: a data value, or what ReLU leaves of a negative pre-activation.
  Identity constant(double value);
  /// The identity of `kind` with these numbers (layer, channel, ...) and parts, made on first use.
  Identity make(Kind kind, std::initializer_list<std::uint32_t> numbers, std::span<const Identity> parts,
                Derivative derivative);
  /// An identity shared with nothing.
  Identity unique();

  const Derivative& derivative(Identity id) const { return derivatives_[id]; }
  /// choice_free and zero hold if they hold for all parts.
  Derivative all_of(std::span<const Identity> parts) const;

 private:
  struct Hash {
    std::size_t operator()(const std::vector<std::uint32_t>& key) const;
  };
  std::unordered_map<std::vector<std::uint32_t>, Identity, Hash> identities_;
  std::vector<Derivative> derivatives_;
};

}  // namespace gradzone
