// Multiword products of layers, forward and weight gradient, on every kernel of the machine; beside them the
// same matrix products by FLINT's arb_mat_mul where it is installed.
// time_per_mac is the processor time of all threads over multiply-adds (padding counted as if it were there),
// so that it does not depend on how many threads there are.
#include <benchmark/benchmark.h>
#include <hwy/targets.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "gradzone/base/random.hpp"
#include "gradzone/exact/fast/products.hpp"

#ifdef GRADZONE_BENCH_ARB
#include <arb_mat.h>
#endif

namespace gradzone {
namespace {

/// A layer, and the matrix product that it is: out x depth by depth x pixels.
struct Product {
  const char* name;
  Conv2d op;
  Index images, h, w;

  Index depth() const { return op.in_channels * op.window.kernel_h * op.window.kernel_w; }
  Index pixels() const { return images * op.window.out_h(h) * op.window.out_w(w); }
  double macs() const { return static_cast<double>(op.out_channels * depth() * pixels()); }
  Shape x() const { return {images, op.in_channels, h, w}; }
  Shape y() const { return {images, op.out_channels, op.window.out_h(h), op.window.out_w(w)}; }
  Shape weight() const { return {op.out_channels, op.in_channels, op.window.kernel_h, op.window.kernel_w}; }
};

const Product products[] = {{"mid", {64, 64, Window::square(3, 1, 1), false}, 1, 32, 32},
                            {"deep", {512, 512, Window::square(3, 1, 1), false}, 1, 16, 16},
                            {"fc", {256, 128, {}, false}, 120, 1, 1},
                            {"fc_one_image", {512, 512, {}, false}, 1, 1, 1},
                            {"c1", {1, 6, Window::square(5, 1), false}, 1, 28, 28}};

FixedTensor random_fixed(Shape shape, int limbs) {
  RandomStream random(1, "bench");
  const Index blocks = shape[0];
  FixedTensor out(std::move(shape), limbs, blocks);
  for (std::int64_t& digit : out.digits)
    digit = static_cast<std::int64_t>(random.bits() >> 12) - (std::int64_t{1} << 51);
  return out;
}

void count(benchmark::State& state, double macs) {
  state.counters["time_per_mac"] =
      benchmark::Counter(macs, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

/// y = w x with w in `w_limbs` limbs, packed once as a network does it, and x in `limbs`.
void forward(benchmark::State& state, const ProductKernel* kernel, const Product& p, int w_limbs, int limbs) {
  const FixedTensor x = random_fixed(p.x(), limbs), w = random_fixed(p.weight(), w_limbs);
  WeightPacks packs;
  use_product_kernel(kernel);
  fixed_convolve(p.op, x, w, limbs, &packs);
  for (auto _ : state) benchmark::DoNotOptimize(fixed_convolve(p.op, x, w, limbs, &packs));
  use_product_kernel(nullptr);
  count(state, p.macs());
}

/// The gradient of w from x and dy: the contraction runs over pixels.
void weight_gradient(benchmark::State& state, const ProductKernel* kernel, const Product& p, int limbs) {
  const FixedTensor x = random_fixed(p.x(), limbs), dy = random_fixed(p.y(), limbs);
  double error = 0;
  use_product_kernel(kernel);
  for (auto _ : state) benchmark::DoNotOptimize(fixed_convolve_weight_gradient(p.op, x, dy, limbs, error));
  use_product_kernel(nullptr);
  count(state, p.macs());
}

#ifdef GRADZONE_BENCH_ARB
class ArbMatrix {
 public:
  ArbMatrix(Index rows, Index columns) { arb_mat_init(matrix_, rows, columns); }
  ArbMatrix(const ArbMatrix&) = delete;
  ArbMatrix& operator=(const ArbMatrix&) = delete;
  ~ArbMatrix() { arb_mat_clear(matrix_); }
  arb_mat_struct* get() { return matrix_; }
  /// Entries of `bits` random bits.
  void fill(flint_rand_t random, slong bits) {
    for (slong i = 0; i < arb_mat_nrows(matrix_); ++i)
      for (slong j = 0; j < arb_mat_ncols(matrix_); ++j)
        arb_urandom(arb_mat_entry(matrix_, i, j), random, bits);
  }

 private:
  arb_mat_t matrix_;
};

/// At most 64 columns: more take minutes.
void arb_product(benchmark::State& state, const Product& p, slong bits) {
  const Index columns = std::min<Index>(p.pixels(), 64);
  ArbMatrix w(p.op.out_channels, p.depth()), x(p.depth(), columns), y(p.op.out_channels, columns);
  flint_rand_t random;
  flint_randinit(random);
  w.fill(random, bits);
  x.fill(random, bits);
  for (auto _ : state) arb_mat_mul(y.get(), w.get(), x.get(), bits);
  flint_randclear(random);
  count(state, static_cast<double>(p.op.out_channels * p.depth() * columns));
}
#endif

/// The kernels of this machine; the one in Highway for every SIMD target.
std::vector<std::pair<std::string, const ProductKernel*>> kernels() {
  std::vector<std::pair<std::string, const ProductKernel*>> out;
  if (ifma_kernel()) out.emplace_back("ifma", ifma_kernel());
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    const ProductKernel* kernel = fma_kernel();
    if (kernel != plain_kernel()) out.emplace_back(std::string("fma_") + hwy::TargetName(target), kernel);
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  return out;
}

void register_all() {
  const auto add = [](const std::string& name, auto&& function) {
    benchmark::RegisterBenchmark(name.c_str(), function)
        ->MeasureProcessCPUTime()
        ->Unit(benchmark::kMillisecond);
  };
  for (const Product& p : products) {
    for (const auto& [name, kernel] : kernels()) {
      const std::string title = std::string(p.name) + "/" + name;
      for (int limbs = 2; limbs <= 5; ++limbs) {
        const std::string tail = "/limbs:" + std::to_string(limbs);
        add(title + "/forward" + tail,
            [k = kernel, &p, limbs](benchmark::State& state) { forward(state, k, p, limbs, limbs); });
        add(title + "/forward_weight_of_1_limb" + tail,
            [k = kernel, &p, limbs](benchmark::State& state) { forward(state, k, p, 1, limbs); });
        add(title + "/weight_gradient" + tail,
            [k = kernel, &p, limbs](benchmark::State& state) { weight_gradient(state, k, p, limbs); });
      }
    }
#ifdef GRADZONE_BENCH_ARB
    for (const slong bits : {106, 212})
      add(std::string(p.name) + "/arb_mat_mul/bits:" + std::to_string(bits),
          [bits, &p](benchmark::State& state) { arb_product(state, p, bits); });
#endif
  }
}

}  // namespace
}  // namespace gradzone

int main(int argc, char** argv) {
  gradzone::register_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
}
