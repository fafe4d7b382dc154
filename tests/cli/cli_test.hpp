// What the tests of the program share: a folder of their own, networks and data to audit in it, and the laws
// of a refusal.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "cli/program.hpp"
#include "gradzone/base/error.hpp"
#include "gradzone/io/safetensors.hpp"

namespace gradzone::test {

namespace fs = std::filesystem;

using Bytes = std::string;
/// Options by name; an empty value makes a flag.
using Options = std::map<std::string, std::string>;
/// Every file below a folder with its content.
using Contents = std::map<std::string, Bytes>;

Bytes read(const fs::path& file);
void write(const fs::path& file, const Bytes& bytes);
Contents contents_of(const fs::path& folder);
/// contents_of without store.sqlite, timing.json and times.csv, which may differ from run to run.
Contents results_of(const fs::path& folder);
/// Whether a file is left that was to be renamed.
bool any_temporary(const fs::path& folder);
/// Fails for each file whose bytes differ; prints names, not contents.
void expect_same(const Contents& found, const Contents& expected);

/// One line, beginning with "gradzone: " and naming all of `named`.
void expect_one_line(const std::string& err, const std::vector<std::string>& named);

/// A checkpoint of freshly initialised weights.
Checkpoint fresh_checkpoint(const std::string& net);
Bytes bytes_of(const Checkpoint& checkpoint);
NamedTensor& tensor(Checkpoint& checkpoint, const std::string& name);

/// "sub-command --option value ..."
std::vector<std::string> command_line(const std::string& command, const Options& options);

class CliTest : public testing::Test {
 protected:
  CliTest();
  ~CliTest() override;

  fs::path path(const std::string& name) const { return folder_ / name; }
  fs::path out() const { return path("out"); }
  /// "NET:FILE" of a fresh checkpoint.
  std::string model(const std::string& net) const;
  /// A quick audit of two points with the changes; an option set to `absent` is left out.
  Options audit_options(const Options& changes = {}) const;
  Outcome audit(const Options& changes = {}) const;

  /// The audit must end with this exit code and one line with these names, leaving the output folder as it
  /// was.
  void expect_refused(const Options& changes, ExitCode code, const std::vector<std::string>& named) const;

  static constexpr const char* absent = "\x01";

 private:
  fs::path folder_;
};

}  // namespace gradzone::test
