// VolumeTables: volume.csv, points.csv and times.csv of a volume study, while it grows.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gradzone/arith/format.hpp"
#include "gradzone/zones/record.hpp"
#include "gradzone/zones/thresholds.hpp"

namespace gradzone {

/// One pass: a row of volume.csv. Counts are of mini-batches.
struct VolumeRow {
  std::string format;      ///< full name, "fp32/chain"
  std::string order;       ///< its order, "chain"
  Index init = 0;          ///< from 0
  std::uint64_t seed = 0;  ///< of its weights
  Index batches = 0;       ///< looked at
  Index on_kink = 0;       ///< whose float forward run meets a kink at which the choices differ
  Index hits = 0;
  std::optional<Index> first_hit;                   ///< the first hit's index
  Index first_layer = 0;                            ///< whose first layer's weight gradients differ
  Index any = 0;                                    ///< of which some gradient differs
  std::array<Index, published_taus.size()> over{};  ///< with stat_inf above each published tau
  double stat_inf = 0, stat_l1 = 0;                 ///< the largest ones
  Index certified = 0;
  std::array<Index, 4> zones{};   ///< of the certified ones, as all_zones
  std::array<Index, 5> causes{};  ///< as cause_names
  Index points = 0;               ///< rows in points.csv
};
inline constexpr std::array<const char*, published_taus.size()> tau_names{"1e-3", "1e-6", "1e-7", "1e-15"};
inline constexpr std::array<const char*, 5> cause_names{"rounding", "false tie", "lost tie", "cancellation",
                                                        "non-finite"};

/// A mini-batch that was certified or differs: a row of points.csv. Without a certificate the columns that
/// need one (zone, cause, proof, ...) are empty.
struct VolumePoint {
  Index init = 0;
  bool on_kink = false;
  double delta_first_layer = 0;  ///< inf-norm of the difference of the first layer's weight gradients
  bool certified = false;
  PointRecord point;
};

struct VolumeTime {
  std::string format;
  Index init = 0;
  double seconds = 0;
  double rate = 0;  ///< mini-batches per second
};

std::string volume_csv(const std::vector<VolumeRow>& rows);
std::string volume_points_csv(const std::vector<VolumePoint>& points);
std::string volume_times_csv(const std::vector<VolumeTime>& times);
// Throw InputError with file and line for anything that is not such a table.
std::vector<VolumeRow> read_volume_csv(std::string_view text, const std::string& where);
std::vector<VolumePoint> read_volume_points_csv(std::string_view text, const std::string& where);
std::vector<VolumeTime> read_volume_times_csv(std::string_view text, const std::string& where);

/// Everything a finished pass leaves.
struct VolumeUnit {
  VolumeRow row;
  std::vector<VolumePoint> points;
  double seconds = 0;
};

class VolumeTables {
 public:
  /// Reads what `folder` holds if `continued`. Throws InputError for tables that are not such tables.
  VolumeTables(std::filesystem::path folder, const std::vector<Format>& formats, bool continued);

  bool contains(std::size_t format, Index init) const { return units_.contains({format, init}); }
  void add(std::size_t format, VolumeUnit unit);
  /// Takes over the passes that it has not.
  void add_missing(VolumeTables others) { units_.merge(others.units_); }
  /// Passes of this format with an index of at least `init`.
  Index count_from(std::size_t format, Index init) const;
  /// Removes them.
  void cut(std::size_t format, Index init);
  /// Whether each of the initialisations 0, 1, ... has a hit, as far as there are no gaps.
  std::vector<bool> hits(std::size_t format) const;
  /// By format, then by initialisation.
  std::vector<VolumeRow> rows() const;
  std::vector<VolumePoint> points() const;

  /// Writes the tables, each atomically, volume.csv last: killed in between, a pass is computed again.
  void write() const;

 private:
  using Key = std::pair<std::size_t, Index>;
  void read();
  Key key(const std::string& format, Index init, const std::filesystem::path& file) const;
  void check_complete() const;

  std::filesystem::path folder_;
  std::vector<std::string> formats_;
  std::map<Key, VolumeUnit> units_;
};

}  // namespace gradzone
