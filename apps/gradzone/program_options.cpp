#include "program_options.hpp"

#include "gradzone/study/volume_options.hpp"

namespace gradzone::app {

std::vector<Format> ProgramText::formats() const {
  return cross_formats(format, order);
}
std::vector<Choice> ProgramText::choice_set() const {
  return parse_choices(choices);
}
Form ProgramText::form_of_hybrids() const {
  return parse_form(form);
}

void add_program(CLI::App& command, ProgramText& text) {
  command
      .add_option(
          "--format", text.format,
          "Formats, comma-separated: fp64, fp32, fp16, bf16, fp16-strict, each with an optional "
          "order /chain, /bias-first, /pairwise, /lanes16; audits on a card also judge fp16-tc, bf16-tc and "
          "tf32-tc")
      ->capture_default_str();
  command
      .add_option("--order", text.order, "Orders for formats without one, comma-separated: all of them each")
      ->capture_default_str();
  command
      .add_option("--choices", text.choices,
                  "The set S, comma-separated: native, minimal, beta=B, with +relu=A, +normpool=A, ...")
      ->capture_default_str();
  command.add_option("--form", text.form, "How hybrids are programmed: direct or composed")
      ->capture_default_str()
      ->check(CLI::IsMember({"direct", "composed"}));
}

}  // namespace gradzone::app
