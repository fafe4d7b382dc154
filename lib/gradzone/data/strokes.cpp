#include "gradzone/data/strokes.hpp"

#include <array>
#include <cassert>

namespace gradzone {
namespace {

Stroke line(std::vector<PenPosition> path) {
  return {false, std::move(path)};
}
Stroke curve(std::vector<PenPosition> path) {
  return {true, std::move(path)};
}

using Styles = std::vector<DigitStyle>;

const std::array<Styles, 10>& all_styles() {
  static const std::array<Styles, 10> styles = {{
      // 0: round, narrow
      {{curve({{.5, 0}, {.85, .14}, {1, .5}, {.85, .86}, {.5, 1}, {.15, .86}, {0, .5}, {.15, .14}, {.5, 0}})},
       {curve({{.6, 0}, {.8, .2}, {.78, .6}, {.5, 1}, {.25, .85}, {.2, .45}, {.35, .1}, {.6, 0}})}},
      // 1: a bar, with a flag, with a flag and a foot
      {{line({{.5, 0}, {.5, 1}})},
       {line({{.22, .25}, {.52, 0}, {.52, 1}})},
       {line({{.25, .2}, {.5, 0}, {.5, 1}}), line({{.18, 1}, {.82, 1}})}},
      // 2: with a straight foot, with a loop
      {{curve({{.05, .25}, {.28, .03}, {.65, 0}, {.92, .25}, {.75, .55}, {.38, .8}, {.05, 1}}),
        line({{.05, 1}, {1, 1}})},
       {curve({{.08, .22},
               {.42, 0},
               {.88, .18},
               {.74, .55},
               {.36, .88},
               {.1, .95},
               {.16, .8},
               {.5, .9},
               {1, .98}})}},
      // 3: round, with a flat top
      {{curve({{.08, .12}, {.5, 0}, {.9, .2}, {.74, .42}, {.4, .48}}),
        curve({{.4, .48}, {.82, .56}, {.98, .78}, {.6, 1}, {.04, .88}})},
       {line({{.1, 0}, {.9, 0}, {.45, .4}}), curve({{.45, .4}, {.86, .5}, {.97, .76}, {.6, 1}, {.05, .9}})}},
      // 4: closed, open
      {{line({{.72, 1}, {.72, 0}, {0, .68}, {1, .68}})},
       {line({{.18, 0}, {.08, .55}, {.98, .55}}), line({{.82, .1}, {.75, 1}})}},
      // 5: angular, round
      {{line({{.92, 0}, {.2, 0}, {.12, .45}}),
        curve({{.12, .45}, {.55, .36}, {.97, .64}, {.68, .97}, {.05, .92}})},
       {curve({{.9, .03}, {.5, .02}, {.22, .08}, {.16, .42}, {.55, .4}, {.92, .66}, {.6, .98}, {.04, .9}})}},
      // 6: round, with a straight back
      {{curve({{.85, .02},
               {.4, .2},
               {.08, .6},
               {.2, .95},
               {.6, 1},
               {.94, .75},
               {.68, .5},
               {.3, .55},
               {.09, .75}})},
       {curve({{.6, 0}, {.3, .35}, {.1, .72}, {.35, 1}, {.78, .92}, {.85, .66}, {.5, .54}, {.14, .72}})}},
      // 7: plain, crossed, with a serif
      {{line({{0, 0}, {1, 0}, {.38, 1}})},
       {line({{.02, .02}, {.98, 0}, {.4, 1}}), line({{.3, .5}, {.9, .48}})},
       {line({{.02, .18}, {.04, 0}, {.95, .02}, {.5, .5}, {.4, 1}})}},
      // 8: in one stroke, two rings
      {{curve({{.5, .48},
               {.12, .25},
               {.5, 0},
               {.88, .25},
               {.5, .48},
               {.05, .75},
               {.5, 1},
               {.95, .75},
               {.5, .48}})},
       {curve({{.5, 0}, {.82, .22}, {.5, .46}, {.18, .22}, {.5, 0}}),
        curve({{.5, .46}, {.95, .73}, {.5, 1}, {.05, .73}, {.5, .46}})}},
      // 9: curved tail, straight stem
      {{curve({{.92, .3},
               {.6, .52},
               {.16, .42},
               {.08, .17},
               {.5, 0},
               {.9, .15},
               {.92, .3},
               {.84, .7},
               {.55, 1}})},
       {curve({{.86, .25}, {.5, .5}, {.1, .3}, {.42, 0}, {.86, .25}}), line({{.86, .2}, {.82, 1}})}},
  }};
  return styles;
}

double spline(double a, double b, double c, double d, double t) {
  return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
}

}  // namespace

std::span<const DigitStyle> digit_styles(int digit) {
  assert(digit >= 0 && digit <= 9);
  return all_styles()[static_cast<std::size_t>(digit)];
}

std::vector<PenPosition> flatten(const Stroke& stroke, int pieces) {
  const auto& p = stroke.path;
  if (!stroke.smooth || p.size() < 3) return p;
  const std::size_t last = p.size() - 1;
  const bool closed = p[0].x == p[last].x && p[0].y == p[last].y;
  std::vector<PenPosition> out{p[0]};
  for (std::size_t i = 0; i < last; ++i) {
    const PenPosition& before = i > 0 ? p[i - 1] : closed ? p[last - 1] : p[0];
    const PenPosition& behind = i + 2 <= last ? p[i + 2] : closed ? p[1] : p[last];
    for (int k = 1; k <= pieces; ++k) {
      const double t = static_cast<double>(k) / pieces;
      out.push_back({spline(before.x, p[i].x, p[i + 1].x, behind.x, t),
                     spline(before.y, p[i].y, p[i + 1].y, behind.y, t)});
    }
  }
  return out;
}

}  // namespace gradzone
