#include "gradzone/study/training_trace.hpp"

#include <fmt/format.h>

#include "gradzone/base/file.hpp"
#include "gradzone/io/csv.hpp"
#include "gradzone/study/unit_columns.hpp"

namespace gradzone {
std::string TrainUnit::name() const {
  return fmt::format("{}-{}-beta{}-run{}", file_part(format), gradzone::name(form), beta, run);
}

std::string trace_csv(const std::vector<TraceRow>& rows) {
  CsvWriter out;
  out.row("run", "epoch", "train_loss", "train_accuracy", "test_loss", "test_accuracy", "beta", "form",
          "format", "lr");
  for (const auto& [unit, record] : rows) {
    out.row(unit.run, record.epoch, record.train_loss, record.train_accuracy, record.test_loss,
            record.test_accuracy, unit.beta, name(unit.form), name(unit.format), record.rate);
  }
  return out.take();
}

std::vector<TraceRow> read_trace_csv(std::string_view text, const std::string& where) {
  CsvReader reader(text, where);
  const UnitColumns columns(reader);
  const std::size_t train_loss = reader.column("train_loss"),
                    train_accuracy = reader.column("train_accuracy"), test_loss = reader.column("test_loss"),
                    test_accuracy = reader.column("test_accuracy"), rate = reader.column("lr");
  std::vector<TraceRow> rows;
  while (reader.next_row()) {
    rows.push_back({columns.unit(reader),
                    {columns.epoch(reader), reader.number(train_loss), reader.number(train_accuracy),
                     reader.number(test_loss), reader.number(test_accuracy), reader.number(rate)}});
  }
  return rows;
}

std::string times_csv(const std::vector<TimeRow>& rows) {
  CsvWriter out;
  out.row("run", "epoch", "beta", "form", "format", "seconds", "images_per_s");
  for (const TimeRow& row : rows) {
    out.row(row.unit.run, row.epoch, row.unit.beta, name(row.unit.form), name(row.unit.format), row.seconds,
            row.rate);
  }
  return out.take();
}

std::vector<TimeRow> read_times_csv(std::string_view text, const std::string& where) {
  CsvReader reader(text, where);
  const UnitColumns columns(reader);
  const std::size_t seconds = reader.column("seconds"), rate = reader.column("images_per_s");
  std::vector<TimeRow> rows;
  while (reader.next_row()) {
    rows.push_back(
        {columns.unit(reader), columns.epoch(reader), reader.number(seconds), reader.number(rate)});
  }
  return rows;
}

std::string table_text(const std::filesystem::path& file) {
  return read_text_file(file, largest_table_file);
}

}  // namespace gradzone
