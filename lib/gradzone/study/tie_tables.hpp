// Counts, tables and sentences of ties.
#pragma once

#include <string>

#include "gradzone/study/tie_study.hpp"

namespace gradzone {

/// Ties as people are told of them: the kind, and of a real tie why it is there.
enum class TieClass {
  constant,   ///< real, among constants through which no derivative passes
  equal,      ///< real, one expression of equal patches
  different,  ///< real, and not proved to be one expression
  false_tie,
  lost_tie,
  undecided
};
inline constexpr TieClass all_tie_classes[] = {TieClass::constant,  TieClass::equal,    TieClass::different,
                                               TieClass::false_tie, TieClass::lost_tie, TieClass::undecided};
TieClass class_of(const Tie& tie);

/// Windows of one layer, or of several added up.
struct TieCounts {
  Index windows = 0, ties = 0;  ///< all; those that tie in the floats or over the reals
  Index real = 0, false_ties = 0, lost_ties = 0, undecided = 0;  ///< by TieKind
  Index constant = 0, equal = 0, different = 0;  ///< by TieExpressions, of all that tie over the reals
  Index reached = 0;                             ///< ties that a nonzero float derivative reaches
  Index float_positive = 0, float_zero = 0, float_negative = 0;  ///< ties of the floats, by sign
  Index real_positive = 0, real_zero = 0, real_negative = 0;     ///< ties of the reals, by sign
  Index by_class[std::size(all_tie_classes)] = {};

  void add(const Tie& tie);  ///< leaves `windows` as it is
  TieCounts& operator+=(const LayerTies& layer);
};
TieCounts count_ties(const LayerTies& layer);

/// ties.csv: a row a window, by point, layer, channel, row and column.
std::string ties_csv(const TieResults& results);
/// layers.csv: a row a point and pooling layer, with counts.
std::string tie_layers_csv(const TieResults& results);
/// The configuration, and for each point its verdict and the counts of each layer.
std::string ties_json(const TieResults& results);

/// "Image 3 (label 7) in fp16: 212 of 1576 windows tie: 180 between equal patches, 32 falsely. Zone
/// compensation, cause false tie, first at features.2."
std::string tie_sentence(const TiePoint& point);

}  // namespace gradzone
