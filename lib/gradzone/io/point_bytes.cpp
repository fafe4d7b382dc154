#include "gradzone/io/point_bytes.hpp"

#include "gradzone/cluster/bytes.hpp"
#include "gradzone/io/columns.hpp"

namespace gradzone {
namespace {

/// Parts of a result that have no columns of their own, with columns.
SampleRow row_of(const SampleRecord& sample) {
  return {0, {}, sample};
}
TieRow row_of(const TieWindow& tie) {
  return {0, {}, tie};
}
const BranchRecord& row_of(const BranchRecord& record) {
  return record;
}
const GradientRecord& row_of(const GradientRecord& record) {
  return record;
}
SampleRecord record_of(SampleRow&& row) {
  return std::move(row.sample);
}
TieWindow record_of(TieRow&& row) {
  return std::move(row.tie);
}
template <class Record>
Record record_of(Record&& record) {
  return std::move(record);
}

template <class Row>
void write(ByteWriter& out, const Row& row) {
  visit_columns(row, [&](const char*, const auto& value) { out.put(value); });
}
template <class Row>
void read(ByteReader& in, Row& row) {
  visit_columns(row, [&](const char*, auto& value) { in.get(value); });
}

template <class Record>
void write_all(ByteWriter& out, const std::vector<Record>& records) {
  out.put(records.size());
  for (const Record& record : records) write(out, row_of(record));
}
template <class Row, class Record>
void read_all(ByteReader& in, std::vector<Record>& records) {
  for (auto count = in.get<std::size_t>(); count > 0; --count) {
    Row row;
    read(in, row);
    records.push_back(record_of(std::move(row)));
  }
}

}  // namespace

std::string point_bytes(const PointResult& result) {
  ByteWriter out;
  write(out, result.point);
  write_all(out, result.branches);
  write_all(out, result.gradients);
  write_all(out, result.samples);
  write_all(out, result.ties);
  write(out, ImageRow{0, {}, result.image});
  return out.put(result.seconds).take();
}

PointResult point_of_bytes(std::string_view bytes) {
  ByteReader in(bytes);
  PointResult result;
  read(in, result.point);
  read_all<BranchRecord>(in, result.branches);
  read_all<GradientRecord>(in, result.gradients);
  read_all<SampleRow>(in, result.samples);
  read_all<TieRow>(in, result.ties);
  ImageRow image;
  read(in, image);
  result.image = std::move(image.image);
  in.get(result.seconds);
  return result;
}

}  // namespace gradzone
