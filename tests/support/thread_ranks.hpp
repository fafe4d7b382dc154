// Ranks that are threads of this process: a Communicator without mpirun.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "gradzone/cluster/communicator.hpp"

namespace gradzone::support {

class ThreadRanks {
 public:
  explicit ThreadRanks(int size) : size_(size), gathered_(static_cast<std::size_t>(size)) {}

  /// body(communicator) on every rank; what each of them threw.
  std::vector<std::exception_ptr> run(const std::function<void(Communicator&)>& body) {
    std::vector<std::exception_ptr> thrown(static_cast<std::size_t>(size_));
    std::vector<std::thread> threads;
    for (int rank = 0; rank < size_; ++rank) {
      threads.emplace_back([&, rank] {
        Rank communicator(*this, rank);
        try {
          body(communicator);
        } catch (...) {
          thrown[static_cast<std::size_t>(rank)] = std::current_exception();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    return thrown;
  }

 private:
  class Rank final : public Communicator {
   public:
    Rank(ThreadRanks& all, int rank) : all_(all), rank_(rank) {}
    int rank() const override { return rank_; }
    int size() const override { return all_.size_; }
    int processes_here() const override { return all_.size_; }
    std::vector<std::string> all_gather(const std::string& mine) override {
      std::unique_lock lock(all_.mutex_);
      const int round = all_.round_;
      all_.gathered_[static_cast<std::size_t>(rank_)] = mine;
      if (++all_.arrived_ == all_.size_) {
        all_.arrived_ = 0;
        ++all_.round_;
        all_.result_ = all_.gathered_;
        all_.changed_.notify_all();
      }
      all_.changed_.wait(lock, [&] { return all_.round_ > round; });
      return all_.result_;
    }
    std::string call(const std::string& request) override {
      std::unique_lock lock(all_.mutex_);
      const int id = all_.next_call_++;
      all_.requests_[id] = request;
      all_.changed_.notify_all();
      all_.changed_.wait(lock, [&] { return all_.replies_.contains(id); });
      std::string reply = std::move(all_.replies_[id]);
      all_.replies_.erase(id);
      return reply;
    }
    void leave() override {
      const std::lock_guard lock(all_.mutex_);
      ++all_.left_;
      all_.changed_.notify_all();
    }
    void serve(const std::function<std::string(const std::string&)>& answer) override {
      std::unique_lock lock(all_.mutex_);
      for (;;) {
        all_.changed_.wait(lock, [&] { return !all_.requests_.empty() || all_.left_ == all_.size_ - 1; });
        if (all_.requests_.empty()) break;
        const auto [id, request] = *all_.requests_.begin();
        all_.requests_.erase(id);
        lock.unlock();
        std::string reply = answer(request);
        lock.lock();
        all_.replies_[id] = std::move(reply);
        all_.changed_.notify_all();
      }
      all_.left_ = 0;
    }

   private:
    ThreadRanks& all_;
    int rank_;
  };

  int size_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> gathered_, result_;
  int arrived_ = 0, round_ = 0, next_call_ = 0, left_ = 0;
  std::map<int, std::string> requests_, replies_;
};

}  // namespace gradzone::support
