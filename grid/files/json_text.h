#pragma once
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

/// What the JSON files of this library share. Written by hand, so that numbers have the shortest
/// digits that read back exactly; read with nlohmann::json. Everything that reads throws
/// std::runtime_error with the reason alone.
namespace descent::formats {

using nlohmann::json;

json parsed(std::string_view bytes);

/// The version of a file whose "format" is `family` and a version up to `newest`,
/// "descent-grid-2"; all others are refused.
int check_format(const json& file, std::string_view family, int newest);

/// `text`, the file's first two lines being "{" and its format, with its checksum as a third line.
std::string with_checksum(std::string text);
/// Refuses a file that does not have the checksum of `text`, which is what it should be without it.
/// It is compared after reading, so that other programs may lay the same values out anew.
void check_checksum(const json& file, const std::string& text);

/// The text as a JSON string; std::invalid_argument that names `what` if it is not UTF-8.
std::string quoted(const std::string& text, const char* what);

/// Appends a number; what JSON has no number for becomes "nan", "inf" or "-inf" in quotes.
void append_json(std::string& text, double number);

/// A value as a message names it: "a list", "an object" or the value itself, cut to 40 characters.
/// (Printing a list would call itself for each level of a file that is nested without end.)
std::string brief(const json& value);

const json& member(const json& object, const std::string& key, const std::string& where);
std::string string(const json& value, const std::string& where);
/// The inverse of append_json.
double number(const json& value, const char* where);

}  // namespace descent::formats
