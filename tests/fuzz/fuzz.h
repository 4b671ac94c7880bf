#pragma once
// What the targets of this folder share. A target is a source that defines take() for one kind of
// input; fuzz.cpp is its main program, with libFuzzer.
#include <cstddef>
#include <filesystem>
#include <string_view>

namespace descent::fuzz {

/// Reads one input as a user's file or text would be read. Returns if it is accepted, and throws
/// std::runtime_error, std::invalid_argument or c10::Error with a sentence if it is refused. Any
/// other exception counts as a crash, as does an allocation that is far larger than the input.
void take(std::string_view bytes);

/// What the reader may allocate at once whatever its input is, beside four times the input. LibTorch's
/// archives have buffers of a MiB, which is what a target has that does not define it.
size_t always();
/// Of a reader that calls none of LibTorch's: more than a stream's buffer.
inline constexpr size_t kOwnReaders = size_t{1} << 15;

/// Ends the program unless `holds`; `what` says what should have been.
void expect(bool holds, const char* what);

/// The bytes as a file whose name ends with `ending`, until the next call with this ending.
std::filesystem::path file_of(std::string_view bytes, std::string_view ending);

/// An empty folder of this process, which is removed at its end.
const std::filesystem::path& folder();

}  // namespace descent::fuzz
