// gradzone report: the page and the tables again, from stored results.
#include <fmt/format.h>

#include <filesystem>

#include "command.hpp"
#include "gradzone/io/results.hpp"
#include "gradzone/report/html.hpp"
#include "terminal.hpp"

namespace gradzone::app {

void add_report(CLI::App& app, Common& common, ExitCode& exit_code) {
  CLI::App* command = app.add_subcommand("report", "Write report.html from the results in a folder");
  auto folders = std::make_shared<std::vector<std::string>>();
  command->add_option("folders", *folders, "Folders that an audit wrote")->required();
  add_common(*command, common);
  command->footer("Example:\n  gradzone report gradzone-audit");
  command->callback([folders, &common, &exit_code] {
    for (const std::string& folder : *folders) {
      const AuditResults results = load_results(folder);
      write_report(folder, results);
      if (common.json) {
        fmt::print("{}", summary_json(results));
      } else if (!common.quiet) {
        fmt::print("{}{}\n", zone_table(results), (std::filesystem::path(folder) / "report.html").string());
      }
    }
    exit_code = ExitCode::done;
  });
}

}  // namespace gradzone::app
