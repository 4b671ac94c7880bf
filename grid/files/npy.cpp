#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>

#include <descent/base/crc32.h>
#include <descent/grid/files/formats.h>
#include <descent/grid/files/npy.h>

// NumPy's own file format (numpy.lib.format): the magic bytes, two bytes of version, the length of
// the header (2 bytes, from version 2.0 on 4), the header as the text of a Python dict padded with
// blanks to a multiple of 64 bytes, then the numbers.
//
// A file of ours has a checksum where no other program looks: the padding begins with a tab, and
// then with 32 blanks, a tab for each 1 and a space for each 0 of the CRC-32, the highest bit first,
// of the dict and the numbers.

namespace descent::formats {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::string_view kBlanks = " \t\n";

/// Reads the Python dict of a header: string keys; strings, True, False and tuples of integers as
/// values.
class HeaderText {
 public:
  explicit HeaderText(std::string_view text) : text_(text) {}

  NpyArray parse() {
    NpyArray header;
    bool descr = false, order = false, shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string key = string();
      expect(':');
      if (key == "descr" && !descr) {
        header.type = string();
        descr = true;
      } else if (key == "fortran_order" && !order) {
        header.fortran_order = boolean();
        order = true;
      } else if (key == "shape" && !shape) {
        header.shape = tuple();
        shape = true;
      } else {
        fail("unexpected or repeated key \"" + key + "\"");
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_blanks();
    if (at_ != text_.size()) fail("text after the closing brace");
    for (const auto& [found, name] :
         {std::pair{descr, "descr"}, std::pair{order, "fortran_order"}, std::pair{shape, "shape"}})
      if (!found) fail(std::string("key \"") + name + "\" is missing");
    return header;
  }

 private:
  [[noreturn]] static void fail(const std::string& why) {
    throw std::runtime_error("npy header: " + why);
  }
  void skip_blanks() {
    while (at_ < text_.size() && kBlanks.find(text_[at_]) != std::string_view::npos) ++at_;
  }
  bool accept(char c) {
    skip_blanks();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) fail(std::string("'") + c + "' is missing at byte " + std::to_string(at_));
  }
  std::string string() {
    const char quote = accept('"') ? '"' : (expect('\''), '\'');
    const size_t end = text_.find(quote, at_);
    if (end == std::string_view::npos) fail("a string is not closed");
    const std::string result(text_.substr(at_, end - at_));
    at_ = end + 1;
    return result;
  }
  bool boolean() {
    skip_blanks();
    for (const auto& [word, value] : {std::pair{"True", true}, std::pair{"False", false}})
      if (text_.substr(at_).starts_with(word)) {
        at_ += std::strlen(word);
        return value;
      }
    fail("True or False is missing at byte " + std::to_string(at_));
  }
  int64_t integer() {
    skip_blanks();
    const size_t begin = at_;
    int64_t value = 0;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
      const int digit = text_[at_] - '0';
      if (value > (std::numeric_limits<int64_t>::max() - digit) / 10) fail("a size is too large");
      value = value * 10 + digit;
    }
    if (at_ == begin) fail("a size >= 0 is missing at byte " + std::to_string(at_));
    return value;
  }
  std::vector<int64_t> tuple() {
    std::vector<int64_t> result;
    expect('(');
    while (!accept(')')) {
      result.push_back(integer());
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return result;
  }

  std::string_view text_;
  size_t at_ = 0;
};

/// The little- or big-endian unsigned number of type U that starts at `bytes`.
template <class U>
U unsigned_at(const char* bytes, bool big_endian) {
  U value = 0;
  for (size_t k = 0; k < sizeof(U); ++k) {
    const auto byte = static_cast<unsigned char>(bytes[big_endian ? k : sizeof(U) - 1 - k]);
    value = static_cast<U>(value << 8 | byte);
  }
  return value;
}

/// The checksum of a dict and the numbers, as blanks.
std::string blanks_of(std::string_view dict, std::string_view data) {
  const uint32_t sum = crc32(data.data(), data.size(), crc32(dict.data(), dict.size()));
  std::string blanks = "\t";
  for (int bit = 31; bit >= 0; --bit) blanks += sum >> bit & 1 ? '\t' : ' ';
  return blanks;
}

}  // namespace

std::string to_npy(const Grid& grid) {
  std::string header = "{'descr': '<f8', 'fortran_order': False, 'shape': (" +
                       std::to_string(grid.y.n) + ", " + std::to_string(grid.x.n) + "), }";
  std::string data;
  data.reserve(grid.values.size() * 8);
  for (double value : grid.values) {
    const auto bits = std::bit_cast<uint64_t>(value);
    for (int shift = 0; shift < 64; shift += 8) data += static_cast<char>(bits >> shift & 0xff);
  }
  header += blanks_of(header, data);
  const size_t fixed = kMagic.size() + 4;
  header.append(63 - (fixed + header.size()) % 64, ' ');
  header += '\n';
  std::string bytes(kMagic);
  bytes += {'\x01', '\x00', static_cast<char>(header.size() & 0xff),
            static_cast<char>(header.size() >> 8)};
  return bytes + header + data;
}

NpyArray open_npy(std::string_view bytes) {
  if (!bytes.starts_with(kMagic)) throw std::runtime_error("not a .npy file: wrong magic bytes");
  if (bytes.size() < 10) throw std::runtime_error("truncated inside the npy header");
  const int version = static_cast<unsigned char>(bytes[6]);
  if (version < 1 || version > 3 || bytes[7] != 0)
    throw std::runtime_error("npy version " + std::to_string(version) + "." +
                             std::to_string(static_cast<unsigned char>(bytes[7])) +
                             ", must be 1.0, 2.0 or 3.0");
  const size_t start = version == 1 ? 10 : 12;
  if (bytes.size() < start) throw std::runtime_error("truncated inside the npy header");
  const size_t length = version == 1 ? unsigned_at<uint16_t>(bytes.data() + 8, false)
                                     : unsigned_at<uint32_t>(bytes.data() + 8, false);
  if (length > bytes.size() - start)
    throw std::runtime_error("npy header of " + std::to_string(length) +
                             " bytes is longer than the file");
  const std::string_view text = bytes.substr(start, length), data = bytes.substr(start + length);
  NpyArray array = HeaderText(text).parse();
  const size_t dict = text.find_last_not_of(kBlanks) + 1;
  const std::string_view padding = text.substr(dict);
  if (padding.find('\t') != std::string_view::npos &&
      !padding.starts_with(blanks_of(text.substr(0, dict), data)))
    throw std::runtime_error("it is damaged, its checksum does not match");
  array.data = data;
  return array;
}

Grid from_npy(std::string_view bytes) {
  const NpyArray header = open_npy(bytes);
  const std::string_view data = header.data;
  const std::string& type = header.type;
  if (type != "<f8" && type != ">f8" && type != "<f4" && type != ">f4")
    throw std::runtime_error("npy type \"" + type + "\", must be float64 or float32");
  if (header.shape.size() != 2)
    throw std::runtime_error("npy array of " + std::to_string(header.shape.size()) +
                             " dimensions, must be 2");
  const int64_t rows = header.shape[0], columns = header.shape[1];
  const auto size = static_cast<size_t>(count(rows, "rows", columns, "columns"));
  const size_t width = type[2] == '8' ? 8 : 4;
  if (data.size() != size * width)
    throw std::runtime_error(std::to_string(data.size()) + " bytes of numbers, must be " +
                             std::to_string(size) + " * " + std::to_string(width));

  Grid grid;
  grid.x = {0, static_cast<double>(columns - 1), columns};
  grid.y = {0, static_cast<double>(rows - 1), rows};
  grid.values.resize(size);
  const bool big = type[0] == '>';
  for (size_t k = 0; k < size; ++k) {
    const char* at = data.data() + k * width;
    const double value = width == 8 ? std::bit_cast<double>(unsigned_at<uint64_t>(at, big))
                                    : std::bit_cast<float>(unsigned_at<uint32_t>(at, big));
    const auto m = static_cast<size_t>(rows), n = static_cast<size_t>(columns);
    grid.values[header.fortran_order ? k % m * n + k / m : k] = value;
  }
  return grid;
}

}  // namespace descent::formats
