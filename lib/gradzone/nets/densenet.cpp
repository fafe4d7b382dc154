#include "gradzone/nets/densenet.hpp"

#include <fmt/format.h>

namespace gradzone {
namespace {

constexpr Index growth = 32, bottleneck = 4 * growth;

class DenseNet {
 public:
  DenseNet(bool batch_norm, BatchNorm::Mode mode)
      : net_(batch_norm ? "densenet121-bn" : "densenet121", {3, 32, 32}),
        batch_norm_(batch_norm),
        mode_(mode) {
    net_.then("features.conv0", Conv2d{3, 64, Window::square(7, 2, 3), false});
    normalise("features.norm0", 64);
    net_.then("features.relu0", Activation{});
    net_.then("features.pool0", MaxPool2d{Window::square(2, 2), {}});
  }

  void block(int number, int layers) {
    NodeId all = net_.last();
    for (int k = 1; k <= layers; ++k) {
      const std::string name = fmt::format("features.denseblock{}.denselayer{}", number, k);
      normalise(name + ".norm1", channels_);
      net_.then(name + ".relu1", Activation{});
      net_.then(name + ".conv1", Conv2d{channels_, bottleneck, Window::square(1, 1), false});
      normalise(name + ".norm2", bottleneck);
      net_.then(name + ".relu2", Activation{});
      const NodeId added =
          net_.then(name + ".conv2", Conv2d{bottleneck, growth, Window::square(3, 1, 1), false});
      all = net_.add(name + ".concat", Concat{}, {all, added});
      channels_ += growth;
    }
  }

  void transition(int number) {
    const std::string name = fmt::format("features.transition{}", number);
    normalise(name + ".norm", channels_);
    net_.then(name + ".relu", Activation{});
    net_.then(name + ".conv", Conv2d{channels_, channels_ / 2, Window::square(1, 1), false});
    channels_ /= 2;
    net_.then(name + ".pool", AvgPool2d{Window::square(2, 2)});
  }

  Graph finish() {
    normalise("features.norm5", channels_);
    net_.then("relu", Activation{});
    net_.then("avgpool", GlobalAvgPool{});
    net_.then("flatten", Flatten{});
    net_.then("classifier", Linear{channels_, 10});
    return net_.build(Loss::cross_entropy);
  }

 private:
  void normalise(const std::string& name, Index channels) {
    if (batch_norm_) net_.then(name, BatchNorm{.channels = channels, .mode = mode_});
  }

  GraphBuilder net_;
  const bool batch_norm_;
  const BatchNorm::Mode mode_;
  Index channels_ = 64;
};

}  // namespace

Graph densenet121(bool batch_norm, BatchNorm::Mode mode) {
  DenseNet net(batch_norm, mode);
  const int layers[] = {6, 12, 24, 16};
  for (int number = 1; number <= 4; ++number) {
    net.block(number, layers[number - 1]);
    if (number < 4) net.transition(number);
  }
  return net.finish();
}

}  // namespace gradzone
