#include "gradzone/study/asked_log.hpp"

#include <utility>

#include "gradzone/cluster/bytes.hpp"
#include "gradzone/study/epoch_bytes.hpp"

namespace gradzone {
namespace {

enum class Question : char { begin, ends_early, zones, epoch, report };

ByteWriter asked(std::size_t unit, Question question) {
  ByteWriter out;
  out.put(unit).put(question);
  return out;
}

void put_progress(ByteWriter& out, const TrainProgress& p) {
  out.put(p.unit).put(p.epoch).put(p.epochs).put(p.loss).put(p.accuracy).put(p.images);
}
TrainProgress get_progress(ByteReader& in) {
  TrainProgress p;
  in.get(p.unit);
  in.get(p.epoch);
  in.get(p.epochs);
  in.get(p.loss);
  in.get(p.accuracy);
  in.get(p.images);
  return p;
}

}  // namespace

std::vector<EpochRecord> AskedLog::begin(int epochs, Index steps) {
  zones_.clear();
  const std::string answer = ask_(asked(unit_, Question::begin).put(epochs).put(steps).take());
  ByteReader in(answer);
  return get_records(in);
}

bool AskedLog::ends_early(std::span<const EpochRecord> records) {
  ByteWriter question = asked(unit_, Question::ends_early);
  put_records(question, records);
  return ByteReader(ask_(question.take())).get<bool>();
}

void AskedLog::write_zones() {
  if (zones_.empty()) return;
  ask_(asked(unit_, Question::zones).put(zones_csv(std::exchange(zones_, {}))).take());
}

void AskedLog::add(const EpochRecord& record, double seconds, Index images) {
  write_zones();
  ByteWriter question = asked(unit_, Question::epoch);
  put_record(question, record);
  ask_(question.put(seconds).put(images).take());
}

void AskedLog::report(const TrainProgress& progress) {
  const auto now = std::chrono::steady_clock::now();
  if (now - reported_ < std::chrono::milliseconds(100)) return;
  reported_ = now;
  ByteWriter question = asked(unit_, Question::report);
  put_progress(question, progress);
  if (ByteReader(ask_(question.take())).get<bool>()) stop_.request_stop();
}

std::string answer_log(const std::string& question, const std::function<UnitLog&(std::size_t unit)>& log_of,
                       bool stops) {
  ByteReader in(question);
  UnitLog& log = log_of(in.get<std::size_t>());
  ByteWriter out;
  switch (in.get<Question>()) {
    case Question::begin: {
      const int epochs = in.get<int>();
      put_records(out, log.begin(epochs, in.get<Index>()));
      break;
    }
    case Question::ends_early:
      out.put(log.ends_early(get_records(in)));
      break;
    case Question::zones:
      for (ZoneRow& row : read_zones_csv(in.get<std::string>(), "a rank's zones")) log.add(std::move(row));
      log.write_zones();
      break;
    case Question::epoch: {
      const EpochRecord record = get_record(in);
      const double seconds = in.get<double>();
      log.add(record, seconds, in.get<Index>());
      break;
    }
    case Question::report:
      log.report(get_progress(in));
      out.put(stops);
      break;
  }
  return out.take();
}

}  // namespace gradzone
