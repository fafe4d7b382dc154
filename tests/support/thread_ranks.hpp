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
#include "support/thread_peers.hpp"

namespace gradzone::support {

class ThreadRanks {
 public:
  explicit ThreadRanks(int size) : size_(size), mail_(size) {}

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
    Rank(ThreadRanks& all, int rank) : all_(all), rank_(rank), peers_(all.mail_, rank) {}
    int rank() const override { return rank_; }
    int size() const override { return all_.size_; }
    int processes_here() const override { return all_.size_; }
    void send(int to, std::span<const std::byte> bytes) override { peers_.send(to, bytes); }
    void receive(int from, std::span<std::byte> bytes) override { peers_.receive(from, bytes); }
    void broadcast(int from, std::span<std::byte> bytes) override { peers_.broadcast(from, bytes); }
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
    ThreadPeers peers_;
  };

  int size_;
  Mail mail_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int next_call_ = 0, left_ = 0;
  std::map<int, std::string> requests_, replies_;
};

}  // namespace gradzone::support
