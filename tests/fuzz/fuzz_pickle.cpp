// Any bytes are either a pickle whose values all lie in it, or one InputError. What is accepted is also
// searched for a state dict.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "gradzone/base/error.hpp"
#include "gradzone/io/pickle.hpp"
#include "gradzone/io/torch_state_dict.hpp"

namespace {

void check(const gradzone::Pickle& pickle, const gradzone::PickleValue& value) {
  using Kind = gradzone::PickleValue::Kind;
  if (value.kind < Kind::list || value.kind == Kind::opaque) return;
  if (value.object >= pickle.objects.size()) std::abort();
  const std::size_t size = pickle.items(value).size();
  if (value.kind == Kind::dict && size % 2 != 0) std::abort();
  if ((value.kind == Kind::global || value.kind == Kind::call) && size != 2) std::abort();
  if (value.kind == Kind::persistent && size != 1) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const gradzone::Pickle pickle = gradzone::read_pickle(std::as_bytes(std::span(data, size)), "fuzz");
    if (pickle.size > size) std::abort();
    check(pickle, pickle.root);
    for (const auto& items : pickle.objects) {
      for (const gradzone::PickleValue& item : items) check(pickle, item);
    }
    gradzone::torch_state_dict(pickle, "fuzz");
  } catch (const gradzone::InputError&) {
  }
  return 0;
}
