// The page of ties as text, and what its tables say.
#include <gtest/gtest.h>

#include "gradzone/io/csv.hpp"
#include "gradzone/report/html.hpp"
#include "gradzone/study/tie_tables.hpp"
#include "support/made_up_ties.hpp"

namespace gradzone {
namespace {

using tests::made_up_layer;
using tests::made_up_ties;

TEST(TieTables, TheCsvTellsEachWindow) {
  const std::string text = ties_csv(made_up_ties(1));
  CsvReader table(text, "ties.csv");
  std::vector<std::string> first;
  Index rows = 0;
  while (table.next_row()) {
    ++rows;
    if (rows != 4) continue;  // the false tie
    for (const char* column : {"sample", "format", "layer", "channel", "row", "column", "kind", "expressions",
                               "reached", "float_members", "real_members", "entries", "x0", "y1"}) {
      first.push_back(table.text(table.column(column)));
    }
  }
  EXPECT_EQ(rows, 2 * 705);
  EXPECT_EQ(first, (std::vector<std::string>{"10", "fp32/chain", "features.2", "0", "0", "3", "false tie", "",
                                             "false", "0 3", "0", "0.1328125 0.125 - 0.1328125", "8", "4"}));
}

TEST(TieTables, CountsAddUp) {
  const TieCounts counts = count_ties(made_up_layer("pool", 2, 4, 4, 13));
  EXPECT_EQ(counts.windows, 32);
  EXPECT_EQ(counts.ties, 13);
  EXPECT_EQ(counts.real, 7);
  EXPECT_EQ(counts.false_ties, 2);
  EXPECT_EQ(counts.lost_ties, 2);
  EXPECT_EQ(counts.undecided, 2);
  EXPECT_EQ(counts.constant, 3);
  EXPECT_EQ(counts.equal, 2);
  EXPECT_EQ(counts.different, 2);
  EXPECT_EQ(counts.reached, 7);
  EXPECT_EQ(counts.float_positive, 11);
  EXPECT_EQ(counts.real_positive, 9);
}

TEST(TieSentence, SaysThatNothingTies) {
  TiePoint point = made_up_ties(1).points[0];
  point.layers = {made_up_layer("pool", 2, 4, 4, 0)};
  point.point.zone = Zone::regular;
  point.point.cause = point.point.cause_layer = "";
  EXPECT_EQ(tie_sentence(point), "Image 10 (label 0) in fp32: none of 32 windows ties. Zone regular.");
}

TEST(TieSentence, NamesTheProgramWhereEachChoiceHasItsOwn) {
  TiePoint point = made_up_ties(1).points[0];
  point.layers.resize(1);
  point.layers[0] = made_up_layer("pool", 2, 4, 4, 1);
  point.point.form = "composed";
  point.point.choices = "beta=10,minimal";
  EXPECT_TRUE(
      tie_sentence(point).starts_with("Image 10 (label 0) in fp32, composed, beta=10: 1 of 32 windows tie"))
      << tie_sentence(point);
}

TEST(TiesPageText, StaysSmallHoweverManyImages) {
  // A hundred images in two formats, 46 feature maps each: what is too much is left out.
  const std::string page = render_ties_page(made_up_ties(100));
  EXPECT_LT(page.size(), std::size_t{16} << 20);
  EXPECT_GT(page.size(), std::size_t{1} << 20);
}

TEST(TiesPageText, NeedsNothingFromElsewhere) {
  const std::string page = render_ties_page(made_up_ties(1, "</script><b>"));
  EXPECT_EQ(page.find("src="), std::string::npos);
  EXPECT_EQ(page.find("{{"), std::string::npos);
  EXPECT_EQ(page.find("</script><b>"), std::string::npos);
  EXPECT_EQ(page, render_ties_page(made_up_ties(1, "</script><b>")));
}

TEST(TiesPageText, WithoutAPointItStillOpens) {
  EXPECT_NE(render_ties_page(made_up_ties(0)).find("</html>"), std::string::npos);
}

}  // namespace
}  // namespace gradzone
