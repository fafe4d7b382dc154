#include "gradzone/study/zone_log.hpp"

#include <algorithm>

#include "gradzone/base/error.hpp"
#include "gradzone/eval/non_finite.hpp"
#include "gradzone/study/unit_columns.hpp"
#include "gradzone/zones/auditor.hpp"

namespace gradzone {

std::string zones_csv(const std::vector<ZoneRow>& rows) {
  CsvWriter out;
  out.row("run", "epoch", "step", "beta", "form", "format", "choices", "zone", "cause", "cause_layer",
          "proof", "witness", "delta_real_lower", "delta_real_upper", "delta_float_inf", "float_sees",
          "bits_used");
  for (const ZoneRow& row : rows) {
    const PointRecord& point = row.point;
    out.row(row.unit.run, row.epoch, row.step, row.unit.beta, name(row.unit.form), name(row.unit.format),
            point.choices, row.is_point ? name(point.zone) : "", point.cause, point.cause_layer, point.proof,
            point.witness, point.delta_real_lower, point.delta_real_upper, point.delta_float_inf,
            point.float_sees, point.bits_used);
  }
  return out.take();
}

std::vector<ZoneRow> read_zones_csv(std::string_view text, const std::string& where) {
  CsvReader reader(text, where);
  const UnitColumns unit(reader);
  const auto at = [&](const char* column) { return reader.column(column); };
  const std::size_t step = at("step"), choices = at("choices"), zone = at("zone"), cause = at("cause"),
                    cause_layer = at("cause_layer"), proof = at("proof"), witness = at("witness"),
                    lower = at("delta_real_lower"), upper = at("delta_real_upper"),
                    difference = at("delta_float_inf"), sees = at("float_sees"), bits = at("bits_used");
  std::vector<ZoneRow> rows;
  while (reader.next_row()) {
    ZoneRow row{unit.unit(reader), unit.epoch(reader), reader.integer(step), !reader.text(zone).empty(), {}};
    try {
      if (row.is_point) row.point.zone = parse_zone(reader.text(zone));
    } catch (const UsageError&) {
      reader.reject(zone, "not a zone");
    }
    row.point.choices = reader.text(choices);
    row.point.cause = reader.text(cause);
    row.point.cause_layer = reader.text(cause_layer);
    row.point.proof = reader.text(proof);
    row.point.witness = reader.text(witness);
    row.point.delta_real_lower = reader.number(lower);
    row.point.delta_real_upper = reader.number(upper);
    row.point.delta_float_inf = reader.number(difference);
    row.point.float_sees = reader.truth(sees);
    row.point.bits_used = static_cast<int>(reader.integer(bits));
    rows.push_back(std::move(row));
  }
  return rows;
}

ZoneRow audit_next_step(const Graph& graph, const ZoneLogOptions& options, std::uint64_t seed,
                        const TrainUnit& unit, TrainingRun& run) {
  ZoneRow row{unit, run.epochs() + 1, run.all_steps() + 1, true, {}};
  const Parameters parameters = run.trainer().parameters();
  if (!std::ranges::all_of(parameters, all_finite<double>)) {
    row.is_point = false;
    row.point.choices = names(options.choices);
    row.point.cause = "non-finite";
    return row;
  }
  ReferenceOptions reference;
  reference.work = Work::verdict;
  reference.seed = seed;
  const Auditor auditor(
      graph, parameters,
      {{unit.format.computed, unit.format.order}, unit.form, options.choices, reference, Backend::cpu});
  const LoadedBatch& batch = run.batch();
  row.point =
      auditor.audit({{batch.x.shape, {batch.x.data.begin(), batch.x.data.end()}}, batch.labels}).point;
  return row;
}

}  // namespace gradzone
