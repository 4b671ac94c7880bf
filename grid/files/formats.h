#pragma once
#include <filesystem>
#include <string>
#include <string_view>

#include <descent/grid/grid.h>

/// The file formats of a Grid as bytes. The to_ functions expect a grid that passed check(); the
/// from_ functions throw std::runtime_error with the reason alone, Grid::load adds the file's name.
namespace descent::formats {

std::string to_npy(const Grid& grid);
Grid from_npy(std::string_view bytes);

std::string to_csv(const Grid& grid);
Grid from_csv(std::string_view bytes);

std::string to_json(const Grid& grid);
Grid from_json(std::string_view bytes);

/// Appends a name, quoted as RFC 4180 says where it must be.
void append_name(std::string& text, const std::string& name);

/// Appends the shortest digits that read back exactly; "nan", "inf" and "-inf" for the rest.
void append(std::string& text, double number);

/// The CRC-32 of a text as 8 digits. Files carry it, so that a damaged one is not read as other
/// numbers; those of other programs, which do not, are read all the same.
std::string checksum(std::string_view text);

/// The extension in lower case, ".npy".
std::string extension_of(const std::filesystem::path& path);

/// a * b if both are at least 1 and the product of doubles still fits into memory's address space;
/// otherwise std::runtime_error that calls the numbers `a_name` and `b_name`.
int64_t count(int64_t a, const char* a_name, int64_t b, const char* b_name);

}  // namespace descent::formats
