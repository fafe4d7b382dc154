#include "gradzone/kernels/processor.hpp"

#include <string>

#include "gradzone/base/error.hpp"

namespace gradzone {

std::string_view name(Processor processor) {
  return processor == Processor::cpu ? "cpu" : "cuda";
}

Processor parse_processor(std::string_view text) {
  for (const Processor processor : {Processor::cpu, Processor::cuda})
    if (name(processor) == text) return processor;
  throw UsageError("unknown device \"" + std::string(text) + "\": there are cpu and cuda");
}

}  // namespace gradzone
