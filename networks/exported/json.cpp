#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <vector>

#include <nlohmann/json.hpp>

#include <descent/networks/exported/json.h>
#include <descent/networks/refuse.h>

namespace descent::networks {
namespace {

constexpr size_t kDeepest = 200;

/// Bytes for a value or a key: a program has 9, and a list of sizes 4.3. A value takes 16 in memory.
constexpr size_t kFewestBytes = 4;
constexpr size_t kFreeValues = 256;  // of a short text

}  // namespace

/// What nlohmann's parser calls for each value. Every function but the last returns true: go on.
class JsonBuilder {
 public:
  using Parser = nlohmann::json;

  JsonBuilder(const std::string& name, size_t bytes, std::pmr::memory_resource& memory)
      : name_(name), memory_(memory), most_(bytes / kFewestBytes + kFreeValues) {
    if (bytes > std::numeric_limits<uint32_t>::max()) {
      refuse("its record '", name, "' has more than 4 GiB");
    }
  }

  const Json& root() const { return root_; }

  bool null() { return add({}); }
  bool boolean(bool is) { return add(whole(Json::Kind::Bool, is ? 1 : 0)); }
  bool number_integer(int64_t number) { return add(whole(Json::Kind::Whole, number)); }
  bool number_unsigned(uint64_t number) {
    return number <= INT64_MAX ? number_integer(static_cast<int64_t>(number))
                               : real(static_cast<double>(number));
  }
  bool number_float(double number, const std::string&) { return real(number); }
  bool string(const std::string& text) {
    const std::string_view copy = kept(text);
    Json one;
    one.kind_ = Json::Kind::Text;
    one.size_ = static_cast<uint32_t>(copy.size());
    one.text_ = copy.data();
    return add(one);
  }
  bool binary(const Parser::binary_t&) { return false; }  // which JSON does not have

  bool start_array(size_t) { return open(items_.size(), false); }
  bool end_array() {
    Json all;
    all.kind_ = Json::Kind::List;
    all.items_ = kept(items_, all.size_);
    return close(all);
  }
  bool start_object(size_t) { return open(members_.size(), true); }
  bool key(const std::string& text) {
    count();
    open_.back().key = kept(text);
    return true;
  }
  bool end_object() {
    Json all;
    all.kind_ = Json::Kind::Object;
    all.members_ = kept(members_, all.size_);
    return close(all);
  }

  bool parse_error(size_t, const std::string&, const Parser::exception&) {
    refuse("its record '", name_, "' is no JSON");
  }

 private:
  /// A list or an object that is not yet at its end, and where its values begin in its stack.
  struct Open {
    size_t first;
    bool is_object;
    std::string_view key;  ///< of the next value
  };

  static Json whole(Json::Kind kind, int64_t number) {
    Json one;
    one.kind_ = kind;
    one.whole_ = number;
    return one;
  }
  bool real(double number) {
    Json one;
    one.kind_ = Json::Kind::Real;
    one.real_ = number;
    return add(one);
  }

  void count() {
    if (++values_ > most_) refuse("its record '", name_, "' has more values than a program has");
  }

  bool add(const Json& one) {
    count();
    if (open_.empty()) {
      root_ = one;
    } else if (open_.back().is_object) {
      push(members_, {open_.back().key, one}, most_ / 2);
    } else {
      push(items_, one, most_);
    }
    return true;
  }

  bool open(size_t first, bool is_object) {
    if (open_.size() > kDeepest) refuse("its record '", name_, "' is nested too deeply");
    open_.push_back({first, is_object, {}});
    return true;
  }
  bool close(const Json& all) {
    open_.pop_back();
    return add(all);
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

  /// Moves what has been read of the innermost list or object to where it stays.
  template <class T>
  const T* kept(std::vector<T>& read, uint32_t& size) {
    const size_t first = open_.back().first, count = read.size() - first;
    size = static_cast<uint32_t>(count);
    if (count == 0) return nullptr;
    auto* const place = static_cast<T*>(memory_.allocate(count * sizeof(T), alignof(T)));
    std::uninitialized_copy_n(read.begin() + static_cast<std::ptrdiff_t>(first), count, place);
    read.resize(first);
    return place;
  }

  std::string_view kept(const std::string& text) {
    auto* const place = static_cast<char*>(memory_.allocate(text.size(), 1));
    std::memcpy(place, text.data(), text.size());
    return {place, text.size()};
  }

  const std::string& name_;
  std::pmr::memory_resource& memory_;
  size_t values_ = 0, most_;
  std::vector<Json> items_;  // of all open lists
  std::vector<JsonMember> members_;
  std::vector<Open> open_;
  Json root_;
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

Document::Document(std::string_view text, const std::string& name) {
  JsonBuilder builder(name, text.size(), memory_);
  JsonBuilder::Parser::sax_parse(text, &builder);
  root_ = builder.root();
}

}  // namespace descent::networks
