// Which tile a sum of products is cut into. It changes the time, never a bit: every output is one chain.
#pragma once

#include <limits>

#include "gradzone/kernels/cuda/bodies/products.hpp"

namespace gradzone::device {

/// As many terms at a time as the registers of two resident blocks allow.
template <class Problem>
using WideTile = Tile<128, 128, 8, 8, Problem::a_along_terms ? 2 : 4, 2>;
using TallTile = Tile<128, 64, 8, 8, 4, 3>;
using SmallTile = Tile<64, 64, 8, 4, 4, 4>;
using TinyTile = Tile<32, 32, 4, 4, 4, 8>;

/// Runs the problem in the tile that is expected to take least time: so many rounds of one block on each
/// multiprocessor, each as long as its tile is large; small tiles come less close to the peak, as they read
/// shared memory more often for a product.
template <class F, class Queue, class Problem>
void run_products(const Queue& queue, int multiprocessors, const Problem& problem) {
  double best = std::numeric_limits<double>::infinity();
  void (*run)(const Queue&, const Problem&) = nullptr;
  const auto consider = [&]<class TileShape>(TileShape, double efficiency) {
    const Index rounds =
        (problem.blocks(TileShape::rows, TileShape::columns) + multiprocessors - 1) / multiprocessors;
    const double time = static_cast<double>(rounds * TileShape::rows * TileShape::columns) / efficiency;
    if (time >= best) return;
    best = time;
    run = [](const Queue& q, const Problem& p) {
      q.run(p.blocks(TileShape::rows, TileShape::columns), Products<F, TileShape, Problem>{p});
    };
  };
  consider(WideTile<Problem>(), 1.0);
  consider(TallTile(), 0.95);
  consider(SmallTile(), 0.8);
  consider(TinyTile(), 0.5);
  if (best > 0) run(queue, problem);
}

}  // namespace gradzone::device
