#include <bit>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <random>
#include <stdexcept>

#include <gtest/gtest.h>
#include <unistd.h>

#include <descent/base/atomic_file.h>
#include <descent/grid/grid.h>

#include "../damage.h"

namespace descent {
namespace {

namespace fs = std::filesystem;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

/// A folder of its own for each test, removed afterwards.
class GridFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "descent-grid-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path file(const std::string& name) const { return folder_ / name; }

  fs::path write(const std::string& name, const std::string& bytes) const {
    damage::write(file(name), bytes);
    return file(name);
  }

  /// What load() says about a file of these bytes; "" if it takes them.
  std::string refusal(const std::string& name, const std::string& bytes) const {
    try {
      Grid::load(write(name, bytes));
      return "";
    } catch (const std::runtime_error& error) {
      return error.what();
    }
  }

  fs::path folder_;
};

/// Numbers that are hard to write down: all magnitudes, both zeros, the ends of the range.
Grid difficult_grid() {
  Grid grid;
  grid.x = {-0.1, 1.0 / 3, 7};
  grid.y = {5, -2.7, 5};
  grid.x_name = "a \"quoted\", name";
  grid.y_name = "line\nbreak";
  grid.value_name = "\xce\xb1";
  grid.notes = {{"seed", "1"}, {"path", "loop\t\"x\""}, {"", ""}};
  std::mt19937_64 random(1);
  while (grid.values.size() < 35) {
    const auto value = std::bit_cast<double>(random());
    if (std::isfinite(value)) grid.values.push_back(value);
  }
  grid.values[0] = -0.0;
  grid.values[1] = std::numeric_limits<double>::denorm_min();
  grid.values[2] = std::numeric_limits<double>::max();
  grid.values[3] = 18446744073709551616.0;  // 2^64: digits without a point that fit no integer
  grid.values[4] = -9223372036854775808.0;
  grid.values[5] = 1e22;
  return grid;
}

void expect_same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t k = 0; k < a.size(); ++k)
    EXPECT_EQ(std::bit_cast<uint64_t>(a[k]), std::bit_cast<uint64_t>(b[k])) << k << ": " << a[k];
}

template <class Error>
std::string message(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

TEST(AxisTest, EndsExactlyAtHi) {
  const Axis axis{-0.1, 0.7, 50};
  EXPECT_EQ(axis.at(0), -0.1);
  EXPECT_EQ(axis.at(49), 0.7);
  EXPECT_EQ(axis.at(3), -0.1 + 3 * ((0.7 - -0.1) / 49));
}

TEST(AxisTest, OfOnePointIsItsLowerEnd) { EXPECT_EQ((Axis{2, 9, 1}.at(0)), 2); }

TEST(AxisTest, RefusalsNameTheAxisTheFieldAndTheValue) {
  const auto refusal = [](Axis axis) {
    return message<std::invalid_argument>([&] { check(axis, "evaluate: x axis"); });
  };
  EXPECT_EQ(refusal({0, 1, 0}), "evaluate: x axis: n = 0, must be >= 1");
  EXPECT_EQ(refusal({0, 1, -3}), "evaluate: x axis: n = -3, must be >= 1");
  EXPECT_EQ(refusal({kNaN, 1, 5}), "evaluate: x axis: lo = nan, must be finite");
  EXPECT_EQ(refusal({0, -kInf, 5}), "evaluate: x axis: hi = -inf, must be finite");
  EXPECT_EQ(refusal({-1e308, 1e308, 5}), "evaluate: x axis: hi - lo = inf, must be finite");
  EXPECT_NO_THROW(check(Axis{3, 3, 1}, ""));
  EXPECT_NO_THROW(check(Axis{1, -1, 2}, ""));
}

TEST(GridTest, LogKeepsInfinitiesAndNaN) {
  Grid grid{{0, 1, 2}, {0, 1, 2}, {1, 0, -1, kInf}};
  const Grid log = grid.log();
  EXPECT_EQ(log.values[0], 0);
  EXPECT_EQ(log.values[1], -kInf);
  EXPECT_TRUE(std::isnan(log.values[2]));
  EXPECT_EQ(log.values[3], kInf);
  EXPECT_EQ(log.value_name, "log loss");
  EXPECT_EQ(log.x, grid.x);
}

TEST(GridTest, MinimumIsTheFirstSmallestFiniteValue) {
  Grid grid{{0, 2, 3}, {10, 20, 2}, {kNaN, -kInf, 4, 5, -1, -1}};
  const auto minimum = grid.minimum();
  EXPECT_EQ(minimum.value, -1);
  EXPECT_EQ(minimum.i, 1);
  EXPECT_EQ(minimum.j, 1);
  EXPECT_EQ(minimum.x, 1);
  EXPECT_EQ(minimum.y, 20);
}

TEST(GridTest, MinimumOfNothingFiniteIsRefused) {
  Grid grid{{0, 1, 2}, {0, 1, 1}, {kNaN, kInf}};
  EXPECT_EQ(message<std::runtime_error>([&] { grid.minimum(); }),
            "Grid::minimum: none of the 2 values is finite");
}

TEST_F(GridFile, JsonKeepsEverythingBitForBit) {
  const Grid grid = difficult_grid();
  grid.save(file("g.json"));
  const Grid back = Grid::load(file("g.json"));
  expect_same_bits(back.values, grid.values);
  EXPECT_EQ(back.x, grid.x);
  EXPECT_EQ(back.y, grid.y);
  EXPECT_EQ(back.x_name, grid.x_name);
  EXPECT_EQ(back.y_name, grid.y_name);
  EXPECT_EQ(back.value_name, grid.value_name);
  EXPECT_EQ(back.notes, grid.notes);
}

TEST_F(GridFile, CsvKeepsValuesAxesAndNamesBitForBit) {
  const Grid grid = difficult_grid();
  grid.save(file("g.csv"));
  const Grid back = Grid::load(file("g.csv"));
  expect_same_bits(back.values, grid.values);
  EXPECT_EQ(back.x, grid.x);
  EXPECT_EQ(back.y, grid.y);
  EXPECT_EQ(back.x_name, grid.x_name);
  EXPECT_EQ(back.y_name, grid.y_name);
  EXPECT_EQ(back.value_name, grid.value_name);
}

TEST_F(GridFile, NpyKeepsTheValuesBitForBitAndCountsTheAxes) {
  const Grid grid = difficult_grid();
  grid.save(file("g.npy"));
  const Grid back = Grid::load(file("g.npy"));
  expect_same_bits(back.values, grid.values);
  EXPECT_EQ(back.x, (Axis{0, 6, 7}));
  EXPECT_EQ(back.y, (Axis{0, 4, 5}));
}

TEST_F(GridFile, KeepsNaNAndInfinities) {
  const Grid grid{{0, 1, 3}, {0, 1, 2}, {kNaN, kInf, -kInf, 1, 2, kNaN}};
  for (const char* name : {"g.npy", "g.csv", "g.json"}) {
    grid.save(file(name));
    const Grid back = Grid::load(file(name));
    expect_same_bits(back.values, grid.values);
  }
}

TEST_F(GridFile, KeepsSinglePointsRowsAndColumns) {
  for (const auto& [columns, rows] : {std::pair{1, 1}, std::pair{1, 4}, std::pair{4, 1}}) {
    Grid grid{{2, columns == 1 ? 2.0 : 3.0, columns}, {5, rows == 1 ? 5.0 : 9.0, rows}, {}};
    for (int k = 0; k < columns * rows; ++k) grid.values.push_back(k);
    for (const char* name : {"g.npy", "g.csv", "g.json"}) {
      grid.save(file(name));
      const Grid back = Grid::load(file(name));
      expect_same_bits(back.values, grid.values);
      EXPECT_EQ(back.x.n, columns);
      EXPECT_EQ(back.y.n, rows);
      if (name != std::string("g.npy")) {
        EXPECT_EQ(back.x, grid.x);
        EXPECT_EQ(back.y, grid.y);
      }
    }
  }
}

TEST_F(GridFile, WritesCsvAsPeopleExpectIt) {
  Grid{{0, 1, 2}, {-1, -1, 1}, {0.1, kNaN}}.save(file("g.csv"));
  EXPECT_EQ(read_file(file("g.csv")), "alpha,beta,loss\n0,-1,0.1\n1,-1,nan\n");
}

/// A tab for each 1 and a space for each 0, the highest bit first.
std::string tabs(uint32_t number) {
  std::string text;
  for (int bit = 31; bit >= 0; --bit) text += number >> bit & 1 ? '\t' : ' ';
  return text;
}

TEST_F(GridFile, WritesNpyAsNumPySpecifiesIt) {
  Grid{{0, 1, 2}, {0, 0, 1}, {1, -2}}.save(file("g.npy"));
  const std::string bytes = read_file(file("g.npy"));
  ASSERT_EQ(bytes.size(), 128u + 16);
  EXPECT_EQ(bytes.substr(0, 10), std::string("\x93NUMPY\x01\x00\x76\x00", 10));
  EXPECT_EQ(bytes.substr(10, 59), "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }");
  // The checksum hides in the padding: zlib.crc32(bytes[10:69] + bytes[128:]) = 0x13bbcc57.
  EXPECT_EQ(bytes.substr(69, 58), "\t" + tabs(0x13bbcc57) + std::string(25, ' '));
  EXPECT_EQ(bytes[127], '\n');
  EXPECT_EQ(bytes.substr(128), std::string("\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\x00\xc0", 16));
}

TEST_F(GridFile, NumPyReadsOursAndWeReadNumPys) {
  if (std::system("python3 -c 'import numpy' >/dev/null 2>&1") != 0)
    GTEST_SKIP() << "python3 with numpy is not installed";
  const Grid grid = difficult_grid();
  grid.save(file("g.npy"));
  // Both orders, both widths and both byte orders, as NumPy itself writes them.
  std::ofstream(file("s.py")) << "import numpy as np, os\n"
                              << "os.chdir('" << folder_.string() << "')\n"
                              << "a = np.load('g.npy')\n"
                              << "assert a.shape == (5, 7) and a.dtype == np.float64\n"
                              << "np.save('f.npy', np.asfortranarray(a))\n"
                              << "np.save('b.npy', a.astype('>f8'))\n"
                              << "np.save('s.npy', np.array([[1.5, 2.5, np.inf]], 'float32'))\n"
                              << "np.save('i.npy', np.array([[1, 2]]))\n"
                              << "np.save('v.npy', a[0])\n";
  ASSERT_EQ(std::system(("python3 " + file("s.py").string()).c_str()), 0);
  expect_same_bits(Grid::load(file("f.npy")).values, grid.values);
  expect_same_bits(Grid::load(file("b.npy")).values, grid.values);
  expect_same_bits(Grid::load(file("s.npy")).values, {1.5, 2.5, kInf});
  EXPECT_THROW(Grid::load(file("i.npy")), std::runtime_error);
  EXPECT_THROW(Grid::load(file("v.npy")), std::runtime_error);
}

TEST_F(GridFile, CutAtAnyByteIsRefusedOrASmallerGrid) {
  const Grid grid{{0, 1, 3}, {0, 1, 3}, {1, 2.5, kNaN, 4, 5, 6, kInf, 8, 9}};
  for (const char* name : {"g.npy", "g.csv", "g.json"}) {
    grid.save(file(name));
    const std::string bytes = read_file(file(name));
    for (size_t size = 0; size < bytes.size(); ++size) {
      const std::string why = refusal(name, bytes.substr(0, size));
      const bool only_blank_is_missing = bytes.find_first_not_of("\n", size) == std::string::npos;
      // csv: whole rows are a grid of their own (0, 0.5 is an axis as well as 0, 0.5, 1).
      const bool csv_rows = name == std::string("g.csv") && why.empty();
      if (csv_rows) {
        EXPECT_EQ(bytes[size - 1], '\n');
        const Grid part = Grid::load(file(name));
        EXPECT_EQ(part.values.size(), static_cast<size_t>(part.x.n * part.y.n));
      } else if (name == std::string("g.json") && only_blank_is_missing) {
        EXPECT_EQ(why, "");
      } else {
        EXPECT_NE(why, "") << name << " cut to " << size << " bytes";
        EXPECT_NE(why.find(file(name).string()), std::string::npos) << why;
      }
    }
  }
}

/// Whether these are the same, NaN and the signs of zeros included.
bool same(const Grid& a, const Grid& b) {
  const auto bits = [](const Grid& grid) {
    std::vector<uint64_t> all;
    for (const Axis& axis : {grid.x, grid.y})
      for (const double x : {axis.lo, axis.hi}) all.push_back(std::bit_cast<uint64_t>(x));
    for (const double x : grid.values)
      all.push_back(std::isnan(x) ? 1 : std::bit_cast<uint64_t>(x));
    return all;
  };
  return bits(a) == bits(b) && a.x.n == b.x.n && a.y.n == b.y.n && a.x_name == b.x_name &&
         a.y_name == b.y_name && a.value_name == b.value_name && a.notes == b.notes;
}

TEST_F(GridFile, AnyByteOfACsvChangedIsRefusedOrAGridOfTheRightSize) {
  Grid{{0, 1, 3}, {0, 1, 2}, {1, 2.5, kNaN, 4, kInf, 6}}.save(file("g.csv"));
  const std::string bytes = read_file(file("g.csv"));
  for (size_t at = 0; at < bytes.size(); ++at)
    for (char byte : {'\0', '"', '9', '-'}) {
      std::string changed = bytes;
      changed[at] = byte;
      if (refusal("g.csv", changed).empty()) {
        const Grid back = Grid::load(file("g.csv"));
        EXPECT_EQ(back.values.size(), static_cast<size_t>(back.x.n * back.y.n));
      }
    }
}

TEST_F(GridFile, AnyByteChangedIsRefusedOrDoesNotMatter) {
  const Grid grid{{0, 1, 3}, {0, 1, 2}, {1, 2.5, kNaN, 4, kInf, 6}};
  for (const char* name : {"g.npy", "g.json"}) {
    grid.save(file(name));
    const Grid saved = Grid::load(file(name));
    const std::string bytes = read_file(file(name));
    for (size_t at = 0; at < bytes.size(); ++at)
      for (char byte : {'\0', '"', '9', '-'}) {
        std::string changed = bytes;
        changed[at] = byte;
        if (!refusal(name, changed).empty()) continue;
        EXPECT_TRUE(same(Grid::load(file(name)), saved)) << name << " byte " << at;
      }
  }
}

TEST_F(GridFile, AnyBitFlippedIsRefusedOrDoesNotMatter) {
  const Grid grid = difficult_grid();
  for (const char* name : {"g.npy", "g.json"}) {
    grid.save(file(name));
    const Grid saved = Grid::load(file(name));
    const std::string bytes = read_file(file(name));
    size_t taken = 0;
    for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
      std::string changed = bytes;
      changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ 1 << bit % 8);
      if (!refusal(name, changed).empty()) continue;
      ++taken;
      EXPECT_TRUE(same(Grid::load(file(name)), saved)) << name << " bit " << bit;
    }
    EXPECT_LT(taken, bytes.size() / 10) << name;  // of eight times as many
  }
}

TEST_F(GridFile, DamagedAnywhereIsRefusedOrDoesNotMatter) {
  const Grid grid = difficult_grid();
  for (const char* name : {"g.npy", "g.json"}) {
    grid.save(file(name));
    const Grid saved = Grid::load(file(name));
    const std::string bytes = read_file(file(name));
    int refused = 0, other = 0;
    for (uint32_t seed = 0; seed < damage::copies(); ++seed) {
      if (!refusal(name, damage::copy_of(bytes, seed)).empty()) {
        ++refused;
      } else if (!same(Grid::load(file(name)), saved)) {
        ++other;
        ADD_FAILURE() << name << " of seed " << seed << " is read as another grid";
      }
    }
    RecordProperty(std::string(name) + " refused", refused);
    RecordProperty(std::string(name) + " other values", other);
  }
}

TEST_F(GridFile, WithoutAChecksumIsRead) {
  const Grid grid{{0, 1, 2}, {0, 1, 1}, {1, 2}};
  grid.save(file("g.json"));
  std::string bytes = read_file(file("g.json"));
  bytes.replace(bytes.find("grid-2"), 6, "grid-1");
  bytes.erase(bytes.find("  \"crc32\""), 23);
  EXPECT_EQ(refusal("g.json", bytes), "");
  EXPECT_TRUE(same(Grid::load(file("g.json")), grid));
}

std::string npy(const std::string& header, size_t data) {
  return std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(header.size()) + '\0' + header +
         std::string(data, '\0');
}

TEST_F(GridFile, RefusesDamagedNpyAndSaysWhy) {
  const auto expect = [&](const std::string& bytes, const std::string& why) {
    EXPECT_NE(refusal("g.npy", bytes).find(why), std::string::npos) << refusal("g.npy", bytes);
  };
  const std::string good = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }";
  EXPECT_EQ(refusal("g.npy", npy(good, 32)), "");
  expect("", "magic");
  expect("\x93NUMPX\x01", "magic");
  expect(std::string("\x93NUMPY\x07\x00\x00\x00", 10), "npy version 7.0, must be 1.0, 2.0 or 3.0");
  expect(std::string("\x93NUMPY\x02\x00\xff\xff\xff\xff{", 13), "4294967295 bytes is longer");
  expect(npy(good, 31), "31 bytes of numbers, must be 4 * 8");
  expect(npy(good, 33), "33 bytes of numbers, must be 4 * 8");
  const auto shaped = [&](const std::string& shape) {
    return npy("{'descr': '<f8', 'fortran_order': False, 'shape': " + shape + "}", 32);
  };
  expect(shaped("(4,)"), "1 dimensions, must be 2");
  expect(shaped("(0, 4)"), "rows = 0, must be in [1, ");
  expect(shaped("(-2, -2)"), "a size >= 0 is missing");
  expect(shaped("(4294967296, 4294967296)"), "too large");
  expect(shaped("(99999999999999999999, 1)"), "a size is too large");
  expect(shaped("(1152921504606846975, 1)"), "32 bytes of numbers");
  expect(shaped("(2, 2), 'shape': (2, 2)"), "repeated key \"shape\"");
  expect(npy("{'descr': '<i8', 'fortran_order': False, 'shape': (2, 2), }", 32), "type \"<i8\"");
  expect(npy("{'descr': '<f8', 'shape': (2, 2), }", 32), "\"fortran_order\" is missing");
  expect(npy("{'descr': '<f8", 0), "not closed");
}

TEST_F(GridFile, RefusesDamagedCsvAndSaysWhy) {
  const auto expect = [&](const std::string& bytes, const std::string& why) {
    EXPECT_NE(refusal("g.csv", bytes).find(why), std::string::npos) << refusal("g.csv", bytes);
  };
  EXPECT_EQ(refusal("g.csv", "a,b,c\r\n0,0,1\r\n1,0,2\r\n"), "");  // as an editor on Windows saves
  expect("", "line 1: a comma is missing");
  expect("a,b,c\n", "no points");
  expect("\"a,b,c\n", "line 1: a quoted name is not closed");
  expect("a,b,c\n0,0\n", "line 2: a comma is missing");
  expect("a,b,c\n0,0,1,2\n", "line 2: more than x,y,value");
  expect("a,b,c\n0,0,x\n", "line 2: a number is missing");
  expect("a,b,c\n0,0,1e999\n", "line 2: a number is out of the range");
  expect("a,b,c\n0,0,1", "line 2: truncated");
  expect("a,b,c\n0,0,1\n1,0,1\n0,1,1\n", "truncated: the last row has 1 points, must be 2");
  expect("a,b,c\n0,0,1\n1,0,1\n0,1,1\n0,2,1\n", "line 5: a new row after 1 points, rows have 2");
  expect("a,b,c\n0,0,1\n0,1,1\n1,1,1\n", "line 4: a row of more than 1 points");
  expect("a,b,c\n0,0,1\n1,0,1\n0,1,1\n2,1,1\n", "line 5: x differs");
  expect("a,b,c\n0,0,1\n1,0,1\n3,0,1\n", "x axis: coordinate 1 is not equidistant");
  expect("a,b,c\nnan,0,1\n", "x axis: lo = nan, must be finite");
}

TEST_F(GridFile, RefusesDamagedJsonAndSaysWhy) {
  Grid{{0, 1, 2}, {0, 1, 2}, {1, 2, 3, 4}}.save(file("g.json"));
  const std::string good = read_file(file("g.json"));
  const auto expect = [&](const std::string& from, const std::string& to, const std::string& why) {
    std::string bytes = good;
    const size_t at = bytes.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    bytes.replace(at, from.size(), to);
    EXPECT_NE(refusal("g.json", bytes).find(why), std::string::npos) << refusal("g.json", bytes);
  };
  EXPECT_NE(refusal("g.json", "").find("not JSON"), std::string::npos);
  EXPECT_NE(refusal("g.json", "[]").find("file is not an object"), std::string::npos);
  EXPECT_NE(refusal("g.json", std::string(100000, '[')).find("not JSON"), std::string::npos);
  expect("grid-2", "grid-3", "\"descent-grid-3\" is newer than this program");
  expect("descent-grid-2", "other", "format \"other\", must be \"descent-grid-2\"");
  expect("\"crc32\"", "\"crc33\"", "\"crc32\" is missing");
  expect("\"loss\"", "\"lass\"", "its checksum does not match");
  expect("\"format\"", "\"farmat\"", "\"format\" is missing");
  expect("\"lo\"", "\"low\"", "x axis: \"lo\" is missing");
  expect("\"notes\"", "\"note\"", "\"notes\" is missing");
  expect("\"n\": 2", "\"n\": 0", "x axis: n = 0, must be >= 1");
  expect("\"n\": 2", "\"n\": -2", "x axis: n = -2, must be >= 1");
  expect("\"n\": 2", "\"n\": 2.5", "x axis: n = 2.5, must be a whole number");
  expect("\"n\": 2", "\"n\": 18446744073709551615", "must be a whole number that fits 64 bits");
  expect("\"n\": 2", "\"n\": 9223372036854775807", "a row of values has 2 entries, must be 92233");
  expect("\"hi\": 1", "\"hi\": \"inf\"", "x axis: hi = inf, must be finite");
  expect("[1, 2]", "[1]", "a row of values has 1 entries, must be 2");
  expect("[1, 2],", "", "values has 1 entries, must be 2");
  expect("[1, 2]", "3", "a row of values is not a list");
  expect("[1, 2]", "[1, \"two\"]", "values: \"two\" is neither a number");
  expect("[1, 2]", "[1, null]", "values: null is neither a number");
  // Nested so deeply that a function which calls itself for each level would end the program.
  const std::string nested = std::string(1000000, '[') + std::string(1000000, ']');
  expect("[1, 2]", "[1, " + nested + "]", "values: a list is neither a number");
  expect("\"n\": 2", "\"n\": " + nested, "x axis: n = a list, must be a whole number");
}

TEST_F(GridFile, SaveRefusesWhatLoadCouldNotRead) {
  const Grid good{{0, 1, 2}, {0, 1, 1}, {1, 2}};
  const auto refused = [&](const Grid& grid, const std::string& name) {
    const std::string why = message<std::invalid_argument>([&] { grid.save(file(name)); });
    EXPECT_FALSE(fs::exists(file(name)));
    return why;
  };
  EXPECT_NE(
      refused(good, "g.txt").find("extension \".txt\" of a grid file, must be one of .npy, .csv"),
      std::string::npos);
  Grid wrong = good;
  wrong.values.push_back(3);
  EXPECT_NE(refused(wrong, "g.npy").find("values.size() = 3, must be y.n * x.n = 1 * 2"),
            std::string::npos);
  wrong = good;
  wrong.x.hi = 0;
  EXPECT_NE(refused(wrong, "g.csv").find("coordinates 0 and 1 coincide"), std::string::npos);
  wrong = good;
  wrong.value_name = "\xff";
  EXPECT_NE(refused(wrong, "g.json").find("value_name is not UTF-8"), std::string::npos);
}

TEST_F(GridFile, UnwritablePathLeavesNoFile) {
  const Grid grid{{0, 1, 2}, {0, 1, 1}, {1, 2}};
  const fs::path path = folder_ / "missing" / "g.npy";
  EXPECT_NE(message<std::runtime_error>([&] { grid.save(path); }).find(path.string()),
            std::string::npos);
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(GridFile, MissingFileIsNamed) {
  EXPECT_NE(message<std::runtime_error>([&] { Grid::load(file("no.json")); }).find("no.json"),
            std::string::npos);
  EXPECT_THROW(Grid::load(file("no.txt")), std::invalid_argument);
}

}  // namespace
}  // namespace descent
