#pragma once
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>

namespace descent {

/// Writes a file that is either complete or absent: `write` fills a temporary file in the same
/// folder, which is flushed to the disk and renamed over `path` only when everything succeeded. On
/// any failure (an exception of `write`, a full disk, no permission) the temporary file is removed,
/// an existing `path` keeps its old content, and std::runtime_error names the path and the reason.
/// A process that is killed leaves `path`.tmp-0, which the next who writes `path` removes.
/// The permissions are those of the file that is replaced, or those of new files (umask).
void write_atomically(const std::filesystem::path& path,
                      const std::function<void(std::ostream&)>& write);

/// The same for bytes that are already at hand.
void write_atomically(const std::filesystem::path& path, std::string_view bytes);

/// The same, but not flushed to the disk: when the machine itself stops, `path` may hold anything. For
/// what carries a checksum and can be made again.
void write_unsynced(const std::filesystem::path& path, std::string_view bytes);

/// The whole file as bytes; std::runtime_error names the path and the reason if it cannot be read.
std::string read_file(const std::filesystem::path& path);

}  // namespace descent
