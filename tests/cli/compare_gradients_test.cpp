// gradzone compare from outside: gradients saved as another framework would save them, right and wrong, and
// files that are none.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/cli_test.hpp"
#include "gradzone/data/dataset.hpp"
#include "gradzone/eval/float_evaluator.hpp"
#include "gradzone/io/checkpoint.hpp"
#include "gradzone/io/csv.hpp"
#include "gradzone/nets/initialise.hpp"
#include "gradzone/nets/nets.hpp"

namespace gradzone::test {
namespace {

class CliCompareGradients : public CliTest {
 protected:
  /// The gradient at these images of glyphs:20, test, in another order than ours.
  Checkpoint gradient(const std::vector<Index>& images, FormatId format = FormatId::fp32) const {
    const MiniBatch batch = glyphs_.batch(images);
    const FloatRun run = make_float_evaluator(graph_, parameters_, {format, Order::lanes16})
                             ->run(batch, Choice{}, Form::direct);
    Checkpoint out;
    for (std::size_t p = 0; p < run.gradient.size(); ++p)
      out.tensors.push_back({graph_.parameters()[p].name, stored_type(format), run.gradient[p]});
    out.tensors.push_back({"gradzone.logits", stored_type(format), run.logits});
    return out;
  }
  /// With the point itself in the file.
  Checkpoint complete(const std::vector<Index>& images) const {
    Checkpoint out = gradient(images);
    const MiniBatch batch = glyphs_.batch(images);
    out.tensors.push_back({"gradzone.input", StoredType::f32, batch.x});
    Tensor<double> labels({batch.size()}, std::vector<double>(batch.labels.begin(), batch.labels.end()));
    out.tensors.push_back({"gradzone.labels", StoredType::i64, std::move(labels)});
    return out;
  }
  std::string save(const std::string& name, const Checkpoint& checkpoint) const {
    write(path(name), bytes_of(checkpoint));
    return path(name).string();
  }
  Outcome compare(const std::vector<std::string>& arguments) const {
    std::vector<std::string> all{"compare", "--model", "lenet5:init=torch", "--seed",
                                 "1",       "--out",   out().string()};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return run(all);
  }
  nlohmann::json summary(const std::vector<std::string>& arguments) const {
    const Outcome outcome = compare(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return nlohmann::json::parse(read(out() / "summary.json"));
  }
  void expect_compare_refused(const std::vector<std::string>& arguments, int code,
                              const std::vector<std::string>& named) const {
    const Outcome outcome = compare(arguments);
    EXPECT_EQ(outcome.exit_code, code) << outcome.err;
    EXPECT_EQ(outcome.out, "");
    expect_one_line(outcome.err, named);
    EXPECT_FALSE(fs::exists(out()));
  }
  void expect_file_refused(const Checkpoint& checkpoint, const std::vector<std::string>& named) const {
    const std::string file = save("bad.safetensors", checkpoint);
    expect_compare_refused({"--grads", file}, 3, named);
  }

  Graph graph_ = make_net("lenet5", BatchNorm::Mode::evaluation);
  Parameters parameters_ = initialise(graph_, Initialisation::torch, 1);
  Dataset glyphs_ = load_dataset("glyphs:20", "test", 1);
};

TEST_F(CliCompareGradients, AFileThatCarriesItsPointNeedsNoData) {
  const Outcome outcome = compare({"--grads", save("a.safetensors", complete({3}))});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  for (const char* part : {"features.0.weight", "classifier.6.bias", "rounding explains all 10 tensors",
                           "1 image of its own", "Zone ", "1 point: ok 1", "compare.csv"})
    EXPECT_NE(outcome.out.find(part), std::string::npos) << part << " in " << outcome.out;
  const Contents files = contents_of(out());
  EXPECT_EQ(files.size(), 3u);
  const std::string table = files.at("compare.csv");
  CsvReader rows(table, "compare.csv");
  Index count = 0;
  while (rows.next_row()) {
    ++count;
    EXPECT_EQ(rows.text(rows.column("judgement")), "ok");
    EXPECT_GE(rows.number(rows.column("bits_median")), 15);
  }
  EXPECT_EQ(count, 11);
}

TEST_F(CliCompareGradients, PointsAreNamedByMetadataOrByTheCommand) {
  Checkpoint batch = gradient({0, 1, 2, 7});
  batch.metadata["samples"] = "0-2,7";
  save("grads/a.safetensors", batch);
  save("grads/b.safetensors", gradient({5}));
  save("grads/c.safetensors", gradient({6}, FormatId::fp64));
  const std::vector<std::string> data{"--data", "glyphs:20", "--grads", path("grads").string(), "--quiet"};
  std::vector<std::string> lists = data, one_list = data;
  lists.insert(lists.end(), {"--samples", "5", "6"});
  one_list.insert(one_list.end(), {"--samples", "5,6", "--threads", "1"});
  const auto json = summary(lists);
  EXPECT_EQ(json["judgements"], (nlohmann::json{{"ok", 3}}));
  EXPECT_EQ(json["files"][0]["samples"], "0,1,2,7");
  EXPECT_EQ(json["files"][2]["format"], "fp64/chain");
  const Contents first = contents_of(out());
  summary(one_list);
  Contents second = contents_of(out());
  EXPECT_EQ(second["compare.csv"], first.at("compare.csv"));
  EXPECT_EQ(second["points.csv"], first.at("points.csv"));

  fs::remove_all(out());
  expect_compare_refused(data, 2, {"b.safetensors", "--samples"});
  std::vector<std::string> wrong = data;
  wrong.insert(wrong.end(), {"--samples", "1", "2", "3"});
  expect_compare_refused(wrong, 2, {"3 points", "2 files"});
  wrong.back() = "20";
  wrong.erase(wrong.end() - 2);
  expect_compare_refused(wrong, 2, {"image 20", "0 to 19"});
  wrong.back() = "3-1";
  expect_compare_refused(wrong, 2, {"--samples", "3-1"});
  wrong.back() = "0-99999999999";
  expect_compare_refused(wrong, 2, {"--samples", "65536"});
}

TEST_F(CliCompareGradients, WrongTensorsAreNamedAndFailOnFindsThem) {
  Checkpoint flipped = complete({4, 9});
  Tensor<double>& weight = tensor(flipped, "features.4.weight").values;
  Index entry = 0;
  while (std::fabs(weight[entry]) < 1e-3) ++entry;
  weight[entry] *= -1;
  for (double& x : tensor(flipped, "classifier.3.weight").values.data) x *= 1.01;
  const std::string file = save("a.safetensors", flipped);
  const Outcome outcome = compare({"--grads", file, "--fail-on", "wrong", "--json"});
  EXPECT_EQ(outcome.exit_code, 1) << outcome.err;
  const auto json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(outcome.out, read(out() / "summary.json"));
  const auto& flagged = json["files"][0]["flagged"];
  ASSERT_EQ(flagged.size(), 2u) << flagged;
  EXPECT_EQ(flagged[0]["reason"],
            "1 sign flipped, first at features.4.weight[" + std::to_string(entry) + "]");
  EXPECT_EQ(flagged[1]["tensor"], "classifier.3.weight");
  EXPECT_EQ(flagged[1]["reason"], "scaled by 1.0100");
  EXPECT_EQ(compare({"--grads", save("b.safetensors", complete({4})), "--fail-on", "wrong"}).exit_code, 0);
}

TEST_F(CliCompareGradients, ASumOverTheBatchIsSaidOnce) {
  Checkpoint summed = complete({0, 1, 2});
  for (NamedTensor& t : summed.tensors) {
    if (t.name.starts_with("gradzone.")) continue;
    for (double& x : t.values.data) x *= 3;
  }
  const Outcome outcome = compare({"--grads", save("a.safetensors", summed)});
  EXPECT_NE(
      outcome.out.find("wrong: every tensor is 3 times too large: the sum over the batch instead of the "
                       "mean?."),
      std::string::npos)
      << outcome.out;
}

TEST_F(CliCompareGradients, AnotherPointIsNoWrongGradient) {
  Checkpoint other = complete({0});
  tensor(other, "gradzone.input").values = glyphs_.batch(std::vector<Index>{1}).x;
  const std::string file = save("a.safetensors", other);
  const Outcome outcome = compare({"--grads", file, "--fail-on", "wrong"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.out.find("not the same point: logit "), std::string::npos) << outcome.out;
  EXPECT_EQ(outcome.out.find("wrong:"), std::string::npos) << outcome.out;
}

TEST_F(CliCompareGradients, FilesThatDoNotFitAreRefused) {
  Checkpoint file = complete({0});
  tensor(file, "classifier.3.bias").name = "module.classifier.3.bias";
  tensor(file, "features.0.weight").name = "module.features.0.weight";
  expect_file_refused(file, {"bad.safetensors", "module.classifier.3.bias", "\"module.\"", "without it"});

  file = complete({0});
  std::erase_if(file.tensors, [](const NamedTensor& t) { return t.name.starts_with("features.4."); });
  expect_file_refused(file, {"features.4.weight", "missing", "1 more", "--allow-missing"});
  const auto json = summary({"--grads", save("a.safetensors", file), "--allow-missing", "--quiet"});
  EXPECT_EQ(json["files"][0]["missing"].size(), 2u);
  fs::remove_all(out());

  file = complete({0});
  std::reverse(tensor(file, "classifier.0.weight").values.shape.begin(),
               tensor(file, "classifier.0.weight").values.shape.end());
  expect_file_refused(file, {"classifier.0.weight", "[256, 120]", "[120, 256]", "transposed"});

  file = complete({0});
  file.tensors.push_back({"extra", StoredType::f32, Tensor<double>({1})});
  expect_file_refused(file, {"extra", "lenet5"});

  file = complete({0});
  std::erase_if(file.tensors, [](const NamedTensor& t) { return t.name == "gradzone.labels"; });
  expect_file_refused(file, {"gradzone.input", "gradzone.labels"});

  file = complete({0});
  tensor(file, "gradzone.labels").values[0] = 10;
  expect_file_refused(file, {"label 10", "0 to 9"});

  file = complete({0});
  tensor(file, "gradzone.input").values.shape = {1, 784};
  expect_file_refused(file, {"gradzone.input", "[1, 784]", "[N, 1, 28, 28]"});

  file = complete({0});
  tensor(file, "gradzone.logits").values = Tensor<double>({2, 10});
  expect_file_refused(file, {"gradzone.logits", "[2, 10]"});

  file = complete({0});
  file.metadata["samples"] = "seven";
  expect_file_refused(file, {"samples", "seven"});

  file = complete({0});
  tensor(file, "features.0.bias").stored = StoredType::f64;
  expect_compare_refused({"--grads", save("bad.safetensors", file)}, 2, {"several types", "--format"});
}

TEST_F(CliCompareGradients, WrongUsageIsRefused) {
  const std::string file = save("a.safetensors", gradient({0}));
  expect_compare_refused({"--grads", file}, 2, {"gradzone.input", "--samples"});
  expect_compare_refused({"--grads", file, "--samples", "0"}, 2, {"--data"});
  expect_compare_refused({"--grads", save("b.safetensors", complete({0})), "--samples", "0"}, 2,
                         {"--samples", "leave it out"});
  expect_compare_refused({"--grads", file, "--fail-on", "twilight"}, 2, {"twilight"});
  expect_compare_refused({"--grads", file, "--format", "fp8"}, 2, {"fp8"});
  expect_compare_refused({"--grads", path("none").string()}, 3, {"none"});
  fs::create_directories(path("empty"));
  expect_compare_refused({"--grads", path("empty").string()}, 3, {"empty", ".safetensors"});
}

}  // namespace
}  // namespace gradzone::test
