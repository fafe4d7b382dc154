// gradzone examples: the worked examples, judged here and now.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "command.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/study/example_study.hpp"

namespace gradzone::app {
namespace {

std::string derivatives_text(const ExampleFinding& f) {
  std::string out;
  for (std::size_t s = 0; s < f.choices.size(); ++s)
    out += fmt::format("{}{} {:.4g}", s == 0 ? "" : ", ", f.choices[s], f.derivatives[s]);
  // Roundings are too small for these digits.
  const bool rounding = f.point.float_sees && f.point.cause == "rounding";
  return rounding ? out + fmt::format(", {:.2g} apart", f.point.delta_float_inf) : out;
}

std::string verdict_text(const PointRecord& p) {
  std::string out = name(p.zone);
  if (!p.cause.empty()) out += fmt::format(" ({} at {})", p.cause, p.cause_layer);
  if (!p.witness.empty()) out += fmt::format(", at least {:.4g} apart over the reals", p.delta_real_lower);
  return p.proof.empty() ? out : out + fmt::format(", by {}", p.proof);
}

void print_text(const std::vector<ExampleFinding>& findings) {
  std::string last;
  for (const ExampleFinding& f : findings) {
    if (f.example != last) fmt::print("{}: {}\n", f.example, f.program);
    last = f.example;
    fmt::print("  {:<16}{:<16}{:<44}{}\n", f.point.format, f.entry, derivatives_text(f),
               verdict_text(f.point));
  }
}

std::string json_of(const std::vector<ExampleFinding>& findings) {
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  for (const ExampleFinding& f : findings) {
    nlohmann::ordered_json derivatives;
    for (std::size_t s = 0; s < f.choices.size(); ++s) derivatives[f.choices[s]] = f.derivatives[s];
    out.push_back({{"example", f.example},
                   {"program", f.program},
                   {"format", f.point.format},
                   {"entry", f.entry},
                   {"derivatives", std::move(derivatives)},
                   {"zone", name(f.point.zone)},
                   {"cause", f.point.cause},
                   {"cause_layer", f.point.cause_layer},
                   {"proof", f.point.proof},
                   {"delta_real", {f.point.delta_real_lower, f.point.delta_real_upper}},
                   {"delta_float", f.point.delta_float_inf}});
  }
  return out.dump(2);
}

}  // namespace

void add_examples(CLI::App& app, Common& common, ExitCode& exit_code) {
  CLI::App* command = app.add_subcommand(
      "examples", "Judge programs of one line, whose zones can be worked out by hand: what the zones mean");
  auto formats = std::make_shared<std::string>("fp32,fp16");
  auto csv_file = std::make_shared<std::string>();
  command->add_option("--format", *formats, "Formats, comma-separated, each with an optional order")
      ->capture_default_str();
  command->add_option("--csv", *csv_file, "Write the findings to this file");
  command->add_flag("--json", common.json, "Print the findings as JSON on standard output");
  command->add_flag("--quiet,-q", common.quiet, "Print nothing");
  command->footer(
      "A line a format: the parameter at which the choices' derivatives are furthest apart, the derivatives\n"
      "there, and the zone with its proof.\n\n"
      "Examples:\n  gradzone examples\n  gradzone examples --format fp64,fp32,fp16,bf16 --csv examples.csv");
  command->callback([formats, csv_file, &common, &exit_code] {
    const std::vector<ExampleFinding> findings = judge_examples(worked_examples(), parse_formats(*formats));
    if (!csv_file->empty()) write_file_atomically(*csv_file, examples_csv(findings));
    if (common.json) {
      fmt::print("{}\n", json_of(findings));
    } else if (!common.quiet) {
      print_text(findings);
    }
    exit_code = ExitCode::done;
  });
}

}  // namespace gradzone::app
