#include "gradzone/io/csv.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "gradzone/base/error.hpp"

namespace gradzone {
namespace {

/// The whole text as a number; false if anything is left over or it does not fit.
template <class T>
bool parse_whole(const std::string& text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

void CsvWriter::separate() {
  if (row_has_cells_) text_ += ',';
  row_has_cells_ = true;
}

void CsvWriter::cell(std::string_view text) {
  separate();
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    text_ += text;
    return;
  }
  text_ += '"';
  for (const char c : text) {
    if (c == '"') text_ += '"';
    text_ += c;
  }
  text_ += '"';
}

void CsvWriter::cell(double value) {
  separate();
  if (std::isnan(value)) return;
  char digits[32];
  const auto result = std::to_chars(digits, digits + sizeof digits, value);
  text_.append(digits, result.ptr);
}

void CsvWriter::integer(Index value) {
  separate();
  char digits[24];
  const auto result = std::to_chars(digits, digits + sizeof digits, value);
  text_.append(digits, result.ptr);
}

void CsvWriter::end_row() {
  text_ += '\n';
  row_has_cells_ = false;
}

CsvReader::CsvReader(std::string_view text, std::string where) : text_(text), where_(std::move(where)) {
  if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
  if (!read_row()) fail(1, "the file is empty: a header with the columns' names is needed");
  header_ = cells_;
  std::vector<std::string> sorted = header_;
  std::ranges::sort(sorted);
  if (const auto twice = std::ranges::adjacent_find(sorted); twice != sorted.end()) {
    fail(1, fmt::format("two columns are called {:?}", *twice));
  }
}

std::size_t CsvReader::column(std::string_view name) const {
  const auto found = std::ranges::find(header_, name);
  if (found == header_.end()) throw InputError(fmt::format("{}: there is no column '{}'", where_, name));
  return static_cast<std::size_t>(found - header_.begin());
}

bool CsvReader::next_row() {
  if (!read_row()) return false;
  if (cells_.size() != header_.size()) {
    fail(line_, fmt::format("{} cells, but the header has {}", cells_.size(), header_.size()));
  }
  return true;
}

/// Cells are written over the last row's, so that their memory is used again.
bool CsvReader::read_row() {
  if (at_ >= text_.size()) return false;
  line_ = next_line_;
  std::size_t count = 0;
  do {
    if (count == largest_csv_width) fail(line_, fmt::format("more than {} columns", largest_csv_width));
    if (count == cells_.size()) cells_.emplace_back();
    std::string& cell = cells_[count++];
    cell.clear();
    if (at_ < text_.size() && text_[at_] == '"') {
      read_quoted_cell(cell);
    } else {
      read_plain_cell(cell);
    }
  } while (!at_end_of_line());
  cells_.resize(count);
  return true;
}

void CsvReader::read_plain_cell(std::string& cell) {
  const std::size_t end = std::min(text_.find_first_of(",\r\n", at_), text_.size());
  if (end - at_ > largest_csv_cell) fail(next_line_, "a cell is too long");
  cell.assign(text_.substr(at_, end - at_));
  if (cell.find('\0') != std::string::npos) fail(next_line_, "a NUL byte: this is not a text file");
  if (cell.find('"') != std::string::npos) fail(next_line_, "a quote inside a cell that is not quoted");
  at_ = end;
}

void CsvReader::read_quoted_cell(std::string& cell) {
  const std::size_t first_line = next_line_;
  ++at_;
  while (true) {
    const std::size_t quote = text_.find('"', at_);
    if (quote == std::string_view::npos) fail(first_line, "a quote is never closed");
    const std::string_view part = text_.substr(at_, quote - at_);
    if (cell.size() + part.size() > largest_csv_cell) fail(first_line, "a cell is too long");
    if (part.find('\0') != std::string_view::npos) fail(first_line, "a NUL byte: this is not a text file");
    next_line_ += static_cast<std::size_t>(std::ranges::count(part, '\n'));
    cell += part;
    at_ = quote + 1;
    if (at_ == text_.size() || text_[at_] != '"') return;
    cell += '"';
    ++at_;
  }
}

/// After a cell: steps over the separator and says whether the row is over.
bool CsvReader::at_end_of_line() {
  if (at_ == text_.size()) return true;
  if (text_[at_] == ',') {
    ++at_;
    return false;
  }
  if (text_[at_] == '\r' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n') ++at_;
  if (text_[at_] != '\n') fail(next_line_, "a cell ends with neither a comma nor a line end");
  ++at_;
  ++next_line_;
  return true;
}

Index CsvReader::integer(std::size_t column) const {
  Index value = 0;
  if (!parse_whole(cells_[column], value)) reject(column, "not a whole number");
  return value;
}

double CsvReader::number(std::size_t column) const {
  const std::string& text = cells_[column];
  if (text.empty()) return std::numeric_limits<double>::quiet_NaN();
  double value = 0;
  if (!parse_whole(text, value) || std::isnan(value)) reject(column, "not a number");
  return value;
}

bool CsvReader::truth(std::size_t column) const {
  const std::string& text = cells_[column];
  if (text != "true" && text != "false") reject(column, "neither true nor false");
  return text == "true";
}

void CsvReader::reject(std::size_t column, std::string_view what) const {
  constexpr std::size_t shown = 40;  // a cell may be a megabyte
  throw InputError(fmt::format("{}: line {}, column {:?}: {:?} is {}", where_, line_, header_[column],
                               std::string_view(cells_[column]).substr(0, shown), what));
}

void CsvReader::fail(std::size_t line, std::string_view what) const {
  throw InputError(fmt::format("{}: line {}: {}", where_, line, what));
}

}  // namespace gradzone
