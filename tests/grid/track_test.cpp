#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <descent/base/atomic_file.h>
#include <descent/grid/track.h>

#include "../damage.h"

namespace descent {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

std::vector<Track> two_tracks() {
  return {{.label = "A \"b\", c",
           .detail = "sgd lr=0.1",
           .x = {1.0 / 3, -0.0, 5e-324},
           .y = {1e300, 2, 3},
           .losses = {4, 0.1, -2.5},
           .smooth_losses = {4, 0.25, -2},
           .gradient_norms = {7, 0.5}},
          {.label = "\xce\xb1",
           .detail = "nag",
           .x = {1, kInf},
           .y = {1, -kInf},
           .losses = {3, kNaN},
           .smooth_losses = {3, kNaN},
           .gradient_norms = {kInf},
           .stopped = "diverged at step 1",
           .diverged = true,
           .left_at = 1}};
}

std::string what(const std::function<void()>& call) {
  try {
    call();
    return "nothing was thrown";
  } catch (const std::exception& error) {
    return error.what();
  }
}

class TrackFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "descent-track-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path folder_;
};

TEST_F(TrackFile, ComesBackFromJsonWithEveryBit) {
  const auto tracks = two_tracks();
  save(tracks, folder_ / "tracks.json");
  const auto back = load_tracks(folder_ / "tracks.json");
  ASSERT_EQ(back.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(back[i].label, tracks[i].label);
    EXPECT_EQ(back[i].detail, tracks[i].detail);
    EXPECT_EQ(back[i].stopped, tracks[i].stopped);
    EXPECT_EQ(back[i].diverged, tracks[i].diverged);
    EXPECT_EQ(back[i].left_at, tracks[i].left_at);
    EXPECT_EQ(back[i].x, tracks[i].x);
    EXPECT_EQ(back[i].y, tracks[i].y);
    EXPECT_EQ(back[i].gradient_norms, tracks[i].gradient_norms);
  }
  EXPECT_TRUE(std::signbit(back[0].x[1]));
  EXPECT_EQ(back[0].losses, tracks[0].losses);
  EXPECT_EQ(back[0].smooth_losses, tracks[0].smooth_losses);
  EXPECT_TRUE(std::isnan(back[1].losses[1]));
}

TEST_F(TrackFile, IsOneLineAPointAsCsv) {
  save(two_tracks(), folder_ / "tracks.csv");
  EXPECT_EQ(read_file(folder_ / "tracks.csv"),
            "label,step,x,y,loss,smooth_loss,gradient_norm\n"
            "\"A \"\"b\"\", c\",0,0.3333333333333333,1e+300,4,4,7\n"
            "\"A \"\"b\"\", c\",1,-0,2,0.1,0.25,0.5\n"
            "\"A \"\"b\"\", c\",2,5e-324,3,-2.5,-2,\n"
            "\xce\xb1,0,1,1,3,3,inf\n"
            "\xce\xb1,1,inf,-inf,nan,nan,\n");
}

TEST_F(TrackFile, IsALineUpToWhatIsNotFiniteAsVtp) {
  auto tracks = two_tracks();
  tracks[0].label = "A & b";
  tracks[1] = tracks[0];  // of three points, the last one too far away to be drawn
  tracks[1].x[2] = kInf;
  tracks.push_back(two_tracks()[1]);  // a single point that can be drawn: no line
  save(tracks, folder_ / "tracks.vtp");
  const std::string text = read_file(folder_ / "tracks.vtp");
  const auto array = [&](const std::string& name) {
    const size_t at = text.find("Name=\"" + name + "\""), from = text.find('\n', at) + 1;
    return text.substr(from, text.find("<", from) - from);
  };
  EXPECT_THAT(text, HasSubstr("NumberOfPoints=\"6\" NumberOfLines=\"2\" NumberOfPolys=\"0\""));
  EXPECT_EQ(array("loss"), "4 0.1 -2.5 4 0.1 3\n");
  EXPECT_EQ(array("step"), "0 1 2 0 1 0\n");
  EXPECT_EQ(array("label"), "65 32 38 32 98 0\n65 32 38 32 98 0\n");
  EXPECT_EQ(array("Points"),
            "0.3333333333333333 1e+300 4\n-0 2 0.1\n5e-324 3 -2.5\n"
            "0.3333333333333333 1e+300 4\n-0 2 0.1\n1 1 3\n");
  EXPECT_EQ(array("connectivity"), "0 1 2\n3 4\n");
  EXPECT_EQ(array("offsets"), "3 5\n");
  EXPECT_THAT(what([&] { load_tracks(folder_ / "tracks.vtp"); }), HasSubstr("must be .json"));
}

TEST_F(TrackFile, IsRefusedWhenDamaged) {
  const fs::path file = folder_ / "tracks.json";
  const auto refusal = [&](const std::string& bytes) {
    damage::write(file, bytes);
    return what([&] { load_tracks(file); });
  };
  save(two_tracks(), file);
  const std::string good = read_file(file);
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string bytes = good;
    bytes.replace(bytes.find(from), from.size(), to);
    return bytes;
  };
  EXPECT_THAT(refusal(good.substr(0, good.size() / 2)), HasSubstr("tracks.json: not JSON"));
  EXPECT_THAT(refusal(with("descent-tracks-2", "descent-tracks-3")), HasSubstr("is newer"));
  EXPECT_THAT(refusal(with("\"x\"", "\"z\"")), HasSubstr("track 0: \"x\" is missing"));
  EXPECT_THAT(refusal(with("0.1,", "")), HasSubstr("track 0: losses.size() = 2, must be 3"));
  EXPECT_THAT(refusal(with("0.1,", "\"much\",")), HasSubstr("neither a number"));
  EXPECT_THAT(refusal(with("\"left_at\": 1", "\"left_at\": 2")), HasSubstr("left_at = 2"));
  EXPECT_THAT(refusal(with("\"diverged\": true", "\"diverged\": 1")), HasSubstr("true or false"));
}

TEST_F(TrackFile, IsRefusedOrTheSameWhateverHappensToIt) {
  const fs::path file = folder_ / "tracks.json", copy = folder_ / "copy.json";
  save(two_tracks(), file);
  const std::string bytes = read_file(file);
  const auto text = [&](const fs::path& path) {  // of what is read: all values, in the same digits
    save(load_tracks(path), copy);
    return read_file(copy);
  };
  const std::string saved = text(file);
  int refused = 0, other = 0;
  const auto read = [&](const std::string& changed) {
    damage::write(file, changed);
    try {
      other += text(file) != saved;
    } catch (const std::runtime_error&) {
      ++refused;
    }
  };
  for (uint32_t seed = 0; seed < damage::copies(); ++seed) read(damage::copy_of(bytes, seed));
  RecordProperty("refused", refused);
  RecordProperty("other values", other);
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string changed = bytes;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ 1 << bit % 8);
    read(changed);
  }
  EXPECT_EQ(other, 0);
  EXPECT_GT(refused, static_cast<int>(7 * bytes.size()));
}

TEST_F(TrackFile, IsReadWithoutAChecksum) {
  const fs::path file = folder_ / "tracks.json";
  save(two_tracks(), file);
  std::string bytes = read_file(file);
  bytes.replace(bytes.find("tracks-2"), 8, "tracks-1");
  bytes.erase(bytes.find("  \"crc32\""), 23);
  std::ofstream(file, std::ios::binary) << bytes;
  EXPECT_EQ(load_tracks(file).size(), 2u);
}

TEST_F(TrackFile, IsRefusedAndNotWrittenWhenWrong) {
  auto tracks = two_tracks();
  const fs::path csv = folder_ / "tracks.csv";
  EXPECT_THAT(what([&] { save(tracks, folder_ / "tracks.npy"); }),
              HasSubstr("extension \".npy\" of a file of tracks, must be .csv, .json or .vtp"));
  EXPECT_THAT(what([&] { load_tracks(csv); }), HasSubstr("must be .json"));
  tracks[1].y.pop_back();
  EXPECT_THAT(what([&] { save(tracks, csv); }), HasSubstr("y.size() = 1, must be 2"));
  tracks[0].x.clear();
  EXPECT_THAT(what([&] { save(tracks, csv); }), HasSubstr("x.size() = 0, must be >= 1"));
  EXPECT_FALSE(fs::exists(csv));
  EXPECT_THAT(what([&] { save({}, folder_ / "none" / "tracks.csv"); }), HasSubstr("none"));
}

TEST(Track, IsDrawnUpToItsFirstPointThatIsNotFinite) {
  const auto tracks = two_tracks();
  EXPECT_EQ(tracks[0].drawable(), 3u);
  EXPECT_EQ(tracks[1].drawable(), 1u);
}

TEST(Track, HasALogarithm) {
  const Track log = two_tracks()[0].log();
  EXPECT_EQ(log.losses[0], std::log(4));
  EXPECT_EQ(log.smooth_losses[1], std::log(0.25));
  EXPECT_TRUE(std::isnan(log.losses[2]));
  EXPECT_EQ(log.x, two_tracks()[0].x);
  EXPECT_EQ(log.gradient_norms, two_tracks()[0].gradient_norms);
}

}  // namespace
}  // namespace descent
