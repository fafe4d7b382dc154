// Any bytes are, to each reader of a result table, either a table that is the same after being written and
// read again, or one InputError.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "gradzone/base/error.hpp"
#include "gradzone/io/csv.hpp"
#include "gradzone/io/results.hpp"

namespace {

using namespace gradzone;

std::string written(const PointRecord& row) {
  return points_csv({"", {PointResult{row, {}, {}, {}, {}, 0}}});
}
std::string written(const BranchRecord& row) {
  return branches_csv({"", {PointResult{{}, {row}, {}, {}, {}, 0}}});
}
std::string written(const GradientRecord& row) {
  return gradients_csv({"", {PointResult{{}, {}, {row}, {}, {}, 0}}});
}

template <class Read>
void offer(std::string_view text, Read read) {
  try {
    for (const auto& row : read(text, "fuzz")) {
      const std::string once = written(row);
      const auto again = read(once, "again");
      if (again.size() != 1 || written(again.front()) != once) std::abort();
    }
  } catch (const InputError&) {
  }
}

/// Cells of any table survive being written and read again.
void offer_cells(std::string_view text) {
  try {
    CsvReader csv(text, "fuzz");
    while (csv.next_row()) {
      CsvWriter writer;
      for (std::size_t i = 0; i < csv.header().size(); ++i) writer.cell("c" + std::to_string(i));
      writer.end_row();
      for (std::size_t i = 0; i < csv.header().size(); ++i) writer.cell(csv.text(i));
      writer.end_row();
      const std::string once = writer.take();
      CsvReader again(once, "again");
      // A single empty cell is an empty line, which a reader at the end of a file still sees as a row.
      if (!again.next_row()) std::abort();
      for (std::size_t i = 0; i < csv.header().size(); ++i) {
        if (again.text(i) != csv.text(i)) std::abort();
      }
    }
  } catch (const InputError&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  offer_cells(text);
  offer(text, read_points_csv);
  offer(text, read_branches_csv);
  offer(text, read_gradients_csv);
  return 0;
}
