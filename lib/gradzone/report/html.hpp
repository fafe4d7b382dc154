// The report: one HTML file that opens offline in any browser and holds its pictures, tables and data.
#pragma once

#include <filesystem>
#include <string>

#include "gradzone/io/results.hpp"

namespace gradzone {

/// The page as text. A function of the results alone (no date, no machine): equal results give equal bytes.
/// Every name and label is data to the page, never markup. Holds at most 40 pictures and 20,000 rows of
/// points; the page says what it leaves out. Throws InputError if the configuration is not a JSON object.
std::string render_report(const AuditResults& results);

/// Writes `folder`/report.html: the old file or the new one is there, never a part. Throws as
/// write_file_atomically.
void write_report(const std::filesystem::path& folder, const AuditResults& results);

}  // namespace gradzone
