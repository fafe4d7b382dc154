// The columns that say which unit a row of trace.csv, times.csv or zones.csv belongs to.
#pragma once

#include "gradzone/io/csv.hpp"
#include "gradzone/study/training_trace.hpp"

namespace gradzone {

/// The positions of run, epoch, beta, form and format in a table.
class UnitColumns {
 public:
  /// Throws InputError if one is missing.
  explicit UnitColumns(const CsvReader& reader);
  /// Of the current row; InputError for a cell that is no such value.
  TrainUnit unit(const CsvReader& reader) const;
  int epoch(const CsvReader& reader) const;

 private:
  std::size_t run_, epoch_, beta_, form_, format_;
};

}  // namespace gradzone
