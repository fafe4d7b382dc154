// A network of every operation, for what runs whole networks on a device.
#pragma once

#include "gradzone/graph/graph.hpp"

namespace gradzone::agree {

/// Every operation there is, on small images.
inline Graph every_operation() {
  GraphBuilder net("everything", {3, 8, 8});
  const NodeId first = net.then("conv", Conv2d{3, 5, Window::square(3, 1, 1)});
  const NodeId strided = net.add("strided", Conv2d{5, 6, Window::square(3, 2, 1), false}, {first});
  const NodeId normalised = net.then("bn", BatchNorm{.channels = 6, .mode = BatchNorm::Mode::training});
  const NodeId leaky = net.then("leaky", Activation{Activation::Kind::leaky_relu, 0.1});
  const NodeId sum = net.add("sum", Add{}, {strided, leaky});
  const NodeId difference = net.add("difference", Add{true}, {sum, normalised});
  const NodeId average = net.add("average", AvgPool2d{Window::square(3, 1, 1)}, {difference});
  const NodeId norm = net.add("norm", NormPool2d{Window::square(3, 1, 1)}, {difference});
  net.add("concat", Concat{}, {average, norm, leaky});
  net.then("relu6", Activation{Activation::Kind::relu6});
  net.then("max", MaxPool2d{Window::square(3, 1, 1), std::nullopt});
  net.then("dropout", Dropout{});
  const NodeId pooled = net.then("pool", MaxPool2d{Window::square(2, 2), 1.0});
  const NodeId global = net.then("global", GlobalAvgPool{});
  net.add("flatten", Flatten{}, {global});
  const NodeId small = net.then("fc.small", Linear{18, 10});
  net.add("flatten.large", Flatten{}, {pooled});
  net.then("abs", Activation{Activation::Kind::abs});
  const NodeId large = net.then("fc.large", Linear{72, 10, false});
  net.add("logits", Add{}, {small, large});
  return net.build(Loss::cross_entropy);
}

}  // namespace gradzone::agree
