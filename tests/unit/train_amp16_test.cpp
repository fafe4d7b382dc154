// amp16 against its definition in docs/formats.md, written out by hand for one small network.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "gradzone/arith/elementary.hpp"
#include "gradzone/arith/rounding.hpp"
#include "gradzone/base/error.hpp"
#include "gradzone/base/random.hpp"
#include "gradzone/nets/initialise.hpp"
#include "gradzone/train/trainer.hpp"

namespace gradzone {
namespace {

constexpr int images = 5, side = 6, kernel = 3, channels = 2, conv_side = 4, pool_side = 2;
constexpr int features = channels * pool_side * pool_side, classes = 3, per_channel = images * 16;
constexpr float eps = 1e-5f;

Graph small_net() {
  GraphBuilder net("small", {1, side, side});
  net.then("conv", Conv2d{1, channels, Window::square(kernel, 1)});
  net.then("bn", BatchNorm{.channels = channels, .mode = BatchNorm::Mode::training});
  net.then("relu", Activation{});
  net.then("pool", MaxPool2d{Window::square(2, 2), {}});
  net.then("flatten", Flatten{});
  net.then("fc", Linear{features, classes});
  return net.build(Loss::cross_entropy);
}

enum Parameter { conv_w, conv_b, bn_w, bn_b, bn_mean, bn_var, fc_w, fc_b, parameter_count };
using Tensors = std::array<std::vector<float>, parameter_count>;

float half(float x) {
  return round_to_binary16(x);
}
std::vector<float> half(std::vector<float> v) {
  for (float& x : v) x = half(x);
  return v;
}
float sum(const std::vector<float>& terms) {
  float s = 0;
  for (const float t : terms) s += t;
  return s;
}
float dot(const std::vector<float>& a, const std::vector<float>& b) {
  float s = 0;
  for (std::size_t i = 0; i < a.size(); ++i) s = std::fma(a[i], b[i], s);
  return s;
}

/// A training of the small network with momentum and weight decay.
struct Reference {
  Tensors masters, momentum;
  float scale = 1;
  bool dynamic = false;
  double loss = 0;

  /// Whether the optimiser made its step.
  bool step(const std::vector<float>& pixels, const std::vector<int>& labels, double rate);

 private:
  /// [image][position] of one channel.
  using Plane = std::array<std::array<float, 16>, images>;
  static std::vector<float> flat(const Plane& p) {
    std::vector<float> out;
    for (const auto& row : p) out.insert(out.end(), row.begin(), row.end());
    return out;
  }
};

bool Reference::step(const std::vector<float>& pixels, const std::vector<int>& labels, double rate) {
  const std::vector<float> x = half(pixels), w = half(masters[conv_w]), b = half(masters[conv_b]),
                           v = half(masters[fc_w]), a = half(masters[fc_b]);
  const auto pixel = [&](int n, int p, int k) {  // under kernel position k at output position p
    const auto row = p / conv_side + k / kernel, column = p % conv_side + k % kernel;
    return x[static_cast<std::size_t>((n * side + row) * side + column)];
  };
  std::array<Plane, channels> convolved, normal, active;
  std::array<float, channels> mean, variance, inverse;
  std::vector<std::vector<float>> z(images), pooled(images, std::vector<float>(features));
  std::vector<std::vector<int>> winner(images, std::vector<int>(features));
  for (std::size_t c = 0; c < channels; ++c) {
    for (int n = 0; n < images; ++n)
      for (int p = 0; p < 16; ++p) {
        float s = 0;
        for (int k = 0; k < 9; ++k) s = std::fma(w[c * 9 + static_cast<std::size_t>(k)], pixel(n, p, k), s);
        convolved[c][n][p] = half(s + b[c]);
      }
    mean[c] = sum(flat(convolved[c])) / per_channel;
    std::vector<float> centred = flat(convolved[c]);
    for (float& d : centred) d -= mean[c];
    variance[c] = dot(centred, centred) / per_channel;
    inverse[c] = 1 / std::sqrt(variance[c] + eps);
    for (int n = 0; n < images; ++n)
      for (int p = 0; p < 16; ++p) {
        normal[c][n][p] = (convolved[c][n][p] - mean[c]) * inverse[c];
        const float y = half(std::fma(masters[bn_w][c], normal[c][n][p], masters[bn_b][c]));
        active[c][n][p] = y > 0 ? y : 0;
      }
    for (int n = 0; n < images; ++n)
      for (int q = 0; q < 4; ++q) {
        const std::size_t f = c * 4 + static_cast<std::size_t>(q);
        const int corner = q / 2 * 8 + q % 2 * 2;
        winner[n][f] = corner;
        for (const int p : {corner + 1, corner + 4, corner + 5})
          if (active[c][n][p] > active[c][n][winner[n][f]]) winner[n][f] = p;
        pooled[n][f] = active[c][n][winner[n][f]];
      }
  }
  std::vector<std::vector<float>> dz(images, std::vector<float>(classes));
  std::vector<float> losses;
  for (int n = 0; n < images; ++n) {
    for (std::size_t k = 0; k < classes; ++k) {
      const auto row = v.begin() + static_cast<std::ptrdiff_t>(k * features);
      z[n].push_back(half(dot(std::vector<float>(row, row + features), pooled[n]) + a[k]));
    }
    const float largest = std::max({z[n][0], z[n][1], z[n][2]});
    float s = 0;
    for (const float logit : z[n]) s += exp_rounded(logit - largest);
    for (std::size_t k = 0; k < classes; ++k) {
      const bool label = static_cast<int>(k) == labels[static_cast<std::size_t>(n)];
      const float p = exp_rounded(z[n][k] - largest) / s;
      dz[n][k] = half(scale * ((label ? p - 1 : p) / images));  // the loss's gradient is not rounded before
      if (label) losses.push_back(log_rounded(s) - (z[n][k] - largest));
    }
  }
  loss = static_cast<double>(sum(losses) / images);

  Tensors g;
  for (std::size_t k = 0; k < classes; ++k) {
    float db = 0;
    for (int n = 0; n < images; ++n) db += dz[n][k];
    g[fc_b].push_back(half(db));
    for (std::size_t f = 0; f < features; ++f) {
      float dw = 0;
      for (int n = 0; n < images; ++n) dw = std::fma(dz[n][k], pooled[n][f], dw);
      g[fc_w].push_back(half(dw));
    }
  }
  for (std::size_t c = 0; c < channels; ++c) {
    Plane d{};
    for (int n = 0; n < images; ++n)
      for (std::size_t f = c * 4; f < c * 4 + 4; ++f) {
        float s = 0;
        for (std::size_t k = 0; k < classes; ++k) s = std::fma(v[k * features + f], dz[n][k], s);
        if (pooled[n][f] > 0) d[n][winner[n][f]] = half(s);
      }
    const float db = sum(flat(d)), dw = dot(flat(d), flat(normal[c]));  // not rounded
    g[bn_b].push_back(db);
    g[bn_w].push_back(dw);
    Plane dx;
    for (int n = 0; n < images; ++n)
      for (int p = 0; p < 16; ++p)
        dx[n][p] = half(masters[bn_w][c] * inverse[c] *
                        std::fma(-normal[c][n][p], dw / per_channel, d[n][p] - db / per_channel));
    g[conv_b].push_back(half(sum(flat(dx))));
    for (int k = 0; k < 9; ++k) {
      float s = 0;
      for (int n = 0; n < images; ++n)
        for (int p = 0; p < 16; ++p) s = std::fma(dx[n][p], pixel(n, p, k), s);
      g[conv_w].push_back(half(s));
    }
  }

  bool finite = true;
  for (const auto& tensor : g)
    for (const float value : tensor) finite &= std::isfinite(value);
  for (std::size_t i = 0; i < parameter_count && finite; ++i) {
    momentum[i].resize(g[i].size());
    for (std::size_t j = 0; j < g[i].size(); ++j) {
      const float gradient = std::fma(5e-4f, masters[i][j], g[i][j] / scale);
      momentum[i][j] = gradient + 0.9f * momentum[i][j];
      masters[i][j] = std::fma(static_cast<float>(-rate), momentum[i][j], masters[i][j]);
    }
  }
  if (!finite && dynamic) scale /= 2;
  constexpr double unbiased = per_channel / (per_channel - 1.0);
  for (std::size_t c = 0; c < channels; ++c) {
    masters[bn_mean][c] = 0.1f * mean[c] + 0.9f * masters[bn_mean][c];
    masters[bn_var][c] = 0.1f * (variance[c] * static_cast<float>(unbiased)) + 0.9f * masters[bn_var][c];
  }
  return finite;
}

Recipe recipe(const char* loss_scale) {
  Recipe out;
  out.format = amp16;
  out.optimiser = {.momentum = 0.9, .weight_decay = 5e-4};
  out.loss_scale = LossScaler::parse(loss_scale);
  return out;
}

struct Batch {
  Tensor<float> x{{images, 1, side, side}};
  std::vector<int> labels;
};

Batch random_batch(RandomStream& random) {
  Batch out;
  for (float& v : out.x.data) v = static_cast<float>(random.uniform(-1, 3));
  for (int n = 0; n < images; ++n) out.labels.push_back(static_cast<int>(random.below(classes)));
  return out;
}

Tensors floats(const Parameters& parameters) {
  Tensors out;
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i].assign(parameters[i].data.begin(), parameters[i].data.end());
  return out;
}

/// Trainer and reference side by side; how many of the steps were left out.
int skipped_steps(const char* loss_scale, int steps) {
  const Graph graph = small_net();
  Parameters initial = initialise(graph, Initialisation::torch, 9);
  std::ranges::fill(initial[bn_w].data, 4.1);  // large activations, so that the first scale is too large
  const auto trainer = make_trainer(graph, initial, recipe(loss_scale));
  const LossScaler scaler = LossScaler::parse(loss_scale);
  Reference reference{.masters = floats(initial),
                      .momentum = {},
                      .scale = scaler.scale(),
                      .dynamic = scaler.text() == "dynamic"};
  RandomStream random(23, "amp16");
  int skipped = 0;
  for (int step = 0; step < steps; ++step) {
    SCOPED_TRACE(testing::Message() << loss_scale << ", seed 23, step " << step);
    const Batch batch = random_batch(random);
    const StepResult result = trainer->step(batch.x, batch.labels, 0.05);
    EXPECT_EQ(result.skipped, !reference.step(batch.x.data, batch.labels, 0.05));
    EXPECT_EQ(result.loss, reference.loss);
    EXPECT_TRUE(result.finite);
    const Tensors found = floats(trainer->parameters());
    for (std::size_t i = 0; i < found.size(); ++i) EXPECT_EQ(found[i], reference.masters[i]) << i;
    skipped += result.skipped;
  }
  return skipped;
}

TEST(Amp16, FollowsItsDefinitionWithAFixedScale) {
  EXPECT_EQ(skipped_steps("fixed:1024", 12), 0);
  EXPECT_EQ(skipped_steps("none", 4), 0);
}

TEST(Amp16, FollowsItsDefinitionWithADynamicScale) {
  const int skipped = skipped_steps("dynamic", 12);
  EXPECT_GT(skipped, 0);
  EXPECT_LT(skipped, 12);
}

TEST(Amp16, SkipsEveryStepThatOverflowsAFixedScale) {
  EXPECT_GT(skipped_steps("fixed:16777216", 4), 0);
}

TEST(Amp16, ContinuesFromASavedState) {
  const Graph graph = small_net();
  const Parameters initial = initialise(graph, Initialisation::torch, 1);
  const auto whole = make_trainer(graph, initial, recipe("dynamic"));
  RandomStream random(2, "amp16");
  for (int step = 0; step < 4; ++step) {
    const Batch batch = random_batch(random);
    whole->step(batch.x, batch.labels, 0.05);
  }
  const auto resumed = make_trainer(graph, initialise(graph, Initialisation::torch, 5), recipe("dynamic"));
  resumed->restore(whole->state());
  EXPECT_EQ(resumed->state().loss_scale, whole->state().loss_scale);
  const Batch batch = random_batch(random);
  EXPECT_EQ(resumed->evaluate(batch.x, batch.labels).loss, whole->evaluate(batch.x, batch.labels).loss);
  for (const auto* trainer : {&whole, &resumed}) (*trainer)->step(batch.x, batch.labels, 0.05);
  EXPECT_EQ(resumed->parameters(), whole->parameters());
}

TEST(Amp16, AloneHasALossScale) {
  const Graph graph = small_net();
  Recipe wrong = recipe("dynamic");
  wrong.format = FormatId::fp16;
  EXPECT_THROW(make_trainer(graph, initialise(graph, Initialisation::torch, 0), wrong), UsageError);
}

TEST(TrainingFormat, ReadsItsNames) {
  EXPECT_EQ(parse_training_format("amp16"), amp16);
  EXPECT_EQ(parse_training_format("fp16-strict/chain"), TrainingFormat(FormatId::fp16_strict));
  EXPECT_EQ(name(amp16), "amp16");
  EXPECT_EQ(full_name(TrainingFormat(FormatId::bf16)), "bf16/chain");
  const TrainingFormat bias_first(FormatId::fp32, Order::bias_first);
  EXPECT_EQ(parse_training_format("fp32/bias-first"), bias_first);
  EXPECT_EQ(name(bias_first), "fp32/bias-first");
  EXPECT_EQ(name(parse_training_format("amp16/pairwise")), "amp16/pairwise");
  for (const char* by_cards : {"fp16-tc", "bf16-tc", "tf32-tc", "amp16-tc"}) {
    const TrainingFormat format = parse_training_format(by_cards);
    EXPECT_EQ(format.order, Order::tensor_cores);
    EXPECT_EQ(name(format), by_cards);
    EXPECT_EQ(full_name(format), by_cards);
  }
  EXPECT_EQ(parse_training_format("amp16-tc"),
            TrainingFormat(FormatId::fp16, FormatId::fp32, Order::tensor_cores));
  EXPECT_EQ(parse_training_formats("fp32,amp16"), (std::vector<TrainingFormat>{FormatId::fp32, amp16}));
  for (const char* bad : {"", "fp32,", "fp32,fp32", "fp32,fp32/chain", "fp32/pair", "amp", "amp16 ",
                          "fp64-tc", "fp16-tc/chain"})
    EXPECT_THROW(parse_training_formats(bad), UsageError) << bad;
}

}  // namespace
}  // namespace gradzone
