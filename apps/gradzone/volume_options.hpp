// The options of the commands that pass over random initialisations and mini-batches.
#pragma once

#include <string>

#include "command.hpp"
#include "gradzone/study/volume_study.hpp"
#include "program_options.hpp"
#include "terminal.hpp"

namespace gradzone::app {

struct VolumeText {
  VolumeStudy study;
  ProgramText program;
  std::string init = "torch", batch_norm = "training", hit = "any", certify = "hits", device = "cpu",
              out = "gradzone-volume";
  bool resume = true;
};

/// Adds --net to --resume.
void add_volume_options(CLI::App& command, VolumeText& text);
/// Throws UsageError.
VolumeStudy volume_study(const VolumeText& text);
/// A progress line: format, initialisations, mini-batches a second, time left.
VolumeWatch volume_watch(ProgressLine& line, std::stop_token stop);

}  // namespace gradzone::app
