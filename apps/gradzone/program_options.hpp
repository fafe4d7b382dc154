// The options that name the float programs a command compares: formats with their orders, choices, form.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "gradzone/arith/format.hpp"
#include "gradzone/choice/choice.hpp"

namespace gradzone::app {

struct ProgramText {
  std::string format = "fp32", order = "chain", choices = "native,minimal", form = "direct";

  /// Each throws UsageError.
  std::vector<Format> formats() const;
  std::vector<Choice> choice_set() const;
  Form form_of_hybrids() const;
};

/// Adds --format, --order, --choices and --form, with what `text` holds as defaults.
void add_program(CLI::App& command, ProgramText& text);

}  // namespace gradzone::app
