// Kernels of LeNet-5's layers, reference and CPU side by side, and a whole training step (forward and
// backward; no update). Items are samples. The thread count is oneTBB's default.
#include <benchmark/benchmark.h>

#include <string>

#include "gradzone/arith/formats.hpp"
#include "gradzone/base/random.hpp"
#include "gradzone/kernels/kernels.hpp"

namespace gradzone {
namespace {

enum class Which { reference, cpu };

template <class F>
std::unique_ptr<Kernels<F>> make(Which which) {
  return which == Which::cpu ? make_cpu_kernels<F>(Order::chain) : make_reference_kernels<F>(Order::chain);
}

template <class F>
Tensor<typename F::Real> random_tensor(Shape shape) {
  RandomStream random(1, "bench");
  Tensor<typename F::Real> out(std::move(shape));
  for (auto& value : out.data) value = F::from_double(random.uniform(-0.5, 0.5));
  return out;
}

/// A convolution with its parameters and everything its three kernels produce.
template <class F>
struct Convolution {
  using T = Tensor<typename F::Real>;
  Conv2d op;
  T w = random_tensor<F>({op.out_channels, op.in_channels, op.window.kernel_h, op.window.kernel_w});
  T b = random_tensor<F>({op.out_channels});
  T y{}, dx{}, dw{}, db{};

  void forward(const Kernels<F>& k, const T& x) { k.conv2d(op, x, w, &b, After::nothing, y); }
  void backward(const Kernels<F>& k, const T& x, const T& dy) {
    dx.shape = x.shape;
    k.conv2d_input_gradient(op, dy, w, dx);
    k.conv2d_weight_gradient(op, x, dy, dw, &db);
  }
};

template <class F>
struct Dense {
  using T = Tensor<typename F::Real>;
  Linear op;
  T w = random_tensor<F>({op.out_features, op.in_features});
  T b = random_tensor<F>({op.out_features});
  T y{}, dx{}, dw{}, db{};

  void forward(const Kernels<F>& k, const T& x) { k.linear(op, x, w, &b, After::nothing, y); }
  void backward(const Kernels<F>& k, const T& x, const T& dy) {
    k.linear_input_gradient(op, dy, w, dx);
    k.linear_weight_gradient(op, x, dy, dw, &db);
  }
};

/// ReLU, then for images a 2x2 max pool.
template <class F>
struct ReluPool {
  using T = Tensor<typename F::Real>;
  MaxPool2d pool{Window::square(2, 2), std::nullopt};
  T relu, y, d_relu, dx;
  ArgmaxSets sets;

  void forward(const Kernels<F>& k, const T& x) {
    k.activation({}, x, relu);
    k.max_pool(pool, {}, Form::direct, relu, y, sets);
  }
  void backward(const Kernels<F>& k, const T& x, const T& dy) {
    d_relu.shape = x.shape;
    k.max_pool_gradient(pool, {}, Form::direct, sets, dy, d_relu);
    k.activation_gradient({}, {}, x, d_relu, dx);
  }
};

template <class F>
struct LeNetStep {
  using T = Tensor<typename F::Real>;
  Convolution<F> conv1{Conv2d{1, 6, Window::square(5, 1)}}, conv2{Conv2d{6, 16, Window::square(5, 1)}};
  ReluPool<F> pool1, pool2;
  Dense<F> dense1{Linear{256, 120}}, dense2{Linear{120, 84}}, dense3{Linear{84, 10}};
  T relu1, relu2, d1, d2, loss, dz;

  void run(const Kernels<F>& k, const T& x, const std::vector<int>& labels) {
    const Index images = x.dim(0);
    conv1.forward(k, x);
    pool1.forward(k, conv1.y);
    conv2.forward(k, pool1.y);
    pool2.forward(k, conv2.y);
    pool2.y.shape = {images, 256};
    dense1.forward(k, pool2.y);
    k.activation({}, dense1.y, relu1);
    dense2.forward(k, relu1);
    k.activation({}, dense2.y, relu2);
    dense3.forward(k, relu2);
    k.cross_entropy(dense3.y, labels, loss, &dz);
    dense3.backward(k, relu2, dz);
    k.activation_gradient({}, {}, dense2.y, dense3.dx, d2);
    dense2.backward(k, relu1, d2);
    k.activation_gradient({}, {}, dense1.y, dense2.dx, d1);
    dense1.backward(k, pool2.y, d1);
    dense1.dx.shape = {images, 4, 4, 16};
    pool2.backward(k, conv2.y, dense1.dx);
    conv2.backward(k, pool1.y, pool2.dx);
    pool1.backward(k, conv1.y, conv2.dx);
    conv1.backward(k, x, pool1.dx);
  }
};

template <class F, class Body>
void measure(benchmark::State& state, Which which, const Body& body) {
  const auto kernels = make<F>(which);
  for (auto _ : state) body(*kernels);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

template <class F>
void lenet_step(benchmark::State& state, Which which) {
  const Index images = state.range(0);
  LeNetStep<F> step;
  const auto x = random_tensor<F>({images, 28, 28, 1});
  const std::vector<int> labels(static_cast<std::size_t>(images), 3);
  measure<F>(state, which, [&](const Kernels<F>& k) { step.run(k, x, labels); });
}

template <class F>
void conv2_forward(benchmark::State& state, Which which) {
  Convolution<F> conv{Conv2d{6, 16, Window::square(5, 1)}};
  const auto x = random_tensor<F>({state.range(0), 12, 12, 6});
  measure<F>(state, which, [&](const Kernels<F>& k) { conv.forward(k, x); });
}

template <class F>
void conv2_backward(benchmark::State& state, Which which) {
  Convolution<F> conv{Conv2d{6, 16, Window::square(5, 1)}};
  const auto x = random_tensor<F>({state.range(0), 12, 12, 6});
  const auto dy = random_tensor<F>({state.range(0), 8, 8, 16});
  measure<F>(state, which, [&](const Kernels<F>& k) { conv.backward(k, x, dy); });
}

template <class F>
void linear1_forward(benchmark::State& state, Which which) {
  Dense<F> dense{Linear{256, 120}};
  const auto x = random_tensor<F>({state.range(0), 256});
  measure<F>(state, which, [&](const Kernels<F>& k) { dense.forward(k, x); });
}

template <class F>
void linear1_backward(benchmark::State& state, Which which) {
  Dense<F> dense{Linear{256, 120}};
  const auto x = random_tensor<F>({state.range(0), 256});
  const auto dy = random_tensor<F>({state.range(0), 120});
  measure<F>(state, which, [&](const Kernels<F>& k) { dense.backward(k, x, dy); });
}

template <class F>
void relu_pool1(benchmark::State& state, Which which) {
  ReluPool<F> pool;
  const auto x = random_tensor<F>({state.range(0), 24, 24, 6});
  const auto dy = random_tensor<F>({state.range(0), 12, 12, 6});
  measure<F>(state, which, [&](const Kernels<F>& k) {
    pool.forward(k, x);
    pool.backward(k, x, dy);
  });
}

/// A convolution of the deep networks and the square image it reads.
struct DeepLayer {
  const char* name;
  Conv2d op;
  Index side;
};
const DeepLayer deep_layers[] = {{"vgg_64_128_at_16", {64, 128, Window::square(3, 1, 1)}, 16},
                                 {"vgg_256_256_at_8", {256, 256, Window::square(3, 1, 1)}, 8},
                                 {"vgg_512_512_at_4", {512, 512, Window::square(3, 1, 1)}, 4},
                                 {"vgg_512_512_at_2", {512, 512, Window::square(3, 1, 1)}, 2},
                                 {"resnet_stem_7x7", {3, 64, Window::square(7, 2, 3)}, 32},
                                 {"resnet_down_1x1", {64, 128, Window::square(1, 2)}, 16}};

/// Forward and both gradients on the CPU kernels; "flops" counts what padding leaves of the multiplications
/// and additions.
template <class F>
void deep_convolution(benchmark::State& state, const DeepLayer& layer) {
  const Index images = state.range(0), side = layer.side, out = layer.op.window.out_h(side);
  Convolution<F> conv{layer.op};
  const auto x = random_tensor<F>({images, side, side, layer.op.in_channels});
  const auto dy = random_tensor<F>({images, out, out, layer.op.out_channels});
  measure<F>(state, Which::cpu, [&](const Kernels<F>& k) {
    conv.forward(k, x);
    conv.backward(k, x, dy);
  });
  double taps = 0;  // of one axis
  const Window& w = layer.op.window;
  for (Index i = 0; i < out; ++i)
    for (Index p = 0; p < w.kernel_h; ++p) {
      const Index row = i * w.stride_h - w.padding_h + p;
      taps += row >= 0 && row < side;
    }
  const double channels = static_cast<double>(layer.op.in_channels * layer.op.out_channels);
  state.counters["flops"] = benchmark::Counter(6 * taps * taps * channels * static_cast<double>(images),
                                               benchmark::Counter::kIsIterationInvariantRate);
}

template <class F>
void register_deep_layers() {
  for (const DeepLayer& layer : deep_layers) {
    const std::string title = std::string("deep/") + layer.name + "/" + std::string(name(F::id));
    benchmark::RegisterBenchmark(title.c_str(), deep_convolution<F>, layer)->Arg(1)->Arg(128)->UseRealTime();
  }
}

template <class F>
void register_format() {
  using Function = void (*)(benchmark::State&, Which);
  const std::pair<const char*, Function> functions[] = {{"lenet_step", lenet_step<F>},
                                                        {"conv2_forward", conv2_forward<F>},
                                                        {"conv2_backward", conv2_backward<F>},
                                                        {"linear1_forward", linear1_forward<F>},
                                                        {"linear1_backward", linear1_backward<F>},
                                                        {"relu_pool1", relu_pool1<F>}};
  for (const auto& [name_of_function, function] : functions)
    for (const Which which : {Which::reference, Which::cpu}) {
      const std::string title = std::string(name_of_function) + "/" + std::string(name(F::id)) +
                                (which == Which::cpu ? "/cpu" : "/reference");
      benchmark::RegisterBenchmark(title.c_str(), function, which)->Arg(1)->Arg(128)->UseRealTime();
    }
}

template <class... F>
void register_all(TypeList<F...>) {
  (register_format<F>(), ...);
  (register_deep_layers<F>(), ...);
}

}  // namespace
}  // namespace gradzone

int main(int argc, char** argv) {
  gradzone::register_all(gradzone::FormatList());
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
}
