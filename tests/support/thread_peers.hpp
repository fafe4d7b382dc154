// Peers that are threads of this process.
#pragma once

#include <mpfr.h>

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <span>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "gradzone/base/peers.hpp"

namespace gradzone::support {

/// The messages on their way between `size` threads.
class Mail {
 public:
  explicit Mail(int size) : size_(size) {}
  int size() const { return size_; }

  void send(int from, int to, std::span<const std::byte> bytes) {
    const std::lock_guard lock(mutex_);
    messages_[{from, to}].emplace_back(bytes.begin(), bytes.end());
    changed_.notify_all();
  }
  void receive(int from, int to, std::span<std::byte> bytes) {
    std::unique_lock lock(mutex_);
    auto& waiting = messages_[{from, to}];
    changed_.wait(lock, [&] { return closed_ || !waiting.empty(); });
    if (waiting.empty()) throw std::runtime_error("another rank failed");
    const std::vector<std::byte> message = std::move(waiting.front());
    waiting.pop_front();
    if (message.size() != bytes.size()) throw std::runtime_error("a message of another size was expected");
    std::copy(message.begin(), message.end(), bytes.begin());
  }
  /// Nothing more will come.
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }
  /// Whether every message was received.
  bool empty() const {
    return std::ranges::all_of(messages_, [](const auto& entry) { return entry.second.empty(); });
  }

 private:
  int size_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::pair<int, int>, std::deque<std::vector<std::byte>>> messages_;
  bool closed_ = false;
};

class ThreadPeers final : public Peers {
 public:
  ThreadPeers(Mail& mail, int rank) : mail_(mail), rank_(rank) {}
  int rank() const override { return rank_; }
  int size() const override { return mail_.size(); }
  void send(int to, std::span<const std::byte> bytes) override { mail_.send(rank_, to, bytes); }
  void receive(int from, std::span<std::byte> bytes) override { mail_.receive(from, rank_, bytes); }
  void broadcast(int from, std::span<std::byte> bytes) override {
    if (from != rank_) return receive(from, bytes);
    for (int to = 0; to < size(); ++to)
      if (to != rank_) send(to, bytes);
  }

 private:
  Mail& mail_;
  int rank_;
};

/// Calls body(peers) in `size` threads at once. Throws what the first of them threw.
template <class Body>
void run_peers(int size, const Body& body) {
  Mail mail(size);
  std::exception_ptr error;
  std::mutex mutex;
  {
    std::vector<std::jthread> threads;
    for (int rank = 0; rank < size; ++rank)
      threads.emplace_back([&, rank] {
        try {
          ThreadPeers peers(mail, rank);
          body(peers);
        } catch (...) {
          const std::lock_guard lock(mutex);
          if (!error) error = std::current_exception();
          mail.close();
        }
        mpfr_free_cache();  // which MPFR keeps for each thread
      });
  }
  if (error) std::rethrow_exception(error);
  if (!mail.empty()) throw std::runtime_error("a message was sent and never received");
}

}  // namespace gradzone::support
