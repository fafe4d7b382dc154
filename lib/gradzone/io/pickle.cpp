#include "gradzone/io/pickle.hpp"

#include <fmt/format.h>

#include <optional>

#include "gradzone/base/error.hpp"
#include "gradzone/io/pickle_names.hpp"
#include "gradzone/io/pickle_opcodes.hpp"
#include "gradzone/io/pickle_program.hpp"
#include "gradzone/io/printable.hpp"

namespace gradzone {
namespace {

using Kind = PickleValue::Kind;

class Machine {
 public:
  Machine(std::span<const std::byte> bytes, const std::string& where) : program_(bytes, where) {}

  Pickle run() {
    if (program_.take_operation() != PickleOp::proto) fail("it does not begin with a protocol");
    program_.take_protocol();
    for (PickleOp op = program_.take_operation(); op != PickleOp::stop; op = program_.take_operation()) {
      spend(1);
      if (!scalar(op) && !text(op) && !container(op) && !memory(op) && !object(op))
        fail(fmt::format("byte {} is no operation that torch.save writes", program_.at() - 1));
    }
    out_.root = pop();
    if (!stack_.empty() || !marks_.empty()) fail("it leaves values behind");
    out_.size = program_.at();
    return std::move(out_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const { program_.fail(what); }

  void spend(std::size_t operations) {
    if (operations > most_pickle_operations - spent_)
      fail(
          fmt::format("it needs more than {} operations; save the state_dict alone", most_pickle_operations));
    spent_ += operations;
  }

  // The stack. Marks are heights of it; nothing is taken from below the last one.

  void push(PickleValue value) { stack_.push_back(value); }
  void push(Kind kind, std::int64_t integer = 0) { push({kind, 0, integer, {}}); }
  void push_text(Kind kind, std::string_view text) { push({kind, 0, 0, text}); }
  void push_object(Kind kind, std::vector<PickleValue> items) {
    const auto index = static_cast<std::uint32_t>(out_.objects.size());
    out_.objects.push_back(std::move(items));
    push({kind, index, 0, {}});
  }

  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  PickleValue& top() {
    if (stack_.size() == floor()) fail(fmt::format("a value is missing at byte {}", program_.at() - 1));
    return stack_.back();
  }
  PickleValue pop() {
    const PickleValue out = top();
    stack_.pop_back();
    return out;
  }
  std::vector<PickleValue> pop_last(std::size_t count) {
    if (stack_.size() - floor() < count)
      fail(fmt::format("a value is missing at byte {}", program_.at() - 1));
    const std::vector<PickleValue> out(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return out;
  }
  std::vector<PickleValue> pop_to_mark() {
    if (marks_.empty()) fail(fmt::format("a mark is missing at byte {}", program_.at() - 1));
    std::vector<PickleValue> out = pop_last(stack_.size() - floor());
    marks_.pop_back();
    return out;
  }

  // Families of operations; each returns false for those of others.

  bool scalar(PickleOp op) {
    switch (op) {
      case PickleOp::none:
        push(Kind::none);
        return true;
      case PickleOp::new_true:
        push(Kind::boolean, 1);
        return true;
      case PickleOp::new_false:
        push(Kind::boolean, 0);
        return true;
      case PickleOp::bin_int:
        push(Kind::integer, static_cast<std::int32_t>(program_.take_number(4)));
        return true;
      case PickleOp::bin_int1:
        push(Kind::integer, static_cast<std::int64_t>(program_.take_number(1)));
        return true;
      case PickleOp::bin_int2:
        push(Kind::integer, static_cast<std::int64_t>(program_.take_number(2)));
        return true;
      case PickleOp::long1:
        push_long(program_.take_counted_text(1));
        return true;
      case PickleOp::long4:
        push_long(program_.take_counted_text(4));
        return true;
      case PickleOp::bin_float:
        program_.take(8);
        push(Kind::opaque);
        return true;
      default:
        return false;
    }
  }

  /// Two's complement of any length.
  void push_long(std::string_view digits) {
    if (digits.size() > 8) return push_text(Kind::big_integer, digits);
    std::uint64_t bits = load_bits(std::as_bytes(std::span(digits)));
    const bool negative = !digits.empty() && (static_cast<unsigned char>(digits.back()) & 0x80u) != 0;
    if (negative && digits.size() < 8) bits |= ~std::uint64_t{0} << (8 * digits.size());
    push(Kind::integer, static_cast<std::int64_t>(bits));
  }

  bool text(PickleOp op) {
    switch (op) {
      case PickleOp::short_bin_string:
      case PickleOp::short_bin_unicode:
        push_text(Kind::text, program_.take_counted_text(1));
        return true;
      case PickleOp::bin_string:
      case PickleOp::bin_unicode:
        push_text(Kind::text, program_.take_counted_text(4));
        return true;
      case PickleOp::bin_unicode8:
        push_text(Kind::text, program_.take_counted_text(8));
        return true;
      case PickleOp::short_bin_bytes:
        push_text(Kind::bytes, program_.take_counted_text(1));
        return true;
      case PickleOp::bin_bytes:
        push_text(Kind::bytes, program_.take_counted_text(4));
        return true;
      case PickleOp::bin_bytes8:
      case PickleOp::byte_array8:
        push_text(Kind::bytes, program_.take_counted_text(8));
        return true;
      default:
        return false;
    }
  }

  bool container(PickleOp op) {
    switch (op) {
      case PickleOp::empty_list:
        push_object(Kind::list, {});
        return true;
      case PickleOp::empty_tuple:
        push_object(Kind::tuple, {});
        return true;
      case PickleOp::empty_dict:
        push_object(Kind::dict, {});
        return true;
      case PickleOp::empty_set:
        push(Kind::opaque);
        return true;
      case PickleOp::tuple1:
        push_object(Kind::tuple, pop_last(1));
        return true;
      case PickleOp::tuple2:
        push_object(Kind::tuple, pop_last(2));
        return true;
      case PickleOp::tuple3:
        push_object(Kind::tuple, pop_last(3));
        return true;
      case PickleOp::tuple:
        push_object(Kind::tuple, pop_to_mark());
        return true;
      case PickleOp::list:
        push_object(Kind::list, pop_to_mark());
        return true;
      case PickleOp::dict:
        push_object(Kind::dict, pop_pairs());
        return true;
      case PickleOp::frozen_set:
        pop_to_mark();
        push(Kind::opaque);
        return true;
      default:
        return addition(op);
    }
  }

  bool addition(PickleOp op) {
    switch (op) {
      case PickleOp::append:
        add(Kind::list, pop_last(1));
        return true;
      case PickleOp::appends:
        add(Kind::list, pop_to_mark());
        return true;
      case PickleOp::set_item:
        add(Kind::dict, pop_last(2));
        return true;
      case PickleOp::set_items:
        add(Kind::dict, pop_pairs());
        return true;
      case PickleOp::add_items:
        add(Kind::opaque, pop_to_mark());
        return true;
      default:
        return false;
    }
  }

  std::vector<PickleValue> pop_pairs() {
    std::vector<PickleValue> out = pop_to_mark();
    if (out.size() % 2 != 0) fail("a key has no value");
    return out;
  }

  /// Adds to the container on top of the stack; what is opaque swallows everything.
  void add(Kind kind, const std::vector<PickleValue>& items) {
    const PickleValue& to = top();
    if (to.kind == Kind::opaque) return;
    if (to.kind != kind)
      fail(fmt::format("values are added to none of their kind at byte {}", program_.at() - 1));
    auto& held = out_.objects[to.object];
    held.insert(held.end(), items.begin(), items.end());
  }

  bool memory(PickleOp op) {
    switch (op) {
      case PickleOp::mark:
        marks_.push_back(stack_.size());
        return true;
      case PickleOp::pop:
        if (!marks_.empty() && stack_.size() == marks_.back()) {
          marks_.pop_back();
        } else {
          pop();
        }
        return true;
      case PickleOp::pop_mark:
        pop_to_mark();
        return true;
      case PickleOp::memoize:
        remember(memo_.size());
        return true;
      case PickleOp::bin_put:
        remember(program_.take_number(1));
        return true;
      case PickleOp::long_bin_put:
        remember(program_.take_number(4));
        return true;
      case PickleOp::bin_get:
        recall(program_.take_number(1));
        return true;
      case PickleOp::long_bin_get:
        recall(program_.take_number(4));
        return true;
      case PickleOp::frame:
        if (program_.take_number(8) > program_.left()) fail("a frame of it is cut short");
        return true;
      case PickleOp::proto:
        program_.take_protocol();
        return true;
      default:
        return false;
    }
  }

  /// Writers number what they remember one by one, so that a number never exceeds the operations.
  void remember(std::uint64_t index) {
    if (index >= most_pickle_operations) fail(fmt::format("it remembers a value number {}", index));
    if (index >= memo_.size()) memo_.resize(index + 1);
    memo_[index] = top();
  }
  void recall(std::uint64_t index) {
    if (index >= memo_.size() || !memo_[index]) fail(fmt::format("it has no value number {}", index));
    push(*memo_[index]);
  }

  bool object(PickleOp op) {
    switch (op) {
      case PickleOp::global: {
        const std::string_view module = program_.take_line(), name = program_.take_line();
        push_global(module, name);
        return true;
      }
      case PickleOp::stack_global: {
        const std::vector<PickleValue> names = pop_last(2);
        if (names[0].kind != Kind::text || names[1].kind != Kind::text) fail("a name in it is no text");
        push_global(names[0].text, names[1].text);
        return true;
      }
      case PickleOp::reduce:
      case PickleOp::new_obj:
        call(pop_last(2));
        return true;
      case PickleOp::new_obj_ex:
        call(pop_last(3));
        return true;
      case PickleOp::build:
        pop();  // attributes, which no reader of numbers needs
        if (top().kind != Kind::opaque && top().kind != Kind::dict && top().kind != Kind::call)
          fail("it gives attributes to what has none");
        return true;
      case PickleOp::bin_pers_id:
        push_object(Kind::persistent, pop_last(1));
        out_.persistent.push_back(top());
        return true;
      default:
        return false;
    }
  }

  void push_global(std::string_view module, std::string_view name) {
    push_object(Kind::global, {{Kind::text, 0, 0, module}, {Kind::text, 0, 0, name}});
  }

  /// `parts`: what is called, its arguments and perhaps named ones.
  void call(std::vector<PickleValue> parts) {
    if (parts[0].kind != Kind::global || parts[1].kind != Kind::tuple) fail("it calls what has no name");
    const auto& names = out_.items(parts[0]);
    const auto& arguments = out_.items(parts[1]);
    switch (pickle_meaning(names[0].text, names[1].text)) {
      case PickleMeaning::unknown:
        refuse(out_.global_name(parts[0]));
      case PickleMeaning::ordered_dict:
        return push_object(Kind::dict, pairs_of(arguments));
      case PickleMeaning::size:
        if (arguments.size() != 1 || arguments[0].kind != Kind::tuple) fail("a torch.Size in it is no tuple");
        return push(PickleValue(arguments[0]));
      case PickleMeaning::tensor:
        parts.resize(2);
        return push_object(Kind::call, std::move(parts));
      case PickleMeaning::opaque:
        return push(Kind::opaque);
    }
  }

  [[noreturn]] void refuse(const std::string& name) const {
    throw InputError(
        fmt::format("{}: it asks for {}, and gradzone never runs code from a file; in PyTorch, "
                    "torch.save(model.state_dict(), PATH) writes one that can be read",
                    program_.where(), printable(name)));
  }

  /// The arguments of an OrderedDict: none, or (from Python 2) a list of pairs.
  std::vector<PickleValue> pairs_of(const std::vector<PickleValue>& arguments) {
    if (arguments.empty()) return {};
    if (arguments.size() != 1 || arguments[0].kind != Kind::list) fail("an OrderedDict in it has no pairs");
    std::vector<PickleValue> out;
    spend(out_.items(arguments[0]).size());
    for (const PickleValue& pair : out_.items(arguments[0])) {
      if ((pair.kind != Kind::list && pair.kind != Kind::tuple) || out_.items(pair).size() != 2)
        fail("an OrderedDict in it has no pairs");
      for (const PickleValue& value : out_.items(pair)) out.push_back(value);
    }
    return out;
  }

  PickleProgram program_;
  std::size_t spent_ = 0;
  std::vector<PickleValue> stack_;
  std::vector<std::size_t> marks_;
  std::vector<std::optional<PickleValue>> memo_;
  Pickle out_;
};

}  // namespace

std::string Pickle::global_name(const PickleValue& value) const {
  if (value.kind != Kind::global) return {};
  constexpr std::size_t longest = 200;  // of either part: names come from the file
  return fmt::format("{}.{}", items(value)[0].text.substr(0, longest),
                     items(value)[1].text.substr(0, longest));
}

Pickle read_pickle(std::span<const std::byte> bytes, const std::string& where) {
  return Machine(bytes, where).run();
}

}  // namespace gradzone
