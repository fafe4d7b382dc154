#include "gradzone/io/torch_state_dict.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>

#include "gradzone/base/error.hpp"
#include "gradzone/io/printable.hpp"

namespace gradzone {
namespace {

using Kind = PickleValue::Kind;

constexpr std::string_view usual_places[] = {"state_dict", "model_state_dict", "model", "net",
                                             "network",    "weights",          "params"};
constexpr std::string_view wrappers[] = {"module.", "_orig_mod."};
constexpr int deepest = 8;
constexpr std::size_t longest_name = 500;
/// Dictionaries may hold each other, so that what is written in few bytes may be endless to walk.
constexpr std::size_t most_tensors = 20'000, most_entries = 10'000'000;

class Finder {
 public:
  Finder(const Pickle& pickle, const std::string& where) : pickle_(pickle), where_(where) {}

  TorchStateDict run() {
    TorchStateDict out;
    const PickleValue dict = find(pickle_.root, out.place, false, 0);
    collect(dict, "", 0, out);
    if (out.tensors.empty()) fail_without();
    out.prefix = unwrap(out);
    return out;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw InputError(fmt::format("{}: {}", where_, what));
  }
  [[noreturn]] void fail_without() const {
    fail(
        "it holds no dictionary of tensors; in PyTorch, torch.save(model.state_dict(), PATH) writes a file "
        "that can be read");
  }

  struct Item {
    const PickleValue& key;
    const PickleValue& value;
  };
  template <class Use>
  void for_each_item(const PickleValue& dict, Use use) {
    const auto& items = pickle_.items(dict);
    entries_ += items.size() / 2;
    if (entries_ > most_entries) fail("its dictionaries hold each other too often");
    for (std::size_t i = 0; i < items.size(); i += 2) use(Item{items[i], items[i + 1]});
  }

  /// Whether tensors lie in a dictionary under names; those under numbers are an optimiser's.
  bool has_tensors(const PickleValue& value, int depth) {
    if (value.kind != Kind::dict || depth > deepest) return false;
    const auto [known, is_new] = has_tensors_.emplace(value.object, false);  // false while it is looked at
    if (!is_new) return known->second;
    bool out = false;
    for_each_item(value, [&](const Item& item) {
      if (out || item.key.kind != Kind::text) return;
      out = item.value.kind == Kind::call || has_tensors(item.value, depth + 1);
    });
    return known->second = out;
  }

  /// The state dict in `value`; `place` becomes the way to it. What lies in a usual place may be made of
  /// dictionaries alone.
  PickleValue find(const PickleValue& value, std::string& place, bool is_usual_place, int depth) {
    if (!has_tensors(value, depth)) fail_without();
    bool tensors = false;
    std::vector<Item> usual, others;
    for_each_item(value, [&](const Item& item) {
      if (item.key.kind != Kind::text) return;
      tensors = tensors || item.value.kind == Kind::call;
      if (!has_tensors(item.value, depth + 1)) return;
      const bool is_usual = std::find(std::begin(usual_places), std::end(usual_places), item.key.text) !=
                            std::end(usual_places);
      (is_usual ? usual : others).push_back(item);
    });
    if (usual.empty() && (tensors || is_usual_place)) return value;
    const std::vector<Item>& found = usual.empty() ? others : usual;
    if (found.size() > 1) fail_ambiguous(found);
    place += fmt::format("{}{}", place.empty() ? "" : ".", name_of(found[0].key));
    return find(found[0].value, place, !usual.empty(), depth + 1);
  }

  [[noreturn]] void fail_ambiguous(const std::vector<Item>& found) const {
    constexpr std::size_t most_named = 5;
    std::vector<std::string> names;
    for (const Item& item : found) {
      if (names.size() < most_named) names.push_back(printable(item.key.text));
    }
    fail(
        fmt::format("it holds tensors in {} places, {}{}: in PyTorch, save the one that is meant with "
                    "torch.save(torch.load(FILE)[NAME], PATH)",
                    found.size(), fmt::join(names, ", "), names.size() < found.size() ? ", ..." : ""));
  }

  std::string name_of(const PickleValue& key) const {
    if (key.kind != Kind::text) fail("a tensor in it has no name");
    if (key.text.size() > longest_name || !is_plain_text(key.text))
      fail(fmt::format("the name {} is too long or no plain text", printable(key.text)));
    return std::string(key.text);
  }

  /// Appends the tensors in a dictionary and in those that it holds.
  void collect(const PickleValue& dict, const std::string& prefix, int depth, TorchStateDict& out) {
    std::set<std::string_view> keys;
    for_each_item(dict, [&](const Item& item) {
      if (item.key.kind == Kind::text && !keys.insert(item.key.text).second)
        fail(fmt::format("{} is there twice", printable(prefix + std::string(item.key.text))));
      const bool is_dict = has_tensors(item.value, depth + 1);
      if (item.value.kind != Kind::call && !is_dict) return;
      const std::string name = prefix + name_of(item.key);
      if (name.size() > longest_name) fail(fmt::format("the name {} is too long", printable(name)));
      if (is_dict) return collect(item.value, name + ".", depth + 1, out);
      if (!names_.insert(name).second) fail(fmt::format("tensor {} is there twice", printable(name)));
      if (names_.size() > most_tensors) fail(fmt::format("it holds more than {} tensors", most_tensors));
      out.tensors.emplace_back(name, item.value);
    });
  }

  /// Takes off what wrappers of the network put before every name, and returns it.
  static std::string unwrap(TorchStateDict& out) {
    std::string taken;
    const auto all_begin_with = [&](std::string_view wrapper) {
      return std::all_of(out.tensors.begin(), out.tensors.end(),
                         [&](const auto& tensor) { return tensor.first.starts_with(wrapper); });
    };
    for (bool again = true; again;) {
      again = false;
      for (const std::string_view wrapper : wrappers) {
        if (!all_begin_with(wrapper)) continue;
        for (auto& tensor : out.tensors) tensor.first.erase(0, wrapper.size());
        taken += wrapper;
        again = true;
      }
    }
    return taken;
  }

  const Pickle& pickle_;
  const std::string& where_;
  std::size_t entries_ = 0;
  std::map<std::uint32_t, bool> has_tensors_;
  std::set<std::string> names_;
};

}  // namespace

TorchStateDict torch_state_dict(const Pickle& pickle, const std::string& where) {
  return Finder(pickle, where).run();
}

}  // namespace gradzone
