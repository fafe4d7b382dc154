// Work shared by ranks, here threads of one process: every task once, whoever does it, and errors on every
// side.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <tbb/task_arena.h>

#include <atomic>
#include <set>

#include "gradzone/cluster/bytes.hpp"
#include "gradzone/cluster/shared_work.hpp"
#include "gradzone/io/point_bytes.hpp"
#include "gradzone/study/workers.hpp"
#include "support/made_up_results.hpp"
#include "support/scratch_folder.hpp"
#include "support/thread_ranks.hpp"

namespace gradzone {
namespace {

using support::ThreadRanks;

/// Squares of 0 to count - 1.
class Squares {
 public:
  explicit Squares(int count) : count_(count) {}

  SharedWork work() {
    return {[](const std::string& task, const Ask&) { return square(ByteReader(task).get<int>()); },
            [this]() -> std::optional<std::string> {
              if (next_ == count_) return std::nullopt;
              return ByteWriter().put(next_++).take();
            },
            [this](const std::string& task, const std::string& result) {
              found_.emplace(ByteReader(task).get<int>(), ByteReader(result).get<int>());
            },
            {}};
  }
  static std::string square(int x) { return ByteWriter().put(x * x).take(); }
  void expect_all() const {
    ASSERT_EQ(static_cast<int>(found_.size()), count_);
    for (const auto& [task, result] : found_) EXPECT_EQ(result, task * task);
  }

 private:
  int count_, next_ = 0;
  std::multiset<std::pair<int, int>> found_;
};

std::string message_of(const std::exception_ptr& thrown) {
  if (!thrown) return "";
  try {
    std::rethrow_exception(thrown);
  } catch (const Error& error) {
    return fmt::format("{}: {}", static_cast<int>(error.code()), error.what());
  }
}

void share(Communicator& ranks, int workers, const SharedWork& work) {
  tbb::task_arena(workers).execute([&] { share_work(ranks, "the same", workers, work); });
}

TEST(Cluster, EveryTaskIsDoneOnceWhateverTheRanksAndThreads) {
  for (const int size : {1, 2, 3, 5}) {
    for (const int workers : {1, 3}) {
      for (const int tasks : {0, 1, 2, 1000}) {
        SCOPED_TRACE(fmt::format("{} ranks of {} threads, {} tasks", size, workers, tasks));
        Squares squares(tasks);
        for (const auto& thrown :
             ThreadRanks(size).run([&](Communicator& ranks) { share(ranks, workers, squares.work()); }))
          EXPECT_EQ(message_of(thrown), "");
        squares.expect_all();
      }
    }
  }
}

TEST(Cluster, TasksThatWereGivenUpAreNotKept) {
  std::atomic<int> kept = 0, next = 0;
  ThreadRanks(3).run([&](Communicator& ranks) {
    SharedWork work;
    work.compute = [](const std::string& task, const Ask&) -> std::optional<std::string> {
      if (ByteReader(task).get<int>() % 2 == 1) return std::nullopt;
      return task;
    };
    work.next = [&]() -> std::optional<std::string> {
      if (next == 20) return std::nullopt;
      return ByteWriter().put(next++).take();
    };
    work.keep = [&](const std::string& task, const std::string& result) {
      EXPECT_EQ(task, result);
      ++kept;
    };
    share(ranks, 1, work);
  });
  EXPECT_EQ(kept, 10);
}

TEST(Cluster, RankZeroAnswersQuestionsOfTasks) {
  std::atomic<int> next = 0;
  std::vector<std::string> results;
  ThreadRanks(4).run([&](Communicator& ranks) {
    SharedWork work;
    work.compute = [](const std::string& task, const Ask& ask) { return ask(task) + ask("!"); };
    work.next = [&]() -> std::optional<std::string> {
      if (next == 50) return std::nullopt;
      return std::to_string(next++);
    };
    work.keep = [&](const std::string& task, const std::string& result) {
      EXPECT_EQ(result, "(" + task + ")(!)");
      results.push_back(result);
    };
    work.answer = [](const std::string& question) { return "(" + question + ")"; };
    share(ranks, 2, work);
  });
  EXPECT_EQ(results.size(), 50u);
}

/// On some rank a task, on rank 0 `next`, `keep` or `answer` fails: rank 0 throws that, the others end.
TEST(Cluster, AnErrorOnAnyRankEndsTheWorkAndReachesRankZero) {
  for (const std::string where : {"compute 0", "compute 1", "next", "keep", "answer"}) {
    SCOPED_TRACE(where);
    const auto fails = [&](const std::string& here) {
      if (where == here) throw InterruptedError("the disk is full in " + here);
    };
    std::atomic<int> next = 0;
    const auto thrown = ThreadRanks(3).run([&](Communicator& ranks) {
      SharedWork work;
      work.compute = [&](const std::string& task, const Ask& ask) {
        if (ByteReader(task).get<int>() > 20) fails(fmt::format("compute {}", std::min(ranks.rank(), 1)));
        return ask(task);
      };
      work.next = [&]() -> std::optional<std::string> {
        if (next > 50) fails("next");
        if (next == 100'000) return std::nullopt;
        return ByteWriter().put(next++).take();
      };
      work.keep = [&](const std::string&, const std::string&) { fails("keep"); };
      work.answer = [&](const std::string& question) {
        fails("answer");
        return question;
      };
      share(ranks, 2, work);
    });
    EXPECT_EQ(message_of(thrown[0]), "4: the disk is full in " + where);
    EXPECT_EQ(message_of(thrown[1]), "");
    EXPECT_EQ(message_of(thrown[2]), "");
  }
}

TEST(Cluster, NobodyBeginsUnlessAllRanksWorkOnTheSame) {
  const auto others = ThreadRanks(3).run([](Communicator& ranks) {
    share_work(ranks, ranks.rank() == 2 ? "another" : "this", 1, Squares(5).work());
  });
  for (const auto& thrown : others)
    EXPECT_EQ(message_of(thrown).find("2: rank 2 has other data or another version"), 0u);
  const auto failed = ThreadRanks(3).run([](Communicator& ranks) {
    if (ranks.rank() == 1) return ranks.decline(InputError("no such file"));
    share_work(ranks, "this", 1, Squares(5).work());
  });
  for (const auto& thrown : failed) EXPECT_EQ(message_of(thrown), "3: no such file");
}

TEST(Cluster, PointsTravelWhole) {
  for (Index index = 0; index < 16; ++index) {
    PointResult sent = tests::made_up_point(index, "fp16/chain");
    sent.seconds = 0.25;
    sent.samples.push_back(
        {3, 17, 5, Zone::compensation, "rounding", "features.2", "branches", "", 0, 0, -0.0, true});
    const std::string bytes = point_bytes(sent);
    const PointResult received = point_of_bytes(bytes);
    EXPECT_EQ(point_bytes(received), bytes);
    EXPECT_EQ(received.point.format, sent.point.format);
    EXPECT_EQ(received.point.stat_l1, sent.point.stat_l1);
    EXPECT_EQ(received.branches.size(), sent.branches.size());
    EXPECT_EQ(received.gradients.size(), sent.gradients.size());
    EXPECT_EQ(received.ties.size(), sent.ties.size());
    EXPECT_EQ(received.image.pixels, sent.image.pixels);
    EXPECT_EQ(received.samples.at(0).image, 17);
    EXPECT_EQ(received.seconds, 0.25);
  }
}

TEST(Cluster, SharesOfAStudyAreDisjointAndComplete) {
  EXPECT_TRUE(parse_share("").whole());
  EXPECT_TRUE(parse_share("1/1").whole());
  for (Index unit = 0; unit < 20; ++unit) {
    int owners = 0;
    for (int k = 1; k <= 7; ++k) owners += parse_share(fmt::format("{}/7", k)).has(unit);
    EXPECT_EQ(owners, 1);
  }
  for (const char* text :
       {"0/3", "4/3", "1", "1/", "/2", "1/2/3", "-1/2", "1/0", "a/b", "99999999999999999999/1"}) {
    EXPECT_NE(support::message_of<UsageError>([&] { parse_share(text); }).find("K/N"), std::string::npos)
        << text;
  }
}

}  // namespace
}  // namespace gradzone
