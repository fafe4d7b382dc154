// The figures of a volume study: of each format, over its initialisations and mini-batches.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "gradzone/study/volume_study.hpp"
#include "gradzone/zones/census.hpp"

namespace gradzone {

/// Of initialisations (passes), and of mini-batches. The mini-batches of a pass share their weights, so
/// their interval describes these weights rather than the initialisation.
struct VolumeShare {
  Frequency inits, batches;
};

struct FormatVolume {
  std::string format;
  Index inits = 0, batches = 0;  ///< looked at
  VolumeShare on_kink;           ///< the float forward run meets a kink at which the choices differ
  VolumeShare hit;               ///< as the study defines it
  VolumeShare first_layer, any;  ///< some difference: of the first layer's weights, of any
  std::array<VolumeShare, published_taus.size()> over;  ///< stat_inf above each published tau
  double stat_inf = 0, stat_l1 = 0;                     ///< the largest ones
  Frequency certified;                                  ///< mini-batches with a certificate, of all
  Frequency hits_certified;                             ///< of the hits
  Census census;                                        ///< of the certified ones
};

/// Whether a mini-batch that differs or is certified is a hit.
bool is_hit(const HitRule& rule, const VolumePoint& p);

/// In the order of the rows.
std::vector<FormatVolume> by_format(const VolumeResults& results);

/// The content of summary.json.
std::string volume_summary_json(const VolumeResults& results);

}  // namespace gradzone
