// The results of an audit as files: what reports, spreadsheets and other programs read. All of it follows
// from the result store; everything but timing.json is the same bytes for every thread count and every
// history of interruptions.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "gradzone/zones/record.hpp"

namespace gradzone {

/// Everything an audit found. `configuration` is a JSON object, among whose keys are
///   formats   array of full format names in the order of the audit, e.g. ["fp32/chain", "fp16/chain"]
///   seed      integer
///   command   the command line
///   versions  object: gradzone, mpfr, gmp, boost, ...
/// Points are ordered by format (in the order of `formats`), then by point.
struct AuditResults {
  std::string configuration;
  std::vector<PointResult> points;
};

/// Reads the results in a folder: from store.sqlite if it is there, else from points.csv, branches.csv,
/// gradients.csv and summary.json of a committed study (ties and images are then empty, seconds 0). Throws
/// InputError.
AuditResults load_results(const std::filesystem::path& folder);

/// How long the run took that just ended; it may have found some points already in the store.
struct RunTiming {
  double wall_seconds = 0;
  Index points_audited = 0;
  int threads = 1;
};

/// Writes points.csv, branches.csv, gradients.csv, samples.csv (if samples were asked for), summary.json and
/// timing.json, each atomically. Throws InputError where the folder cannot be written, InterruptedError on a
/// full disk.
void export_results(const std::filesystem::path& folder, const AuditResults& results, const RunTiming& run);

/// The files' content. CSV follows RFC 4180 with lines ending in LF; doubles are written with the fewest
/// digits that read back to the same bits, infinity as "inf", NaN as an empty cell.
std::string points_csv(const AuditResults& results);
std::string branches_csv(const AuditResults& results);
std::string gradients_csv(const AuditResults& results);
/// Empty if no samples were asked for.
std::string samples_csv(const AuditResults& results);
/// Zones, causes, thresholds and confusion: together, and for each format under "formats". Throws InputError
/// if the configuration is not a JSON object with the keys above.
std::string summary_json(const AuditResults& results);
std::string timing_json(const AuditResults& results, const RunTiming& run);

/// Reads the tables back; columns are found by name, others ignored. `where` names the file in errors. Throws
/// InputError with file and line for anything that is not such a table.
std::vector<PointRecord> read_points_csv(std::string_view text, const std::string& where);
std::vector<BranchRecord> read_branches_csv(std::string_view text, const std::string& where);
std::vector<GradientRecord> read_gradients_csv(std::string_view text, const std::string& where);

}  // namespace gradzone
