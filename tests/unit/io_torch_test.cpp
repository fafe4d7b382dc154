#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "gradzone/base/error.hpp"
#include "gradzone/io/checkpoint_file.hpp"
#include "gradzone/io/torch_checkpoint.hpp"
#include "support/torch_bytes.hpp"

namespace gradzone {
namespace {

using namespace support;
using namespace std::string_literals;
using Values = std::vector<double>;

Checkpoint parse(const std::string& file) {
  return parse_checkpoint(as_bytes(file), "net.pth");
}
/// A zip archive with one storage "0" of four floats.
std::string zip_of(const std::string& value) {
  return zip_bytes(torch_entries(value, {{"0", four_floats}}));
}
std::string legacy_of(const std::string& value) {
  return legacy_bytes(value, {{"0", four_floats}});
}

std::string refusal(const std::string& file) {
  try {
    parse(file);
  } catch (const InputError& error) {
    const std::string message = error.what();
    EXPECT_TRUE(message.starts_with("net.pth: ")) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_LT(message.size(), 700u) << message;
    return message;
  }
  ADD_FAILURE() << "the file was accepted";
  return {};
}
void expect_refused(const std::string& file, const std::string& part) {
  const std::string message = refusal(file);
  EXPECT_NE(message.find(part), std::string::npos) << message;
}
/// In both containers.
void expect_value_refused(const std::string& value, const std::string& part) {
  expect_refused(zip_of(value), part);
  expect_refused(legacy_of(value), part);
}

TEST(Torch, ReadsAStateDictInBothContainers) {
  const std::string dict = dict_value({{"w", tensor_value({.shape = {2, 2}, .strides = {2, 1}})}});
  const Checkpoint zip = parse(zip_of(dict)), legacy = parse(legacy_of(dict));
  EXPECT_EQ(zip.metadata, (std::map<std::string, std::string>{{"format", "pytorch zip"}}));
  EXPECT_EQ(legacy.metadata, (std::map<std::string, std::string>{{"format", "pytorch legacy"}}));
  for (const Checkpoint& c : {zip, legacy}) {
    ASSERT_EQ(c.tensors.size(), 1u);
    EXPECT_EQ(c.tensors[0].name, "w");
    EXPECT_EQ(c.tensors[0].stored, StoredType::f32);
    EXPECT_EQ(c.tensors[0].values, Tensor<double>({2, 2}, Values{1, 2, 3, 4}));
  }
}

TEST(Torch, MakesViewsContiguous) {
  const auto values = [](const MadeTensor& t) {
    return parse(zip_of(dict_value({{"w", tensor_value(t)}}))).tensors[0].values;
  };
  EXPECT_EQ(values({.shape = {2, 2}, .strides = {1, 2}}), Tensor<double>({2, 2}, Values{1, 3, 2, 4}));
  EXPECT_EQ(values({.begin = 1, .shape = {2}, .strides = {2}}), Tensor<double>({2}, Values{2, 4}));
  EXPECT_EQ(values({.begin = 3, .shape = {}, .strides = {}}), Tensor<double>(Shape{}, Values{4}));
  EXPECT_EQ(values({.begin = 2, .shape = {3, 2}, .strides = {0, 1}}),
            Tensor<double>({3, 2}, Values{3, 4, 3, 4, 3, 4}));
  EXPECT_EQ(values({.begin = 3, .shape = {1, 1}, .strides = {INT64_MAX, INT64_MAX}}),
            Tensor<double>({1, 1}, Values{4}));
  EXPECT_EQ(values({.begin = 4, .shape = {0, 5}, .strides = {5, 1}}), Tensor<double>({0, 5}));
}

TEST(Torch, ReadsViewsOfStoragesAsOldFilesHaveThem) {
  const MadeTensor t{
      .begin = 1, .shape = {2}, .view = tuple_value({text_value("v"), int_value(1), int_value(3)})};
  const Checkpoint c = parse(legacy_of(dict_value({{"w", tensor_value(t)}})));
  EXPECT_EQ(c.tensors[0].values, Tensor<double>({2}, Values{3, 4}));
  MadeTensor beyond = t;
  beyond.shape = {3};
  expect_refused(legacy_of(dict_value({{"w", tensor_value(beyond)}})), "outside its storage of 3");
  beyond.view = tuple_value({text_value("v"), int_value(2), int_value(3)});
  expect_refused(legacy_of(dict_value({{"w", tensor_value(beyond)}})), "outside storage");
  beyond.view = "N";
  EXPECT_EQ(parse(legacy_of(dict_value({{"w", tensor_value(beyond)}}))).tensors[0].values,
            Tensor<double>({3}, Values{2, 3, 4}));
}

TEST(Torch, ReadsEveryElementTypeOfAParameter) {
  const auto read = [](const std::string& type, const std::string& content, std::size_t size) {
    const std::string dict = dict_value({{"w", tensor_value({.type = type, .count = 1, .shape = {1}})}});
    const Checkpoint zip = parse(zip_bytes(torch_entries(dict, {{"0", content}})));
    const Checkpoint legacy = parse(legacy_bytes(dict, {{"0", content}}, size));
    EXPECT_EQ(zip.tensors[0].values, legacy.tensors[0].values);
    return std::pair(zip.tensors[0].stored, zip.tensors[0].values[0]);
  };
  EXPECT_EQ(read("DoubleStorage", number_bytes(0xbff8000000000000, 8), 8), std::pair(StoredType::f64, -1.5));
  EXPECT_EQ(read("FloatStorage", number_bytes(0xbfc00000, 4), 4), std::pair(StoredType::f32, -1.5));
  EXPECT_EQ(read("HalfStorage", number_bytes(0xbe00, 2), 2), std::pair(StoredType::f16, -1.5));
  EXPECT_EQ(read("BFloat16Storage", number_bytes(0xbfc0, 2), 2), std::pair(StoredType::bf16, -1.5));
  EXPECT_EQ(read("LongStorage", number_bytes(-3ull, 8), 8), std::pair(StoredType::i64, -3.0));
}

TEST(Torch, NamesTensorsOfOtherTypes) {
  for (const std::string type : {"IntStorage", "BoolStorage", "ComplexFloatStorage", "QInt8Storage"}) {
    const std::string dict = dict_value(
        {{"a", tensor_value({})}, {"mask", tensor_value({.key = "1", .type = type, .count = 16})}});
    expect_refused(zip_bytes(torch_entries(dict, {{"0", four_floats}, {"1", four_floats}})), "torch." + type);
    expect_refused(zip_bytes(torch_entries(dict, {{"0", four_floats}, {"1", four_floats}})), "\"mask\"");
  }
  const std::string eighth =
      global_value("torch._utils", "_rebuild_tensor_v3") +
      tuple_value({tuple_value({text_value("storage"), global_value("torch.storage", "UntypedStorage"),
                                text_value("0"), text_value("cpu"), int_value(16)}) +
                       "Q",
                   int_value(0), ints_value({16}), ints_value({1}), "\x89", "}",
                   global_value("torch", "float8_e5m2")}) +
      "R";
  const std::string dict = dict_value({{"w", eighth}});
  expect_refused(zip_of(dict), "torch.float8_e5m2");
  expect_refused(legacy_bytes(dict, {{"0", four_floats}}, 1), "torch.float8_e5m2");
  const std::string large =
      dict_value({{"n", tensor_value({.type = "LongStorage", .count = 2, .shape = {2}})}});
  expect_refused(zip_bytes(torch_entries(large, {{"0", std::string(16, '\x7f')}})), "2^53");
}

TEST(Torch, UnwrapsParameters) {
  const auto parameter = [](const std::string& name, const std::string& of) {
    return global_value("torch._utils", name) + tuple_value({of, "\x88", "}"}) + "R";
  };
  const std::string t = tensor_value({});
  for (const std::string& p :
       {parameter("_rebuild_parameter", t), parameter("_rebuild_parameter_with_state", t)})
    EXPECT_EQ(parse(zip_of(dict_value({{"w", p}}))).tensors[0].values.size(), 4);
  expect_refused(zip_of(dict_value({{"w", parameter("_rebuild_parameter", "N")}})), "damaged");
  std::string deep = t;
  for (int i = 0; i < 1000; ++i) deep = parameter("_rebuild_parameter", deep);
  expect_value_refused(dict_value({{"w", deep}}), "damaged");
  // A parameter of a list that holds itself.
  const std::string itself = global_value("torch._utils", "_rebuild_parameter") + "]q\0h\0a\x85R"s;
  expect_refused(zip_of(dict_value({{"w", itself}})), "damaged");
}

TEST(Torch, FindsTheStateDict) {
  const std::string dict = dict_value({{"w", tensor_value({})}}), t = tensor_value({});
  const std::string optimiser = dict_value({{"state", "}K\0"s + dict_value({{"step", t}}) + "s"}});
  for (const char* place :
       {"state_dict", "model_state_dict", "model", "net", "network", "weights", "params", "else"}) {
    const Checkpoint c = parse(zip_of(
        dict_value({{"epoch", "K\1"}, {"optimizer", optimiser}, {place, dict}, {"config", dict_value({})}})));
    EXPECT_EQ(c.metadata.at("place"), place);
    ASSERT_EQ(c.tensors.size(), 1u);
    EXPECT_EQ(c.tensors[0].name, "w");
  }
  // Its usual name says more than a lone tensor or another dictionary.
  const Checkpoint usual = parse(zip_of(dict_value({{"accuracy", t}, {"ema", dict}, {"model", dict}})));
  EXPECT_EQ(usual.metadata.at("place"), "model");
  const Checkpoint deep = parse(zip_of(dict_value({{"a", dict_value({{"model", dict}})}})));
  EXPECT_EQ(deep.metadata.at("place"), "a.model");
  const Checkpoint mixed =
      parse(zip_of(dict_value({{"epoch", "K\1"}, {"w", t}, {"part", dict}, {"K", "]"}})));
  ASSERT_EQ(mixed.tensors.size(), 2u);
  EXPECT_EQ(mixed.tensors[1].name, "part.w");
}

TEST(Torch, JoinsDictionariesInTheUsualPlace) {
  const std::string dict = dict_value({{"w", tensor_value({})}});
  const Checkpoint c = parse(zip_of(dict_value({{"weights", dict_value({{"one", dict}, {"two", dict}})}})));
  ASSERT_EQ(c.tensors.size(), 2u);
  EXPECT_EQ(c.tensors[0].name, "one.w");
  EXPECT_EQ(c.tensors[1].name, "two.w");
}

TEST(Torch, TakesWrappersOffNames) {
  const std::string t = tensor_value({});
  const Checkpoint both = parse(zip_of(dict_value({{"_orig_mod.module.a", t}, {"_orig_mod.module.b", t}})));
  EXPECT_EQ(both.metadata.at("prefix"), "_orig_mod.module.");
  EXPECT_EQ(both.tensors[1].name, "b");
  const Checkpoint some = parse(zip_of(dict_value({{"module.a", t}, {"b", t}})));
  EXPECT_FALSE(some.metadata.contains("prefix"));
  EXPECT_EQ(some.tensors[0].name, "module.a");
}

TEST(Torch, SaysWhatItFoundWhereThereIsNoStateDict) {
  const std::string t = tensor_value({}), dict = dict_value({{"w", t}});
  for (const std::string& value :
       {"N"s, "]"s, t, dict_value({}), dict_value({{"epoch", "K\1"}}), "}K\1" + t + "s",
        dict_value({{"optimizer", "}K\0"s + dict + "s"}}), "]" + dict + "a"})
    expect_refused(zip_of(value), "no dictionary of tensors");
  expect_value_refused(dict_value({{"generator", dict}, {"critic", dict}}), "\"generator\", \"critic\"");
  expect_value_refused(dict_value({{"model", dict}, {"state_dict", dict}}), "\"model\", \"state_dict\"");
  expect_value_refused(dict_value({{"model", dict}, {"model", dict}}), "\"model\", \"model\"");
}

TEST(Torch, RefusesNamesThatAreNone) {
  const std::string t = tensor_value({});
  expect_value_refused(dict_value({{"w", t}, {"w", t}}), "\"w\" is there twice");
  expect_value_refused(dict_value({{"w", t}, {"w", "N"}}), "\"w\" is there twice");
  expect_value_refused(dict_value({{"a", dict_value({{"b", t}})}, {"a.b", t}}), "\"a.b\" is there twice");
  expect_value_refused("}" + text_value("w") + t + "sK\1" + t + "s", "no name");
  expect_value_refused(dict_value({{"a\nb", t}}), "plain text");
  expect_value_refused(dict_value({{"a\xff", t}}), "plain text");
  expect_value_refused(dict_value({{std::string(100'000, 'x'), t}}), "too long");
}

TEST(Torch, RefusesTensorsThatReachOutsideTheirStorage) {
  const auto refused = [](const MadeTensor& t, const std::string& part) {
    expect_value_refused(dict_value({{"w", tensor_value(t)}}), part);
  };
  refused({.shape = {5}}, "outside its storage of 4 elements");
  refused({.begin = 1}, "outside");
  refused({.shape = {2}, .strides = {4}}, "outside");
  refused({.begin = 5, .shape = {0}}, "outside");
  refused({.begin = -1}, "whole number");
  refused({.shape = {-4}}, "whole number");
  refused({.strides = {-1}}, "whole number");
  refused({.shape = {3}, .strides = {INT64_MAX}}, "outside");
  refused({.begin = INT64_MAX, .shape = {2}, .strides = {INT64_MAX}}, "outside");
  refused({.shape = {std::int64_t{1} << 60}}, "more than");
  refused({.shape = {std::int64_t{1} << 60}, .strides = {0}}, "more than");
  refused({.shape = {std::int64_t{1} << 31, std::int64_t{1} << 33}, .strides = {0, 0}}, "more than");
  refused({.shape = {2, 2}}, "dimensions or strides");
  refused({.shape = std::vector<std::int64_t>(17, 1), .strides = std::vector<std::int64_t>(17, 1)},
          "17 dimensions");
}

TEST(Torch, RefusesMoreNumbersThanAreStored) {
  const MadeTensor expanded{.shape = {1 << 20, 1 << 4}, .strides = {0, 0}};
  expect_value_refused(dict_value({{"w", tensor_value(expanded)}}), "16777216 elements but only 4");
  std::vector<std::pair<std::string, std::string>> many;
  for (int i = 0; i < 40; ++i)
    many.emplace_back(std::to_string(i), tensor_value({.shape = {1 << 15}, .strides = {0}}));
  expect_value_refused(dict_value(many), "elements but only 4");
}

TEST(Torch, RefusesStoragesThatAreNotThere) {
  const auto dict = [](const MadeTensor& t) { return dict_value({{"w", tensor_value(t)}}); };
  expect_refused(zip_of(dict({.key = "1"})), "data/1\" is missing");
  expect_refused(legacy_of(dict({.key = "1"})), "no tensor has");
  expect_refused(legacy_bytes(dict({}), {}), "\"0\" is missing");
  expect_refused(zip_of(dict({.count = 5})), "needs a storage of 5");
  expect_refused(legacy_of(dict({.count = 5})), "needs a storage of 5");
  expect_refused(zip_of(dict({.count = std::int64_t{1} << 62})), "needs a storage");
  expect_refused(zip_of(dict({.count = -1})), "no size");
  expect_refused(zip_of(dict({.type = "Gone"})), "torch.Gone");
  expect_refused(zip_of(dict({.key = "../data.pkl"})), "missing");
  const std::string rebuild = global_value("torch._utils", "_rebuild_tensor_v2");
  const auto with_id = [&](const std::string& id) {
    return dict_value(
        {{"w", rebuild + tuple_value({id, int_value(0), ints_value({4}), ints_value({1})}) + "R"}});
  };
  expect_refused(zip_of(with_id("N")), "no storage");
  expect_refused(zip_of(with_id("NQ")), "no name");
  expect_refused(zip_of(with_id(")Q")), "no name");
  expect_refused(zip_of(with_id(tuple_value({text_value("module"), "N", "N"}) + "Q")), "whole model");
  expect_refused(zip_of(dict_value({{"w", rebuild + ")R"}})), "lacks");
}

std::vector<ZipEntry> good_entries() {
  return torch_entries(dict_value({{"w", tensor_value({})}}), {{"0", four_floats}});
}

TEST(TorchZip, RefusesOtherArchives) {
  auto entries = good_entries();
  entries.push_back({"net/code/net.py", "x"});
  expect_refused(zip_bytes(entries), "TorchScript");
  entries.back() = {"net/constants.pkl", "x"};
  expect_refused(zip_bytes(entries), "TorchScript");
  entries.back() = {"other/data.pkl", "x"};
  expect_refused(zip_bytes(entries), "more than one data.pkl");
  expect_refused(zip_bytes({{"a.npy", "x"}}), "no data.pkl");
  expect_refused(zip_bytes({}), "no data.pkl");
  entries = good_entries();
  entries.push_back({"net/byteorder", "big"});
  expect_refused(zip_bytes(entries), "byte order is \"big\"");
  entries.back().content = "little";
  EXPECT_EQ(parse(zip_bytes(entries)).tensors.size(), 1u);
  entries[1].content = "11\n";
  expect_refused(zip_bytes(entries), "version");
  entries.erase(entries.begin() + 1);
  expect_refused(zip_bytes(entries), "version");
}

TEST(TorchZip, RefusesEntriesBeforeItReadsThem) {
  const auto with = [](const ZipEntry& entry) {
    auto entries = good_entries();
    entries.push_back(entry);
    return zip_bytes(entries);
  };
  expect_refused(with({.name = "net/x", .content = "x", .method = 8}), "compressed");
  expect_refused(with({.name = "net/x", .content = "x", .flags = 1}), "encrypted");
  expect_refused(with({.name = "net/data/0", .content = "x"}), "twice");
  expect_refused(with({.name = "net/x", .content = "x", .more_bytes = 0xf0000000}), "larger than");
  auto entries = good_entries();
  for (ZipEntry& e : entries) e.more_bytes = 200;  // each reaches into the next
  expect_refused(zip_bytes(entries), "larger than");
  entries = good_entries();
  entries.back().crc_error = 1;
  expect_refused(zip_bytes(entries), "damaged");
}

/// Every truncation is refused, and every changed byte either read or refused.
void expect_survived(const std::string& file) {
  for (std::size_t n = 0; n < file.size(); ++n) refusal(file.substr(0, n));
  for (std::size_t n = 0; n < file.size(); ++n) {
    std::string changed = file;
    changed[n] = static_cast<char>(~changed[n]);
    try {
      parse(changed);
    } catch (const InputError&) {
    }
  }
}

TEST(TorchZip, SurvivesEveryTruncationAndEveryChangedByte) {
  const std::string file = zip_bytes(good_entries());
  expect_survived(file);
}

TEST(TorchLegacy, SurvivesEveryTruncationAndEveryChangedByte) {
  const std::string file = legacy_of(dict_value({{"w", tensor_value({})}}));
  expect_survived(file);
  expect_refused(file + "x", "1 bytes at the end");
}

TEST(TorchLegacy, RefusesOtherStreams) {
  const std::string magic = pickle_of("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19");
  const std::string dict = dict_value({{"w", tensor_value({})}});
  expect_refused(pickle_of(dict_value({{"w", "N"}})), "not one of torch.save");
  expect_refused(magic + pickle_of("M\xe8\x03"), "version is not 1001");
  const std::string begin = magic + pickle_of("M\xe9\x03");
  expect_refused(begin + pickle_of(dict_value({{"little_endian", "\x89"}})), "big-endian");
  expect_refused(begin + pickle_of(dict_value({})), "order of its bytes");
  expect_refused(begin + pickle_of("N"), "machine");
  expect_refused(legacy_bytes(dict, {{"0", four_floats}, {"0", four_floats}}), "twice");
  const std::string two_types =
      dict_value({{"a", tensor_value({})}, {"b", tensor_value({.type = "DoubleStorage", .count = 2})}});
  expect_refused(legacy_bytes(two_types, {{"0", four_floats}}), "two types");
  std::string huge = legacy_bytes(dict, {{"0", four_floats}});
  huge.replace(huge.size() - 24, 8, number_bytes(std::uint64_t{1} << 62, 8));
  expect_refused(huge, "cut short");
}

TEST(Torch, NeverRunsWhatAFileAsksFor) {
  const std::string attack =
      global_value("os", "system") + text_value("touch /tmp/gradzone-was-here") + "\x85R";
  expect_value_refused(attack, "os.system");
  expect_value_refused(dict_value({{"w", tensor_value({})}, {"x", attack}}), "os.system");
  expect_refused(pickle_of(attack), "os.system");
}

TEST(Torch, RefusesHostileFilesQuickly) {
  const auto start = std::chrono::steady_clock::now();
  std::string deep(1'000'000, ']');
  deep += std::string(999'999, 'a');
  expect_refused(zip_of(deep), "no dictionary of tensors");
  expect_refused(legacy_bytes(deep, {}), "no dictionary of tensors");
  // Dictionaries that hold the next one ten times, twenty deep; with tensors at the end and without.
  for (const std::string& end : {tensor_value({}), "N"s}) {
    std::string laughs = dict_value({{"w", end}}) + "q\0"s;
    for (int level = 1; level < 20; ++level) {
      std::vector<std::pair<std::string, std::string>> ten;
      for (int i = 0; i < 10; ++i) ten.emplace_back(std::to_string(i), "h" + number_bytes(level - 1, 1));
      laughs += dict_value(ten) + "q" + number_bytes(level, 1);
      if (level > 5)
        refusal(zip_of(dict_value({{"model", tuple_value({laughs}) + "0h" + number_bytes(level, 1)}})));
    }
  }
  const std::string itself = "}q\0"s + text_value("w") + tensor_value({}) + "s" + text_value("a") + "h\0s"s +
                             text_value("b") + "h\0s"s + text_value("c") + "h\0s"s;
  parse(zip_of(itself));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
}

TEST(CheckpointFile, TellsFormatsApart) {
  std::vector<std::byte> safetensors = safetensors_bytes({{{"w", StoredType::f32, Tensor<double>({1})}}, {}});
  EXPECT_EQ(parse_checkpoint(safetensors, "x").tensors.size(), 1u);
  // A header of 640 bytes: 80 02, as a pickle begins.
  const std::string header = R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
  const std::string like_a_pickle =
      number_bytes(640, 8) + header + std::string(640 - header.size(), ' ') + "abcd";
  EXPECT_EQ(parse(like_a_pickle).tensors.size(), 1u);
  expect_refused("\x89HDF\r\n\x1a\n....", "HDF5");
  expect_refused("\x93NUMPY\1\0"s, "NPY");
  expect_refused("\x1f\x8b\x08", "gzip");
  expect_refused("", "safetensors");
  expect_refused(std::string(257, 'x') + "ustar", "tar archive");
}

}  // namespace
}  // namespace gradzone
