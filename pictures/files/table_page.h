#pragma once
#include <string>
#include <vector>

#include <descent/pictures/files/layout.h>
#include <descent/pictures/parts/plot.h>

namespace descent::pictures {

/// What a picture was drawn from, for a page.
struct Table {
  std::string title;                             ///< of the page, if the picture has none
  std::string row;                               ///< what a row is: "a trial"
  std::vector<std::string> names{};              ///< of the columns
  std::vector<std::vector<std::string>> rows{};  ///< JSON, by cell() or number_cell()
  std::vector<Spot> spots{};
  double reach = 20;  ///< pixels around a spot where it is pointed at
};

/// A word or a number of a table; what is not finite has a cell of its own.
std::string cell(const std::string& word, const std::string& what);
std::string cell(double number);

/// A page that needs no network: the picture as vectors, and the table below. The row that is pointed
/// at is marked in all parts of the picture, and a spot's row in the table.
std::string table_page(const Sheet& sheet, const Parts& parts, const Table& table);

}  // namespace descent::pictures
