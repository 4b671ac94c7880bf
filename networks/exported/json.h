#pragma once
// What nlohmann's parser reads in programs and headers of weights, which are large and are read once:
// values of 16 bytes in one piece of memory, where a tree of maps would take most of the time of loading
// a small network.
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <string>
#include <string_view>

namespace descent::networks {

struct JsonMember;

/// A value of a Document, which must outlive it.
class Json {
 public:
  enum class Kind : uint8_t { Null, Bool, Whole, Real, Text, List, Object };

  Kind kind() const { return kind_; }
  bool is_null() const { return kind_ == Kind::Null; }
  bool is_text() const { return kind_ == Kind::Text; }
  bool is_list() const { return kind_ == Kind::List; }
  bool is_object() const { return kind_ == Kind::Object; }
  /// "a number", for messages.
  const char* type_name() const;

  // Each is of its kind alone.
  bool boolean() const { return whole_ != 0; }
  int64_t whole() const { return whole_; }  ///< numbers beyond 64 bits are Real
  double real() const { return real_; }
  std::string_view text() const { return {text_, size_}; }
  std::span<const Json> items() const { return {items_, size_}; }
  std::span<const JsonMember> members() const;

  /// Of a list or an object.
  size_t size() const { return size_; }
  /// The value of a key, of several the last; null: there is none, or this is no object.
  const Json* find(std::string_view key) const;

 private:
  friend class JsonBuilder;

  Kind kind_ = Kind::Null;
  uint32_t size_ = 0;
  union {
    int64_t whole_ = 0;
    double real_;
    const char* text_;
    const Json* items_;
    const JsonMember* members_;
  };
};

struct JsonMember {
  std::string_view key;
  Json value;
};

/// What a text says.
class Document {
 public:
  /// `name` is for messages. Throws std::invalid_argument if the text is no JSON, is nested more than
  /// 200 times, or has more values than a program of its size has: these could take many times its
  /// memory.
  Document(std::string_view text, const std::string& name);
  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;

  const Json& root() const { return root_; }

 private:
  std::pmr::monotonic_buffer_resource memory_;
  Json root_;
};

}  // namespace descent::networks
