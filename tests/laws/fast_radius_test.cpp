// The radii of the fast engine's gradients contain the true errors on random networks, and are not far above
// them. GRADZONE_RADIUS_CSV=file writes both for every entry; docs/radius-error.py draws them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "../support/decimal_ball.hpp"
#include "../support/exact_oracle.hpp"
#include "../support/random_net.hpp"
#include "gradzone/exact/fast/fast_evaluator.hpp"

namespace gradzone::support {
namespace {

int scaled(int count) {
  const char* scale = std::getenv("GRADZONE_TEST_SCALE");
  return scale ? static_cast<int>(count * std::atof(scale)) : count;
}

/// log2 of error and radius of one entry, relative to the largest entry of its tensor; -infinity for 0.
struct Entry {
  double error, radius;
};

double log2_of_share(const Decimal& part, const Decimal& whole) {
  return part == 0 ? -std::numeric_limits<double>::infinity()
                   : static_cast<double>(log2(Decimal(part / whole)));
}

/// All entries of the gradients of one network under its choices.
class Gradients {
 public:
  explicit Gradients(const RandomNet& net)
      : graph_(net.graph.with_scalars_of(net.format)), oracle_(graph_, net.parameters, net.batch) {
    for (const Choice& c : net.choices) choices_.push_back(round_to_scalars(c, net.format));
    verdict_ = FastEvaluator(graph_, net.parameters, {}).evaluate(net.batch, choices_);
  }

  void check(std::vector<Entry>& entries) const {
    if (verdict_.gradients.empty()) return;  // undecided
    for (std::size_t s = 0; s < choices_.size(); ++s) {
      const Jacobian jacobian = oracle_.jacobian(choices_[s]);
      const std::vector<Decimal> exact = oracle_.gradient(jacobian);
      // The oracle sums this many digits of numbers of this size.
      Decimal scale = 1;
      for (const auto& row : jacobian)
        for (const Rational& d : row) scale = std::max(scale, decimal(abs(d)));
      const Decimal known_to = scale * Decimal("1e-280");
      std::size_t first = 0;
      for (const CertifiedTensor& tensor : *verdict_.gradients[s]) {
        check(tensor, exact.begin() + static_cast<std::ptrdiff_t>(first), known_to, entries);
        first += static_cast<std::size_t>(tensor.size());
      }
      ASSERT_EQ(first, exact.size());
    }
  }

 private:
  static void check(const CertifiedTensor& tensor, std::vector<Decimal>::const_iterator exact,
                    const Decimal& known_to, std::vector<Entry>& entries) {
    Decimal largest = 0;
    for (Index i = 0; i < tensor.size(); ++i) largest = std::max(largest, Decimal(abs(exact[i])));
    for (Index i = 0; i < tensor.size(); ++i) {
      const Ball ball = tensor.ball(i);
      ASSERT_FALSE(ball.rad.is_infinite());
      Decimal error = abs(decimal_midpoint(ball) - exact[i]);
      if (error <= known_to) error = 0;
      const Decimal radius = decimal_radius(ball);
      ASSERT_LE(error, radius) << "entry " << i;
      // A tensor of zeros has no largest entry to compare with.
      if (largest > known_to)
        entries.push_back({log2_of_share(error, largest), log2_of_share(radius, largest)});
    }
  }

  Graph graph_;
  ExactOracle oracle_;
  std::vector<Choice> choices_;
  RealVerdict verdict_;
};

void write(const std::vector<Entry>& entries, const char* file) {
  std::ofstream out(file);
  out << "log2_error,log2_radius\n";
  for (const Entry& e : entries) out << e.error << ',' << e.radius << '\n';
  EXPECT_TRUE(out.flush()) << file;
}

TEST(FastRadius, IsHonestOnRandomNets) {
  std::vector<Entry> entries;
  std::uint64_t seed = 2'000'000;
  for (int done = 0; done < scaled(400) && !HasFailure(); ++seed) {
    const RandomNet net = random_net(seed, {.exponent_spread = seed % 2 == 0});
    SCOPED_TRACE(net.describe());
    try {
      Gradients(net).check(entries);
      ++done;
    } catch (const NotRational&) {
    }
  }
  if (const char* file = std::getenv("GRADZONE_RADIUS_CSV")) write(entries, file);
  std::vector<double> ratios;
  for (const Entry& e : entries) {
    if (std::isfinite(e.error)) ratios.push_back(e.radius - e.error);
  }
  if (HasFailure()) return;
  EXPECT_GE(entries.size(), static_cast<std::size_t>(scaled(10'000)));
  ASSERT_GE(ratios.size(), static_cast<std::size_t>(scaled(1'000)));
  const auto middle = ratios.begin() + static_cast<std::ptrdiff_t>(ratios.size() / 2);
  std::nth_element(ratios.begin(), middle, ratios.end());
  RecordProperty("median_log2_radius_over_error", std::to_string(*middle));
  EXPECT_LT(*middle, 20);
}

}  // namespace
}  // namespace gradzone::support
