#include "gradzone/kernels/cpu/taps.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace gradzone::cpu {

AxisTaps forward_taps(const Axis& axis, Index in, Index out) {
  AxisTaps taps(static_cast<std::size_t>(out));
  for (Index i = 0; i < out; ++i)
    for (Index k = 0; k < axis.kernel; ++k) {
      const Index source = i * axis.stride - axis.padding + k;
      if (source >= 0 && source < in) taps[static_cast<std::size_t>(i)].push_back({k, source});
    }
  return taps;
}

AxisTaps backward_taps(const Axis& axis, Index in, Index out) {
  AxisTaps taps(static_cast<std::size_t>(in));
  for (Index i = 0; i < in; ++i)
    for (Index k = 0; k < axis.kernel; ++k) {
      const Index scaled = i + axis.padding - k;
      if (scaled < 0 || scaled % axis.stride != 0 || scaled / axis.stride >= out) continue;
      taps[static_cast<std::size_t>(i)].push_back({k, scaled / axis.stride});
    }
  return taps;
}

namespace {

/// Coordinates grouped by the kernel indices they meet.
std::vector<std::vector<Index>> group_by_pattern(const AxisTaps& taps) {
  std::map<std::vector<Index>, std::vector<Index>> groups;
  for (std::size_t i = 0; i < taps.size(); ++i) {
    std::vector<Index> pattern;
    for (const Tap& tap : taps[i]) pattern.push_back(tap.kernel);
    groups[pattern].push_back(static_cast<Index>(i));
  }
  std::vector<std::vector<Index>> out;
  for (auto& [pattern, coordinates] : groups) out.push_back(std::move(coordinates));
  return out;
}

/// How far the sources of `to` lie from those of `from`, which has the same pattern.
Index distance(const std::vector<Tap>& from, const std::vector<Tap>& to) {
  return from.empty() ? 0 : to.front().source - from.front().source;
}

}  // namespace

PixelPlan plan_pixels(const AxisTaps& rows, const AxisTaps& columns, Index kernel_w, const ImageShape& source,
                      const ImageShape& out, Index images, Index block_rows) {
  const auto taps_of = [](const AxisTaps& axis, Index i) -> const std::vector<Tap>& {
    return axis[static_cast<std::size_t>(i)];
  };
  PixelPlan plan;
  const auto repeat_last = [&] {
    while (static_cast<Index>(plan.outputs.size()) % block_rows != 0) {
      plan.input_offsets.push_back(plan.input_offsets.back());
      plan.outputs.push_back(plan.outputs.back());
    }
  };
  const auto add_pixel = [&](Index offset, Index output) {
    if (static_cast<Index>(plan.outputs.size()) % block_rows == 0) {
      plan.blocks.push_back({plan.runs.size() - 1, plan.outputs.size(), 0});
    }
    ++plan.blocks.back().count;
    plan.input_offsets.push_back(offset);
    plan.outputs.push_back(output);
  };
  for (const auto& same_rows : group_by_pattern(rows))
    for (const auto& same_columns : group_by_pattern(columns)) {
      const auto& down = taps_of(rows, same_rows.front());
      const auto& right = taps_of(columns, same_columns.front());
      auto& runs = plan.runs.emplace_back();
      for (const Tap& p : down)
        for (const Tap& q : right) {
          runs.push_back(
              {(p.kernel * kernel_w + q.kernel) * source.channels, p.source * source.w + q.source});
        }
      for (const Index i : same_rows)
        for (const Index j : same_columns)
          for (Index image = 0; image < images; ++image) {
            const Index offset =
                distance(down, taps_of(rows, i)) * source.w + distance(right, taps_of(columns, j));
            add_pixel(image * source.size() + offset, image * out.size() + i * out.w + j);
          }
      repeat_last();
    }
  return plan;
}

namespace {

/// [begin, end)
struct Range {
  Index begin, end;
  friend auto operator<=>(const Range&, const Range&) = default;
};

/// The outputs whose tap k lies inside the input.
Range outputs_of_tap(const Axis& axis, Index k, Index in, Index out) {
  const Index before = axis.padding - k, last = in - 1 + axis.padding - k;
  const Index begin = before > 0 ? (before + axis.stride - 1) / axis.stride : 0;
  const Index end = last < 0 ? 0 : std::min(out, last / axis.stride + 1);
  return {begin, std::max(begin, end)};
}

/// Positions of one rectangle and where each would read its input for output pixel (0, 0).
struct Positions {
  std::vector<Index> positions, offsets;
};

}  // namespace

std::vector<WeightBlock> plan_weights(const Window& window, const ImageShape& in, const ImageShape& out,
                                      Index block_rows) {
  std::map<std::pair<Range, Range>, Positions> by_rectangle;
  for (Index p = 0; p < window.kernel_h; ++p)
    for (Index q = 0; q < window.kernel_w; ++q) {
      const Range rows = outputs_of_tap(rows_of(window), p, in.h, out.h);
      const Range columns = outputs_of_tap(columns_of(window), q, in.w, out.w);
      Positions& all = by_rectangle[{rows, columns}];
      for (Index c = 0; c < in.channels; ++c) {
        all.positions.push_back((c * window.kernel_h + p) * window.kernel_w + q);
        all.offsets.push_back((c * in.h + p - window.padding_h) * in.w + q - window.padding_w);
      }
    }
  std::vector<WeightBlock> blocks;
  for (const auto& [rectangle, all] : by_rectangle) {
    const auto& [rows, columns] = rectangle;
    std::vector<Run> runs;
    for (Index i = rows.begin; i < rows.end; ++i) {
      runs.push_back(
          {i * out.w + columns.begin, i * window.stride_h * in.w + columns.begin * window.stride_w});
    }
    const Index total = static_cast<Index>(all.positions.size());
    for (Index begin = 0; begin < total; begin += block_rows) {
      WeightBlock block{runs, columns.end - columns.begin, {}, {}, std::min(block_rows, total - begin)};
      for (Index r = 0; r < block_rows; ++r) {
        const std::size_t at = static_cast<std::size_t>(begin + std::min(r, block.count - 1));
        block.positions.push_back(all.positions[at]);
        block.offsets.push_back(all.offsets[at]);
      }
      blocks.push_back(std::move(block));
    }
  }
  return blocks;
}

}  // namespace gradzone::cpu
