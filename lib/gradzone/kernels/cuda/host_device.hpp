// The host as a device, for tests of the device's kernel bodies.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "gradzone/kernels/cuda/device.hpp"

namespace gradzone {

/// It records and plays back as a card does, so that what recorded work may not do (wait for an answer, send
/// numbers: std::logic_error; depend on the host's variables) shows here, too.
class HostDevice final : public Device {
 public:
  std::string name() const override { return "host"; }
  int multiprocessors() const override { return multiprocessors_; }
  std::size_t free_memory() const override { return free_memory_; }
  /// Fewer multiprocessors make larger tiles.
  void pretend_multiprocessors(int count) { multiprocessors_ = count; }
  void pretend_free_memory(std::size_t bytes) { free_memory_ = bytes; }

  void* allocate(std::size_t bytes) override;
  void release(void* memory) noexcept override;
  void copy_to_device(void* to, const void* from, std::size_t bytes) override;
  void copy_to_host(void* to, const void* from, std::size_t bytes) override;
  void copy(void* to, const void* from, std::size_t bytes) override;
  void copy_rows(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch, std::size_t bytes,
                 std::size_t rows) override;
  void wait() override { not_while_queueing(); }
  /// Takes turns, so that pieces which may not be side by side show.
  void side_by_side(const std::function<void()>& first, const std::function<void()>& second) override;
  void run(Recording& recording, const std::function<void()>& work) override;

  /// Runs a piece of work: now, or after what it is side by side with; and when it is played back.
  template <class Piece>
  void queue(const Piece& piece) {
    if (collected_ != nullptr) return void(collected_->emplace_back(piece));
    piece();
    if (recording_ != nullptr) recording_->emplace_back(piece);
  }
  /// How often recordings were played back.
  int playbacks() const { return playbacks_; }

 private:
  using Pieces = std::vector<std::function<void()>>;
  void not_while_queueing() const;
  /// What `work` queues while it is listed there: recording_ or collected_.
  static Pieces pieces_of(const std::function<void()>& work, Pieces*& list);

  int multiprocessors_ = 132;  // an H100's
  std::size_t free_memory_ = std::size_t{1} << 30;
  long changes_ = 0;  ///< of what memory there is
  int playbacks_ = 0;
  Pieces *recording_ = nullptr, *collected_ = nullptr;
};

}  // namespace gradzone
