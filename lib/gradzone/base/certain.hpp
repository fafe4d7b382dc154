// Three-valued truth: a proven value, or "not proven". There is no implicit conversion: code that wants a
// bool has to say what it does with doubt.
#pragma once

#include <optional>
#include <utility>

namespace gradzone {

/// A value that is known for certain, or unknown. `Certain<bool>` is the result of comparing two enclosures.
template <class T>
class Certain {
 public:
  static Certain known(T value) { return Certain(std::optional<T>(std::move(value))); }
  static Certain unknown() { return Certain(std::nullopt); }

  bool is_known() const { return value_.has_value(); }
  /// True only when the value is proven to equal `value`; doubt counts as "not proven".
  bool certainly(const T& value) const { return value_ && *value_ == value; }
  /// The proven value. Precondition: is_known().
  const T& value() const { return value_.value(); }

 private:
  explicit Certain(std::optional<T> value) : value_(std::move(value)) {}
  std::optional<T> value_;
};

}  // namespace gradzone
