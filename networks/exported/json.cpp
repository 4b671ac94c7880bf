#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <limits>
#include <vector>

#include <descent/networks/exported/json.h>
#include <descent/networks/refuse.h>

namespace descent::networks {
namespace {

constexpr int kDeepest = 200;

/// Bytes for a value or a key: a program has 9, and a list of sizes 4.3. A value takes 16 in memory.
constexpr size_t kFewestBytes = 4;
constexpr size_t kFreeValues = 256;  // of a short text

/// Bytes that stand for themselves in a string: neither '"' nor '\\', no control character, ASCII.
constexpr auto kPlain = [] {
  std::array<bool, 256> plain{};
  for (size_t byte = 0x20; byte < 0x80; ++byte) plain[byte] = byte != '"' && byte != '\\';
  return plain;
}();

/// Appends a code point in UTF-8.
void append(std::string& text, uint32_t point) {
  const auto byte = [&](uint32_t bits) { text += static_cast<char>(bits); };
  if (point < 0x80) return byte(point);
  if (point < 0x800) {
    byte(0xc0 | point >> 6);
  } else {
    if (point < 0x10000) {
      byte(0xe0 | point >> 12);
    } else {
      byte(0xf0 | point >> 18);
      byte(0x80 | (point >> 12 & 0x3f));
    }
    byte(0x80 | (point >> 6 & 0x3f));
  }
  byte(0x80 | (point & 0x3f));
}

/// The bytes of the code point in UTF-8 that a text begins with; 0: there is none.
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t k) { return static_cast<unsigned char>(text[k]); };
  const unsigned char first = byte(0);
  const size_t length = first >= 0xc2 && first < 0xe0   ? 2
                        : first >= 0xe0 && first < 0xf0 ? 3
                        : first >= 0xf0 && first < 0xf5 ? 4
                                                        : 0;
  if (length == 0 || text.size() < length) return 0;
  for (size_t k = 1; k < length; ++k) {
    if ((byte(k) & 0xc0) != 0x80) return 0;
  }
  const bool is_overlong = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xf0 && byte(1) < 0x90);
  const bool is_surrogate = first == 0xed && byte(1) >= 0xa0;
  const bool is_too_large = first == 0xf4 && byte(1) >= 0x90;
  return is_overlong || is_surrogate || is_too_large ? 0 : length;
}

}  // namespace

class JsonParser {
 public:
  JsonParser(std::string_view text, const std::string& name, std::pmr::memory_resource& memory)
      : rest_(text), name_(name), memory_(memory), most_(text.size() / kFewestBytes + kFreeValues) {
    if (text.size() > std::numeric_limits<uint32_t>::max()) {
      refuse("its record '", name, "' has more than 4 GiB");
    }
  }

  Json read() {
    const Json root = value(0);
    skip_space();
    if (!rest_.empty()) fail();
    return root;
  }

 private:
  [[noreturn]] void fail() const { refuse("its record '", name_, "' is no JSON"); }

  void count() {
    if (++values_ > most_) refuse("its record '", name_, "' has more values than a program has");
  }

  void skip_space() {
    size_t k = 0;
    while (k < rest_.size() &&
           (rest_[k] == ' ' || rest_[k] == '\n' || rest_[k] == '\r' || rest_[k] == '\t')) {
      ++k;
    }
    rest_.remove_prefix(k);
  }

  char next() {
    skip_space();
    if (rest_.empty()) fail();
    return rest_.front();
  }

  bool take(char mark) {
    if (next() != mark) return false;
    rest_.remove_prefix(1);
    return true;
  }

  void expect(std::string_view word) {
    if (!rest_.starts_with(word)) fail();
    rest_.remove_prefix(word.size());
  }

  Json value(int depth) {
    if (depth > kDeepest) refuse("its record '", name_, "' is nested too deeply");
    count();
    Json one;
    switch (next()) {
      case '{':
        return object(depth);
      case '[':
        return list(depth);
      case '"': {
        const std::string_view own = string();
        one.kind_ = Json::Kind::Text;
        one.size_ = static_cast<uint32_t>(own.size());
        one.text_ = own.data();
        return one;
      }
      case 't':
      case 'f':
        one.kind_ = Json::Kind::Bool;
        one.whole_ = rest_.front() == 't' ? 1 : 0;
        expect(one.boolean() ? "true" : "false");
        return one;
      case 'n':
        expect("null");
        return one;
      default:
        return number();
    }
  }

  Json list(int depth) {
    expect("[");
    const size_t first = items_.size();
    if (!take(']')) {
      do {
        push(items_, value(depth + 1), most_);
      } while (take(','));
      if (!take(']')) fail();
    }
    Json all;
    all.kind_ = Json::Kind::List;
    all.items_ = kept(items_, first, all.size_);
    return all;
  }

  Json object(int depth) {
    expect("{");
    const size_t first = members_.size();
    if (!take('}')) {
      do {
        count();
        if (next() != '"') fail();
        const std::string_view key = string();
        if (!take(':')) fail();
        push(members_, {key, value(depth + 1)}, most_ / 2);
      } while (take(','));
      if (!take('}')) fail();
    }
    Json all;
    all.kind_ = Json::Kind::Object;
    all.members_ = kept(members_, first, all.size_);
    return all;
  }

  /// Twice the room whenever there is none, but never more than there may be values.
  template <class T>
  static void push(std::vector<T>& read, const T& one, size_t most) {
    constexpr size_t kFirst = 64;
    if (read.size() == read.capacity()) {
      read.reserve(std::min(std::max(2 * read.size(), kFirst), std::max(most, read.size() + 1)));
    }
    read.push_back(one);
  }

  /// Moves what has been read from `first` on to where it stays.
  template <class T>
  const T* kept(std::vector<T>& read, size_t first, uint32_t& size) {
    const size_t count = read.size() - first;
    size = static_cast<uint32_t>(count);
    if (count == 0) return nullptr;
    auto* const place = static_cast<T*>(memory_.allocate(count * sizeof(T), alignof(T)));
    std::uninitialized_copy_n(read.begin() + static_cast<std::ptrdiff_t>(first), count, place);
    read.resize(first);
    return place;
  }

  std::string_view string() {
    expect("\"");
    const std::string_view text = plain_run();
    if (rest_.empty()) fail();
    if (rest_.front() != '"') return long_string(text);
    rest_.remove_prefix(1);
    return text;
  }

  /// Takes the bytes that stand for themselves.
  std::string_view plain_run() {
    size_t k = 0;
    while (k < rest_.size() && kPlain[static_cast<unsigned char>(rest_[k])]) ++k;
    const std::string_view run = rest_.substr(0, k);
    rest_.remove_prefix(k);
    return run;
  }

  /// Of a string with escapes or letters beyond ASCII, behind its first bytes.
  std::string_view long_string(std::string_view begin) {
    std::string text(begin);
    while (!rest_.empty() && rest_.front() != '"') {
      if (rest_.front() == '\\') {
        escape(text);
      } else {
        const size_t length = utf8_length(rest_);
        if (length == 0) fail();
        text += rest_.substr(0, length);
        rest_.remove_prefix(length);
      }
      text += plain_run();
    }
    expect("\"");
    auto* const place = static_cast<char*>(memory_.allocate(text.size(), 1));
    std::memcpy(place, text.data(), text.size());
    return {place, text.size()};
  }

  void escape(std::string& text) {
    expect("\\");
    if (rest_.empty()) fail();
    const char kind = rest_.front();
    rest_.remove_prefix(1);
    constexpr std::string_view kKinds = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
    const size_t known = kKinds.find(kind);
    if (known != kKinds.npos) {
      text += kMeanings[known];
      return;
    }
    if (kind != 'u') fail();
    uint32_t point = unit();
    if (point >= 0xd800 && point < 0xdc00) {
      expect("\\u");
      const uint32_t low = unit();
      if (low < 0xdc00 || low >= 0xe000) fail();
      point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
    } else if (point >= 0xdc00 && point < 0xe000) {
      fail();
    }
    append(text, point);
  }

  uint32_t unit() {
    const std::string_view digits = rest_.substr(0, 4);
    uint32_t value = 0;
    const char* const end = digits.data() + digits.size();
    if (digits.size() < 4 || std::from_chars(digits.data(), end, value, 16).ptr != end) fail();
    rest_.remove_prefix(4);
    return value;
  }

  size_t digits_at(size_t k) const {
    const size_t first = k;
    while (k < rest_.size() && rest_[k] >= '0' && rest_[k] <= '9') ++k;
    return k - first;
  }

  Json number() {
    size_t k = rest_.front() == '-' ? 1 : 0;
    const size_t whole = digits_at(k);
    if (whole == 0 || (whole > 1 && rest_[k] == '0')) fail();
    k += whole;
    bool is_whole = true;
    const auto more = [&](size_t from) {
      const size_t count = digits_at(from);
      if (count == 0) fail();
      is_whole = false;
      k = from + count;
    };
    if (k < rest_.size() && rest_[k] == '.') more(k + 1);
    if (k < rest_.size() && (rest_[k] == 'e' || rest_[k] == 'E')) {
      const bool is_signed = k + 1 < rest_.size() && (rest_[k + 1] == '+' || rest_[k + 1] == '-');
      more(k + (is_signed ? 2 : 1));
    }
    const char *const begin = rest_.data(), *const end = begin + k;
    rest_.remove_prefix(k);
    Json one;
    one.kind_ = Json::Kind::Whole;
    if (is_whole && std::from_chars(begin, end, one.whole_).ec == std::errc()) return one;
    one.kind_ = Json::Kind::Real;
    if (std::from_chars(begin, end, one.real_).ec != std::errc()) fail();
    return one;
  }

  std::string_view rest_;
  const std::string& name_;
  std::pmr::memory_resource& memory_;
  size_t values_ = 0, most_;
  std::vector<Json> items_;  // of lists and objects that are not yet at their end
  std::vector<JsonMember> members_;
};

const char* Json::type_name() const {
  constexpr std::array kNames{"null", "boolean", "number", "number", "string", "array", "object"};
  return kNames[static_cast<size_t>(kind_)];
}

std::span<const JsonMember> Json::members() const { return {members_, size_}; }

const Json* Json::find(std::string_view key) const {
  if (!is_object()) return nullptr;
  for (size_t k = size_; k-- > 0;) {
    if (members_[k].key == key) return &members_[k].value;
  }
  return nullptr;
}

Document::Document(std::string_view text, const std::string& name)
    : root_(JsonParser(text, name, memory_).read()) {}

std::string json_text(std::string_view text) {
  std::string quoted = "\"";
  for (const char letter : text) {
    if (letter == '"' || letter == '\\') {
      quoted += '\\';
      quoted += letter;
    } else if (static_cast<unsigned char>(letter) < 0x20) {
      constexpr std::string_view kDigits = "0123456789abcdef";
      quoted += "\\u00";
      quoted += kDigits[static_cast<size_t>(letter) >> 4];
      quoted += kDigits[static_cast<size_t>(letter) & 0xf];
    } else {
      quoted += letter;
    }
  }
  return quoted + '"';
}

}  // namespace descent::networks
