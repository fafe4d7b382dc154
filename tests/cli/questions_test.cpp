// docs/questions.md is true: every command in it runs, and prints the lines that stand below it.
#include <fstream>
#include <sstream>

#include "cli/cli_test.hpp"

namespace gradzone::test {
namespace {

struct Shown {
  std::string command;
  std::vector<std::string> lines;
};

/// The commands of a page with what it says they print.
std::vector<Shown> commands_of(const fs::path& page) {
  std::vector<Shown> out;
  std::ifstream in(page);
  bool in_block = false, after_command = false;  // lines of a block without a command are nobody's output
  for (std::string line; std::getline(in, line);) {
    constexpr std::string_view prompt = "$ gradzone ";
    if (line.starts_with("```")) {
      in_block = !in_block;
      after_command = false;
    } else if (in_block && line.starts_with(prompt)) {
      out.push_back({line.substr(prompt.size()), {}});
      after_command = true;
    } else if (after_command) {
      out.back().lines.push_back(line);
    }
  }
  return out;
}

TEST_F(CliTest, TheAnswersOfTheQuestionsPageAreTrue) {
  fs::create_directory(path("page"));
  fs::current_path(path("page"));
  const auto commands = commands_of(fs::path(GRADZONE_SOURCE_DIR) / "docs/questions.md");
  ASSERT_GE(commands.size(), 10u);
  for (const Shown& shown : commands) {
    SCOPED_TRACE(shown.command);
    std::istringstream words(shown.command);
    std::vector<std::string> arguments;
    for (std::string word; words >> word;) arguments.push_back(word);
    const Outcome outcome = Process(arguments).wait(std::chrono::minutes(5));
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    for (const std::string& line : shown.lines)
      EXPECT_NE(("\n" + outcome.out).find("\n" + line + "\n"), std::string::npos) << line << "\nis not in\n"
                                                                                  << outcome.out;
  }
  fs::current_path("/");
}

}  // namespace
}  // namespace gradzone::test
