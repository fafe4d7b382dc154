// All pooling windows of a point that tie, in the floats or over the reals, one by one: what branches.csv
// counts, with the reason why a real tie is there.
#pragma once

#include <string>
#include <vector>

#include "gradzone/eval/float_evaluator.hpp"
#include "gradzone/exact/kink_rules.hpp"
#include "gradzone/graph/graph.hpp"
#include "gradzone/graph/point.hpp"
#include "gradzone/zones/receptive_field.hpp"

namespace gradzone {

/// How the float tie relates to the real one; for max pools by their argmax sets, for norm pools by whether
/// the window is zero. Where both tie on different sets, the floats' extra entry decides (Site in
/// branch_comparison.hpp).
enum class TieKind {
  real,       ///< the same tie in both
  false_tie,  ///< the floats have a tied entry that the reals lack
  lost_tie,   ///< the reals have a tied entry that the floats lack
  undecided,  ///< a tie in the floats where the real branch was not decided
};
const char* name(TieKind kind);

/// What ties over the reals, as structure alone proves it (zones.md, section 3). The first two are harmless:
/// over the reals no choice at this window changes the gradient.
enum class TieExpressions {
  none,       ///< no real tie, or structure was not followed so far
  constant,   ///< entries through which no derivative passes, such as the zeros that ReLU leaves
  equal,      ///< one expression of equal patches: the same value and the same derivative
  different,  ///< anything else: equal values not proved to be of one expression, a zero norm that may pass a
              ///< derivative
};
/// "" for none.
const char* name(TieExpressions expressions);

/// A window that ties. Signs are of the maximum (-1, 0, 1, or unknown_sign); a norm's is 0.
struct Tie {
  Index channel = 0, row = 0, column = 0;  ///< of the output
  TieKind kind = TieKind::real;
  TieExpressions expressions = TieExpressions::none;
  std::int8_t float_sign = 0, real_sign = 0;
  bool reached = false;  ///< a nonzero float derivative reaches the window, under some choice
  /// Positions in the window, row-major, of the entries that attain the maximum; empty for a norm pool, and
  /// `real` where it was not decided.
  std::vector<int> float_members, real_members;
  /// The window's entries in floats, row-major; NaN for padding.
  std::vector<double> entries;

  bool in_floats = false, over_reals = false;  ///< where it is a tie
};

struct LayerTies {
  NodeId node = 0;
  std::string layer, op;
  Index channels = 0, rows = 0, columns = 0;  ///< of the output
  bool choices_differ = true;                 ///< some choices of S differ at a tie of this layer
  std::vector<Tie> ties;                      ///< by channel, row, column
  std::vector<double> outputs;                ///< in floats, [channels, rows, columns]
  ReceptiveField field;                       ///< of the output at row 0, column 0

  Index windows() const { return channels * rows * columns; }
  /// ReceptiveField::core of an output; empty when the input is not a picture.
  PixelBox core(Index row, Index column) const;
};

/// A point in both worlds, as Auditor::evaluate leaves it.
struct TieInput {
  const Graph& graph;  ///< with the format's scalars
  const std::vector<std::vector<KinkRule>>& rules;
  const MiniBatch& batch;  ///< one image, rounded to the format
  const std::vector<FloatRun>& runs;
  const std::vector<LayerBranches>& reals;
  const std::vector<Tensor<double>>& values;  ///< per node, of the first run
};

/// One entry per max pool and norm pool, in forward order. Float ties are those of the first run: in the
/// composed form the other choices' programs may tie elsewhere. Precondition: one image, and batch norms (if
/// any) in evaluation mode.
std::vector<LayerTies> list_ties(const TieInput& input);

/// Max pools and norm pools of a graph, by name.
std::vector<std::string> tying_layers(const Graph& graph);

}  // namespace gradzone
