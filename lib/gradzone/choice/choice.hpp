// Choice: the value that every nonsmooth rule of the network takes at its kink (zones.md, section 1). A
// choice is a named value and always a required argument; no kernel has one built in.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gradzone/arith/format.hpp"
#include "gradzone/graph/operations.hpp"

namespace gradzone {

/// How a hybrid max pool is programmed (zones.md, section 1).
///   direct    forward is the plain maximum; backward is fl(w * g), w = beta/|I| + (1-beta)[first]
///   composed  forward and backward compute beta * minimal + (1-beta) * native, rounding each product and the
///   sum
enum class Form { direct, composed };

std::string_view name(Form form);
Form parse_form(std::string_view text);

struct Choice {
  double maxpool_beta =
      0;                 ///< 0 native (first maximal entry), 1 minimal (1/|I| on the argmax set), else hybrid
  double relu_at_0 = 0;  ///< ReLU'(0)
  double leaky_relu_at_0 =
      -1;  ///< LeakyReLU'(0); negative (the default) means the layer's own negative slope
  double relu6_at_0 = 0, relu6_at_6 = 0;
  double abs_at_0 = 0;
  double normpool_at_0 = 0;  ///< derivative in every entry of a zero window: 0 or 1

  /// "native", "minimal", "beta=10", with "+relu=1" and the like for whatever differs from the default.
  std::string name() const;
  friend bool operator==(const Choice&, const Choice&) = default;
};

/// Reads what name() writes: parts joined by '+', e.g. "minimal", "native+relu=1", "beta=100", "normpool=1",
/// "leaky=0.5", "relu6=0:1", "abs=1". Throws UsageError.
Choice parse_choice(std::string_view text);
/// Comma-separated, at least two, without repeats.
std::vector<Choice> parse_choices(std::string_view text);
std::string names(const std::vector<Choice>& choices);

/// The same choice with its numbers rounded as the float program of the format sees them.
Choice round_to_scalars(const Choice& choice, FormatId format);

/// The derivative at each kink of piecewise(activation), in its order.
std::vector<double> derivative_at_kinks(const Activation& activation, const Choice& choice);

/// The beta that a max-pool layer uses under `choice`.
inline double beta_of(const MaxPool2d& pool, const Choice& choice) {
  return pool.pinned_beta.value_or(choice.maxpool_beta);
}

}  // namespace gradzone
