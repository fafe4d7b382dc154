// CSV as RFC 4180 describes it, with LF line ends on output and LF or CRLF on input; the first line names the
// columns.
#pragma once

#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "gradzone/base/tensor.hpp"

namespace gradzone {

/// Builds the text of a file, cell by cell. Doubles get the fewest digits that read back to the same bits,
/// infinity is "inf" or "-inf", NaN an empty cell; text is quoted where it must be.
class CsvWriter {
 public:
  void cell(std::string_view text);
  void cell(const std::string& text) { cell(std::string_view(text)); }
  void cell(const char* text) { cell(std::string_view(text)); }
  void cell(double value);
  template <std::signed_integral T>
  void cell(T value) {
    integer(static_cast<Index>(value));
  }
  /// "true" or "false"; a template, so that pointers do not turn into truth.
  template <std::same_as<bool> T>
  void cell(T value) {
    cell(value ? "true" : "false");
  }
  void end_row();
  /// A cell for each argument, and the end of the row.
  template <class... Cells>
  void row(const Cells&... cells) {
    (cell(cells), ...);
    end_row();
  }

  std::string take() { return std::move(text_); }

 private:
  void integer(Index value);
  void separate();

  std::string text_;
  bool row_has_cells_ = false;
};

/// The most columns a table may have, and the most bytes one cell may have.
inline constexpr std::size_t largest_csv_width = 1024;
inline constexpr std::size_t largest_csv_cell = std::size_t{1} << 20;

/// Reads a table row by row. Every error is an InputError with `where` and the line: NUL bytes, quotes that
/// are not closed or stand inside a cell, carriage returns outside of line ends, rows whose width is not the
/// header's, columns named twice, limits exceeded.
class CsvReader {
 public:
  /// Reads the header; `text` must outlive the reader. A UTF-8 byte order mark is skipped.
  CsvReader(std::string_view text, std::string where);

  const std::vector<std::string>& header() const { return header_; }
  /// The position of a column; InputError if there is none of that name.
  std::size_t column(std::string_view name) const;

  /// Goes to the next row; false at the end.
  bool next_row();
  /// The line on which the current row begins, from 1.
  std::size_t line() const { return line_; }

  /// Cells of the current row. The typed ones throw InputError naming line and column unless the whole cell
  /// is such a value; the empty cell is a NaN.
  const std::string& text(std::size_t column) const { return cells_[column]; }
  Index integer(std::size_t column) const;
  double number(std::size_t column) const;
  bool truth(std::size_t column) const;
  /// An InputError about a cell of the current row: 'FILE: line 3, column "zone": "regulr" is WHAT'.
  [[noreturn]] void reject(std::size_t column, std::string_view what) const;

 private:
  bool read_row();
  void read_plain_cell(std::string& cell);
  void read_quoted_cell(std::string& cell);
  bool at_end_of_line();
  [[noreturn]] void fail(std::size_t line, std::string_view what) const;

  std::string_view text_;
  std::string where_;
  std::size_t at_ = 0;         // the next byte
  std::size_t next_line_ = 1;  // the line it is on
  std::size_t line_ = 1;
  std::vector<std::string> header_;
  std::vector<std::string> cells_;
};

}  // namespace gradzone
