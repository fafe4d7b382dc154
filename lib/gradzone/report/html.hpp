// The report: one HTML file that opens offline in any browser and holds its pictures, tables and data.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "gradzone/io/results.hpp"
#include "gradzone/study/published_curves.hpp"
#include "gradzone/study/tie_study.hpp"
#include "gradzone/study/training_record.hpp"
#include "gradzone/study/volume_study.hpp"

namespace gradzone {

/// The page as text. A function of the results alone (no date, no machine): equal results give equal bytes.
/// Every name and label is data to the page, never markup. Holds at most 40 pictures and 20,000 rows of
/// points; the page says what it leaves out. Throws InputError if the configuration is not a JSON object.
std::string render_report(const AuditResults& results);

/// Writes `folder`/report.html: the old file or the new one is there, never a part. Throws as
/// write_file_atomically.
void write_report(const std::filesystem::path& folder, const AuditResults& results);

/// The page of a volume study, of the results alone as well.
std::string render_report(const VolumeResults& results);
/// Writes `folder`/report.html, as above.
void write_report(const std::filesystem::path& folder, const VolumeResults& results);

/// A study and what the page calls it.
template <class Results>
struct Compared {
  std::string label;
  Results results;
};
/// The page of two audits, or of two volume studies, side by side.
std::string render_comparison(const Compared<AuditResults>& a, const Compared<AuditResults>& b);
std::string render_comparison(const Compared<VolumeResults>& a, const Compared<VolumeResults>& b);

/// The page of a training; `comparisons` (empty: none was asked for) as compare_with_published makes them for
/// the record's curves. A function of both alone; times.csv, where it is there, is part of the record. Throws
/// InputError if the configuration is not a JSON object.
std::string render_report(const TrainingRecord& record, const std::vector<PublishedComparison>& comparisons);
/// Writes `folder`/report.html, as above.
void write_report(const std::filesystem::path& folder, const TrainingRecord& record,
                  const std::vector<PublishedComparison>& comparisons);

/// The page of tied windows, drawn on their images. Holds about 12 MB of feature maps at most; it says how
/// many channels it leaves out. Throws InputError if the configuration is not a JSON object.
std::string render_ties_page(const TieResults& results);
/// Writes `folder`/ties.html, as above.
void write_ties_page(const std::filesystem::path& folder, const TieResults& results);

}  // namespace gradzone
