#include <filesystem>
#include <fstream>
#include <functional>

#include <gmock/gmock.h>
#include <torch/serialize.h>
#include <torch/types.h>
#include <unistd.h>

#include <descent/base/atomic_file.h>
#include <descent/landscape/data/data_file.h>
#include <descent/pickle/pickle.h>

#include "../zip.h"

namespace descent {
namespace {

using testing::HasSubstr;

const at::Tensor kX = at::arange(6, at::kFloat).view({3, 2}), kY = at::arange(3);

/// A file of Python's torch.save, gone at the end.
class DataFile : public testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }

  void write(const std::function<void(pickle::Writer&)>& fill) const {
    pickle::Writer writer;
    fill(writer);
    std::ofstream out(path_, std::ios::binary);
    writer.write(out);
  }

  std::string refusal() const {
    try {
      load_data(path_);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    ADD_FAILURE() << "not refused";
    return "";
  }
  std::string refusal(const std::function<void(pickle::Writer&)>& fill) const {
    write(fill);
    return refusal();
  }

  std::filesystem::path path_ = std::filesystem::temp_directory_path() /
                                ("descent_data_file_test." + std::to_string(::getpid()));
};

void pair(pickle::Writer& w) {
  w.begin_tuple();
  w.tensor(kX);
  w.tensor(kY);
  w.end_tuple();
}

void dict(pickle::Writer& w) {
  w.begin_dict();
  w.text("target");
  w.tensor(kY);
  w.text("input");
  w.tensor(kX);
  w.text("origin");
  w.text("made up");
  w.end_dict();
}

void expect_batches(const Batches& data, size_t n) {
  ASSERT_EQ(data.size(), n);
  for (const Data& batch : data) {
    EXPECT_TRUE(at::equal(batch.input, kX));
    EXPECT_TRUE(at::equal(batch.target, kY));
  }
}

TEST_F(DataFile, HoldsOneBatchAsAPairOrByNames) {
  write(pair);
  expect_batches(load_data(path_), 1);
  write(dict);
  expect_batches(load_data(path_), 1);
  write([](pickle::Writer& w) {
    w.begin_list();
    w.tensor(kX);
    w.tensor(kY);
    w.end_list();
  });
  expect_batches(load_data(path_), 1);
}

TEST_F(DataFile, HoldsAListOfBatches) {
  write([](pickle::Writer& w) {
    w.begin_list();
    pair(w);
    dict(w);
    pair(w);
    w.end_list();
  });
  expect_batches(load_data(path_), 3);
}

TEST_F(DataFile, IsWhatTorchPickleSaveWritesToo) {
  const auto bytes = torch::pickle_save(c10::ivalue::Tuple::create({kX, kY}));
  std::ofstream(path_, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  expect_batches(load_data(path_), 1);
}

TEST_F(DataFile, IsRefusedWithItsNameAndTheReason) {
  EXPECT_THAT(refusal(), HasSubstr(path_.string() + ": "));  // there is none
  std::ofstream(path_) << "not a zip";
  EXPECT_THAT(refusal(), HasSubstr(path_.string() + ": cannot be read as a file of Python's"));
  EXPECT_THAT(refusal([](auto& w) { w.tensor(kX); }),
              HasSubstr(": is a tensor, must be {\"input\": x, \"target\": y}, (x, y) or a list"));
  EXPECT_THAT(refusal([](auto& w) { w.begin_list(), w.end_list(); }),
              HasSubstr(": an empty list, must hold at least one batch"));
  EXPECT_THAT(refusal([](auto& w) {
                w.begin_list();
                pair(w);
                w.begin_tuple();
                for (int k = 0; k < 3; ++k) w.tensor(kX);
                w.end_tuple();
                w.end_list();
              }),
              HasSubstr(": batch 1: holds 3 values, must hold 2: input and target"));
  EXPECT_THAT(refusal([](auto& w) {
                w.begin_dict();
                w.text("input");
                w.tensor(kX);
                w.end_dict();
              }),
              HasSubstr(": has no \"target\", must have \"input\" and \"target\""));
  EXPECT_THAT(refusal([](auto& w) {
                w.begin_tuple();
                w.tensor(kX);
                w.integer(7);
                w.end_tuple();
              }),
              HasSubstr(": target is 7, must be a tensor"));
}

TEST_F(DataFile, HoldsTheInputsOfANetworkByName) {
  write([](pickle::Writer& w) {
    w.begin_dict();
    for (const char* name : {"input_ids", "labels"}) {
      w.text(name);
      w.tensor(kX);
    }
    w.text("target");
    w.tensor(kY);
    w.end_dict();
  });
  const Batches data = load_data(path_);
  ASSERT_EQ(data[0].named.size(), 2u);
  EXPECT_EQ(data[0].named[1].first, "labels");
  EXPECT_TRUE(at::equal(data[0].input, kX));
  EXPECT_TRUE(at::equal(data[0].target, kY));
  write([](pickle::Writer& w) {
    w.begin_dict();
    for (const char* name : {"input_ids", "labels"}) {
      w.text(name);
      w.tensor(name[0] == 'l' ? kY : kX);
    }
    w.end_dict();
  });
  EXPECT_TRUE(at::equal(load_data(path_)[0].target, kY));
  EXPECT_THAT(refusal([](auto& w) {
                w.begin_dict();
                for (const char* name : {"a", "b"}) {
                  w.text(name);
                  w.tensor(kX);
                }
                w.end_dict();
              }),
              HasSubstr("has no \"target\", must have \"input\" and \"target\", or a network's"));
}

/// An array as numpy.save() writes it.
std::string npy(const std::string& type, const std::string& order, const std::string& shape,
                const at::Tensor& numbers) {
  std::string header =
      "{'descr': '" + type + "', 'fortran_order': " + order + ", 'shape': (" + shape + "), }";
  header.resize(117, ' ');
  header += '\n';
  return std::string("\x93NUMPY\1\0", 8) + static_cast<char>(header.size()) + '\0' + header +
         std::string(static_cast<const char*>(numbers.const_data_ptr()), numbers.nbytes());
}

TEST_F(DataFile, IsOneOfNumPy) {
  const std::string input = npy("<f4", "False", "3, 2", kX), target = npy("<i8", "False", "3,", kY);
  path_ += ".npz";
  const auto write_zip = [&](const std::vector<std::pair<std::string, std::string>>& records) {
    std::ofstream(path_, std::ios::binary) << tests::zip_of(records);
  };
  write_zip({{"input.npy", input}, {"target.npy", target}});
  expect_batches(load_data(path_), 1);
  const std::string columns = npy("<f4", "True", "3, 2", kX.t().contiguous());
  write_zip({{"target.npy", target}, {"input.npy", columns}});
  expect_batches(load_data(path_), 1);
  write_zip({{"x.npy", input}, {"y.npy", target}});
  EXPECT_THAT(refusal(), HasSubstr("has no array \"input\" but x, y; write it with numpy.savez("));
  for (const auto& [bytes, reason] :
       {std::pair{npy(">f4", "False", "3, 2", kX), "npy type \">f4\", must be one of <f8, <f4"},
        std::pair{npy("<f4", "False", "3, 3", kX), "24 bytes of numbers, which is not what"},
        std::pair{npy("<f4", "False", "4611686018427387904, 4", kX), "24 bytes of numbers"},
        std::pair{npy("<f4", "False", "4, 4611686018427387904, 4", kX), "more numbers than"},
        std::pair{std::string("x"), "not a .npy file"}}) {
    write_zip({{"input.npy", bytes}, {"target.npy", target}});
    EXPECT_THAT(refusal(), HasSubstr(reason));
    EXPECT_THAT(refusal(), HasSubstr(path_.string() + ": "));
  }
}

TEST_F(DataFile, IsAPairOfArrays) {
  const std::filesystem::path x = path_.string() + ".x.npy", y = path_.string() + ".y.npy";
  std::ofstream(x, std::ios::binary) << npy("<f4", "False", "3, 2", kX);
  std::ofstream(y, std::ios::binary) << npy("<i8", "False", "3,", kY);
  expect_batches(load_data(x.string() + "," + y.string()), 1);
  EXPECT_THAT([&] { load_data(x); }, testing::ThrowsMessage<std::runtime_error>(HasSubstr(
                                         "is one array, must be two: --data x.npy,y.npy")));
  std::filesystem::remove(y);
  EXPECT_THAT([&] { load_data(x.string() + "," + y.string()); },
              testing::ThrowsMessage<std::runtime_error>(HasSubstr(y.string())));
  std::filesystem::remove(x);
}

TEST_F(DataFile, WithOneChangedBitInItsNumbersIsRefused) {
  write(pair);
  std::string bytes = read_file(path_);
  const size_t place =
      bytes.find(std::string(static_cast<const char*>(kX.const_data_ptr()), kX.nbytes()));
  ASSERT_NE(place, std::string::npos);
  bytes[place + 9] ^= 8;
  std::ofstream(path_, std::ios::binary) << bytes;
  EXPECT_EQ(refusal(),
            path_.string() + ": its record 'data/0' is damaged (its checksum does not match)");
}

}  // namespace
}  // namespace descent
