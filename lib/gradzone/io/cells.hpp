// Members of records as cells of CSV tables: what goes with the column lists of columns.hpp.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>

#include "gradzone/base/error.hpp"
#include "gradzone/io/csv.hpp"
#include "gradzone/zones/record.hpp"

namespace gradzone {

template <class T>
void write_cell(CsvWriter& csv, const T& value) {
  csv.cell(value);
}
inline void write_cell(CsvWriter& csv, Zone zone) {
  csv.cell(name(zone));
}
inline void write_cell(CsvWriter& csv, std::uint64_t value) {
  csv.cell(std::to_string(value));
}
/// Nothing is an empty cell.
inline void write_cell(CsvWriter& csv, std::optional<Index> value) {
  value ? csv.cell(*value) : csv.cell("");
}

// A cell of the current row; InputError, naming file and line, unless it is such a value.
inline void read_cell(const CsvReader& csv, std::size_t column, std::string& v) {
  v = csv.text(column);
}
inline void read_cell(const CsvReader& csv, std::size_t column, double& v) {
  v = csv.number(column);
}
inline void read_cell(const CsvReader& csv, std::size_t column, bool& v) {
  v = csv.truth(column);
}
inline void read_cell(const CsvReader& csv, std::size_t column, Index& v) {
  v = csv.integer(column);
}
inline void read_cell(const CsvReader& csv, std::size_t column, std::optional<Index>& v) {
  v.reset();
  if (!csv.text(column).empty()) v = csv.integer(column);
}
inline void read_cell(const CsvReader& csv, std::size_t column, std::uint64_t& v) {
  const std::string& text = csv.text(column);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (error != std::errc() || end != text.data() + text.size())
    csv.reject(column, "not a whole number from 0 to 2^64 - 1");
}
inline void read_cell(const CsvReader& csv, std::size_t column, int& v) {
  const Index value = csv.integer(column);
  v = static_cast<int>(value);
  if (v != value) csv.reject(column, "too large");
}
inline void read_cell(const CsvReader& csv, std::size_t column, Zone& v) {
  try {
    v = parse_zone(csv.text(column));
  } catch (const UsageError&) {
    csv.reject(column, "not a zone");
  }
}

}  // namespace gradzone
