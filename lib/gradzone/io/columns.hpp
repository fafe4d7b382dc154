// The columns of every table, once: the CSV files, the result store's schema and its statements all follow
// from these lists. A visitor is called with each column's name and the record's member, in the order of the
// columns.
#pragma once

#include <concepts>
#include <string>
#include <type_traits>

#include "gradzone/zones/record.hpp"

namespace gradzone {

/// Rows that belong to a point but do not name it themselves.
struct TieRow {
  Index point = 0;
  std::string format;
  TieWindow tie;
};
struct ImageRow {
  Index point = 0;
  std::string format;
  Thumbnail image;
};
struct SampleRow {
  Index point = 0;
  std::string format;
  SampleRecord sample;
};
struct TimingRow {
  Index point = 0;
  std::string format;
  double seconds = 0;
};

/// `T` is the record or a const of it: reading and writing go through one list.
template <class T, class Record>
concept MaybeConst = std::same_as<std::remove_const_t<T>, Record>;

template <MaybeConst<PointRecord> T, class Visitor>
void visit_columns(T& r, Visitor&& visit) {
  visit("point", r.point);
  visit("first", r.first);
  visit("batch", r.batch);
  visit("format", r.format);
  visit("form", r.form);
  visit("choices", r.choices);
  visit("zone", r.zone);
  visit("cause", r.cause);
  visit("cause_layer", r.cause_layer);
  visit("proof", r.proof);
  visit("witness", r.witness);
  visit("delta_real_lower", r.delta_real_lower);
  visit("delta_real_upper", r.delta_real_upper);
  visit("delta_float_inf", r.delta_float_inf);
  visit("delta_float_l1", r.delta_float_l1);
  visit("stat_inf", r.stat_inf);
  visit("stat_l1", r.stat_l1);
  visit("bits_used", r.bits_used);
  visit("float_sees", r.float_sees);
  visit("label", r.label);
  visit("predicted", r.predicted);
  visit("branches_filter", r.stages.filter);
  visit("branches_structure", r.stages.structure);
  visit("branches_multiword", r.stages.multiword);
  visit("branches_residue", r.stages.residue);
  visit("branches_exact", r.stages.exact);
  visit("branches_mpfr", r.stages.mpfr);
  visit("branches_undecided", r.stages.undecided);
}

template <MaybeConst<BranchRecord> T, class Visitor>
void visit_columns(T& r, Visitor&& visit) {
  visit("point", r.point);
  visit("layer", r.layer);
  visit("op", r.op);
  visit("windows", r.windows);
  visit("real_ties_positive", r.real_ties_positive);
  visit("real_ties_zero", r.real_ties_zero);
  visit("float_ties_positive", r.float_ties_positive);
  visit("float_ties_zero", r.float_ties_zero);
  visit("false_ties", r.false_ties);
  visit("lost_ties", r.lost_ties);
  visit("real_zeros", r.real_zeros);
  visit("float_zeros", r.float_zeros);
  visit("format", r.format);
  visit("real_ties_negative", r.real_ties_negative);
  visit("float_ties_negative", r.float_ties_negative);
  visit("unknown", r.unknown);
}

template <MaybeConst<GradientRecord> T, class Visitor>
void visit_columns(T& r, Visitor&& visit) {
  visit("point", r.point);
  visit("format", r.format);
  visit("choice", r.choice);
  visit("tensor", r.tensor);
  visit("entries", r.entries);
  visit("unquoted", r.unquoted);
  visit("relative_error_max", r.relative_error_max);
  visit("relative_error_median", r.relative_error_median);
  visit("ulp_error_max", r.ulp_error_max);
  visit("bits_median", r.bits_median);
  visit("bits_worst_1_percent", r.bits_worst_1_percent);
  visit("wrong_sign_share", r.wrong_sign_share);
  visit("flushed_share", r.flushed_share);
  visit("overflow_share", r.overflow_share);
  visit("angle", r.angle);
}

template <MaybeConst<SampleRow> T, class Visitor>
void visit_columns(T& r, Visitor&& visit) {
  visit("point", r.point);
  visit("format", r.format);
  visit("sample", r.sample.sample);
  visit("image", r.sample.image);
  visit("label", r.sample.label);
  visit("zone", r.sample.zone);
  visit("cause", r.sample.cause);
  visit("cause_layer", r.sample.cause_layer);
  visit("proof", r.sample.proof);
  visit("witness", r.sample.witness);
  visit("delta_real_lower", r.sample.delta_real_lower);
  visit("delta_real_upper", r.sample.delta_real_upper);
  visit("delta_float_inf", r.sample.delta_float_inf);
  visit("float_sees", r.sample.float_sees);
}

template <MaybeConst<TieRow> T, class Visitor>
void visit_columns(T& r, Visitor&& visit) {
  visit("point", r.point);
  visit("format", r.format);
  visit("layer", r.tie.layer);
  visit("image", r.tie.image);
  visit("channel", r.tie.channel);
  visit("row", r.tie.row);
  visit("column", r.tie.column);
  visit("kind", r.tie.kind);
  visit("positive", r.tie.positive);
  visit("members", r.tie.members);
  visit("sees_x0", r.tie.sees.x0);
  visit("sees_y0", r.tie.sees.y0);
  visit("sees_x1", r.tie.sees.x1);
  visit("sees_y1", r.tie.sees.y1);
  visit("core_x0", r.tie.core.x0);
  visit("core_y0", r.tie.core.y0);
  visit("core_x1", r.tie.core.x1);
  visit("core_y1", r.tie.core.y1);
}

template <MaybeConst<ImageRow> T, class Visitor>
void visit_columns(T& r, Visitor&& visit) {
  visit("point", r.point);
  visit("format", r.format);
  visit("channels", r.image.channels);
  visit("height", r.image.height);
  visit("width", r.image.width);
  visit("pixels", r.image.pixels);
}

template <MaybeConst<TimingRow> T, class Visitor>
void visit_columns(T& r, Visitor&& visit) {
  visit("point", r.point);
  visit("format", r.format);
  visit("seconds", r.seconds);
}

}  // namespace gradzone
