// Records of epochs as bytes, between ranks.
#pragma once

#include <span>
#include <vector>

#include "gradzone/cluster/bytes.hpp"
#include "gradzone/train/training_run.hpp"

namespace gradzone {

inline void put_record(ByteWriter& out, const EpochRecord& r) {
  out.put(r.epoch).put(r.train_loss).put(r.train_accuracy).put(r.test_loss).put(r.test_accuracy).put(r.rate);
}
inline EpochRecord get_record(ByteReader& in) {
  EpochRecord r;
  in.get(r.epoch);
  in.get(r.train_loss);
  in.get(r.train_accuracy);
  in.get(r.test_loss);
  in.get(r.test_accuracy);
  in.get(r.rate);
  return r;
}

inline void put_records(ByteWriter& out, std::span<const EpochRecord> records) {
  out.put(records.size());
  for (const EpochRecord& record : records) put_record(out, record);
}
inline std::vector<EpochRecord> get_records(ByteReader& in) {
  std::vector<EpochRecord> out(in.get<std::size_t>());
  for (EpochRecord& record : out) record = get_record(in);
  return out;
}

}  // namespace gradzone
