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

/// Appends a run, as part of the one before where they follow each other in the panel and in the input; cut
/// where a slice of `slice_rows` panel rows ends.
void append_run(std::vector<Run>& runs, Run run, Index slice_rows) {
  if (!runs.empty()) {
    Run& last = runs.back();
    const bool follows =
        last.panel_row + last.length == run.panel_row && last.input + last.length == run.input;
    if (follows && last.panel_row / slice_rows == run.panel_row / slice_rows) {
      last.length += run.length;
      return;
    }
  }
  runs.push_back(run);
}

/// Index of the first run of every slice, and the number of runs.
std::vector<std::size_t> slices_of(const std::vector<Run>& runs, std::size_t slices, Index slice_rows) {
  std::vector<std::size_t> out;
  std::size_t at = 0;
  for (std::size_t s = 0; s < slices; ++s) {
    while (at < runs.size() && runs[at].panel_row / slice_rows < static_cast<Index>(s)) ++at;
    out.push_back(at);
  }
  out.push_back(runs.size());
  return out;
}

}  // namespace

PixelPlan plan_pixels(const AxisTaps& rows, const AxisTaps& columns, Index kernel_w, Index kernel_size,
                      const ImageShape& source, const ImageShape& out, Index images, Index block_rows) {
  const auto taps_of = [](const AxisTaps& axis, Index i) -> const std::vector<Tap>& {
    return axis[static_cast<std::size_t>(i)];
  };
  // A slice of a panel stays in the second-level cache while the blocks of a task pass it.
  constexpr Index rows_of_slice = 640;
  const Index slice_rows = source.channels * std::max<Index>(1, rows_of_slice / source.channels);
  PixelPlan plan;
  plan.slices = static_cast<std::size_t>((kernel_size * source.channels + slice_rows - 1) / slice_rows);
  const auto repeat_last = [&] {
    while (static_cast<Index>(plan.outputs.size()) % block_rows != 0) {
      plan.input_offsets.push_back(plan.input_offsets.back());
      plan.outputs.push_back(plan.outputs.back());
    }
  };
  const auto add_pixel = [&](Index offset, Index output) {
    if (static_cast<Index>(plan.outputs.size()) % block_rows == 0) {
      plan.blocks.push_back({plan.patterns.size() - 1, plan.outputs.size(), 0});
    }
    ++plan.blocks.back().count;
    plan.input_offsets.push_back(offset);
    plan.outputs.push_back(output);
  };
  for (const auto& same_rows : group_by_pattern(rows))
    for (const auto& same_columns : group_by_pattern(columns)) {
      const auto& down = taps_of(rows, same_rows.front());
      const auto& right = taps_of(columns, same_columns.front());
      auto& pattern = plan.patterns.emplace_back();
      for (const Tap& p : down)
        for (const Tap& q : right) {
          append_run(pattern.runs,
                     {(p.kernel * kernel_w + q.kernel) * source.channels,
                      (p.source * source.w + q.source) * source.channels, source.channels},
                     slice_rows);
        }
      pattern.slices = slices_of(pattern.runs, plan.slices, slice_rows);
      for (const Index i : same_rows)
        for (const Index j : same_columns) {
          const Index offset =
              (distance(down, taps_of(rows, i)) * source.w + distance(right, taps_of(columns, j))) *
              source.channels;
          for (Index image = 0; image < images; ++image) {
            add_pixel(image * source.size() + offset, image * out.size() + (i * out.w + j) * out.channels);
          }
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

}  // namespace

WeightPlan plan_weights(const Window& window, const ImageShape& in, const ImageShape& out, Index images,
                        Index block_rows) {
  WeightPlan plan;
  std::map<std::pair<Range, Range>, std::size_t> rectangles;
  const auto index_of = [&](const Range& rows, const Range& columns) {
    const auto [at, is_new] = rectangles.try_emplace({rows, columns}, plan.runs.size());
    if (!is_new) return at->second;
    auto& runs = plan.runs.emplace_back();
    for (Index n = 0; n < images; ++n)
      for (Index i = rows.begin; i < rows.end; ++i) {
        const Index pixel = i * window.stride_h * in.w + columns.begin * window.stride_w;
        runs.push_back({n * out.area() + i * out.w + columns.begin, n * in.size() + pixel * in.channels,
                        columns.end - columns.begin});
      }
    return at->second;
  };
  std::vector<WeightBlock> open;  // per rectangle, the block that still has room
  const auto add_position = [&](std::size_t rectangle, Index position, Index offset) {
    open.resize(plan.runs.size());
    WeightBlock& block = open[rectangle];
    block.rectangle = rectangle;
    block.positions.push_back(position);
    block.offsets.push_back(offset);
    if (++block.count == block_rows) plan.blocks.push_back(std::exchange(block, {}));
  };
  // Channels outermost: neighbouring blocks read the same channels.
  for (Index first = 0; first < in.channels; first += block_rows)
    for (Index p = 0; p < window.kernel_h; ++p)
      for (Index q = 0; q < window.kernel_w; ++q) {
        const std::size_t rectangle = index_of(outputs_of_tap(rows_of(window), p, in.h, out.h),
                                               outputs_of_tap(columns_of(window), q, in.w, out.w));
        for (Index c = first; c < std::min(first + block_rows, in.channels); ++c) {
          add_position(rectangle, (c * window.kernel_h + p) * window.kernel_w + q,
                       ((p - window.padding_h) * in.w + q - window.padding_w) * in.channels + c);
        }
      }
  for (WeightBlock& block : open) {
    if (block.count == 0) continue;
    block.positions.resize(static_cast<std::size_t>(block_rows), block.positions.back());
    block.offsets.resize(static_cast<std::size_t>(block_rows), block.offsets.back());
    plan.blocks.push_back(std::move(block));
  }
  return plan;
}

}  // namespace gradzone::cpu
