#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <descent/base/crc32.h>
#include <descent/sharing/entries.h>
#include <descent/sharing/store.h>

// The file: "descent-store-1\n", and a record for each change, of which the last one of a key counts:
// the lengths of key and value and the CRC-32 of both, 4 bytes each in the machine's byte order, the
// key, the value. Whoever changes it holds the lock, and first cuts off what is no whole record: what
// a process that was killed has left.

namespace descent::sharing {
namespace {

constexpr std::string_view kMagic = "descent-store-1\n";
constexpr size_t kHead = 3 * sizeof(uint32_t);

void append(std::string& bytes, std::string_view key, std::string_view value) {
  const uint32_t head[3] = {static_cast<uint32_t>(key.size()), static_cast<uint32_t>(value.size()),
                            crc32(value.data(), value.size(), crc32(key.data(), key.size()))};
  static_assert(sizeof head == kHead);
  bytes.append(reinterpret_cast<const char*>(head), kHead).append(key).append(value);
}

/// Calls take(key, value) for each whole record, and returns how many bytes these have.
template <class Take>
size_t each_record(std::string_view bytes, Take&& take) {
  size_t at = 0;
  while (bytes.size() - at >= kHead) {
    uint32_t head[3];
    std::memcpy(head, bytes.data() + at, kHead);
    const size_t length = size_t{head[0]} + head[1];
    if (bytes.size() - at - kHead < length) break;
    const std::string_view texts = bytes.substr(at + kHead, length);
    if (crc32(texts.data(), length) != head[2]) break;
    take(texts.substr(0, head[0]), texts.substr(head[0]));
    at += kHead + length;
  }
  return at;
}

}  // namespace

/// A lock on the entries: on the memory, and on the file while it is read or changed.
class Entries::Lock {
 public:
  Lock(Entries& entries, int kind) : memory_(entries.mutex_), file_(entries.file_) {
    if (file_ < 0) return;
    int locked = 0;
    do locked = ::flock(file_, kind);
    while (locked != 0 && errno == EINTR);
    if (locked != 0)
      entries.fail("the file system gives no locks, without which processes cannot share it",
                   errno);
    try {
      entries.read_what_is_new();
    } catch (...) {
      ::flock(file_, LOCK_UN);
      throw;
    }
  }
  ~Lock() {
    if (file_ >= 0) ::flock(file_, LOCK_UN);
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  const std::lock_guard<std::mutex> memory_;
  const int file_;
};

void Entries::fail(const std::string& what, int error) const {
  throw WorldError("folder_store: " + path_.string() + ": " + what +
                   (error != 0 ? " (" + std::generic_category().message(error) + ")" : ""));
}

Entries::Entries(std::filesystem::path file) : path_(std::move(file)) {
  std::error_code error;
  std::filesystem::create_directories(path_.parent_path(), error);
  if (error) fail("its folder cannot be made", error.value());
  file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file_ < 0) fail("it cannot be opened", errno);
  try {
    const Lock lock(*this, LOCK_EX);
    if (read_ == 0) put({}, "");
  } catch (...) {
    ::close(file_);
    throw;
  }
}

Entries::~Entries() {
  if (file_ >= 0) ::close(file_);
}

void Entries::read_what_is_new() {
  struct stat about {};
  if (::fstat(file_, &about) != 0) fail("it cannot be read", errno);
  // Whoever removed the folder wanted to begin anew, which those who have it open cannot know.
  if (about.st_nlink == 0) fail("it was removed while it was in use");
  if (about.st_size < read_) {
    values_.clear();
    read_ = 0;
  }
  if (about.st_size == read_) return;
  std::string bytes(static_cast<size_t>(about.st_size - read_), '\0');
  for (size_t got = 0; got < bytes.size();) {
    const ssize_t count =
        ::pread(file_, bytes.data() + got, bytes.size() - got, read_ + static_cast<off_t>(got));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("it cannot be read", errno);
    if (count == 0) bytes.resize(got);
    got += static_cast<size_t>(count);
  }
  std::string_view records = bytes;
  if (read_ == 0) {
    if (kMagic.starts_with(records)) return;  // who made it has been killed
    if (!records.starts_with(kMagic)) fail("it is no store");
    records.remove_prefix(kMagic.size());
    read_ = static_cast<int64_t>(kMagic.size());
  }
  read_ += static_cast<int64_t>(each_record(
      records, [&](std::string_view key, std::string_view x) { values_[std::string(key)] = x; }));
}

void Entries::put(const std::vector<std::string>& keys, std::string_view value) {
  if (file_ >= 0) {
    std::string bytes(read_ == 0 ? kMagic : "");
    for (const std::string& key : keys) append(bytes, key, value);
    if (::ftruncate(file_, read_) != 0) fail("it cannot be written", errno);
    for (size_t put = 0; put < bytes.size();) {
      const ssize_t count =
          ::pwrite(file_, bytes.data() + put, bytes.size() - put, read_ + static_cast<off_t>(put));
      if (count < 0 && errno == EINTR) continue;
      // What is no whole record is cut off by the next who writes.
      if (count <= 0) fail("it cannot be written", count < 0 ? errno : EIO);
      put += static_cast<size_t>(count);
    }
    read_ += static_cast<int64_t>(bytes.size());
  }
  for (const std::string& key : keys) values_[key] = value;
}

std::optional<std::string> Entries::find(const std::string& key) {
  const Lock lock(*this, LOCK_SH);
  const auto found = values_.find(key);
  if (found == values_.end()) return std::nullopt;
  return found->second;
}

bool Entries::has(const std::vector<std::string>& keys) {
  const Lock lock(*this, LOCK_SH);
  return std::all_of(keys.begin(), keys.end(),
                     [&](const std::string& key) { return values_.count(key) > 0; });
}

void Entries::set(const std::vector<std::string>& keys, std::string_view value) {
  const Lock lock(*this, LOCK_EX);
  put(keys, value);
}

std::string Entries::set_once(const std::string& key, std::string_view value) {
  const Lock lock(*this, LOCK_EX);
  if (const auto found = values_.find(key); found != values_.end()) return found->second;
  put({key}, value);
  return std::string(value);
}

int64_t Entries::add(const std::string& key, int64_t value) {
  const Lock lock(*this, LOCK_EX);
  int64_t sum = 0;
  if (const auto found = values_.find(key); found != values_.end()) {
    const std::string& text = found->second;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), sum);
    if (error != std::errc() || end != text.data() + text.size())
      throw WorldError("Store: add \"" + key + "\": it was set to \"" + text +
                       "\", must be a whole number");
  }
  sum += value;
  if (value != 0) put({key}, std::to_string(sum));
  return sum;
}

}  // namespace descent::sharing
