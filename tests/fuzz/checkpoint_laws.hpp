// What holds of every checkpoint that a reader accepts.
#pragma once

#include <cstdlib>

#include "gradzone/base/error.hpp"
#include "gradzone/io/checkpoint.hpp"
#include "gradzone/io/safetensors.hpp"
#include "gradzone/nets/nets.hpp"

namespace gradzone::fuzz {

/// It survives being written and read again; networks may refuse it, but only with an InputError.
inline void check_laws(const Checkpoint& checkpoint) {
  static const Graph small = make_net("mlp:1x1", BatchNorm::Mode::evaluation);
  try {
    parameters_for(small, checkpoint, "fuzz");
  } catch (const InputError&) {
  }
  const auto written = safetensors_bytes(checkpoint);
  if (safetensors_bytes(parse_safetensors(written, "again")) != written) std::abort();
}

}  // namespace gradzone::fuzz
