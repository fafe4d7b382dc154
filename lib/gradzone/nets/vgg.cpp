#include "gradzone/nets/vgg.hpp"

#include <fmt/format.h>

#include <array>
#include <map>

#include "gradzone/base/error.hpp"

namespace gradzone {

Graph vgg(int depth, bool batch_norm, BatchNorm::Mode mode) {
  static const std::map<int, std::array<int, 5>> convolutions = {{9, {1, 1, 2, 1, 1}},
                                                                 {11, {1, 1, 2, 2, 2}},
                                                                 {13, {2, 2, 2, 2, 2}},
                                                                 {16, {2, 2, 3, 3, 3}},
                                                                 {19, {2, 2, 4, 4, 4}}};
  constexpr std::array<Index, 5> widths = {64, 128, 256, 512, 512};
  const auto found = convolutions.find(depth);
  if (found == convolutions.end())
    throw UsageError(fmt::format("vgg{}: the depth must be 9, 11, 13, 16 or 19", depth));
  GraphBuilder net(fmt::format("vgg{}{}", depth, batch_norm ? "-bn" : ""), {3, 32, 32});
  int number = 0;
  const auto next = [&number] { return fmt::format("features.{}", number++); };
  Index channels = 3;
  for (std::size_t block = 0; block < widths.size(); ++block) {
    for (int k = 0; k < found->second[block]; ++k) {
      net.then(next(), Conv2d{channels, widths[block], Window::square(3, 1, 1)});
      channels = widths[block];
      if (batch_norm) net.then(next(), BatchNorm{.channels = channels, .mode = mode});
      net.then(next(), Activation{});
    }
    net.then(next(), MaxPool2d{Window::square(2, 2), {}});
  }
  net.then("flatten", Flatten{});
  net.then("classifier", Linear{512, 10});
  return net.build(Loss::cross_entropy);
}

}  // namespace gradzone
