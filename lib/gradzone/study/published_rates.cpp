#include "gradzone/study/published_rates.hpp"

#include <algorithm>

namespace gradzone {
namespace {

struct PublishedRate {
  std::string_view net, data;
  OptimiserKind optimiser;
  FormatId format;
  double rate;
};

using enum OptimiserKind;
using enum FormatId;

constexpr PublishedRate table[] = {
    {"lenet5", "mnist", sgd, fp16, 0.0232649},        {"lenet5", "mnist", sgd, fp32, 0.0352784},
    {"lenet5-bn", "mnist", sgd, fp16, 0.0210498},     {"lenet5-bn", "mnist", sgd, fp32, 0.0131741},
    {"lenet5", "mnist", adam, fp32, 0.0038978},       {"lenet5-bn", "mnist", adam, fp32, 0.0258572},
    {"vgg11", "cifar10", sgd, fp16, 0.0181868},       {"vgg11", "cifar10", sgd, fp32, 0.0382014},
    {"vgg11-bn", "cifar10", sgd, fp16, 0.0185488},    {"vgg11-bn", "cifar10", sgd, fp32, 0.0074172},
    {"vgg11", "cifar10", adam, fp32, 0.0002653},      {"vgg11-bn", "cifar10", adam, fp32, 0.0007236},
    {"resnet18", "cifar10", sgd, fp16, 0.0362410},    {"resnet18", "cifar10", sgd, fp32, 0.0379712},
    {"resnet18-bn", "cifar10", sgd, fp16, 0.0297968}, {"resnet18-bn", "cifar10", sgd, fp32, 0.0221819},
    {"densenet121", "cifar10", sgd, fp16, 0.0202935}, {"densenet121-bn", "cifar10", sgd, fp16, 0.0103270},
    {"vgg11-bn", "svhn", sgd, fp16, 0.0036541},       {"vgg11-bn", "svhn", sgd, fp32, 0.0186581},
};

}  // namespace

std::optional<double> published_rate(std::string_view net, std::string_view data, OptimiserKind optimiser,
                                     TrainingFormat format) {
  format.order = Order::chain;  // the published programs' order is not known
  const std::string_view kind = data.substr(0, data.find(':'));
  const auto found = std::ranges::find_if(table, [&](const PublishedRate& r) {
    return r.net == net && r.data == kind && r.optimiser == optimiser && format == r.format;
  });
  return found == std::end(table) ? std::nullopt : std::optional(found->rate);
}

}  // namespace gradzone
