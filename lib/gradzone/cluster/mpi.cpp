// The MPI side of Communicator.
#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <span>
#include <thread>

#include "gradzone/base/error.hpp"
#include "gradzone/cluster/communicator.hpp"
#include "gradzone/cluster/launcher.hpp"

namespace gradzone {
namespace {

enum Tag : int { call_tag = 1, answer_tag, leave_tag, peer_tag };

/// MPI's own waiting keeps a core busy, which is wanted for work: look now and then instead.
constexpr std::chrono::microseconds nap{200}, busy_wait{2000};
/// Of rank 0, who looks all the time, on a core that computes.
constexpr std::chrono::microseconds nap_of_service{1000};

class MpiCommunicator final : public Communicator {
 public:
  MpiCommunicator() {
    int provided = 0;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided);
    if (provided < MPI_THREAD_SERIALIZED) throw UsageError("this MPI library does not work with threads");
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
    MPI_Comm here = MPI_COMM_NULL;
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &here);
    MPI_Comm_size(here, &here_);
    MPI_Comm_free(&here);
  }
  ~MpiCommunicator() override {
    MPI_Request all;
    MPI_Ibarrier(MPI_COMM_WORLD, &all);
    wait(all);
    MPI_Finalize();
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  int processes_here() const override { return here_; }

  void send(int to, std::span<const std::byte> bytes) override {
    in_parts(bytes, [&](const std::byte* data, int size, MPI_Request& request) {
      MPI_Isend(data, size, MPI_BYTE, to, peer_tag, MPI_COMM_WORLD, &request);
    });
  }
  void receive(int from, std::span<std::byte> bytes) override {
    in_parts(bytes, [&](std::byte* data, int size, MPI_Request& request) {
      MPI_Irecv(data, size, MPI_BYTE, from, peer_tag, MPI_COMM_WORLD, &request);
    });
  }
  void broadcast(int from, std::span<std::byte> bytes) override {
    in_parts(bytes, [&](std::byte* data, int size, MPI_Request& request) {
      MPI_Ibcast(data, size, MPI_BYTE, from, MPI_COMM_WORLD, &request);
    });
  }

  std::string call(const std::string& request) override {
    const std::lock_guard lock(mutex_);
    MPI_Send(request.data(), static_cast<int>(request.size()), MPI_CHAR, 0, call_tag, MPI_COMM_WORLD);
    MPI_Status status;
    while (!message(0, answer_tag, status)) std::this_thread::sleep_for(nap);
    return receive(status);
  }

  void leave() override {
    const std::lock_guard lock(mutex_);
    MPI_Send(nullptr, 0, MPI_CHAR, 0, leave_tag, MPI_COMM_WORLD);
  }

  void serve(const std::function<std::string(const std::string&)>& answer) override {
    for (int left = 0; left < size_ - 1;) {
      MPI_Status status;
      if (!message(MPI_ANY_SOURCE, MPI_ANY_TAG, status)) {
        std::this_thread::sleep_for(nap_of_service);
        continue;
      }
      const std::string request = receive(status);
      if (status.MPI_TAG == leave_tag) {
        ++left;
        continue;
      }
      const std::string reply = answer(request);
      MPI_Send(reply.data(), static_cast<int>(reply.size()), MPI_CHAR, status.MPI_SOURCE, answer_tag,
               MPI_COMM_WORLD);
    }
  }

 private:
  static bool message(int source, int tag, MPI_Status& status) {
    int there = 0;
    MPI_Iprobe(source, tag, MPI_COMM_WORLD, &there, &status);
    return there != 0;
  }
  static std::string receive(const MPI_Status& status) {
    int length = 0;
    MPI_Get_count(&status, MPI_CHAR, &length);
    std::string bytes(static_cast<std::size_t>(length), '\0');
    MPI_Recv(bytes.data(), length, MPI_CHAR, status.MPI_SOURCE, status.MPI_TAG, MPI_COMM_WORLD,
             MPI_STATUS_IGNORE);
    return bytes;
  }
  /// begin(first byte, how many, request) for parts that MPI can count, each done before the next.
  template <class Byte, class Begin>
  static void in_parts(std::span<Byte> bytes, const Begin& begin) {
    constexpr std::size_t most = std::size_t{1} << 30;
    while (!bytes.empty()) {
      const auto part = bytes.first(std::min(bytes.size(), most));
      MPI_Request request;
      begin(part.data(), static_cast<int>(part.size()), request);
      wait(request);
      bytes = bytes.subspan(part.size());
    }
  }
  /// What comes soon is worth a busy moment, what does not is not.
  static void wait(MPI_Request& request) {
    const auto begin = std::chrono::steady_clock::now();
    for (int done = 0;;) {
      MPI_Test(&request, &done, MPI_STATUS_IGNORE);
      if (done) return;
      if (std::chrono::steady_clock::now() - begin > busy_wait) std::this_thread::sleep_for(nap);
    }
  }

  std::mutex mutex_;  ///< one call at a time
  int rank_ = 0, size_ = 1, here_ = 1;
};

}  // namespace

std::unique_ptr<Communicator> make_communicator() {
  if (launched_processes() < 2) return nullptr;
  return std::make_unique<MpiCommunicator>();
}

}  // namespace gradzone
