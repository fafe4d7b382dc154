// Communicator: the processes that mpirun started to work on one command, or this one alone.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gradzone/base/error.hpp"
#include "gradzone/base/peers.hpp"

namespace gradzone {

class Communicator : public Peers {
 public:
  /// Collective, before ranks work on something that `configuration` identifies. Throws on all of them what a
  /// rank has declined with, or a UsageError if a rank has another configuration than rank 0.
  void agree(const std::string& configuration);
  /// What a rank that has failed before that calls in place of it.
  void decline(const Error& error);
  bool agreed() const { return agreed_; }

  /// Of all ranks, those on this machine.
  virtual int processes_here() const = 0;

  /// Ranks above 0: what rank 0, which serves, answers. Thread-safe.
  virtual std::string call(const std::string& request) = 0;
  /// Ranks above 0: the last call has been made.
  virtual void leave() = 0;
  /// Rank 0: answers calls, one at a time, until every other rank has left. `answer` must not throw.
  virtual void serve(const std::function<std::string(const std::string&)>& answer) = 0;

 private:
  bool agreed_ = false;
};

/// That of the mpirun which started this process; nothing if none did. Throws UsageError if there are other
/// ranks and this build has no MPI. Made once, by the main thread; its end waits for the end of all ranks'.
std::unique_ptr<Communicator> make_communicator();

/// Collective: every rank's text, in the order of ranks.
std::vector<std::string> gather_texts(Peers& peers, const std::string& own);
/// Collective: rank 0's text, for all.
std::string text_of_rank_0(Peers& peers, const std::string& own);

/// This process without others.
Communicator& alone();

}  // namespace gradzone
