// The passes of a training step, fused and with reused memory on the CPU kernels, against the plain passes
// that keep everything on the reference kernels, bit for bit.
#include "agree/agree_support.hpp"
#include "gradzone/eval/network.hpp"
#include "gradzone/kernels/layout.hpp"
#include "gradzone/nets/initialise.hpp"
#include "gradzone/nets/nets.hpp"

namespace gradzone::agree {
namespace {

template <class F>
class NetworkAgreement : public ::testing::Test {};
TYPED_TEST_SUITE(NetworkAgreement, FormatTypes, FormatName);

template <class F>
struct Step {
  using T = Tensor<typename F::Real>;
  Activations<F> activations;
  Gradients<F> gradients;
  T loss, dz;

  void run(const Network<F>& network, const std::vector<T>& parameters, const T& x,
           const std::vector<int>& labels, const Choice& choice, Form form, Keep keep) {
    network.forward(parameters, x, choice, form, keep, activations);
    network.loss(activations.values.back(), labels, loss, &dz);
    network.backward(parameters, activations, dz, choice, form, keep, gradients);
  }
};

template <class F>
void expect_agreement(const std::string& net, const Choice& choice, Form form, Order order = Order::chain) {
  using T = Tensor<typename F::Real>;
  SCOPED_TRACE(::testing::Message() << net << ", order " << name(order));
  const Graph graph = make_net(net, BatchNorm::Mode::training).with_scalars_of(F::id);
  std::vector<T> parameters;
  for (const auto& p : initialise(graph, Initialisation::torch, 3)) {
    T& t = parameters.emplace_back(p.shape);
    for (Index i = 0; i < p.size(); ++i) t[i] = F::from_double(p[i]);
  }
  const Network<F> plain(graph, make_reference_kernels<F>(order)), fast(graph, make_cpu_kernels<F>(order));
  Step<F> reused;
  for (const Index images : {3, 2, 3}) {  // the same memory for every batch
    RandomStream random(static_cast<std::uint64_t>(images), "network agreement");
    const T x = random_tensor<F>(channels_last(images, graph.node(0).shape), random, Mix::smooth);
    std::vector<int> labels;
    for (Index n = 0; n < images; ++n) labels.push_back(static_cast<int>(random.below(10)));
    Step<F> expected;
    expected.run(plain, parameters, x, labels, choice, form, Keep::outputs);
    reused.run(fast, parameters, x, labels, choice, form, Keep::parameters);
    EXPECT_TRUE(same_bits(expected.loss, reused.loss));
    for (std::size_t p = 0; p < parameters.size(); ++p) {
      EXPECT_TRUE(same_bits(expected.gradients.parameters[p], reused.gradients.parameters[p]))
          << graph.parameters()[p].name;
    }
  }
}

TYPED_TEST(NetworkAgreement, holds_for_a_training_step) {
  Choice native, other;
  other.maxpool_beta = 10;
  other.relu_at_0 = 0.5;  // forbids fusing
  for (const char* net : {"lenet5", "lenet5-bn", "mlp:2x20"}) {
    expect_agreement<TypeParam>(net, native, Form::direct);
    expect_agreement<TypeParam>(net, other, Form::composed);
    expect_agreement<TypeParam>(net, native, Form::direct, Order::bias_first);
  }
}

}  // namespace
}  // namespace gradzone::agree
