#include "gradzone/io/onnx/model_file.hpp"

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <limits>
#include <set>

#include "gradzone/base/error.hpp"
#include "gradzone/io/onnx.hpp"

namespace gradzone {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

constexpr Index most_parts = 1'000'000;
constexpr Index most_packed_bytes = Index{64} << 20;
constexpr int deepest_message = 50;

/// The messages whose fields are counted one by one (onnx.proto3); of any other only the length counts.
enum class Message { model, graph, node, attribute, tensor, function, other };

/// What a length-delimited field is, or nothing if it holds bytes, text or numbers.
std::optional<Message> message_in(Message parent, int field) {
  using M = Message;
  switch (parent) {
    case M::model:
      if (field == 7) return M::graph;
      if (field == 25) return M::function;
      if (field == 8 || field == 14 || field == 20) return M::other;
      return {};
    case M::graph:
      if (field == 1) return M::node;
      if (field == 5) return M::tensor;
      if (field >= 11 && field <= 15) return M::other;
      return {};
    case M::function:
      if (field == 7) return M::node;
      return field == 9 ? std::optional(M::other) : std::nullopt;
    case M::node:
      return field == 5 ? std::optional(M::attribute) : std::nullopt;
    case M::attribute:
      if (field == 5 || field == 10) return M::tensor;
      if (field == 6 || field == 11) return M::graph;
      if (field == 14 || field == 15 || field == 22 || field == 23) return M::other;
      return {};
    case M::tensor:
      if (field == 3 || field == 13) return M::other;
      return {};
    case M::other:
      return {};
  }
  return {};
}

/// Numbers of a byte each in the file and eight in memory.
bool is_packed_integers(Message parent, int field) {
  if (parent == Message::tensor) return field == 1 || field == 5 || field == 7 || field == 11;
  return parent == Message::attribute && field == 8;
}

/// Walks the file before anything is allocated for it.
class PartCount {
 public:
  explicit PartCount(std::span<const std::byte> file)
      : in_(reinterpret_cast<const std::uint8_t*>(file.data()), static_cast<int>(file.size())) {}

  /// "" if the file is within the limits, else what is wrong with it.
  std::string problem() {
    const bool whole = walk(Message::model, 0);
    if (parts_ > most_parts) return fmt::format("it has more than {} parts", most_parts);
    if (!whole) return "it is no ONNX model, or is damaged";
    if (packed_ > most_packed_bytes)
      return fmt::format("it has more than {} MiB of integers", most_packed_bytes >> 20);
    return "";
  }

 private:
  bool walk(Message message, int depth) {
    if (depth > deepest_message) return false;
    while (const std::uint32_t tag = in_.ReadTag()) {
      if (++parts_ > most_parts) return true;
      const int field = WireFormatLite::GetTagFieldNumber(tag);
      if (WireFormatLite::GetTagWireType(tag) != WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
        if (!WireFormatLite::SkipField(&in_, tag)) return false;
        continue;
      }
      int length = 0;
      if (!in_.ReadVarintSizeAsInt(&length)) return false;
      if (!enter(message, field, length, depth)) return false;
    }
    return in_.ConsumedEntireMessage();
  }

  bool enter(Message message, int field, int length, int depth) {
    const std::optional<Message> inner = message_in(message, field);
    if (!inner || *inner == Message::other) {
      if (inner) parts_ += length / 4;
      if (is_packed_integers(message, field)) packed_ += length;
      return in_.Skip(length);
    }
    const auto limit = in_.PushLimit(length);
    if (in_.BytesUntilLimit() != length || !walk(*inner, depth + 1)) return false;
    if (parts_ <= most_parts && in_.BytesUntilLimit() != 0) return false;
    in_.PopLimit(limit);
    return true;
  }

  CodedInputStream in_;
  Index parts_ = 0, packed_ = 0;
};

class Checks {
 public:
  Checks(const onnx::ModelProto& model, const std::string& where) : model_(model), where_(where) {}

  void run() const {
    if (!model_.has_graph() || model_.graph().node_size() == 0) fail("it holds no graph");
    check_opset();
    if (model_.graph().sparse_initializer_size() > 0) fail("it has sparse initialisers; make them dense");
    std::set<std::string> initialisers, values;
    for (const auto& tensor : model_.graph().initializer()) once(initialisers, tensor.name(), "initialiser");
    values = initialisers;
    std::set<std::string> inputs;
    for (const auto& input : model_.graph().input()) {
      once(inputs, input.name(), "input");
      values.insert(input.name());
    }
    for (const auto& node : model_.graph().node())
      for (const std::string& output : node.output())
        if (!output.empty()) once(values, output, "value");
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw InputError(fmt::format("{}: not a usable ONNX file: {}", where_, what));
  }
  void once(std::set<std::string>& names, const std::string& name, const char* kind) const {
    if (!names.insert(name).second) fail(fmt::format("it has the {} {} twice", kind, printable_name(name)));
  }
  void check_opset() const {
    for (const auto& opset : model_.opset_import()) {
      if (opset.domain() != "" && opset.domain() != "ai.onnx") continue;
      if (opset.version() < first_onnx_opset || opset.version() > last_onnx_opset)
        fail(fmt::format("it is of opset {}; {} to {} are read: export it again", opset.version(),
                         first_onnx_opset, last_onnx_opset));
      return;
    }
    fail("it does not say its opset");
  }

  const onnx::ModelProto& model_;
  const std::string& where_;
};

}  // namespace

onnx::ModelProto parse_onnx_model(std::span<const std::byte> file, const std::string& where) {
  const auto fail = [&](const std::string& what) {
    throw InputError(fmt::format("{}: not a usable ONNX file: {}", where, what));
  };
  if (file.size() > largest_onnx_file) fail("it is larger than 2 GiB; use external data");
  if (const std::string problem = PartCount(file).problem(); !problem.empty()) fail(problem);
  onnx::ModelProto model;
  if (!model.ParseFromArray(file.data(), static_cast<int>(file.size())))
    fail("it is no ONNX model, or is damaged");
  Checks(model, where).run();
  return model;
}

std::string printable_name(const std::string& text) {
  constexpr std::size_t longest = 120;
  std::string out = text.substr(0, longest);
  for (char& c : out) {
    if (c < ' ' || c > '~') c = '?';
  }
  return out;
}

}  // namespace gradzone
