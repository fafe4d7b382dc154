#include "gradzone/io/torch_storage.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "gradzone/base/error.hpp"
#include "gradzone/io/printable.hpp"

namespace gradzone {
namespace {

using Kind = PickleValue::Kind;

constexpr TorchStorageType all_types[] = {
    {"torch.DoubleStorage", 8, StoredType::f64},
    {"torch.FloatStorage", 4, StoredType::f32},
    {"torch.HalfStorage", 2, StoredType::f16},
    {"torch.BFloat16Storage", 2, StoredType::bf16},
    {"torch.LongStorage", 8, StoredType::i64},
    {"torch.IntStorage", 4, {}},
    {"torch.ShortStorage", 2, {}},
    {"torch.CharStorage", 1, {}},
    {"torch.ByteStorage", 1, {}},
    {"torch.BoolStorage", 1, {}},
    {"torch.ComplexFloatStorage", 8, {}},
    {"torch.ComplexDoubleStorage", 16, {}},
    {"torch.QInt8Storage", 1, {}},
    {"torch.QUInt8Storage", 1, {}},
    {"torch.QInt32Storage", 4, {}},
    {"torch.QUInt4x2Storage", 1, {}},
    {"torch.QUInt2x4Storage", 1, {}},
    // Bytes; what they hold is said by the tensor, and only for types that no parameter has.
    {"torch.storage.UntypedStorage", 1, {}},
};

[[noreturn]] void fail(const std::string& where, const std::string& what) {
  throw InputError(fmt::format("{}: not a PyTorch file that can be read: {}", where, what));
}

TorchStorageType type_named(const std::string& name, const std::string& where) {
  const auto type = std::find_if(std::begin(all_types), std::end(all_types),
                                 [&](const TorchStorageType& t) { return t.name == name; });
  if (type == std::end(all_types)) fail(where, fmt::format("{} is no storage", printable(name)));
  return *type;
}

Index count_of(const PickleValue& value, const std::string& where) {
  if (value.kind != Kind::integer || value.integer < 0) fail(where, "a storage has no size");
  return value.integer;
}

/// None, or (key of the view, first element, elements).
void read_view(const Pickle& pickle, const PickleValue& value, const std::string& where, TorchStorage& out) {
  if (value.kind == Kind::none) return;
  if (value.kind != Kind::tuple || pickle.items(value).size() != 3) fail(where, "a view has no place");
  out.view_begin = count_of(pickle.items(value)[1], where);
  out.view_count = count_of(pickle.items(value)[2], where);
  if (out.view_begin > out.count || out.view_count > out.count - out.view_begin)
    fail(where, fmt::format("a view reaches outside storage {}", printable(out.key)));
}

}  // namespace

TorchStorage torch_storage(const Pickle& pickle, const PickleValue& persistent, const std::string& where) {
  const auto is_text = [](const PickleValue& v) { return v.kind == Kind::text; };
  if (persistent.kind != Kind::persistent) fail(where, "a tensor has no storage");
  const PickleValue& id = pickle.items(persistent)[0];
  if (id.kind != Kind::tuple || pickle.items(id).empty() || !is_text(pickle.items(id)[0]))
    fail(where, "a storage has no name");
  const auto& parts = pickle.items(id);
  if (parts[0].text == "module")
    throw InputError(
        fmt::format("{}: it holds a whole model, and gradzone never runs code from a file; in PyTorch, "
                    "torch.save(model.state_dict(), PATH) writes one that can be read",
                    where));
  if (parts[0].text != "storage" || parts.size() < 5 || parts.size() > 6 || !is_text(parts[2]))
    fail(where, "a storage has no name");
  TorchStorage out{type_named(pickle.global_name(parts[1]), where), parts[2].text, count_of(parts[4], where)};
  out.view_count = out.count;
  if (parts.size() == 6) read_view(pickle, parts[5], where, out);
  return out;
}

}  // namespace gradzone
