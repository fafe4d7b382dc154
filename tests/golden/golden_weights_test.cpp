// PyTorch's random numbers and the weights of fresh networks, stored in this folder (README.md), bit for bit.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "../support/golden.hpp"
#include "gradzone/data/sha256.hpp"
#include "gradzone/nets/initialise.hpp"
#include "gradzone/nets/nets.hpp"
#include "gradzone/nets/torch_generator.hpp"

namespace gradzone::support {
namespace {

std::ifstream open_golden(const std::string& name) {
  std::ifstream in(std::string(GRADZONE_GOLDEN_DIR) + "/" + name);
  if (!in) throw std::runtime_error("no golden file " + name);
  return in;
}

/// Reads what `line` of make_golden_weights.py writes behind the name, and compares.
void compare(std::istream& in, std::span<const float> values) {
  EXPECT_EQ(values.front(), static_cast<float>(next_number(in)));
  EXPECT_EQ(values.back(), static_cast<float>(next_number(in)));
  std::string digest;
  in >> digest;
  EXPECT_EQ(sha256_hex(std::as_bytes(values)), digest);
}

TEST(GoldenDraws, AreThoseOfPyTorch) {
  std::ifstream in = open_golden("draws.txt");
  TorchGenerator generator(42);
  int lines = 0;
  for (std::string text; in >> text; ++lines) {
    SCOPED_TRACE(text);
    std::istringstream words(text);
    std::string kind;
    std::size_t count = 0;
    double a = 0, b = 0;
    char colon = 0;
    std::getline(words, kind, ':');
    words >> count >> colon >> a >> colon >> b;
    std::vector<float> values(count);
    if (kind == "uniform") {
      generator.uniform(values, a, b);
    } else {
      generator.normal(values, a, b);
    }
    compare(in, values);
  }
  EXPECT_EQ(lines, 11);
}

TEST(GoldenWeights, AreThoseOfPyTorch) {
  std::ifstream in = open_golden("weights.txt");
  int nets = 0;
  std::string word, spec, scheme;
  std::uint64_t seed = 0;
  std::size_t tensors = 0;
  for (; in >> word >> spec >> scheme >> seed >> tensors; ++nets) {
    SCOPED_TRACE(spec + " " + scheme);
    const Graph graph = make_net(spec, BatchNorm::Mode::training);
    const Parameters parameters = initialise(graph, parse_initialisation(scheme), seed);
    std::map<std::string, std::vector<float>> by_name;
    for (std::size_t p = 0; p < parameters.size(); ++p) {
      const ParameterSpec& s = graph.parameters()[p];
      if (s.trainable) by_name[s.name].assign(parameters[p].data.begin(), parameters[p].data.end());
    }
    EXPECT_EQ(by_name.size(), tensors);
    for (std::size_t t = 0; t < tensors; ++t) {
      std::string name;
      in >> name;
      SCOPED_TRACE(name);
      ASSERT_TRUE(by_name.contains(name));
      compare(in, by_name[name]);
    }
  }
  EXPECT_EQ(nets, 10);
}

}  // namespace
}  // namespace gradzone::support
