#include "gradzone/study/joint_log.hpp"

#include <fmt/format.h>

#include <exception>

#include "gradzone/base/error.hpp"
#include "gradzone/cluster/bytes.hpp"
#include "gradzone/study/epoch_bytes.hpp"

namespace gradzone {

std::string JointLog::of_rank_0(const std::function<std::string()>& action) {
  ByteWriter told;
  std::exception_ptr failure;
  if (ranks_.rank() == 0) {
    try {
      const std::string result = action();
      told.put(ExitCode::done).put(result);
    } catch (const Error& error) {
      failure = std::current_exception();
      told.put(error.code()).put(error.what());
    } catch (const std::exception& error) {
      failure = std::current_exception();
      told.put(ExitCode::bad_input).put(error.what());
    }
  }
  const std::string bytes = text_of_rank_0(ranks_, told.take());
  if (failure) std::rethrow_exception(failure);
  ByteReader in(bytes);
  const auto code = in.get<ExitCode>();
  const auto text = in.get<std::string>();
  if (code != ExitCode::done) throw Error(code, text);
  return text;
}

void JointLog::once(const std::function<void()>& action) {
  of_rank_0([&] {
    action();
    return std::string();
  });
}

std::vector<EpochRecord> JointLog::begin(int epochs, Index steps) {
  const std::vector<std::string> begun = gather_texts(ranks_, ByteWriter().put(epochs).put(steps).take());
  for (std::size_t rank = 1; rank < begun.size(); ++rank) {
    if (begun[rank] == begun[0]) continue;
    throw InputError(fmt::format(
        "rank {} does not read rank 0's checkpoint: the folder of a training lies where all ranks see it",
        rank));
  }
  const std::string bytes = of_rank_0([&] {
    ByteWriter out;
    put_records(out, log_->begin(epochs, steps));
    return out.take();
  });
  ByteReader in(bytes);
  return get_records(in);
}

bool JointLog::ends_early(std::span<const EpochRecord> records) {
  return ByteReader(of_rank_0([&] { return ByteWriter().put(log_->ends_early(records)).take(); }))
      .get<bool>();
}

void JointLog::add(const EpochRecord& record, double seconds, Index images) {
  once([&] { log_->add(record, seconds, images); });
}

void JointLog::report(const TrainProgress& progress) {
  if (log_ != nullptr) log_->report(progress);
}

}  // namespace gradzone
