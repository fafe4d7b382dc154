#include "gradzone/exact/fast/branch_maps.hpp"

#include <algorithm>

#include "gradzone/graph/window_walk.hpp"

namespace gradzone {
namespace {

/// Calls visit(output entry, entries, first index of the input plane) for every window of every image.
template <class Visit>
void for_each_window(const Window& window, const Shape& x_shape, const Shape& y_shape, Visit&& visit) {
  const Extent x = extent(x_shape), y = extent(y_shape);
  std::vector<std::vector<WindowEntry>> windows;
  for (Index at = 0; at < y.area(); ++at)
    windows.push_back(window_entries(window, x.h, x.w, at / y.w, at % y.w));
  for (Index plane = 0; plane < y.images * y.channels; ++plane)
    for (Index at = 0; at < y.area(); ++at)
      visit(plane * y.area() + at, windows[static_cast<std::size_t>(at)], plane * x.area());
}

/// Terms collected output by output where they are found input by input: sorted by output, in window order.
class Scatter {
 public:
  explicit Scatter(const Shape& shape)
      : map_(shape), counts_(static_cast<std::size_t>(element_count(shape)) + 1, 0) {}

  void give(Index output, Index source, int weight) {
    found_.push_back({output, {source, weight}});
    ++counts_[static_cast<std::size_t>(output) + 1];
  }
  SparseMap take() {
    for (std::size_t i = 1; i < counts_.size(); ++i) counts_[i] += counts_[i - 1];
    map_.first = counts_;
    map_.terms.resize(found_.size());
    for (const auto& [output, term] : found_)
      map_.terms[static_cast<std::size_t>(counts_[static_cast<std::size_t>(output)]++)] = term;
    return std::move(map_);
  }
  SparseMap& map() { return map_; }

 private:
  struct Found {
    Index output;
    SparseMap::Term term;
  };
  SparseMap map_;
  std::vector<Index> counts_;
  std::vector<Found> found_;
};

/// weight * x on a segment, nothing where the weight is 0.
void add_term(SparseMap& map, Index source, double weight, int& last_weight, double& last_value) {
  if (weight == 0) return;
  if (weight != last_value) {
    last_weight = map.weight(weight);
    last_value = weight;
  }
  map.terms.push_back({source, last_weight});
}

}  // namespace

ActivationMap activation_map(const Activation& op, const Shape& shape, std::span<const std::uint8_t> codes) {
  const PiecewiseLinear f = piecewise(op);
  ActivationMap out{SparseMap(shape), {}};
  int last_weight = 0;
  double last_value = 1;
  for (Index i = 0; i < static_cast<Index>(codes.size()); ++i) {
    const std::uint8_t code = codes[static_cast<std::size_t>(i)];
    out.map.first.push_back(static_cast<Index>(out.map.terms.size()));
    if (code == unknown_branch) continue;
    const std::size_t segment = code / 2u;
    double constant = f.offsets[segment];
    if (code % 2 == 0) {
      add_term(out.map, i, f.slopes[segment], last_weight, last_value);
    } else {
      constant += f.slopes[segment] * f.kinks[segment];
    }
    if (constant == 0) continue;
    if (out.constants.empty()) out.constants = Tensor<double>(shape);
    out.constants[i] = constant;
  }
  out.map.first.push_back(static_cast<Index>(out.map.terms.size()));
  return out;
}

SparseMap activation_gradient_map(const Activation& op, const Choice& choice, const Shape& shape,
                                  std::span<const std::uint8_t> codes) {
  const PiecewiseLinear f = piecewise(op);
  const std::vector<double> at_kinks = derivative_at_kinks(op, choice);
  SparseMap map(shape);
  int last_weight = 0;
  double last_value = 1;
  for (Index i = 0; i < static_cast<Index>(codes.size()); ++i) {
    const std::uint8_t code = codes[static_cast<std::size_t>(i)];
    map.first.push_back(static_cast<Index>(map.terms.size()));
    add_term(map, i, code % 2 ? at_kinks[code / 2u] : f.slopes[code / 2u], last_weight, last_value);
  }
  map.first.push_back(static_cast<Index>(map.terms.size()));
  return map;
}

SparseMap max_pool_map(const MaxPool2d& op, const Shape& x_shape, const Shape& y_shape,
                       std::span<const std::uint8_t> codes) {
  const Index size = op.window.kernel_h * op.window.kernel_w;
  SparseMap map(y_shape);
  for_each_window(op.window, x_shape, y_shape,
                  [&](Index output, const std::vector<WindowEntry>& entries, Index base) {
                    map.first.push_back(static_cast<Index>(map.terms.size()));
                    for (const WindowEntry& e : entries) {
                      if (codes[static_cast<std::size_t>(output * size + e.position)] != 1) continue;
                      map.terms.push_back({base + e.offset, 0});
                      break;
                    }
                  });
  map.first.push_back(static_cast<Index>(map.terms.size()));
  return map;
}

SparseMap max_pool_gradient_map(const MaxPool2d& op, const Choice& choice, const Shape& x_shape,
                                const Shape& y_shape, std::span<const std::uint8_t> codes, int bits) {
  const Index size = op.window.kernel_h * op.window.kernel_w;
  const double beta = beta_of(op, choice);
  Scatter scatter(x_shape);
  // Weights of an argmax set of each size, of its first member and of the others; -1: not made yet.
  std::vector<int> of_first(static_cast<std::size_t>(size) + 1, -1), of_others = of_first;
  const auto prepare = [&](std::size_t count) {
    const MpfrInterval share =
        divide(MpfrInterval::exactly(beta), MpfrInterval::exactly(static_cast<double>(count)), bits);
    const MpfrInterval native = subtract(MpfrInterval::exactly(1), MpfrInterval::exactly(beta), bits + 1200);
    of_first[count] = scatter.map().weight(add(share, native, bits + 1200));
    of_others[count] = scatter.map().weight(share);
  };
  of_first[1] = of_others[1] = 0;  // a maximum attained once passes the whole derivative, whatever beta is
  for_each_window(
      op.window, x_shape, y_shape, [&](Index output, const std::vector<WindowEntry>& entries, Index base) {
        const auto set =
            codes.subspan(static_cast<std::size_t>(output * size), static_cast<std::size_t>(size));
        const std::size_t count =
            static_cast<std::size_t>(std::count(set.begin(), set.end(), std::uint8_t{1}));
        if (count == 0) return;  // an image that has stopped before this layer
        if (of_first[count] < 0) prepare(count);
        bool first = true;
        for (const WindowEntry& e : entries) {
          if (set[static_cast<std::size_t>(e.position)] != 1) continue;
          if (first || count == 1 || beta != 0)
            scatter.give(base + e.offset, output, first ? of_first[count] : of_others[count]);
          first = false;
        }
      });
  return scatter.take();
}

namespace {

MpfrInterval share_of(const Window& window, int bits) {
  return divide(MpfrInterval::exactly(1),
                MpfrInterval::exactly(static_cast<double>(window.kernel_h * window.kernel_w)), bits);
}

}  // namespace

SparseMap average_map(const Window& window, const Shape& x_shape, const Shape& y_shape, int bits) {
  SparseMap map(y_shape);
  const int share = map.weight(share_of(window, bits));
  for_each_window(window, x_shape, y_shape, [&](Index, const std::vector<WindowEntry>& entries, Index base) {
    map.first.push_back(static_cast<Index>(map.terms.size()));
    for (const WindowEntry& e : entries) map.terms.push_back({base + e.offset, share});
  });
  map.first.push_back(static_cast<Index>(map.terms.size()));
  return map;
}

SparseMap average_gradient_map(const Window& window, const Shape& x_shape, const Shape& y_shape, int bits) {
  Scatter scatter(x_shape);
  const int share = scatter.map().weight(share_of(window, bits));
  for_each_window(window, x_shape, y_shape,
                  [&](Index output, const std::vector<WindowEntry>& entries, Index base) {
                    for (const WindowEntry& e : entries) scatter.give(base + e.offset, output, share);
                  });
  return scatter.take();
}

}  // namespace gradzone
