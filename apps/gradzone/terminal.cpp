#include "terminal.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

#include "gradzone/study/pseudo_labels.hpp"
#include "gradzone/zones/census.hpp"

namespace gradzone::app {

void print_share(const Common& common, const std::string& out) {
  if (common.quiet) return;
  fmt::print("share {} is done; gradzone merge {} ... --out FOLDER puts the shares together\n", common.share,
             out);
}

std::string duration_text(double seconds) {
  const auto s = static_cast<std::int64_t>(std::llround(seconds));
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{} min {} s", s / 60, s % 60);
  return fmt::format("{} h {} min", s / 3600, s / 60 % 60);
}

ProgressLine::ProgressLine(std::string what, std::string unit, bool quiet)
    : what_(std::move(what)),
      unit_(std::move(unit)),
      quiet_(quiet),
      terminal_(::isatty(STDERR_FILENO) != 0),
      begin_(Clock::now()),
      last_(begin_) {}

ProgressLine::~ProgressLine() {
  if (drawn_ && terminal_) std::fputc('\n', stderr);
}

std::string ProgressLine::line(std::int64_t done, std::int64_t total, double seconds,
                               const std::string& detail) const {
  const double rate = static_cast<double>(done - first_) / seconds;
  const double left = rate > 0 ? static_cast<double>(total - done) / rate : 0;
  const std::string remaining = done < total ? fmt::format(", {} left", duration_text(left)) : "";
  const std::string state = detail.empty() ? fmt::format("{} of {} {}s", done, total, unit_) : detail;
  const std::string speed = rate < 1000 ? fmt::format("{:.3g}", rate) : fmt::format("{:.0f}", rate);
  return fmt::format("{}: {}, {} {}s/s{}", what_, state, speed, unit_, remaining);
}

void ProgressLine::update(std::int64_t done, std::int64_t total, const std::string& detail) {
  if (quiet_) return;
  const std::lock_guard lock(mutex_);
  if (first_ < 0) first_ = done;
  const auto now = Clock::now();
  const double elapsed = std::chrono::duration<double>(now - begin_).count();
  const double since_last = std::chrono::duration<double>(now - last_).count();
  const bool last = done == total && drawn_;
  if (elapsed < 1 || (!last && since_last < (terminal_ ? 0.1 : 10))) return;
  last_ = now;
  drawn_ = true;
  const std::string text = line(done, total, elapsed, detail);
  // \033[K clears what a longer earlier line left behind.
  fmt::print(stderr, "{}{}{}", terminal_ ? "\r" : "", text, terminal_ ? "\033[K" : "\n");
  std::fflush(stderr);
}

void report_skipped(const Dataset& data, bool quiet) {
  const std::vector<std::string>& bad = data.skipped();
  if (quiet || bad.empty()) return;
  constexpr std::size_t most_named = 5;
  fmt::print(stderr, "{}: {} bad images left out, {} are used\n", data.name(), bad.size(), data.size());
  for (std::size_t i = 0; i < std::min(bad.size(), most_named); ++i) fmt::print(stderr, "  {}\n", bad[i]);
  if (bad.size() > most_named) fmt::print(stderr, "  and {} more\n", bad.size() - most_named);
}

void report_pseudo_labels(const Dataset& data, bool quiet) {
  if (!quiet && !data.labelled())
    fmt::print(stderr, "{} has no labels; they are {}\n", data.name(), pseudo_labels_text);
}

TrainWatch train_watch(ProgressLine& line, std::stop_token stop) {
  return {[&line](const TrainProgress& p) {
            line.update(p.images - p.found, p.total - p.found,
                        fmt::format("{}, epoch {} of {}, loss {:.4f}, accuracy {:.2f} %", p.unit,
                                    std::min(p.epoch, p.epochs), p.epochs, p.loss, 100 * p.accuracy));
          },
          std::move(stop)};
}

std::string zone_table(const AuditResults& results) {
  std::string out;
  std::vector<std::string> formats;
  std::vector<std::vector<PointRecord>> points;
  for (const PointResult& p : results.points) {
    if (formats.empty() || formats.back() != p.point.format) {
      formats.push_back(p.point.format);
      points.emplace_back();
    }
    points.back().push_back(p.point);
  }
  for (std::size_t f = 0; f < formats.size(); ++f) {
    const Census census = take_census(points[f]);
    out += fmt::format("{}: {} points\n", formats[f], census.points);
    for (const Zone zone : all_zones) {
      const Frequency& share = census.zone(zone);
      out += fmt::format("  {:<13}{:>6}  {:>6.2f} %  [{:.2f}, {:.2f}]", name(zone), share.count,
                         100 * share.share, 100 * share.ci95.low, 100 * share.ci95.high);
      if (zone == Zone::compensation && share.count > 0) {
        for (const auto& [cause, layers] : census.cause_layers) {
          for (const auto& [layer, count] : layers) out += fmt::format("  {} at {}: {}", cause, layer, count);
        }
      }
      if (zone == Zone::bifurcation && share.count > 0) {
        out += fmt::format("  seen by the floats: {}, hidden: {}", census.bifurcations_seen,
                           census.bifurcations_hidden);
      }
      out += "\n";
    }
    out += fmt::format("  branches: {}\n", stages_text(census.stages));
  }
  return out;
}

std::string accuracy_table(const TrainResults& results) {
  std::string out;
  for (const ConfigurationResult& c : by_configuration(results.units)) {
    out += fmt::format("{:<11} {:<8} beta {:<7} {} epochs, {} run{}: test accuracy {:.2f}",
                       name(c.unit.format), name(c.unit.form), c.unit.beta, c.epochs, c.runs,
                       c.runs > 1 ? "s" : "", 100 * c.test_accuracy.mean);
    if (c.runs > 1) {
      out += fmt::format(" +- {:.2f} ({:.2f} ... {:.2f})", 100 * c.test_accuracy.deviation,
                         100 * c.test_accuracy.lowest, 100 * c.test_accuracy.highest);
    }
    out += " %\n";
  }
  for (const UnitResult& u : results.units) {
    if (!u.non_finite) continue;
    out += fmt::format("{}: first NaN or infinity in epoch {}, step {}, at {}\n", u.unit.name(),
                       u.non_finite->epoch, u.non_finite->step, u.non_finite->layer);
  }
  return out;
}

std::string comparison_table(const std::vector<PublishedComparison>& comparisons) {
  std::string out;
  for (const PublishedComparison& c : comparisons) {
    out += fmt::format("{:<11} {:<8} beta {:<7} ", name(c.unit.format), name(c.unit.form), c.unit.beta);
    if (c.published) {
      out += fmt::format(
          "{} of {} epochs inside the published band; epoch {}: {:.2f} %, published {:.2f} %: ", c.inside,
          c.compared, c.last_epoch, 100 * c.last_ours, 100 * c.last_published);
    }
    out += fmt::format("{}\n", name(c.verdict));
  }
  return out;
}

}  // namespace gradzone::app
