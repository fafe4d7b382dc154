// Two checkpoints with the same tensors, bit for bit, in any order.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstdint>

#include "gradzone/io/safetensors.hpp"

namespace gradzone::support {

inline void expect_same_tensors(const Checkpoint& found, const Checkpoint& expected) {
  const auto bits = [](double v) { return std::bit_cast<std::uint64_t>(v); };
  EXPECT_EQ(found.tensors.size(), expected.tensors.size());
  for (const NamedTensor& e : expected.tensors) {
    SCOPED_TRACE(e.name);
    const auto f = std::find_if(found.tensors.begin(), found.tensors.end(),
                                [&](const NamedTensor& t) { return t.name == e.name; });
    if (f == found.tensors.end()) {
      ADD_FAILURE() << "it is missing";
      continue;
    }
    EXPECT_EQ(f->stored, e.stored);
    EXPECT_EQ(f->values.shape, e.values.shape);
    EXPECT_TRUE(std::ranges::equal(f->values.data, e.values.data, {}, bits, bits));
  }
}

}  // namespace gradzone::support
