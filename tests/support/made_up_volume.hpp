// A volume study that never ran, for the tests of what reads volumes. A function of its arguments alone.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "gradzone/arith/format.hpp"
#include "gradzone/study/volume_study.hpp"

namespace gradzone::tests {

/// Mini-batch `k` of a pass that is hit: certified compensation, certified bifurcation, certified regular,
/// and a hit without certificate.
inline VolumePoint made_up_volume_point(Index init, Index k, const std::string& format,
                                        const std::string& layer) {
  VolumePoint out;
  out.init = init;
  out.on_kink = k != 2;
  out.certified = k < 3;
  PointRecord& p = out.point;
  p.point = k;
  p.first = 64 * k;
  p.batch = 64;
  p.format = format;
  p.form = "direct";
  p.choices = "native,minimal";
  p.label = "5 0 4";
  p.predicted = 3;
  p.zone = std::array{Zone::compensation, Zone::bifurcation, Zone::regular, Zone::undecided}.at(
      static_cast<std::size_t>(k));
  if (k == 0) p.cause = "false tie";
  if (k == 0) p.cause_layer = layer;
  if (out.certified) p.proof = k == 1 ? "enclosure" : "branches";
  if (k == 1) p.witness = "features.0.weight[1]";
  if (k == 1) p.delta_real_lower = p.delta_real_upper = 2e-3;
  p.float_sees = k != 2;
  if (p.float_sees) {
    p.stat_inf = 3e-7 * static_cast<double>(k + 1);
    p.stat_l1 = 10 * p.stat_inf;
    p.delta_float_inf = out.delta_first_layer = p.stat_inf / 2;
    p.delta_float_l1 = p.stat_l1;
  }
  return out;
}

/// Ten mini-batches a pass; every second pass is hit at three of them, the others have no difference at all.
inline VolumeResults made_up_volume(Index inits, const std::vector<std::string>& formats,
                                    const std::string& layer = "features.2", bool hits = true) {
  VolumeResults out;
  out.configuration =
      R"({"study":"volume","command":"gradzone volume","network":"lenet5","data":"mnist:data/mnist",)"
      R"("formats":["fp32/chain"],"form":"direct","choices":"native,minimal","batch":64,"batches":10,)"
      R"("hit":"any","until_hit":false,"certify":"3","seed":0,"versions":{"gradzone":"0.1.0"}})";
  out.command = "gradzone volume --net lenet5 --data mnist:data/mnist";
  out.inits = inits;
  for (const std::string& format : formats) {
    for (Index init = 0; init < inits; ++init) {
      VolumeRow row;
      row.format = format;
      row.order = "chain";
      row.init = init;
      row.seed = static_cast<std::uint64_t>(init);
      row.batches = 10;
      for (Index k = 0; hits && init % 2 == 0 && k < 4; ++k) {
        const VolumePoint point = made_up_volume_point(init, k, format, layer);
        const PointRecord& p = point.point;
        row.on_kink += point.on_kink;
        row.hits += p.float_sees;
        row.first_layer += p.float_sees;
        row.any += p.float_sees;
        for (std::size_t t = 0; t < row.over.size(); ++t) row.over[t] += p.stat_inf > published_taus[t];
        row.stat_inf = std::max(row.stat_inf, p.stat_inf);
        row.stat_l1 = std::max(row.stat_l1, p.stat_l1);
        row.certified += point.certified;
        if (point.certified) ++row.zones[static_cast<std::size_t>(p.zone)];
        row.causes[1] += !p.cause.empty();
        ++row.points;
        out.points.push_back(point);
      }
      if (row.hits > 0) row.first_hit = 0;
      out.rows.push_back(row);
    }
  }
  return out;
}

}  // namespace gradzone::tests
