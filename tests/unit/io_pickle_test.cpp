#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "gradzone/base/error.hpp"
#include "gradzone/io/pickle.hpp"
#include "support/torch_bytes.hpp"

namespace gradzone {
namespace {

using namespace support;
using namespace std::string_literals;
using Kind = PickleValue::Kind;

/// A pickle together with the bytes that its texts view.
struct Read {
  std::vector<std::byte> bytes;
  Pickle pickle;

  explicit Read(const std::string& program)
      : bytes(as_bytes("\x80\x04" + program + ".")), pickle(read_pickle(bytes, "x")) {}
  Kind kind() const { return pickle.root.kind; }
  const std::vector<PickleValue>& items() const { return pickle.items(pickle.root); }
};

std::string refusal(const std::string& bytes) {
  try {
    read_pickle(as_bytes(bytes), "net.pth");
  } catch (const InputError& error) {
    const std::string message = error.what();
    EXPECT_TRUE(message.starts_with("net.pth: ")) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_LT(message.size(), 500u) << message;
    return message;
  }
  ADD_FAILURE() << "the pickle was accepted";
  return {};
}

void expect_refused(const std::string& program, const std::string& part) {
  const std::string message = refusal("\x80\x04" + program);
  EXPECT_NE(message.find(part), std::string::npos) << message;
}

TEST(Pickle, ReadsWholeNumbers) {
  const auto integer = [](const std::string& program) {
    const Read read(program);
    EXPECT_EQ(read.kind(), Kind::integer);
    return read.pickle.root.integer;
  };
  EXPECT_EQ(integer("K\xff"), 255);
  EXPECT_EQ(integer("M\x01\x02"), 0x201);
  EXPECT_EQ(integer("J\xfe\xff\xff\xff"), -2);
  EXPECT_EQ(integer("J\xff\xff\xff\x7f"), INT32_MAX);
  EXPECT_EQ(integer("\x8a\x00"s), 0);
  EXPECT_EQ(integer("\x8a\x01\x80"), -128);
  EXPECT_EQ(integer("\x8a\x02\x80\x00"s), 128);
  EXPECT_EQ(integer("\x8a\x08" + std::string(7, '\xff') + "\x7f"), INT64_MAX);
  EXPECT_EQ(integer("\x8a\x08" + std::string(7, '\0') + "\x80"), INT64_MIN);
  EXPECT_EQ(integer("\x8b\x02\x00\x00\x00\x01\xff"s), -255);
}

TEST(Pickle, KeepsWholeNumbersBeyond64BitsAsTheyAre) {
  const Read read("\x8a\x09" + std::string(8, '\xff') + std::string(1, '\0'));
  EXPECT_EQ(read.kind(), Kind::big_integer);
  EXPECT_EQ(read.pickle.root.text.size(), 9u);
}

TEST(Pickle, ReadsConstants) {
  EXPECT_EQ(Read("N").kind(), Kind::none);
  EXPECT_EQ(Read("\x88").pickle.root.integer, 1);
  EXPECT_EQ(Read("\x89").pickle.root.integer, 0);
  EXPECT_EQ(Read("\x89").kind(), Kind::boolean);
  EXPECT_EQ(Read("G" + std::string(8, 'x')).kind(), Kind::opaque);
}

TEST(Pickle, ReadsTextsAndBytes) {
  for (const std::string& program :
       {"U\x02hi"s, "\x8c\x02hi"s, "T\x02\0\0\0hi"s, "X\x02\0\0\0hi"s, "\x8d\x02\0\0\0\0\0\0\0hi"s}) {
    EXPECT_EQ(Read(program).kind(), Kind::text);
    EXPECT_EQ(Read(program).pickle.root.text, "hi");
  }
  for (const std::string& program :
       {"C\x02hi"s, "B\x02\0\0\0hi"s, "\x8e\x02\0\0\0\0\0\0\0hi"s, "\x96\x02\0\0\0\0\0\0\0hi"s}) {
    EXPECT_EQ(Read(program).kind(), Kind::bytes);
    EXPECT_EQ(Read(program).pickle.root.text, "hi");
  }
}

TEST(Pickle, ReadsListsAndTuples) {
  for (const std::string& program : {"(K\1K\2l"s, "](K\1K\2e"s, "]K\1aK\2a"s, "(K\1K\2t"s, "K\1K\2\x86"s}) {
    const Read read(program);
    ASSERT_EQ(read.items().size(), 2u);
    EXPECT_EQ(read.items()[0].integer, 1);
    EXPECT_EQ(read.items()[1].integer, 2);
  }
  EXPECT_EQ(Read("(K\1l").kind(), Kind::list);
  EXPECT_EQ(Read("K\1\x85").kind(), Kind::tuple);
  EXPECT_EQ(Read("K\1K\2K\3\x87").items().size(), 3u);
  EXPECT_TRUE(Read(")").items().empty());
  EXPECT_TRUE(Read("]").items().empty());
}

TEST(Pickle, ReadsDictionaries) {
  const std::string ordered = global_value("collections", "OrderedDict");
  for (const std::string& program : {"(U\1aK\7d"s, "}U\1aK\7s"s, "}(U\1aK\7u"s, ordered + ")RU\1aK\7s",
                                     ordered + "](](U\1aK\7ee\x85R",  // as Python 2 wrote it
                                     "U\x0b" + "collections"s + "U\x0bOrderedDict\x93)RU\1aK\7s"}) {
    const Read read(program);
    EXPECT_EQ(read.kind(), Kind::dict);
    ASSERT_EQ(read.items().size(), 2u);
    EXPECT_EQ(read.items()[0].text, "a");
    EXPECT_EQ(read.items()[1].integer, 7);
  }
}

TEST(Pickle, RemembersValues) {
  for (const std::string& program : {"K\7q\0"
                                     "0K\1h\0\x86"s,
                                     "K\7r\0\1\0\0"
                                     "0K\1j\0\1\0\0\x86"s,
                                     "K\7\x94"
                                     "0K\1h\0\x86"s}) {
    const Read read(program);
    ASSERT_EQ(read.items().size(), 2u);
    EXPECT_EQ(read.items()[0].integer, 1);
    EXPECT_EQ(read.items()[1].integer, 7);
  }
}

TEST(Pickle, DropsWhatIsTakenOff) {
  EXPECT_EQ(Read("K\7K\1"
                 "0")
                .pickle.root.integer,
            7);
  EXPECT_EQ(Read("K\7(K\1K\2"
                 "1")
                .pickle.root.integer,
            7);
  EXPECT_EQ(Read("K\7(0").pickle.root.integer, 7);
  EXPECT_EQ(Read("\x95\x02\0\0\0\0\0\0\0K\7"s).pickle.root.integer, 7);
}

TEST(Pickle, KeepsCallsOfTensorsAsTheyAreWritten) {
  const Read read(global_value("torch._utils", "_rebuild_parameter") + "K\7\x85R}b");
  EXPECT_EQ(read.kind(), Kind::call);
  EXPECT_EQ(read.pickle.global_name(read.items()[0]), "torch._utils._rebuild_parameter");
  EXPECT_EQ(read.pickle.items(read.items()[1])[0].integer, 7);
  const Read size(global_value("torch", "Size") + "K\7\x85\x85R");
  EXPECT_EQ(size.kind(), Kind::tuple);
  EXPECT_EQ(size.items()[0].integer, 7);
}

TEST(Pickle, DoesNotLookAtWhatIsHarmless) {
  const std::string number = global_value("numpy.core.multiarray", "scalar") +
                             global_value("numpy", "dtype") + "U\2f8K\0K\1\x87R(K\3U\1<NNNtb"s +
                             "C\10abcdefgh\x86R";
  for (const std::string& program :
       {global_value("argparse", "Namespace") + ")\x81}U\1aK\7sb",
        global_value("argparse", "Namespace") + ")}\x92", number, "\x8f(K\1K\2\x90"s, "(K\1\x91"s,
        global_value("builtins", "set") + "]\x85R",
        global_value("collections", "defaultdict") + global_value("builtins", "dict") + "\x85RU\1aK\7s",
        global_value("collections", "Counter") + "}\x85R", global_value("torch", "device") + "U\3cpu\x85R"})
    EXPECT_EQ(Read(program).kind(), Kind::opaque);
}

TEST(Pickle, TakesANameForAValueButNeverCallsIt) {
  EXPECT_EQ(Read(global_value("os", "system")).kind(), Kind::global);
  for (const char* call : {"U\7echo hi\x85R", ")\x81", ")}\x92"}) {
    const std::string message = refusal("\x80\x02" + global_value("os", "system") + call + ".");
    EXPECT_NE(message.find("os.system"), std::string::npos) << message;
    EXPECT_NE(message.find("never runs code"), std::string::npos) << message;
    EXPECT_NE(message.find("torch.save(model.state_dict(), PATH)"), std::string::npos) << message;
  }
  expect_refused("U\2osU\6system\x93)R.", "os.system");
  for (const char* name : {"eval", "getattr", "__import__"})
    expect_refused(global_value("builtins", name) + ")R.", "builtins."s + name);
  expect_refused(global_value("torch.nn.modules.container", "Sequential") + ")\x81.", "container.Sequential");
  expect_refused(global_value("torch.storage", "_load_from_bytes") + ")R.", "_load_from_bytes");
  expect_refused("ios\nsystem\n", "no operation");  // INST, of older protocols
  expect_refused("\x82\x01", "no operation");       // EXT1, names from a registry of Python's
  expect_refused("Pid\n", "no operation");
}

TEST(Pickle, NamesStrangeCallsOnOneShortLine) {
  refusal("\x80\x02" + global_value(std::string(100'000, 'x'), std::string(100'000, 'y')) + ")R.");
  refusal("\x80\x02" + global_value("a\x01\xff\r", "b\x1b[31m") + ")R.");
}

TEST(Pickle, RefusesWhatIsDamaged) {
  EXPECT_NE(refusal("").find("cut short"), std::string::npos);
  EXPECT_NE(refusal("N.").find("protocol"), std::string::npos);
  EXPECT_NE(refusal("\x80\x06N.").find("protocol 6"), std::string::npos);
  EXPECT_NE(refusal("\x80\x01N.").find("protocol 1"), std::string::npos);
  for (const char* program :
       {"", "N", "K", "M\x01", "J\x01", "G\x01", "\x8a\x08\x01", "X\xff\xff\xff\xff", "U\x05hi", "cos",
        "cos\nsystem", "\x8d\xff\xff\xff\xff\xff\xff\xff\xff", "\x95\x01"})
    expect_refused(program, "cut short");
  for (const char* program : {".", "0.", "K\1\x86.", "a.", "]a.", "}K\1s.", "q\1.", "K\1R.", "Q.", "b.",
                              "\x94.", "(.", "(K\1a", "K\1(\x85."})
    expect_refused(program, "missing");
  for (const char* program : {"K\1t.", "K\1e.", "K\1u.", "1.", "\x91"}) expect_refused(program, "mark");
  expect_refused("NN.", "leaves values");
  expect_refused("N(N.", "leaves values");
  expect_refused("}(Nu.", "no value");
  expect_refused("(Nd.", "no value");
  expect_refused("h\7.", "no value number 7");
  expect_refused("Nr\xff\xff\xff\xff.", "number 4294967295");
  expect_refused("Nq\7h\6.", "no value number 6");
  expect_refused("NNa.", "none of their kind");
  expect_refused("]NNs.", "none of their kind");
  expect_refused("K\1)R.", "no name");
  expect_refused(global_value("torch", "Size") + "NR.", "no name");
  expect_refused(global_value("torch", "Size") + ")R.", "torch.Size");
  expect_refused(global_value("collections", "OrderedDict") + "N\x85R.", "pairs");
  expect_refused(global_value("collections", "OrderedDict") + "(Nl\x85R.", "pairs");
  expect_refused("]Nb.", "attributes");
  expect_refused("NN\x93.", "no text");
  expect_refused("\xff", "no operation");
}

TEST(Pickle, HoldsDeepAndCyclicValues) {
  const int deep = 400'000;
  std::string program;
  for (int i = 0; i < deep; ++i) program += "]";
  for (int i = 1; i < deep; ++i) program += "a";
  EXPECT_EQ(Read(program).pickle.objects.size(), static_cast<std::size_t>(deep));
  const Read cyclic("]q\0h\0a"s);
  EXPECT_EQ(cyclic.items()[0].object, cyclic.pickle.root.object);
}

TEST(Pickle, BoundsWhatAFileMayAskFor) {
  const auto start = std::chrono::steady_clock::now();
  expect_refused(std::string(4'000'000, ']'), "operations");
  expect_refused(std::string(4'000'000, '('), "operations");
  std::string puts = "N";
  for (int i = 0; i < 1'000'000; ++i)
    puts +=
        "\x94"
        "0N";
  expect_refused(puts, "operations");
  // A list of pairs that one short call after the other would copy.
  std::string pairs = "](";
  for (int i = 0; i < 300'000; ++i) pairs += "NN\x86";
  pairs += "eq\0"s;
  for (int i = 0; i < 100'000; ++i) pairs += global_value("collections", "OrderedDict") + "h\0\x85R0"s;
  expect_refused(pairs, "operations");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
}

}  // namespace
}  // namespace gradzone
