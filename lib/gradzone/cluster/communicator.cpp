#include "gradzone/cluster/communicator.hpp"

#include <fmt/format.h>

#include <cassert>

#include "gradzone/cluster/bytes.hpp"

namespace gradzone {
namespace {

class Alone final : public Communicator {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  int processes_here() const override { return 1; }
  void send(int, std::span<const std::byte>) override { assert(false); }
  void receive(int, std::span<std::byte>) override { assert(false); }
  void broadcast(int, std::span<std::byte>) override {}
  std::string call(const std::string&) override {
    assert(false);  // nobody to ask
    return {};
  }
  void leave() override {}
  void serve(const std::function<std::string(const std::string&)>&) override {}
};

void broadcast_text(Peers& peers, int from, std::string& text) {
  std::size_t size = text.size();
  peers.broadcast(from, std::as_writable_bytes(std::span(&size, 1)));
  text.resize(size);
  if (size > 0) peers.broadcast(from, std::as_writable_bytes(std::span(text)));
}

}  // namespace

std::vector<std::string> gather_texts(Peers& peers, const std::string& own) {
  std::vector<std::string> out(static_cast<std::size_t>(peers.size()), own);
  for (int rank = 0; rank < peers.size(); ++rank)
    broadcast_text(peers, rank, out[static_cast<std::size_t>(rank)]);
  return out;
}

std::string text_of_rank_0(Peers& peers, const std::string& own) {
  std::string text = own;
  broadcast_text(peers, 0, text);
  return text;
}

namespace {

/// Collective: every rank's text; throws the first one's whose code is that of an error.
std::vector<std::string> texts_of_all(Peers& peers, ExitCode code, std::string_view text) {
  std::vector<std::string> out;
  for (const std::string& said : gather_texts(peers, ByteWriter().put(code).put(text).take())) {
    ByteReader in(said);
    const auto said_code = in.get<ExitCode>();
    out.push_back(in.get<std::string>());
    if (said_code != ExitCode::done) throw Error(said_code, out.back());
  }
  return out;
}

}  // namespace

Communicator& alone() {
  static Alone process;
  return process;
}

void Communicator::agree(const std::string& configuration) {
  agreed_ = true;
  const std::vector<std::string> configurations = texts_of_all(*this, ExitCode::done, configuration);
  for (std::size_t r = 1; r < configurations.size(); ++r) {
    if (configurations[r] == configurations[0]) continue;
    throw UsageError(fmt::format(
        "rank {} has other data or another version of a library than rank 0: give every machine the "
        "same files and programs",
        r));
  }
}

void Communicator::decline(const Error& error) {
  agreed_ = true;
  texts_of_all(*this, error.code(), error.what());
}

}  // namespace gradzone
