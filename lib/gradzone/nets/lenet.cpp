#include "gradzone/nets/lenet.hpp"

namespace gradzone {

Graph lenet5(bool batch_norm, BatchNorm::Mode mode) {
  GraphBuilder net(batch_norm ? "lenet5-bn" : "lenet5", {1, 28, 28});
  const auto normalise = [&](const char* name, Index channels) {
    if (batch_norm) net.then(name, BatchNorm{.channels = channels, .mode = mode});
  };
  net.then("features.0", Conv2d{1, 6, Window::square(5, 1)});
  net.then("features.1", Activation{});
  net.then("features.2", MaxPool2d{Window::square(2, 2), {}});
  normalise("features.3", 6);
  net.then("features.4", Conv2d{6, 16, Window::square(5, 1)});
  net.then("features.5", Activation{});
  net.then("features.6", MaxPool2d{Window::square(2, 2), {}});
  normalise("features.7", 16);
  net.then("flatten", Flatten{});
  net.then("classifier.0", Linear{256, 120});
  net.then("classifier.1", Activation{});
  normalise("classifier.2", 120);
  net.then("classifier.3", Linear{120, 84});
  net.then("classifier.4", Activation{});
  normalise("classifier.5", 84);
  net.then("classifier.6", Linear{84, 10});
  return net.build(Loss::cross_entropy);
}

}  // namespace gradzone
