#include "gradzone/study/unit_columns.hpp"

#include <limits>

#include "gradzone/base/error.hpp"

namespace gradzone {
namespace {

/// A cell as one of the names that `parse` reads.
template <class Parse>
auto named(const CsvReader& reader, std::size_t column, Parse&& parse, const char* what) {
  try {
    return parse(reader.text(column));
  } catch (const UsageError&) {
    reader.reject(column, what);
  }
}

int count(const CsvReader& reader, std::size_t column) {
  const Index value = reader.integer(column);
  if (value < 0 || value > std::numeric_limits<int>::max()) reader.reject(column, "out of range");
  return static_cast<int>(value);
}

}  // namespace

UnitColumns::UnitColumns(const CsvReader& reader)
    : run_(reader.column("run")),
      epoch_(reader.column("epoch")),
      beta_(reader.column("beta")),
      form_(reader.column("form")),
      format_(reader.column("format")) {}

TrainUnit UnitColumns::unit(const CsvReader& reader) const {
  return {named(reader, format_, parse_training_format, "not a format"),
          named(reader, form_, parse_form, "not a form"), reader.number(beta_), count(reader, run_)};
}

int UnitColumns::epoch(const CsvReader& reader) const {
  return count(reader, epoch_);
}

}  // namespace gradzone
