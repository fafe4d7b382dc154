#include "cli/cli_test.hpp"

#include <stdlib.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "gradzone/io/checkpoint.hpp"
#include "gradzone/nets/initialise.hpp"
#include "gradzone/nets/nets.hpp"

namespace gradzone::test {

Bytes read(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw std::runtime_error("cannot read " + file.string());
  return {std::istreambuf_iterator<char>(stream), {}};
}

void write(const fs::path& file, const Bytes& bytes) {
  fs::create_directories(file.parent_path());
  std::ofstream stream(file, std::ios::binary);
  stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!stream.flush()) throw std::runtime_error("cannot write " + file.string());
}

Contents contents_of(const fs::path& folder) {
  Contents contents;
  if (!fs::exists(folder)) return contents;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    contents[fs::relative(entry.path(), folder).string()] =
        entry.is_regular_file() ? read(entry.path()) : Bytes("not a file");
  }
  return contents;
}

Contents results_of(const fs::path& folder) {
  Contents contents = contents_of(folder);
  contents.erase("store.sqlite");
  contents.erase("timing.json");
  contents.erase("times.csv");
  return contents;
}

bool any_temporary(const fs::path& folder) {
  for (const auto& [name, bytes] : contents_of(folder)) {
    if (name.find(".tmp") != std::string::npos) return true;
  }
  return false;
}

void expect_same(const Contents& found, const Contents& expected) {
  for (const auto& [name, bytes] : expected) {
    const auto it = found.find(name);
    if (it == found.end()) {
      ADD_FAILURE() << name << " is missing";
    } else {
      EXPECT_TRUE(it->second == bytes) << name << " differs";
    }
  }
  for (const auto& item : found) {
    EXPECT_TRUE(expected.contains(item.first)) << item.first << " should not be there";
  }
}

void expect_one_line(const std::string& err, const std::vector<std::string>& named) {
  EXPECT_TRUE(err.starts_with("gradzone: ")) << err;
  EXPECT_EQ(std::count(err.begin(), err.end(), '\n'), 1) << err;
  EXPECT_TRUE(err.ends_with('\n')) << err;
  EXPECT_EQ(err.find("internal error"), std::string::npos) << err;
  for (const std::string& name : named) {
    EXPECT_NE(err.find(name), std::string::npos) << "should name " << name << ": " << err;
  }
}

Checkpoint fresh_checkpoint(const std::string& net) {
  const Graph graph = make_net(net, BatchNorm::Mode::evaluation);
  return checkpoint_of(graph, initialise(graph, Initialisation::torch, 1), FormatId::fp32);
}

Bytes bytes_of(const Checkpoint& checkpoint) {
  const std::vector<std::byte> bytes = safetensors_bytes(checkpoint);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

NamedTensor& tensor(Checkpoint& checkpoint, const std::string& name) {
  const auto it = std::find_if(checkpoint.tensors.begin(), checkpoint.tensors.end(),
                               [&](const NamedTensor& t) { return t.name == name; });
  if (it == checkpoint.tensors.end()) throw std::runtime_error("there is no tensor " + name);
  return *it;
}

std::vector<std::string> command_line(const std::string& command, const Options& options) {
  std::vector<std::string> words{command};
  for (const auto& [name, value] : options) {
    words.push_back(name);
    if (!value.empty()) words.push_back(value);
  }
  return words;
}

CliTest::CliTest() {
  std::string name = (fs::temp_directory_path() / "gradzone-cli-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
  folder_ = name;
}

CliTest::~CliTest() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

std::string CliTest::model(const std::string& net) const {
  std::string file = net + ".safetensors";
  std::replace(file.begin(), file.end(), ':', '-');
  if (!fs::exists(path(file))) write(path(file), bytes_of(fresh_checkpoint(net)));
  return net + ":" + path(file).string();
}

Options CliTest::audit_options(const Options& changes) const {
  Options options{{"--data", "glyphs:20"}, {"--samples", "2"}, {"--out", out().string()}, {"--quiet", ""}};
  if (!changes.contains("--model")) options["--model"] = model("mlp:1x8");
  for (const auto& [name, value] : changes) options[name] = value;
  std::erase_if(options, [](const auto& option) { return option.second == absent; });
  return options;
}

Outcome CliTest::audit(const Options& changes) const {
  return run(command_line("audit", audit_options(changes)));
}

void CliTest::expect_refused(const Options& changes, ExitCode code,
                             const std::vector<std::string>& named) const {
  const Options options = audit_options(changes);
  const fs::path folder = options.at("--out");
  const bool existed = fs::exists(folder);
  const Contents before = contents_of(out());
  const Outcome outcome = run(command_line("audit", options));
  EXPECT_EQ(outcome.exit_code, static_cast<int>(code)) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  expect_one_line(outcome.err, named);
  EXPECT_EQ(fs::exists(folder), existed);
  expect_same(contents_of(out()), before);
}

}  // namespace gradzone::test
