// Pickles as torch.save writes them (protocols 2 to 5; Python's Lib/pickletools.py describes every opcode). A
// pickle is a program for a small stack machine, and Python's reader runs what it names. This one runs
// nothing: it makes plain values, keeps the calls of the few functions that stand for tensors as they are
// written, and refuses all others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gradzone {

/// A value of a pickle. What holds other values is an index into Pickle::objects, so that shared, cyclic and
/// deeply nested values are as cheap to hold and to destroy as others.
struct PickleValue {
  enum class Kind : std::uint8_t {
    none,
    boolean,
    integer,
    big_integer,  ///< beyond 64 bits: its bytes, little-endian
    text,
    bytes,
    list,
    tuple,
    dict,        ///< key, value, key, value, ...; also a collections.OrderedDict
    global,      ///< module, name
    call,        ///< the global, a tuple of arguments
    persistent,  ///< the value that names something outside the pickle
    opaque,      ///< a float, a set, a number of numpy and the like: harmless, and nothing looks at it
  };
  Kind kind = Kind::none;
  std::uint32_t object = 0;  ///< of list to persistent
  std::int64_t integer = 0;  ///< of boolean and integer
  std::string_view text;     ///< of big_integer, text and bytes: a view of the pickle
};

struct Pickle {
  PickleValue root;
  std::vector<std::vector<PickleValue>> objects;
  std::vector<PickleValue> persistent;  ///< every value of that kind
  std::size_t size = 0;                 ///< bytes read, up to the end of the program

  const std::vector<PickleValue>& items(const PickleValue& value) const { return objects[value.object]; }
  /// "module.name" of a global; empty for other values.
  std::string global_name(const PickleValue& value) const;
};

/// What a pickle may do at most, an operation being one opcode; this bounds time and memory. A checkpoint of
/// a thousand tensors needs about 30,000.
inline constexpr std::size_t most_pickle_operations = std::size_t{1} << 21;

/// Reads the pickle that `bytes` begin with; more may follow it. The texts of the result are views of
/// `bytes`. Throws InputError, one line beginning with `where`, for what is cut short, damaged or too long,
/// and for a call of anything but the functions and classes of a state dict and its usual companions, naming
/// it.
Pickle read_pickle(std::span<const std::byte> bytes, const std::string& where);

}  // namespace gradzone
