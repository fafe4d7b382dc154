// Any bytes are either JSON that is the same after being written and read again, or one InputError; what is
// an audit's configuration does not differ from itself.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "gradzone/base/error.hpp"
#include "gradzone/io/configuration.hpp"
#include "gradzone/io/json.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const gradzone::Json json = gradzone::parse_json(text, "fuzz");
    const std::string once = gradzone::write_json(json);
    if (gradzone::write_json(gradzone::parse_json(once, "again")) != once) std::abort();
    gradzone::check_configuration(json, "fuzz");
    gradzone::formats_of(json);
    if (!gradzone::differences(json, json).empty()) std::abort();
    gradzone::differences(json, json["versions"]);
  } catch (const gradzone::InputError&) {
  }
  return 0;
}
