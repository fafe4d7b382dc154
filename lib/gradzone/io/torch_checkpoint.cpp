#include "gradzone/io/torch_checkpoint.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "gradzone/base/error.hpp"
#include "gradzone/io/printable.hpp"
#include "gradzone/io/stored_number.hpp"
#include "gradzone/io/torch_archive.hpp"
#include "gradzone/io/torch_state_dict.hpp"
#include "gradzone/io/torch_storage.hpp"

namespace gradzone {
namespace {

using Kind = PickleValue::Kind;

constexpr Index largest_element_count = Index{1} << 31;
/// A view may repeat the numbers of its storage (expand): how often all of them may together, and how many
/// numbers are always allowed.
constexpr Index most_repetitions = 16, always_allowed = Index{1} << 20;

/// A tensor as the pickle tells of it: element (i, j, ...) is number `begin` + i strides[0] + j strides[1] +
/// ... of its storage.
struct View {
  std::string name;
  StoredType stored = StoredType::f32;
  std::string_view key;
  Index storage_count = 0;
  Index begin = 0;
  Shape shape, strides;
};

class Reader {
 public:
  Reader(TorchArchive& archive, const std::string& where)
      : archive_(archive), pickle_(archive.pickle()), where_(where) {}

  Checkpoint run() {
    const TorchStateDict dict = torch_state_dict(pickle_, where_);
    std::vector<View> views;
    for (const auto& [name, value] : dict.tensors) views.push_back(view(name, value));
    check_repetitions(views);
    Checkpoint out;
    out.metadata["format"] = archive_.format();
    if (!dict.place.empty()) out.metadata["place"] = dict.place;
    if (!dict.prefix.empty()) out.metadata["prefix"] = dict.prefix;
    for (const View& v : views) out.tensors.push_back(tensor(v));
    return out;
  }

 private:
  [[noreturn]] void fail(const std::string& name, const std::string& what) const {
    throw InputError(fmt::format("{}: tensor {} {}", where_, printable(name), what));
  }

  /// The arguments of the call that makes a tensor; those of a parameter are of the tensor it is.
  const std::vector<PickleValue>& arguments(const std::string& name, PickleValue call,
                                            std::string& function) const {
    constexpr int most_wrappers = 4;
    for (int i = 0; i < most_wrappers; ++i) {
      if (call.kind != Kind::call) break;
      const auto& parts = pickle_.items(call);
      const auto& out = pickle_.items(parts[1]);
      function = pickle_.items(parts[0])[1].text;
      if (!function.starts_with("_rebuild_parameter")) return out;
      if (out.empty()) break;
      call = out[0];
    }
    fail(name, "is damaged: it is made of none");
  }

  View view(const std::string& name, const PickleValue& call) const {
    std::string function;
    const auto& given = arguments(name, call, function);
    if (given.size() < 4) fail(name, "is damaged: it lacks storage, offset, shape or strides");
    const TorchStorage storage = torch_storage(pickle_, given[0], where_);
    View out{name, stored_type(name, storage, given, function), storage.key, storage.count, {}, {}, {}};
    out.begin = number(name, given[1]);
    out.shape = numbers(name, given[2]);
    out.strides = numbers(name, given[3]);
    if (out.shape.size() != out.strides.size()) fail(name, "is damaged: it has more dimensions or strides");
    check_reach(out, storage);
    out.begin += storage.view_begin;
    return out;
  }

  StoredType stored_type(const std::string& name, const TorchStorage& storage,
                         const std::vector<PickleValue>& given, const std::string& function) const {
    constexpr std::size_t type_argument = 6;  // of _rebuild_tensor_v3
    if (function == "_rebuild_tensor_v3" && given.size() > type_argument)
      fail_type(name, pickle_.global_name(given[type_argument]));
    if (!storage.type.stored) fail_type(name, std::string(storage.type.name));
    return *storage.type.stored;
  }
  [[noreturn]] void fail_type(const std::string& name, const std::string& type) const {
    fail(name, fmt::format("has elements of {}; double, float, half, bfloat16 and int64 are read",
                           printable(type)));
  }

  Index number(const std::string& name, const PickleValue& value) const {
    if (value.kind != Kind::integer || value.integer < 0)
      fail(name, "is damaged: an offset, dimension or stride is no whole number from 0 on");
    return value.integer;
  }
  Shape numbers(const std::string& name, const PickleValue& value) const {
    if (value.kind != Kind::tuple) fail(name, "is damaged: its shape or strides are none");
    const auto& items = pickle_.items(value);
    if (items.size() > largest_tensor_rank)
      fail(name,
           fmt::format("has {} dimensions; at most {} are accepted", items.size(), largest_tensor_rank));
    Shape out;
    for (const PickleValue& item : items) out.push_back(number(name, item));
    return out;
  }

  /// Every element must lie in the storage. The strides of dimensions of one element, which may be anything,
  /// become 0.
  void check_reach(View& v, const TorchStorage& storage) const {
    const Index count = checked_element_count(v.shape, largest_element_count,
                                              fmt::format("{}: tensor {}", where_, printable(v.name)));
    Index last = v.begin;
    for (std::size_t d = 0; d < v.shape.size(); ++d) {
      if (v.shape[d] <= 1) v.strides[d] = 0;
      Index step = 0;
      if (count > 0 && (__builtin_mul_overflow(v.shape[d] - 1, v.strides[d], &step) ||
                        __builtin_add_overflow(last, step, &last)))
        fail(v.name, "reaches outside its storage");
    }
    if (count > 0 ? last >= storage.view_count : v.begin > storage.view_count)
      fail(v.name, fmt::format("reaches outside its storage of {} elements", storage.view_count));
  }

  /// Few bytes must not become a memory full of numbers.
  void check_repetitions(const std::vector<View>& views) const {
    std::set<std::string_view> keys;
    Index stored = 0, made = 0;
    for (const View& v : views) {
      if (keys.insert(v.key).second) stored += bytes_of(v).size() / element_bytes(v.stored);
      made += element_count(v.shape);
      if (made > largest_element_count) fail(v.name, "is one too many: all are too large together");
    }
    if (made > std::max(always_allowed, most_repetitions * stored))
      throw InputError(
          fmt::format("{}: its tensors have {} elements but only {} numbers are stored; more than {} times "
                      "as many are not accepted",
                      where_, made, stored, most_repetitions));
  }

  std::span<const std::byte> bytes_of(const View& v) const {
    const auto bytes = archive_.storage(v.key);
    const std::size_t width = element_bytes(v.stored);
    if (bytes.size() % width != 0 || bytes.size() / width != static_cast<std::size_t>(v.storage_count))
      fail(v.name, fmt::format("needs a storage of {} elements of type {}, but storage {} has {} bytes",
                               v.storage_count, gradzone::name(v.stored), printable(v.key), bytes.size()));
    return bytes;
  }

  NamedTensor tensor(const View& v) const {
    const auto bytes = bytes_of(v);
    const std::size_t width = element_bytes(v.stored);
    NamedTensor out{v.name, v.stored, Tensor<double>(v.shape)};
    std::vector<Index> at(v.shape.size(), 0);
    Index from = v.begin;
    for (double& value : out.values.data) {
      value =
          decode_number(v.stored, load_bits(bytes.subspan(static_cast<std::size_t>(from) * width, width)));
      if (v.stored == StoredType::i64 && std::abs(value) > largest_exact_integer)
        fail(v.name, "holds a whole number beyond 2^53");
      for (std::size_t d = at.size(); d-- > 0;) {  // on to the next element, the last dimension first
        from += v.strides[d];
        if (++at[d] < v.shape[d]) break;
        from -= v.strides[d] * v.shape[d];
        at[d] = 0;
      }
    }
    return out;
  }

  TorchArchive& archive_;
  const Pickle& pickle_;
  const std::string& where_;
};

/// A tar archive says so behind the first file's attributes.
bool is_tar(std::span<const std::byte> file) {
  constexpr std::size_t begin = 257;
  constexpr std::string_view magic = "ustar";
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  return text.size() > begin && text.substr(begin).starts_with(magic);
}

}  // namespace

bool is_torch_file(std::span<const std::byte> file) {
  return is_torch_zip(file) || is_torch_legacy(file) || is_tar(file);
}

Checkpoint parse_torch(std::span<const std::byte> file, const std::string& where) {
  std::unique_ptr<TorchArchive> archive;
  if (is_torch_zip(file)) {
    archive = open_torch_zip(file, where);
  } else if (is_tar(file)) {
    throw InputError(
        fmt::format("{}: it is a tar archive, as PyTorch wrote before 0.1.10; load it in PyTorch, and "
                    "torch.save(model.state_dict(), PATH) writes a file that can be read",
                    where));
  } else {
    archive = open_torch_legacy(file, where);
  }
  return Reader(*archive, where).run();
}

}  // namespace gradzone
