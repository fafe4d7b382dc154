#include <gtest/gtest.h>

#include <algorithm>

#include "gradzone/base/error.hpp"
#include "gradzone/base/parallel.hpp"
#include "gradzone/eval/float_evaluator.hpp"
#include "gradzone/nets/nets.hpp"
#include "gradzone/study/pseudo_labels.hpp"
#include "gradzone/study/volume_study.hpp"
#include "support/npy_files.hpp"
#include "support/scratch_folder.hpp"
#include "support/small_graphs.hpp"

namespace gradzone {
namespace {

using support::bytes_of;
using support::message_of;
using support::ScratchFolder;

/// The first images of the glyphs as a file without labels.
Dataset bare_glyphs(const ScratchFolder& folder, Index count) {
  const Dataset glyphs = load_dataset(fmt::format("glyphs:{}", count), "test", 5);
  std::string pixels;
  for (Index i = 0; i < count; ++i)
    for (const std::uint8_t p : glyphs.pixels(i)) pixels += static_cast<char>(p);
  folder.write("x.npy", support::npy_of("|u1", fmt::format("({}, 28, 28)", count), pixels));
  return load_dataset("npy:" + (folder.path() / "x.npy").string(), "test", 0);
}

int first_largest(const Tensor<double>& logits) {
  return static_cast<int>(std::max_element(logits.data.begin(), logits.data.end()) - logits.data.begin());
}

/// Labels as the evaluator's fp64/chain run of one image has them, in whatever mode batch norms are.
TEST(PseudoLabels, AreTheNetworksOwnAnswers) {
  const ScratchFolder folder;
  const Dataset bare = bare_glyphs(folder, 30);
  const Graph graph = make_net("lenet5-bn", BatchNorm::Mode::training);
  const Graph tested = make_net("lenet5-bn", BatchNorm::Mode::evaluation);
  const Parameters parameters = initialise(graph, Initialisation::kaiming0, 3);
  const Dataset data = with_pseudo_labels(bare, graph, parameters);
  EXPECT_FALSE(data.labelled());
  EXPECT_EQ(data.fingerprint(), bare.fingerprint());
  const auto evaluator = make_float_evaluator(tested, parameters, Format{FormatId::fp64, Order::chain});
  std::vector<int> expected;
  std::vector<Index> all;
  for (Index i = 0; i < bare.size(); ++i) {
    MiniBatch one = bare.batch(std::span(&i, 1));
    EXPECT_TRUE(one.labels.empty());
    one.labels = {0};  // any: the logits do not depend on it
    expected.push_back(first_largest(evaluator->run(one, Choice{}, Form::direct).logits));
    all.push_back(i);
  }
  EXPECT_GT(std::set<int>(expected.begin(), expected.end()).size(), 1u);
  std::vector<int> found(expected.size());
  parallel_for(bare.size(), [&](Index i) {
    found[static_cast<std::size_t>(i)] = data.batch(std::span(&i, 1)).labels.at(0);
  });
  EXPECT_EQ(found, expected);
  EXPECT_EQ(data.batch(all).labels, expected);
}

TEST(PseudoLabels, TakeTheFirstOfEqualLogits) {
  const ScratchFolder folder;
  folder.write("x.npy", support::npy_of("<f4", "(2, 1)", bytes_of<float>({1, -1})));
  GraphBuilder net("net", {1});
  net.then("fc", Linear{1, 3, false});
  const Graph graph = net.build(Loss::cross_entropy);
  const Parameters parameters = support::parameters_of(graph, {{-1, 2, 2}});
  const Dataset data = with_pseudo_labels(
      load_dataset("npy:" + (folder.path() / "x.npy").string(), "test", 0), graph, parameters);
  EXPECT_EQ(data.batch(std::vector<Index>{0, 1}).labels, (std::vector<int>{1, 0}));
}

TEST(PseudoLabels, LeaveLabelledDataAlone) {
  const Dataset glyphs = load_dataset("glyphs:5", "test", 5);
  const Graph graph = make_net("mlp:1x8", BatchNorm::Mode::evaluation);
  const Dataset data = with_pseudo_labels(glyphs, graph, initialise(graph, Initialisation::torch, 3));
  EXPECT_TRUE(data.labelled());
  EXPECT_EQ(data.batch(std::vector<Index>{3}).labels[0], glyphs.label(3));
}

TEST(PseudoLabels, AreNoneToStudiesThatNeedLabels) {
  const ScratchFolder folder;
  const Dataset bare = bare_glyphs(folder, 4);
  EXPECT_NE(message_of<InputError>([&] {
              check_labelled(bare, "training");
            }).find("x.npy has no labels: training needs them"),
            std::string::npos);
  VolumeStudy volume;
  volume.net = "lenet5";
  volume.data = "npy:" + (folder.path() / "x.npy").string();
  volume.choices = {Choice{}, Choice{.maxpool_beta = 1}};
  EXPECT_NE(message_of<InputError>([&] { LoadedVolume loaded(volume); }).find("a volume study needs them"),
            std::string::npos);
}

}  // namespace
}  // namespace gradzone
