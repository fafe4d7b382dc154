#include "gradzone/nets/resnet.hpp"

#include <fmt/format.h>

#include <array>
#include <map>

#include "gradzone/base/error.hpp"

namespace gradzone {
namespace {

class ResNet {
 public:
  ResNet(std::string name, Stem stem, bool batch_norm, BatchNorm::Mode mode)
      : net_(std::move(name), stem == Stem::cifar ? Shape{3, 32, 32} : Shape{3, 224, 224}),
        batch_norm_(batch_norm),
        mode_(mode) {
    const Window window = stem == Stem::cifar ? Window::square(3, 1, 1) : Window::square(7, 2, 3);
    convolve("conv1", "bn1", net_.last(), 3, 64, window);
    net_.then("relu", Activation{});
    net_.then("maxpool", MaxPool2d{Window::square(2, 2), {}});
  }

  /// Stage `number`, of blocks of `width` channels.
  void stage(int number, int blocks, Index width, bool bottleneck) {
    for (int b = 0; b < blocks; ++b) {
      const Index stride = b == 0 && number > 1 ? 2 : 1;
      block(fmt::format("layer{}.{}", number, b), width, stride, bottleneck);
    }
  }

  Graph finish(Index classes) {
    net_.then("avgpool", GlobalAvgPool{});
    net_.then("flatten", Flatten{});
    net_.then("fc", Linear{channels_, classes});
    return net_.build(Loss::cross_entropy);
  }

 private:
  /// A convolution without bias and its batch norm, if there is one.
  NodeId convolve(const std::string& conv, const std::string& norm, NodeId from, Index in, Index out,
                  Window w) {
    const NodeId id = net_.add(conv, Conv2d{in, out, w, false}, {from});
    return batch_norm_ ? net_.then(norm, BatchNorm{.channels = out, .mode = mode_}) : id;
  }

  void block(const std::string& name, Index width, Index stride, bool bottleneck) {
    const Index in = channels_, out = bottleneck ? 4 * width : width;
    const NodeId input = net_.last();
    const auto layer = [&](int k, NodeId from, Index from_channels, Index to_channels, Window w) {
      return convolve(fmt::format("{}.conv{}", name, k), fmt::format("{}.bn{}", name, k), from, from_channels,
                      to_channels, w);
    };
    const auto relu = [&](int k) { return net_.then(fmt::format("{}.relu{}", name, k), Activation{}); };
    NodeId last = input;
    if (bottleneck) {
      layer(1, input, in, width, Window::square(1, 1));
      layer(2, relu(1), width, width, Window::square(3, stride, 1));
      last = layer(3, relu(2), width, out, Window::square(1, 1));
    } else {
      layer(1, input, in, width, Window::square(3, stride, 1));
      last = layer(2, relu(1), width, width, Window::square(3, 1, 1));
    }
    NodeId shortcut = input;
    if (stride != 1 || in != out)
      shortcut =
          convolve(name + ".downsample.0", name + ".downsample.1", input, in, out, Window::square(1, stride));
    net_.add(name + ".add", Add{}, {last, shortcut});
    net_.then(name + ".relu", Activation{});
    channels_ = out;
  }

  GraphBuilder net_;
  const bool batch_norm_;
  const BatchNorm::Mode mode_;
  Index channels_ = 64;
};

}  // namespace

Graph resnet(int depth, Stem stem, bool batch_norm, BatchNorm::Mode mode) {
  static const std::map<int, std::array<int, 4>> blocks = {
      {18, {2, 2, 2, 2}}, {34, {3, 4, 6, 3}}, {50, {3, 4, 6, 3}}};
  const auto found = blocks.find(depth);
  if (found == blocks.end()) throw UsageError(fmt::format("resnet{}: the depth must be 18, 34 or 50", depth));
  ResNet net(
      fmt::format("resnet{}{}{}", depth, stem == Stem::imagenet ? "-imagenet" : "", batch_norm ? "-bn" : ""),
      stem, batch_norm, mode);
  Index width = 64;
  for (int stage = 1; stage <= 4; ++stage, width *= 2)
    net.stage(stage, found->second[static_cast<std::size_t>(stage - 1)], width, depth == 50);
  return net.finish(stem == Stem::cifar ? 10 : 1000);
}

}  // namespace gradzone
