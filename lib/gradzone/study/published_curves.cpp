#include "gradzone/study/published_curves.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "gradzone/base/error.hpp"
#include "gradzone/io/csv.hpp"
#include "gradzone/io/json.hpp"

namespace gradzone {
namespace {

constexpr double half_sixth_digit = 5e-7;  // of an accuracy

class PublishedColumns {
 public:
  explicit PublishedColumns(const CsvReader& reader)
      : reader_(reader),
        network_(reader.column("network")),
        optimiser_(reader.column("optimiser")),
        bits_(reader.column("bits")),
        beta_(reader.column("beta")),
        epoch_(reader.column("epoch")),
        mean_(reader.column("test_accuracy_mean")),
        deviation_(reader.column("test_accuracy_sd")),
        lowest_(reader.column("test_accuracy_min")),
        highest_(reader.column("test_accuracy_max")),
        runs_(reader.column("runs")) {}

  /// Of the current row: its configuration, without epochs.
  PublishedCurve configuration() const {
    const double beta = reader_.number(beta_);
    if (!std::isfinite(beta)) reader_.reject(beta_, "not a finite number");
    return {reader_.text(network_), reader_.text(optimiser_), count(bits_), beta, {}};
  }
  PublishedEpoch epoch() const {
    const Spread accuracy{share(mean_), share(deviation_), share(lowest_), share(highest_)};
    if (accuracy.lowest > accuracy.mean + half_sixth_digit ||
        accuracy.mean > accuracy.highest + half_sixth_digit)
      reader_.reject(mean_, "a mean outside of its minimum and maximum");
    return {count(epoch_), accuracy, count(runs_)};
  }
  [[noreturn]] void reject_epoch() const {
    reader_.reject(epoch_, "an epoch that its configuration has already");
  }

 private:
  int count(std::size_t column) const {
    const Index value = reader_.integer(column);
    if (value < 1 || value > std::numeric_limits<int>::max()) reader_.reject(column, "not a count from 1");
    return static_cast<int>(value);
  }
  double share(std::size_t column) const {
    const double value = reader_.number(column);
    if (!(value >= 0 && value <= 1)) reader_.reject(column, "not between 0 and 1");
    return value;
  }

  const CsvReader& reader_;
  std::size_t network_, optimiser_, bits_, beta_, epoch_, mean_, deviation_, lowest_, highest_, runs_;
};

bool same_configuration(const PublishedCurve& a, const PublishedCurve& b) {
  return a.network == b.network && a.optimiser == b.optimiser && a.bits == b.bits && a.beta == b.beta;
}

const PublishedEpoch* epoch_of(const PublishedCurve& curve, int epoch) {
  const auto found = std::ranges::lower_bound(curve.epochs, epoch, {}, &PublishedEpoch::epoch);
  return found != curve.epochs.end() && found->epoch == epoch ? &*found : nullptr;
}

/// The best mean accuracy that network and optimiser of `like` are published with after that epoch.
double best_published(const std::vector<PublishedCurve>& published, const PublishedCurve& like, int epoch) {
  double best = 0;
  for (const PublishedCurve& curve : published) {
    if (curve.network != like.network || curve.optimiser != like.optimiser) continue;
    if (const PublishedEpoch* e = epoch_of(curve, epoch)) best = std::max(best, e->test_accuracy.mean);
  }
  return best;
}

PublishedVerdict verdict_of(const PublishedComparison& c, double best) {
  const bool ours = is_collapsed(c.last_ours, best), theirs = is_collapsed(c.last_published, best);
  if (ours != theirs) return PublishedVerdict::differs;
  if (ours) return PublishedVerdict::collapsed_as_published;
  return 10 * c.inside >= 9 * c.compared ? PublishedVerdict::inside : PublishedVerdict::outside;
}

PublishedComparison compare(const TrainingCurve& curve, const PublishedCurve& published,
                            const std::vector<PublishedCurve>& all) {
  PublishedComparison out{.unit = curve.unit};
  for (const CurveEpoch& ours : curve.epochs) {
    const PublishedEpoch* theirs = epoch_of(published, ours.epoch);
    if (theirs == nullptr) continue;
    ++out.compared;
    out.inside += band_of(*theirs).contains(ours.test_accuracy.mean);
    out.last_epoch = ours.epoch;
    out.last_ours = ours.test_accuracy.mean;
    out.last_published = theirs->test_accuracy.mean;
  }
  if (out.compared == 0) return out;
  out.published = &published;
  out.verdict = verdict_of(out, best_published(all, published, out.last_epoch));
  return out;
}

}  // namespace

std::vector<PublishedCurve> read_published_csv(std::string_view text, const std::string& where) {
  CsvReader reader(text, where);
  const PublishedColumns columns(reader);
  std::vector<PublishedCurve> curves;
  while (reader.next_row()) {
    PublishedCurve configuration = columns.configuration();
    auto curve = std::ranges::find_if(
        curves, [&](const PublishedCurve& c) { return same_configuration(c, configuration); });
    if (curve == curves.end()) curve = curves.insert(curve, std::move(configuration));
    const PublishedEpoch row = columns.epoch();
    const auto place = std::ranges::lower_bound(curve->epochs, row.epoch, {}, &PublishedEpoch::epoch);
    if (place != curve->epochs.end() && place->epoch == row.epoch) columns.reject_epoch();
    curve->epochs.insert(place, row);
  }
  if (curves.empty()) throw InputError(fmt::format("{}: holds no curve: rows are missing", where));
  return curves;
}

std::optional<int> published_bits(TrainingFormat format) {
  format.order = Order::chain;  // the published programs' order is not known
  if (format == amp16) return 24;
  if (format == FormatId::fp16) return 16;
  if (format == FormatId::fp32) return 32;
  if (format == FormatId::fp64) return 64;
  return std::nullopt;
}

bool Band::contains(double accuracy) const {
  return accuracy >= low - half_sixth_digit && accuracy <= high + half_sixth_digit;
}

Band band_of(const PublishedEpoch& epoch) {
  const Spread& s = epoch.test_accuracy;
  return {s.lowest - 2 * s.deviation, s.highest + 2 * s.deviation};
}

std::string_view name(PublishedVerdict verdict) {
  switch (verdict) {
    case PublishedVerdict::inside:
      return "inside";
    case PublishedVerdict::outside:
      return "outside";
    case PublishedVerdict::collapsed_as_published:
      return "collapsed as published";
    case PublishedVerdict::differs:
      return "differs";
    case PublishedVerdict::not_published:
      break;
  }
  return "not published";
}

std::vector<PublishedComparison> compare_with_published(std::string_view network, std::string_view optimiser,
                                                        const std::vector<TrainingCurve>& curves,
                                                        const std::vector<PublishedCurve>& published) {
  std::vector<PublishedComparison> out;
  for (const TrainingCurve& curve : curves) {
    const std::optional<int> bits = published_bits(curve.unit.format);
    const auto found = std::ranges::find_if(published, [&](const PublishedCurve& p) {
      return p.network == network && p.optimiser == optimiser && p.bits == bits && p.beta == curve.unit.beta;
    });
    out.push_back(found == published.end() ? PublishedComparison{.unit = curve.unit}
                                           : compare(curve, *found, published));
  }
  return out;
}

std::string comparison_csv(const std::vector<PublishedComparison>& comparisons) {
  CsvWriter out;
  out.row("format", "form", "beta", "epochs", "epochs_inside", "share_inside", "last_epoch",
          "test_accuracy_published", "test_accuracy", "verdict");
  for (const PublishedComparison& c : comparisons) {
    const std::string format = name(c.unit.format);
    const std::string_view form = name(c.unit.form);
    if (c.published) {
      out.row(format, form, c.unit.beta, c.compared, c.inside, static_cast<double>(c.inside) / c.compared,
              c.last_epoch, c.last_published, c.last_ours, name(c.verdict));
    } else {
      out.row(format, form, c.unit.beta, "", "", "", "", "", "", name(c.verdict));
    }
  }
  return out.take();
}

std::string with_comparisons(const std::string& summary,
                             const std::vector<PublishedComparison>& comparisons) {
  Json out = Json::parse(summary);
  out["published"] = Json::array();
  for (const PublishedComparison& c : comparisons) {
    Json entry{{"format", name(c.unit.format)}, {"form", name(c.unit.form)}, {"beta", c.unit.beta}};
    if (c.published) {
      entry["epochs"] = c.compared;
      entry["epochs_inside"] = c.inside;
      entry["last_epoch"] = c.last_epoch;
      entry["test_accuracy_published"] = c.last_published;
      entry["test_accuracy"] = c.last_ours;
    }
    entry["verdict"] = name(c.verdict);
    out["published"].push_back(std::move(entry));
  }
  return write_json(out);
}

}  // namespace gradzone
