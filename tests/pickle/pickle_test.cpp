// Files of torch.save: what is read of them, and that no file, however damaged, does harm.
#include <filesystem>
#include <fstream>
#include <random>

#include <caffe2/serialize/inline_container.h>
#include <gmock/gmock.h>
#include <torch/serialize.h>
#include <torch/types.h>
#include <unistd.h>

#include <descent/base/atomic_file.h>
#include <descent/pickle/checksums.h>
#include <descent/pickle/pickle.h>

#include "../damage.h"

namespace {

using namespace descent::pickle;
using testing::HasSubstr;
using namespace std::string_literals;

/// A file in the temporary folder, gone at the end.
struct TemporaryFile {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("descent_pickle_test." + std::to_string(getpid()));
  ~TemporaryFile() { std::filesystem::remove(path); }
};

/// An archive of torch.save with this pickle and one record of eight float numbers 0 ... 7.
void write_archive(const std::filesystem::path& path, const std::string& program,
                   const std::string& byteorder = "little", bool checksums = true) {
  caffe2::serialize::PyTorchStreamWriter archive(path.string(), checksums);
  archive.writeRecord("data.pkl", program.data(), program.size());
  archive.writeRecord("byteorder", byteorder.data(), byteorder.size());
  const std::vector<float> numbers{0, 1, 2, 3, 4, 5, 6, 7};
  archive.writeRecord("data/0", numbers.data(), 4 * numbers.size());
  archive.writeEndOfFile();
}

/// Why a pickle is refused; "" if it is not. Reads its tensor, if it is one.
std::string refusal(const std::string& program, const std::string& byteorder = "little") {
  const TemporaryFile file;
  write_archive(file.path, program, byteorder);
  try {
    File opened(file.path);
    if (const auto* const* place = std::get_if<const Stored*>(&opened.top()))
      opened.tensor(**place).clone();
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  }
  return "";
}

std::string global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
std::string text(const std::string& x) { return "\x8c"s + static_cast<char>(x.size()) + x; }
const std::string kStorage =
    "(" + text("storage") + global("torch", "FloatStorage") + text("0") + text("cpu") + "K\x08tQ";

/// A tensor of the record; the arguments are pickled themselves.
std::string tensor(const std::string& offset, const std::string& sizes,
                   const std::string& strides) {
  return global("torch._utils", "_rebuild_tensor_v2") + "(" + kStorage + offset + sizes + strides +
         "\x89" + global("collections", "OrderedDict") + ")RtR";
}

at::Tensor read_tensor(const std::string& program) {
  const TemporaryFile file;
  write_archive(file.path, "\x80\x02" + program + ".");
  File opened(file.path);
  return opened.tensor(*std::get<const Stored*>(opened.top())).clone();
}

/// The only item of a list that the pickle is.
template <class T>
void expect_item(const std::string& program, const T& wanted) {
  const TemporaryFile file;
  write_archive(file.path, "\x80\x02]" + program + "a.");
  const File opened(file.path);
  const auto& items = std::get<List*>(opened.top())->items;
  ASSERT_EQ(items.size(), 1u);
  ASSERT_TRUE(std::holds_alternative<T>(items[0])) << to_text(items[0]);
  EXPECT_EQ(std::get<T>(items[0]), wanted);
}

TEST(Pickles, HoldNumbers) {
  expect_item("K\xff", int64_t{255});
  expect_item("M\x01\x02", int64_t{513});
  expect_item("J\xfe\xff\xff\xff", int64_t{-2});
  expect_item("\x8a"s + '\0', int64_t{0});
  expect_item("\x8a\x02\x00\x80"s, int64_t{-32768});
  expect_item("\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f", std::numeric_limits<int64_t>::max());
  expect_item("\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x80\x00"s, 9223372036854775808.0);
  expect_item("\x8b\x01\x00\x00\x00\x05"s, int64_t{5});
  expect_item("G\xc0\x04\x00\x00\x00\x00\x00\x00"s, -2.5);
  expect_item("\x88", true);
  expect_item("N", std::monostate{});
}

TEST(Pickles, HoldTensorsOfAnyLayout) {
  const auto seq = at::arange(8, at::kFloat);
  EXPECT_TRUE(at::equal(read_tensor(tensor("K\0"s, "K\x08\x85", "K\1\x85")), seq));
  EXPECT_TRUE(at::equal(read_tensor(tensor("K\1", "K\2K\3\x86", "K\1K\2\x86")),
                        seq.as_strided({2, 3}, {1, 2}, 1)));
  EXPECT_TRUE(at::equal(read_tensor(tensor("K\7", ")", ")")), seq[7]));
  EXPECT_TRUE(at::equal(read_tensor(tensor("K\3", "K\5\x85", "K\0\x85"s)), at::full({5}, 3.0f)));
  EXPECT_EQ(read_tensor(tensor("K\0"s, "K\0K\3\x86"s, "K\3K\1\x86")).sizes(),
            (std::vector<int64_t>{0, 3}));
}

TEST(Pickles, ReadWhatTheWriterWrote) {
  const TemporaryFile file;
  const auto x = at::arange(12, at::kDouble).view({3, 4}).t();
  Writer out;
  out.begin_list();
  out.tensor(x);
  out.tensor(at::ones({}, at::kBFloat16));
  out.tensor(at::empty({0, 2}));
  out.begin_dict();
  out.text("key");
  out.real(0.1 + 0.2);
  out.integer(-300);
  out.none();
  out.end_dict();
  out.begin_tuple();
  out.boolean(true);
  out.integer(int64_t{1} << 40);
  out.end_tuple();
  out.end_list();
  {
    std::ofstream stream(file.path, std::ios::binary);
    out.write(stream);
  }
  File opened(file.path);
  const auto& items = std::get<List*>(opened.top())->items;
  ASSERT_EQ(items.size(), 5u);
  const auto read = [&](size_t i) { return opened.tensor(*std::get<const Stored*>(items[i])); };
  EXPECT_TRUE(at::equal(read(0), x));
  EXPECT_TRUE(at::equal(read(1), at::ones({}, at::kBFloat16)));
  EXPECT_EQ(read(2).sizes(), (std::vector<int64_t>{0, 2}));
  const Dict& dict = *std::get<Dict*>(items[3]);
  EXPECT_EQ(std::get<double>(*dict.find("key")), 0.1 + 0.2);
  EXPECT_EQ(dict.find("ke"), nullptr);
  EXPECT_EQ(std::get<int64_t>(dict.items[1].first), -300);
  EXPECT_EQ(std::get<int64_t>(std::get<List*>(items[4])->items[1]), int64_t{1} << 40);
}

TEST(WrongPickles, ThatNameCodeAreRefusedByTheName) {
  EXPECT_THAT(refusal(global("os", "system") + text("true") + "\x85R."),
              HasSubstr("names os.system"));
  EXPECT_THAT(refusal(text("builtins") + text("eval") + "\x93."), HasSubstr("names builtins.eval"));
  EXPECT_THAT(refusal(global("argparse", "Namespace") + ")\x81."), HasSubstr("argparse.Namespace"));
  EXPECT_THAT(refusal(global("torch", "QUInt8Storage") + "."), HasSubstr("torch.QUInt8Storage"));
  EXPECT_THAT(refusal(global("torch", "float32") + ")R."), HasSubstr("calls torch.float32"));
  EXPECT_THAT(refusal(global("torch", "FloatStorage") + "}b."), HasSubstr("sets attributes of"));
}

TEST(WrongPickles, ThatAreNoProgramsAreRefused) {
  const std::string tuple_call = global("torch._utils", "_rebuild_tensor_v2");
  for (const std::string& program : {""s,
                                     "\x80"s,
                                     "]"s,
                                     "."s,
                                     "0."s,
                                     "K"s,
                                     "K\1"s,
                                     "t."s,
                                     "e."s,
                                     "]e."s,
                                     "(."s,
                                     "u."s,
                                     "s."s,
                                     "}s."s,
                                     "}K\1s."s,
                                     "}(K\1u."s,
                                     "(K\1d."s,
                                     "K\1K\2a."s,
                                     "]K\1b."s,
                                     "R."s,
                                     ")R."s,
                                     "K\1)R."s,
                                     "h\1."s,
                                     "j\1\1\1\1."s,
                                     "q\1."s,
                                     "\x94."s,
                                     "X\xff\xff\xff\xff."s,
                                     "\x8d\xff\xff\xff\xff\xff\xff\xff\xff."s,
                                     "\x8b\xff\xff\xff\x7f."s,
                                     "G\1."s,
                                     "\x95\1."s,
                                     "c"s,
                                     "cos"s,
                                     "cos\nsystem"s,
                                     "Q."s,
                                     ")Q."s,
                                     "\x93."s,
                                     "K\1K\1\x93."s,
                                     "1."s,
                                     "2."s,
                                     "\xff."s,
                                     "I1\n."s,
                                     tuple_call + ")R."s,
                                     tuple_call + "(K\1K\1K\1K\1tR."s,
                                     tuple_call + "(" + kStorage + "\x89))tR."s,
                                     global("torch", "Size") + ")R."s,
                                     global("torch._utils", "_rebuild_parameter") + "K\1\x85R."s,
                                     global("collections", "OrderedDict") + "]K\1a\x85R."s,
                                     global("collections", "OrderedDict") + "]]K\1aa\x85R."s,
                                     global("collections", "OrderedDict") + "](NNNNta\x85R."s})
    EXPECT_THAT(refusal(program), HasSubstr("its pickle ")) << testing::PrintToString(program);
}

TEST(WrongPickles, WithTensorsThatLeaveTheirStorageAreRefused) {
  const std::string huge = "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f", minus = "J\xff\xff\xff\xff";
  for (const auto& [offset, sizes, strides] :
       std::vector<std::array<std::string, 3>>{{"K\1", "K\x08\x85", "K\1\x85"},
                                               {"K\x08", ")", ")"},
                                               {huge, ")", ")"},
                                               {minus, ")", ")"},
                                               {"K\0"s, minus + "\x85", "K\1\x85"},
                                               {"K\7", "K\2\x85", minus + "\x85"},
                                               {"K\0"s, huge + "\x85", "K\1\x85"},
                                               {"K\0"s, "K\3\x85", huge + "\x85"},
                                               {"K\0"s, huge + huge + "\x86", "K\0K\0\x86"s},
                                               {"K\0"s, "K\2K\2\x86", "K\1\x85"}})
    EXPECT_THAT(refusal(tensor(offset, sizes, strides) + "."), HasSubstr("a tensor "));
  const std::string absent = "(" + text("storage") + global("torch", "FloatStorage") +
                             text("../1") + text("cpu") + "K\x08tQ";
  EXPECT_NE(refusal(global("torch._utils", "_rebuild_tensor") + "(" + absent + "K\0))tR."s), "");
}

TEST(WrongPickles, OfAnyNestingOrLengthDoNoHarm) {
  EXPECT_EQ(refusal(std::string(1000000, ']') + "."), "");
  std::string nested = "]q\1";
  for (int i = 0; i < 300000; ++i) nested += "\x85";
  EXPECT_EQ(refusal(nested + "."), "");
  EXPECT_EQ(refusal("]q\1h\1a."), "");  // holds itself
  EXPECT_NE(refusal(std::string(1000000, '(')), "");
}

TEST(WrongPickles, AreNotLargerInMemoryThanInTheFile) {
  const std::string ordered = global("collections", "OrderedDict");
  EXPECT_THAT(refusal(ordered + "](NNNNta\x85R."), HasSubstr("4 values in a pair"));
  const std::string sizes = "(" + std::string(65, ')') + "t";
  EXPECT_THAT(refusal(tensor("K\0"s, sizes, sizes) + "."), HasSubstr("a tensor of 65 dimensions"));

  const auto repeated = [](const std::string& program, int times) {
    std::string result;
    for (int k = 0; k < times; ++k) result += program;
    return result;
  };
  const std::string long_text = "X\0\x10\0\0"s + std::string(4096, 'x') + "q\0"s;
  const auto too_much = HasSubstr("repeats itself until it is more than 64 times as large");
  EXPECT_EQ(refusal("(" + long_text + repeated("h\0"s, 60) + "t."), "");
  EXPECT_THAT(refusal("(" + long_text + repeated("h\0"s, 100) + "t."), too_much);
  EXPECT_THAT(refusal("(" + long_text + repeated("2", 100) + "t."), too_much);
  const std::string pairs = ordered + "q\0]("s + repeated("NN\x86", 1000) + "e\x85q\1";
  EXPECT_EQ(refusal(pairs + repeated("0h\0h\1R"s, 3) + "."), "");
  EXPECT_THAT(refusal(pairs + repeated("0h\0h\1R"s, 20) + "."), too_much);
}

TEST(WrongFiles, WithCompressedRecordsAreRefusedBeforeTheyGrow) {
  const TemporaryFile file;
  const std::string program = "\x80\2X\x40\x42\x0f\0"s + std::string(1000000, '0') + ".";
  {
    caffe2::serialize::PyTorchStreamWriter archive(file.path.string());
    archive.writeRecord("data.pkl", program.data(), program.size(), /*compress=*/true);
    archive.writeEndOfFile();
  }
  ASSERT_LT(std::filesystem::file_size(file.path), 10000u);
  try {
    const File opened(file.path);
    ADD_FAILURE() << "read a record that is larger than its file";
  } catch (const c10::Error& error) {
    EXPECT_THAT(error.what_without_backtrace(), HasSubstr("1000008 bytes, more than the file"));
  }
}

TEST(WrongFiles, AreRefused) {
  EXPECT_THAT(refusal("N.", "big"), HasSubstr("not little-endian"));
  const TemporaryFile file;
  EXPECT_THROW(File{file.path}, c10::Error);
  for (const std::string& bytes : {""s, "PK\3\4"s, "no archive"s, std::string(5000, '\xff')}) {
    std::ofstream(file.path, std::ios::binary) << bytes;
    EXPECT_THROW(File{file.path}, c10::Error);
  }
  torch::save(at::ones({2}), file.path.string());
  try {
    const File opened(file.path);
    ADD_FAILURE() << "read an archive of torch::save";
  } catch (const c10::Error& error) {
    EXPECT_THAT(error.what_without_backtrace(), HasSubstr("TorchScript archive"));
  }
}

TEST(WrongFiles, WithAnyByteChangedDoNoHarm) {
  const TemporaryFile file;
  Writer out;
  out.begin_dict();
  for (const char* name : {"a", "b"}) {
    out.text(name);
    out.tensor(at::arange(6, at::kFloat).view({2, 3}));
  }
  out.end_dict();
  {
    std::ofstream stream(file.path, std::ios::binary);
    out.write(stream);
  }
  caffe2::serialize::PyTorchStreamReader archive(file.path.string());
  const auto [data, size] = archive.getRecord("data.pkl");
  const std::string program(static_cast<const char*>(data.get()), size);
  std::mt19937 random(1);
  int refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string changed = program;
    for (int i = 0; i <= round % 3; ++i)
      changed[random() % changed.size()] = static_cast<char>(random());
    const TemporaryFile spoilt;
    write_archive(spoilt.path, changed);
    try {
      File opened(spoilt.path);
      if (const auto* const* dict = std::get_if<Dict*>(&opened.top()))
        for (const auto& [key, value] : (*dict)->items)
          if (const auto* const* place = std::get_if<const Stored*>(&value))
            if (const auto x = opened.tensor(**place); x.numel() < 1000) x.clone();
    } catch (const c10::Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 1000);
}

/// Writes the bytes and reads the tensor in them; the error of one that cannot be.
std::variant<at::Tensor, std::string> reading(const std::filesystem::path& path,
                                              const std::string& bytes) {
  damage::write(path, bytes);
  try {
    File opened(path);
    return opened.tensor(*std::get<const Stored*>(opened.top())).clone();
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  }
}

const std::string kEight = "\x80\x02" + tensor("K\0"s, "K\x08\x85", "K\1\x85") + ".";

/// Where the float numbers 0, 1, 2, ... are in a file.
size_t place_of_numbers(const std::string& bytes) { return bytes.find("\0\0\0\0\0\0\x80\x3f"s); }

TEST(Checksums, LetNoChangedByteBecomeAChangedNumber) {
  const TemporaryFile file;
  write_archive(file.path, kEight);
  const std::string bytes = descent::read_file(file.path);
  size_t refused = 0;
  for (size_t k = 0; k < bytes.size(); ++k) {
    std::string changed = bytes;
    changed[k] ^= 0x40;
    const auto read = reading(file.path, changed);
    if (const auto* const numbers = std::get_if<at::Tensor>(&read))
      EXPECT_TRUE(at::equal(*numbers, at::arange(8, at::kFloat))) << k;
    else
      ++refused;
  }
  EXPECT_GT(refused, kEight.size() + 32);
  std::string changed = bytes;
  changed[place_of_numbers(bytes) + 7] ^= 1;
  EXPECT_EQ(std::get<std::string>(reading(file.path, changed)),
            "its record 'data/0' is damaged (its checksum does not match)");
}

TEST(Checksums, AreFoundInArchivesWithoutNumbersOf64Bits) {
  const TemporaryFile file;
  write_archive(file.path, kEight);
  std::string bytes = descent::read_file(file.path);
  const size_t end64 = bytes.rfind("PK\6\6"), end = bytes.rfind("PK\5\6");
  ASSERT_EQ(end - end64, 76u);
  bytes.erase(end64, 76);
  EXPECT_TRUE(
      at::equal(std::get<at::Tensor>(reading(file.path, bytes)), at::arange(8, at::kFloat)));
  bytes[place_of_numbers(bytes)] ^= 1;
  EXPECT_THAT(std::get<std::string>(reading(file.path, bytes)), HasSubstr("'data/0' is damaged"));
}

TEST(Checksums, MayBeAbsent) {
  const TemporaryFile file;
  write_archive(file.path, kEight, "little", /*checksums=*/false);
  std::string bytes = descent::read_file(file.path);
  EXPECT_TRUE(
      at::equal(std::get<at::Tensor>(reading(file.path, bytes)), at::arange(8, at::kFloat)));
  bytes[place_of_numbers(bytes) + 7] ^= 0x80;
  EXPECT_EQ(std::get<at::Tensor>(reading(file.path, bytes))[1].item<float>(), -1);
}

}  // namespace
