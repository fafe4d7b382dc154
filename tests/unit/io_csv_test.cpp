#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "gradzone/base/error.hpp"
#include "gradzone/base/random.hpp"
#include "gradzone/io/csv.hpp"

namespace gradzone {
namespace {

std::vector<std::vector<std::string>> rows_of(const std::string& text) {
  CsvReader csv(text, "t.csv");
  std::vector<std::vector<std::string>> rows;
  while (csv.next_row()) {
    auto& row = rows.emplace_back();
    for (std::size_t i = 0; i < csv.header().size(); ++i) row.push_back(csv.text(i));
  }
  return rows;
}

/// The message with which a text is refused; the test fails if it is not, or if the message has two lines.
std::string refusal(const std::string& text) {
  try {
    rows_of(text);
  } catch (const InputError& error) {
    const std::string message = error.what();
    EXPECT_TRUE(message.starts_with("t.csv: ")) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    return message;
  }
  ADD_FAILURE() << "accepted: " << text;
  return {};
}

TEST(CsvWriter, QuotesOnlyWhatNeedsIt) {
  CsvWriter csv;
  csv.cell("plain");
  csv.cell("native,minimal");
  csv.cell("say \"no\"");
  csv.cell("two\nlines");
  csv.cell("");
  csv.cell(Index{-3});
  csv.cell(7);
  csv.cell(true);
  csv.end_row();
  csv.cell(false);
  csv.end_row();
  EXPECT_EQ(csv.take(), "plain,\"native,minimal\",\"say \"\"no\"\"\",\"two\nlines\",,-3,7,true\nfalse\n");
}

TEST(CsvWriter, WritesDoublesWithTheFewestDigitsThatReadBack) {
  CsvWriter csv;
  for (const double x : {0.1, 5.960464477539063e-08, 1e300, -0.0, 3.0}) csv.cell(x);
  csv.cell(std::numeric_limits<double>::infinity());
  csv.cell(-std::numeric_limits<double>::infinity());
  csv.cell(std::numeric_limits<double>::quiet_NaN());
  csv.end_row();
  EXPECT_EQ(csv.take(), "0.1,5.960464477539063e-08,1e+300,-0,3,inf,-inf,\n");
}

TEST(CsvReader, ReadsBackEveryDoubleBitForBit) {
  RandomStream random(1, "doubles");
  std::vector<double> values = {std::numeric_limits<double>::denorm_min(), std::numeric_limits<double>::max(),
                                -0.0, std::numeric_limits<double>::infinity()};
  while (values.size() < 20'000) {
    const auto x = std::bit_cast<double>(random.bits());
    if (!std::isnan(x)) values.push_back(x);
  }
  CsvWriter writer;
  writer.cell("x");
  writer.end_row();
  for (const double x : values) {
    writer.cell(x);
    writer.end_row();
  }
  const std::string text = writer.take();
  CsvReader csv(text, "t.csv");
  for (const double x : values) {
    ASSERT_TRUE(csv.next_row());
    ASSERT_EQ(std::bit_cast<std::uint64_t>(csv.number(0)), std::bit_cast<std::uint64_t>(x));
  }
  EXPECT_FALSE(csv.next_row());
}

TEST(CsvReader, ReadsBackAnyText) {
  const std::vector<std::string> texts = {"",   ",",         "\"", "\"\"", "a\r\nb",
                                          "\n", "x,\"y\"\r", "α",  "a b",  "inf"};
  CsvWriter writer;
  writer.cell("one");
  writer.cell("two, or more");
  writer.end_row();
  for (const std::string& text : texts) {
    writer.cell(text);
    writer.cell(text);
    writer.end_row();
  }
  const auto rows = rows_of(writer.take());
  ASSERT_EQ(rows.size(), texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) EXPECT_EQ(rows[i], (std::vector{texts[i], texts[i]}));
}

TEST(CsvReader, TakesBothLineEndsAByteOrderMarkAndNoLastLineEnd) {
  const std::vector<std::vector<std::string>> expected = {{"1", "2"}, {"3", "4"}};
  EXPECT_EQ(rows_of("a,b\n1,2\n3,4\n"), expected);
  EXPECT_EQ(rows_of("a,b\r\n1,2\r\n3,4\r\n"), expected);
  EXPECT_EQ(rows_of("\xEF\xBB\xBF\"a\",b\n1,\"2\"\n3,4"), expected);
  EXPECT_TRUE(rows_of("a,b").empty());
}

TEST(CsvReader, KeepsALastEmptyCell) {
  EXPECT_EQ(rows_of("a,b\n1,\n,"), (std::vector<std::vector<std::string>>{{"1", ""}, {"", ""}}));
}

TEST(CsvReader, CountsLinesInsideOfQuotes) {
  const std::string text = "a,b\n\"x\ny\nz\",1\n2,3\n";
  CsvReader csv(text, "t.csv");
  ASSERT_TRUE(csv.next_row());
  EXPECT_EQ(csv.line(), 2u);
  ASSERT_TRUE(csv.next_row());
  EXPECT_EQ(csv.line(), 5u);
}

TEST(CsvReader, RefusesWhatIsNotATableWithTheLine) {
  EXPECT_NE(refusal("").find("empty"), std::string::npos);
  EXPECT_NE(refusal("a,b\n1,2\n1\n").find("line 3: 1 cells, but the header has 2"), std::string::npos);
  EXPECT_NE(refusal("a,b\n1,2,3\n").find("line 2: 3 cells"), std::string::npos);
  EXPECT_NE(refusal("a\n\"never\nclosed").find("line 2: a quote is never closed"), std::string::npos);
  EXPECT_NE(refusal("a\nx\"y\n").find("line 2: a quote inside"), std::string::npos);
  EXPECT_NE(refusal("a\n\"x\"y\n").find("line 2: a cell ends with neither"), std::string::npos);
  EXPECT_NE(refusal("a\nx\ry\n").find("line 2: a cell ends with neither"), std::string::npos);
  EXPECT_NE(refusal(std::string("a\n\0\n", 4)).find("line 2: a NUL byte"), std::string::npos);
  EXPECT_NE(refusal(std::string("a\n\"\0\"\n", 6)).find("line 2: a NUL byte"), std::string::npos);
  EXPECT_NE(refusal("a,b,a\n").find("two columns are called \"a\""), std::string::npos);
  EXPECT_NE(refusal(std::string(largest_csv_width, ',')).find("more than 1024 columns"), std::string::npos);
  EXPECT_NE(refusal("a\n" + std::string(largest_csv_cell + 1, 'x')).find("too long"), std::string::npos);
  EXPECT_NE(refusal("a\n\"" + std::string(largest_csv_cell + 1, 'x') + "\"").find("too long"),
            std::string::npos);
}

TEST(CsvReader, ReadsTypedCellsAndRefusesOthers) {
  const std::string text =
      "x\n12\n-4\n\n1.5\ntrue\nfalse\n99999999999999999999\ninf\nnan\n1e999\n 1\n\"a\nb\"\n";
  CsvReader csv(text, "t.csv");
  const auto next = [&] { ASSERT_TRUE(csv.next_row()); };
  next();
  EXPECT_EQ(csv.integer(0), 12);
  EXPECT_EQ(csv.number(0), 12);
  EXPECT_THROW(csv.truth(0), InputError);
  next();
  EXPECT_EQ(csv.integer(0), -4);
  next();
  EXPECT_TRUE(std::isnan(csv.number(0)));
  EXPECT_THROW(csv.integer(0), InputError);
  next();
  EXPECT_EQ(csv.number(0), 1.5);
  EXPECT_THROW(csv.integer(0), InputError);
  next();
  EXPECT_TRUE(csv.truth(0));
  next();
  EXPECT_FALSE(csv.truth(0));
  next();
  EXPECT_THROW(csv.integer(0), InputError);
  next();
  EXPECT_EQ(csv.number(0), std::numeric_limits<double>::infinity());
  for (int i = 0; i < 3; ++i) {
    next();
    EXPECT_THROW(csv.number(0), InputError) << csv.text(0);
  }
  next();
  try {
    csv.integer(0);
    ADD_FAILURE();
  } catch (const InputError& error) {
    EXPECT_STREQ(error.what(), "t.csv: line 13, column \"x\": \"a\\nb\" is not a whole number");
  }
}

TEST(CsvReader, FindsColumnsByName) {
  const CsvReader csv("a,b\n", "t.csv");
  EXPECT_EQ(csv.column("b"), 1u);
  EXPECT_THROW(csv.column("c"), InputError);
}

}  // namespace
}  // namespace gradzone
