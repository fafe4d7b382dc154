#include "gradzone/cluster/shared_work.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <mutex>
#include <new>
#include <thread>
#include <vector>

#include "gradzone/base/error.hpp"
#include "gradzone/base/parallel.hpp"
#include "gradzone/cluster/bytes.hpp"

namespace gradzone {
namespace {

using Clock = std::chrono::steady_clock;

/// What other ranks say.
enum class Call : char {
  exchange,  ///< results so far, and how many tasks are wanted: answered by tasks
  question,  ///< answered by the answer, if work goes on
  failure    ///< code and message of an Error
};

/// Thrown through a task whose result nobody wants any more.
struct Abandoned {};

struct Finished {
  std::string task, result;
};

/// Rank 0's side, for its own threads and for calls of other ranks.
class Desk {
 public:
  explicit Desk(const SharedWork& work) : work_(work) {}

  std::vector<std::string> take(int count) {
    std::vector<std::string> tasks;
    guarded([&] {
      while (static_cast<int>(tasks.size()) < count) {
        std::optional<std::string> task = work_.next();
        if (!task) return;
        tasks.push_back(std::move(*task));
      }
    });
    return tasks;
  }
  void keep(const Finished& finished) {
    guarded([&] { work_.keep(finished.task, finished.result); });
  }
  /// Throws Abandoned once something has failed.
  std::string answer(const std::string& question) {
    std::string out;
    if (!guarded([&] { out = work_.answer(question); })) throw Abandoned();
    return out;
  }
  void fail(std::exception_ptr error) {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = std::move(error);
  }
  void rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
  }

  /// To a call of another rank.
  std::string reply(const std::string& request) {
    ByteReader in(request);
    switch (in.get<Call>()) {
      case Call::exchange:
        return exchange(in);
      case Call::question:
        try {
          return ByteWriter().put(true).put(answer(in.get<std::string>())).take();
        } catch (const Abandoned&) {
          return ByteWriter().put(false).take();
        }
      case Call::failure: {
        const auto code = in.get<ExitCode>();
        fail(std::make_exception_ptr(Error(code, in.get<std::string>())));
        break;
      }
    }
    return {};
  }

 private:
  std::string exchange(ByteReader& in) {
    const int wanted = in.get<int>();
    while (!in.at_end()) {
      Finished finished;
      in.get(finished.task);
      in.get(finished.result);
      keep(finished);
    }
    ByteWriter out;
    for (const std::string& task : take(wanted)) out.put(task);
    return out.take();
  }
  /// Does it unless something has failed; whether it did.
  template <class Action>
  bool guarded(const Action& action) {
    const std::lock_guard lock(mutex_);
    if (failure_) return false;
    try {
      action();
    } catch (...) {
      failure_ = std::current_exception();
    }
    return !failure_;
  }

  const SharedWork& work_;
  std::mutex mutex_;
  std::exception_ptr failure_;
};

void work_at(Desk& desk, const SharedWork& work) {
  const Ask ask = [&](const std::string& question) { return desk.answer(question); };
  try {
    for (auto tasks = desk.take(1); !tasks.empty(); tasks = desk.take(1)) {
      if (auto result = work.compute(tasks[0], ask)) desk.keep({std::move(tasks[0]), std::move(*result)});
    }
  } catch (const Abandoned&) {
  } catch (...) {
    desk.fail(std::current_exception());
  }
}

/// Tasks that are quick travel together, so that a worker asks about twenty times a second.
class Batching {
 public:
  int count() const { return count_; }
  void finished(int tasks, Clock::duration time) {
    const double each = std::chrono::duration<double>(time).count() / tasks;
    count_ = std::clamp(static_cast<int>(0.05 / std::max(each, 1e-6)), 1, 2 * count_);
  }

 private:
  int count_ = 1;
};

/// One thread of a rank above 0.
void assist(Communicator& ranks, const SharedWork& work) {
  const Ask ask = [&](const std::string& question) {
    const std::string reply = ranks.call(ByteWriter().put(Call::question).put(question).take());
    ByteReader in(reply);
    if (!in.get<bool>()) throw Abandoned();
    return in.get<std::string>();
  };
  Batching batching;
  ByteWriter results;
  for (;;) {
    const std::string reply =
        ranks.call(ByteWriter().put(Call::exchange).put(batching.count()).take() + results.take());
    if (reply.empty()) return;
    results = {};
    ByteReader in(reply);
    int tasks = 0;
    const auto begin = Clock::now();
    for (; !in.at_end(); ++tasks) {
      const auto task = in.get<std::string>();
      if (auto result = work.compute(task, ask)) results.put(task).put(*result);
    }
    batching.finished(tasks, Clock::now() - begin);
  }
}

void report_failure(Communicator& ranks, ExitCode code, const std::string& message) {
  ranks.call(ByteWriter().put(Call::failure).put(code).put(message).take());
}

void assist_or_report(Communicator& ranks, const SharedWork& work) {
  try {
    assist(ranks, work);
  } catch (const Abandoned&) {
  } catch (const Error& error) {
    report_failure(ranks, error.code(), error.what());
  } catch (const std::bad_alloc&) {
    report_failure(ranks, ExitCode::interrupted, "out of memory on another rank");
  } catch (const std::exception& error) {
    report_failure(ranks, ExitCode::bad_input, error.what());
  }
}

}  // namespace

void share_work(Communicator& ranks, const std::string& configuration, int workers, const SharedWork& work) {
  ranks.agree(configuration);
  if (ranks.rank() > 0) {
    parallel_for(workers, [&](Index) { assist_or_report(ranks, work); });
    return ranks.leave();
  }
  Desk desk(work);
  std::thread service([&] { ranks.serve([&](const std::string& request) { return desk.reply(request); }); });
  parallel_for(workers, [&](Index) { work_at(desk, work); });
  service.join();
  desk.rethrow();
}

}  // namespace gradzone
