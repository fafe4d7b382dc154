#include "gradzone/nets/lenet.hpp"

#include <string>

namespace gradzone {

Graph lenet5(bool batch_norm, BatchNorm::Mode mode, Pooling pooling) {
  const bool norm = pooling == Pooling::norm;
  GraphBuilder net(std::string("lenet5") + (norm ? "-normpool" : "") + (batch_norm ? "-bn" : ""),
                   {1, 28, 28});
  const auto pool = [&](const char* name) {
    if (norm) {
      net.then(name, NormPool2d{Window::square(2, 2)});
    } else {
      net.then(name, MaxPool2d{Window::square(2, 2), {}});
    }
  };
  const auto normalise = [&](const char* name, Index channels) {
    if (batch_norm) net.then(name, BatchNorm{.channels = channels, .mode = mode});
  };
  net.then("features.0", Conv2d{1, 6, Window::square(5, 1)});
  net.then("features.1", Activation{});
  pool("features.2");
  normalise("features.3", 6);
  net.then("features.4", Conv2d{6, 16, Window::square(5, 1)});
  net.then("features.5", Activation{});
  pool("features.6");
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
