#include "gradzone/io/tables.hpp"

#include <charconv>

#include "gradzone/base/error.hpp"

namespace gradzone {
namespace {

constexpr TieWindow::Kind all_tie_kinds[] = {TieWindow::Kind::real_and_float, TieWindow::Kind::false_tie,
                                             TieWindow::Kind::lost_tie};

}  // namespace

const char* name(TieWindow::Kind kind) {
  switch (kind) {
    case TieWindow::Kind::real_and_float:
      return "real_and_float";
    case TieWindow::Kind::false_tie:
      return "false_tie";
    case TieWindow::Kind::lost_tie:
      return "lost_tie";
  }
  return "";
}

TieWindow::Kind parse_tie_kind(const std::string& text) {
  for (const TieWindow::Kind kind : all_tie_kinds) {
    if (text == name(kind)) return kind;
  }
  throw InputError(fmt::format("{:?} is not a kind of tie", text));
}

std::string join_members(const std::vector<int>& members) {
  return fmt::format("{}", fmt::join(members, ","));
}

std::vector<int> parse_members(const std::string& text) {
  std::vector<int> members;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    if (!members.empty() && *at++ != ',')
      throw InputError(fmt::format("{:?} is not a list of numbers", text));
    const auto [next, error] = std::from_chars(at, end, members.emplace_back());
    if (error != std::errc()) throw InputError(fmt::format("{:?} is not a list of numbers", text));
    at = next;
  }
  return members;
}

}  // namespace gradzone
