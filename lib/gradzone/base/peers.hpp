// Processes that compute one thing together, as a training does whose mini-batches they share.
#pragma once

#include <cstddef>
#include <span>
#include <type_traits>
#include <vector>

namespace gradzone {

/// How they talk. All of them make the same calls in the same order, less those of send and receive that are
/// not theirs; a call waits until its part is done. Messages between two arrive in the order they were sent.
class Peers {
 public:
  virtual ~Peers() = default;

  virtual int rank() const = 0;  ///< 0 <= rank() < size()
  virtual int size() const = 0;

  /// May wait for the other's receive of as many bytes.
  virtual void send(int to, std::span<const std::byte> bytes) = 0;
  virtual void receive(int from, std::span<std::byte> bytes) = 0;
  /// Gives everyone the bytes that rank `from` has.
  virtual void broadcast(int from, std::span<std::byte> bytes) = 0;
};

/// Of `all`, rank r has the entries from first(r) to first(r + 1): fetches the others'.
template <class Value, class First>
void gather(Peers& peers, std::span<Value> all, const First& first) {
  static_assert(std::is_trivially_copyable_v<Value>);
  for (int rank = 0; rank < peers.size(); ++rank) {
    const auto begin = static_cast<std::size_t>(first(rank)), end = static_cast<std::size_t>(first(rank + 1));
    if (begin < end) peers.broadcast(rank, std::as_writable_bytes(all.subspan(begin, end - begin)));
  }
}

/// What each rank has, in the order of ranks.
template <class Value>
std::vector<Value> gather(Peers& peers, const Value& own) {
  std::vector<Value> out(static_cast<std::size_t>(peers.size()), own);
  gather(peers, std::span(out), [](int rank) { return rank; });
  return out;
}

}  // namespace gradzone
