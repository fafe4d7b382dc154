#include <fmt/format.h>

#include <map>

#include "gradzone/base/error.hpp"
#include "gradzone/io/pickle_opcodes.hpp"
#include "gradzone/io/printable.hpp"
#include "gradzone/io/stored_number.hpp"
#include "gradzone/io/torch_archive.hpp"
#include "gradzone/io/torch_storage.hpp"

namespace gradzone {
namespace {

using Kind = PickleValue::Kind;

/// The integer 0x1950a86a20f9469cfc6c that the stream begins with.
constexpr std::string_view magic_number("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10);
constexpr std::int64_t protocol_version = 1001;
constexpr std::size_t count_bytes = 8;

class LegacyArchive final : public TorchArchive {
 public:
  LegacyArchive(std::span<const std::byte> file, const std::string& where) : file_(file), where_(where) {
    const Pickle magic = next_pickle();
    if (magic.root.kind != Kind::big_integer || magic.root.text != magic_number)
      fail(
          "it is a pickle, but not one of torch.save; in PyTorch, torch.save(model.state_dict(), PATH) "
          "writes "
          "a file that can be read");
    const Pickle version = next_pickle();
    if (version.root.kind != Kind::integer || version.root.integer != protocol_version)
      fail(fmt::format("its version is not {}", protocol_version));
    check_machine(next_pickle());
    pickle_ = next_pickle();
    read_storages(next_pickle());
  }

  std::string_view format() const override { return "pytorch legacy"; }
  const Pickle& pickle() const override { return pickle_; }
  std::span<const std::byte> storage(std::string_view key) override {
    const auto found = storages_.find(key);
    if (found == storages_.end()) fail(fmt::format("storage {} is missing", printable(key)));
    return found->second;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw InputError(fmt::format("{}: not a PyTorch file that can be read: {}", where_, what));
  }

  Pickle next_pickle() {
    Pickle out = read_pickle(file_.subspan(at_), where_);
    at_ += out.size;
    return out;
  }

  std::span<const std::byte> take(std::uint64_t count) {
    if (count > file_.size() - at_) fail(fmt::format("it is cut short at byte {}", file_.size()));
    const auto out = file_.subspan(at_, count);
    at_ += count;
    return out;
  }

  /// Of what it says of the machine that wrote it, only the order of bytes matters.
  void check_machine(const Pickle& machine) const {
    if (machine.root.kind != Kind::dict) fail("it says nothing of the machine that wrote it");
    const auto& items = machine.items(machine.root);
    for (std::size_t i = 0; i < items.size(); i += 2) {
      if (items[i].kind != Kind::text || items[i].text != "little_endian") continue;
      if (items[i + 1].kind == Kind::boolean && items[i + 1].integer == 1) return;
      fail("it was written by a big-endian machine; load it in PyTorch and save it again");
    }
    fail("it does not say the order of its bytes");
  }

  /// Bytes of an element of every storage that the pickle names, by key.
  std::map<std::string_view, std::size_t> element_sizes() const {
    std::map<std::string_view, std::size_t> out;
    for (const PickleValue& value : pickle_.persistent) {
      const TorchStorage storage = torch_storage(pickle_, value, where_);
      const std::size_t size = storage.type.element_bytes;
      if (out.emplace(storage.key, size).first->second != size)
        fail(fmt::format("storage {} has two types", printable(storage.key)));
    }
    return out;
  }

  /// Behind the list of their keys: of each storage the count of its elements and their bytes.
  void read_storages(const Pickle& keys) {
    if (keys.root.kind != Kind::list) fail("it does not list its storages");
    const auto sizes = element_sizes();
    for (const PickleValue& key : keys.items(keys.root)) {
      const auto size = sizes.find(key.text);
      if (key.kind != Kind::text || size == sizes.end()) fail("it lists a storage that no tensor has");
      const std::uint64_t count = load_bits(take(count_bytes));
      if (count > file_.size() / size->second)
        fail(fmt::format("storage {} is cut short: it would have {} elements", printable(key.text), count));
      if (!storages_.emplace(key.text, take(count * size->second)).second)
        fail(fmt::format("storage {} is there twice", printable(key.text)));
    }
    if (at_ != file_.size())
      fail(fmt::format("{} bytes at the end belong to no storage", file_.size() - at_));
  }

  std::span<const std::byte> file_;
  std::string where_;
  std::size_t at_ = 0;
  Pickle pickle_;
  std::map<std::string_view, std::span<const std::byte>> storages_;
};

}  // namespace

bool is_torch_legacy(std::span<const std::byte> file) {
  constexpr auto first = static_cast<std::byte>(PickleOp::proto);
  return file.size() >= 2 && file[0] == first && std::to_integer<unsigned>(file[1]) <= 5;
}

std::unique_ptr<TorchArchive> open_torch_legacy(std::span<const std::byte> file, const std::string& where) {
  return std::make_unique<LegacyArchive>(file, where);
}

}  // namespace gradzone
