#include "gradzone/nets/nets.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <functional>
#include <map>

#include "gradzone/base/error.hpp"
#include "gradzone/nets/densenet.hpp"
#include "gradzone/nets/lenet.hpp"
#include "gradzone/nets/mlp.hpp"
#include "gradzone/nets/resnet.hpp"
#include "gradzone/nets/vgg.hpp"

namespace gradzone {
namespace {

using Maker = std::function<Graph(BatchNorm::Mode)>;

const std::map<std::string, Maker, std::less<>>& makers() {
  static const std::map<std::string, Maker, std::less<>> all = [] {
    std::map<std::string, Maker, std::less<>> out;
    for (const bool bn : {false, true}) {
      const std::string end = bn ? "-bn" : "";
      const auto name = [&end](const char* family, int depth, const char* stem = "") {
        return fmt::format("{}{}{}{}", family, depth, stem, end);
      };
      out["lenet5" + end] = [bn](BatchNorm::Mode mode) { return lenet5(bn, mode); };
      out["lenet5-normpool" + end] = [bn](BatchNorm::Mode mode) { return lenet5(bn, mode, Pooling::norm); };
      out["densenet121" + end] = [bn](BatchNorm::Mode mode) { return densenet121(bn, mode); };
      for (const int depth : {9, 11, 13, 16, 19})
        out[name("vgg", depth)] = [=](BatchNorm::Mode mode) { return vgg(depth, bn, mode); };
      for (const int depth : {18, 34, 50}) {
        out[name("resnet", depth)] = [=](BatchNorm::Mode mode) {
          return resnet(depth, Stem::cifar, bn, mode);
        };
        out[name("resnet", depth, "-imagenet")] = [=](BatchNorm::Mode mode) {
          return resnet(depth, Stem::imagenet, bn, mode);
        };
      }
    }
    return out;
  }();
  return all;
}

/// A whole decimal number, nothing around it.
std::optional<Index> parse_index(std::string_view text) {
  Index value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

/// "3x256"
std::optional<Graph> parse_mlp(std::string_view sizes, FirstLayer first) {
  const std::size_t cross = sizes.find('x');
  if (cross == std::string_view::npos) return std::nullopt;
  const auto layers = parse_index(sizes.substr(0, cross));
  const auto width = parse_index(sizes.substr(cross + 1));
  if (!layers || !width) return std::nullopt;
  return mlp(*layers, *width, first);
}

}  // namespace

std::optional<Graph> find_net(std::string_view spec, BatchNorm::Mode mode) {
  if (const auto it = makers().find(spec); it != makers().end()) return it->second(mode);
  constexpr std::string_view linear = "mlp:", relu = "mlp-relu:";
  if (spec.starts_with(linear)) return parse_mlp(spec.substr(linear.size()), FirstLayer::linear);
  if (spec.starts_with(relu)) return parse_mlp(spec.substr(relu.size()), FirstLayer::relu);
  return std::nullopt;
}

Graph make_net(std::string_view spec, BatchNorm::Mode mode) {
  if (auto graph = find_net(spec, mode)) return *std::move(graph);
  throw UsageError(fmt::format(
      "unknown network \"{}\": there are {}, mlp:LAYERSxWIDTH (mlp:3x256) and mlp-relu:LAYERSxWIDTH", spec,
      fmt::join(net_names(), ", ")));
}

const std::vector<std::string>& net_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const auto& [name, maker] : makers()) out.push_back(name);
    return out;
  }();
  return names;
}

}  // namespace gradzone
