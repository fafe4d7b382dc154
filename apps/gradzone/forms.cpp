// gradzone forms: what the composed form computes in place of the maximum.
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/study/form_study.hpp"
#include "training_options.hpp"

namespace gradzone::app {
namespace {

struct FormsText {
  std::string formats = "fp16,bf16,fp32,fp64", betas = "1,10,100,1000,1e4", csv_file;
};

std::vector<FormLoss> losses_of(const FormsText& text) {
  std::vector<FormLoss> out;
  const std::vector<double> betas = parse_numbers("--beta", text.betas);
  for (const Format format : require_stated(parse_formats(text.formats)))
    for (const double beta : betas) out.push_back(composed_loss(format.id, beta));
  return out;
}

double share(Index part, const FormBinade& whole) {
  return whole.values > 0 ? static_cast<double>(part) / static_cast<double>(whole.values) : 0;
}

void print_table(const std::vector<FormLoss>& losses) {
  fmt::print("{:<12}{:>8}{:>10}{:>10}{:>14}{:>14}{:>18}\n", "format", "beta", "exact", "zero", "median bits",
             "fewest bits", "not finite from");
  for (const FormLoss& loss : losses) {
    const FormBinade all = loss.normal();
    const std::string from =
        std::isinf(loss.overflows_from) ? "-" : fmt::format("{:.5g}", loss.overflows_from);
    fmt::print("{:<12}{:>8}{:>8.2f} %{:>8.2f} %{:>14.1f}{:>14.1f}{:>18}\n", name(loss.format), loss.beta,
               100 * share(all.exact, all), 100 * share(all.zero, all), all.bits_median, all.bits_least,
               from);
  }
}

std::string json_of(const std::vector<FormLoss>& losses) {
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  for (const FormLoss& loss : losses) {
    const FormBinade all = loss.normal();
    out.push_back({{"format", name(loss.format)},
                   {"beta", loss.beta},
                   {"exact_share", share(all.exact, all)},
                   {"zero_share", share(all.zero, all)},
                   {"bits_median", all.bits_median},
                   {"bits_least", all.bits_least}});
    // JSON has no infinity: null where every result is finite.
    out.back()["not_finite_from"] = std::isinf(loss.overflows_from)
                                        ? nlohmann::ordered_json()
                                        : nlohmann::ordered_json(loss.overflows_from);
  }
  return out.dump(2);
}

}  // namespace

void add_forms(CLI::App& app, Common& common, ExitCode& exit_code) {
  CLI::App* command = app.add_subcommand(
      "forms",
      "Say what beta m + (1 - beta) m, the composed form of a hybrid max pool, makes of m in floats");
  auto text = std::make_shared<FormsText>();
  command->add_option("--format", text->formats, "Formats, comma-separated")->capture_default_str();
  command->add_option("--beta", text->betas, "Values of beta, comma-separated")->capture_default_str();
  command->add_option("--csv", text->csv_file, "Write the figures of each binade to this file");
  command->add_flag("--json", common.json, "Print the table as JSON on standard output");
  command->add_flag("--quiet,-q", common.quiet, "No table");
  command->footer(
      "All values of 16-bit formats, of wider ones one from each 4,096th of a binade. The table is over the\n"
      "normal numbers whose binade has finite results only.\n\n"
      "Examples:\n  gradzone forms\n  gradzone forms --format fp16 --beta 1000,1e4 --csv forms.csv");
  command->callback([text, &common, &exit_code] {
    const std::vector<FormLoss> losses = losses_of(*text);
    if (!text->csv_file.empty()) write_file_atomically(text->csv_file, forms_csv(losses));
    if (common.json) {
      fmt::print("{}\n", json_of(losses));
    } else if (!common.quiet) {
      print_table(losses);
    }
    exit_code = ExitCode::done;
  });
}

}  // namespace gradzone::app
