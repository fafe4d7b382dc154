// WeightPacks: products on weights that were packed before have the digits of products that pack for
// themselves, whichever kernel, side of the product or thread asks first.
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <ostream>
#include <thread>
#include <vector>

#include "support/fixed_numbers.hpp"

namespace gradzone {
namespace {

using support::Mix;

struct Case {
  Index images, in, out, h, w;
  Window window;
  int x_limbs, w_limbs, limbs;
};

std::ostream& operator<<(std::ostream& stream, const Case& c) {
  return stream << c.images << " images " << c.in << "x" << c.h << "x" << c.w << " to " << c.out
                << " channels, kernel " << c.window.kernel_h << "x" << c.window.kernel_w << ", limbs "
                << c.x_limbs << ", " << c.w_limbs << " to " << c.limbs;
}

/// A convolution's operands and its two products with the weight.
class Products {
 public:
  Products(const Case& c, Mix mix, std::uint64_t seed) : c_(c), op_{c.in, c.out, c.window, false} {
    RandomStream random(seed, "weight packs");
    x_ = support::random_fixed({c.images, c.in, c.h, c.w}, c.x_limbs, c.images, random, mix);
    w = support::random_fixed({c.out, c.in, c.window.kernel_h, c.window.kernel_w}, c.w_limbs, 1, random, mix);
    dy_ = support::random_fixed({c.images, c.out, c.window.out_h(c.h), c.window.out_w(c.w)}, c.x_limbs,
                                c.images, random, mix);
  }
  FixedSums forward(WeightPacks* packs) const { return fixed_convolve(op_, x_, w, c_.limbs, packs); }
  FixedSums backward(WeightPacks* packs) const {
    return fixed_convolve_input_gradient(op_, dy_, w, x_.shape, c_.limbs, packs);
  }

  FixedTensor w;

 private:
  Case c_;
  Conv2d op_;
  FixedTensor x_, dy_;
};

void expect_same(const FixedSums& a, const FixedSums& b) {
  EXPECT_EQ(a.shape, b.shape);
  EXPECT_EQ(a.digits, b.digits);
  EXPECT_EQ(a.exponent, b.exponent);
  EXPECT_EQ(a.error, b.error);
}

/// The packs serve all kernels, one after the other, and every product twice: made, then found.
void expect_packs_change_nothing(const Case& c, Mix mix, std::uint64_t seed) {
  SCOPED_TRACE(::testing::Message() << c << ", seed " << seed << ", mix " << static_cast<int>(mix));
  const Products products(c, mix, seed);
  use_product_kernel(plain_kernel());
  const FixedSums y = products.forward(nullptr), dx = products.backward(nullptr);
  use_product_kernel(nullptr);
  WeightPacks packs;
  support::on_every_kernel([&] {
    for (int time = 0; time < 2; ++time) {
      expect_same(products.forward(&packs), y);
      expect_same(products.backward(&packs), dx);
    }
    expect_same(products.forward(nullptr), y);
    expect_same(products.backward(nullptr), dx);
  });
}

TEST(WeightPacks, change_no_digit_on_odd_sizes) {
  std::uint64_t seed = 0;
  for (const auto& [in, out] : {std::pair<Index, Index>{1, 1}, {1, 5}, {3, 1}, {7, 9}, {17, 13}})
    for (const auto& [h, w] : {std::pair<Index, Index>{1, 1}, {3, 2}, {5, 7}})
      for (const Window& window : {Window::square(1, 1), Window{3, 2, 2, 1, 1, 1}})
        for (const int w_limbs : {1, 3}) {
          expect_packs_change_nothing({2, in, out, h, w, window, 2, w_limbs, 3}, support::all_mixes[seed % 4],
                                      seed);
          ++seed;
        }
}

TEST(WeightPacks, change_no_digit_of_long_contractions) {
  // Pieces of 1024 steps: forward, backward and both.
  expect_packs_change_nothing({1, 1025, 3, 1, 1, {}, 2, 2, 2}, Mix::extreme, 100);
  expect_packs_change_nothing({1, 3, 2051, 1, 9, {}, 2, 1, 2}, Mix::lowest, 101);
  expect_packs_change_nothing({1, 119, 121, 3, 3, Window::square(3, 1, 1), 1, 1, 2}, Mix::uniform, 102);
}

TEST(WeightPacks, of_zeros_give_zeros) {
  Products products({3, 5, 7, 4, 3, Window::square(3, 1, 1), 2, 2, 3}, Mix::uniform, 200);
  std::fill(products.w.digits.begin(), products.w.digits.end(), 0);
  WeightPacks packs;
  support::on_every_kernel([&] {
    for (int time = 0; time < 2; ++time) {
      for (const FixedSums& sums : {products.forward(&packs), products.backward(&packs)})
        EXPECT_TRUE(
            std::all_of(sums.digits.begin(), sums.digits.end(), [](std::int64_t d) { return d == 0; }));
    }
  });
}

TEST(WeightPacks, serve_rows_and_columns_of_both_directions) {
  // The same weight for one pixel (lanes run over channels) and for many (lanes run over pixels).
  const Products few({1, 9, 11, 1, 1, {}, 2, 2, 3}, Mix::uniform, 300);
  Products many({1, 9, 11, 6, 7, {}, 2, 2, 3}, Mix::uniform, 301);
  many.w = few.w;
  WeightPacks packs;
  support::on_every_kernel([&] {
    for (const Products* products : std::vector<const Products*>{&few, &many, &few}) {
      expect_same(products->forward(&packs), products->forward(nullptr));
      expect_same(products->backward(&packs), products->backward(nullptr));
    }
  });
}

TEST(WeightPacks, are_made_once_however_many_threads_ask) {
  const Products products({2, 7, 19, 5, 3, Window::square(3, 1, 1), 2, 2, 3}, Mix::uniform, 400);
  const FixedSums y = products.forward(nullptr), dx = products.backward(nullptr);
  for (int round = 0; round < 20; ++round) {
    WeightPacks packs;
    std::vector<FixedSums> forward(8), backward(8);
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < 8; ++t)
      threads.emplace_back([&, t] {
        if (t % 2 == 0) forward[t] = products.forward(&packs);
        backward[t] = products.backward(&packs);
        if (t % 2 == 1) forward[t] = products.forward(&packs);
      });
    for (std::thread& thread : threads) thread.join();
    for (std::size_t t = 0; t < 8; ++t) {
      expect_same(forward[t], y);
      expect_same(backward[t], dx);
    }
    // It is there by now.
    packs.get(product_kernel(), WeightPacks::Role::forward_rows, [] {
      ADD_FAILURE();
      return DigitVector();
    });
  }
}

TEST(WeightPacks, are_made_within_parallel_loops) {
  // As points of an audit do: the thread that packs may wait, but never takes another point meanwhile, whose
  // products would ask for the same pack.
  const tbb::global_control allow(tbb::global_control::max_allowed_parallelism, 4);
  const Products products({1, 40, 70, 5, 5, Window::square(3, 1, 1), 2, 2, 3}, Mix::uniform, 500);
  const FixedSums y = products.forward(nullptr);
  for (int round = 0; round < 10; ++round) {
    WeightPacks packs;
    std::vector<FixedSums> results(12);
    tbb::task_arena arena(4);
    arena.execute([&] {
      tbb::parallel_for(std::size_t{0}, results.size(),
                        [&](std::size_t k) { results[k] = products.forward(&packs); });
    });
    for (const FixedSums& result : results) expect_same(result, y);
  }
}

}  // namespace
}  // namespace gradzone
