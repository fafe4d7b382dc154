// gradzone merge: shares of a study in one folder.
#include "gradzone/study/merge.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "command.hpp"
#include "gradzone/io/json.hpp"

namespace gradzone::app {
namespace {

struct MergeText {
  std::vector<std::string> shares;
  std::string out;
};

void merge(const MergeText& text, const Common& common) {
  const Merged merged = merge_shares({text.shares.begin(), text.shares.end()}, text.out);
  if (common.json) {
    fmt::print("{}", write_json({{"units", merged.units}, {"added", merged.added}}));
  } else if (!common.quiet) {
    fmt::print(
        "{} units are in {}, {} of them new; the study's command with this --out and without --share "
        "computes what "
        "is missing and writes the results\n",
        merged.units, text.out, merged.added);
  }
}

}  // namespace

void add_merge(CLI::App& app, Common& common, ExitCode& exit_code) {
  CLI::App* command =
      app.add_subcommand("merge", "Put together the shares of a study that jobs computed with --share");
  auto text = std::make_shared<MergeText>();
  command->add_option("folders", text->shares, "Folders of the shares")->required();
  command->add_option("--out", text->out, "Folder of the whole study")->required();
  add_common(*command, common);
  command->footer(
      "Shares of audit, volume, threshold, train or search-lr. What is already in --out stays, so that later "
      "shares\n"
      "may follow. Then the study's own command, with --out and without --share, finds what is there, "
      "computes\n"
      "what is missing and ends with the bytes of one job.\n\n"
      "Example:\n"
      "  gradzone volume --net lenet5 --data glyphs --inits 100 --share 1/2 --out part-1\n"
      "  gradzone volume --net lenet5 --data glyphs --inits 100 --share 2/2 --out part-2\n"
      "  gradzone merge part-1 part-2 --out all\n"
      "  gradzone volume --net lenet5 --data glyphs --inits 100 --out all");
  command->callback([text, &common, &exit_code] {
    merge(*text, common);
    exit_code = ExitCode::done;
  });
}

}  // namespace gradzone::app
