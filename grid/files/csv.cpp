#include <bit>
#include <charconv>
#include <cmath>
#include <stdexcept>

#include <descent/grid/files/formats.h>

// One line of names, then one line a point in row-major order: x,y,value. Names are quoted as
// RFC 4180 says where they contain a comma, a quote or the end of a line.

namespace descent::formats {
namespace {

/// The coordinates of a saved axis must tell its rows apart, or load() could not find them.
void require_distinct(const Axis& axis, const char* what) {
  for (int64_t i = 1; i < axis.n; ++i)
    if (axis.at(i) == axis.at(i - 1))
      throw std::invalid_argument(std::string("csv: ") + what + " axis: coordinates " +
                                  std::to_string(i - 1) + " and " + std::to_string(i) +
                                  " coincide, must differ (.json keeps such a grid)");
}

/// Takes a csv file apart from front to back and knows the line for the messages.
class CsvText {
 public:
  explicit CsvText(std::string_view text) : text_(text) {}

  bool done() const { return at_ == text_.size(); }

  [[noreturn]] void fail(const std::string& why) const {
    throw std::runtime_error("line " + std::to_string(line_) + ": " + why);
  }

  /// One field of the first line with the separator behind it.
  std::string name(char separator) {
    std::string result;
    if (!done() && text_[at_] == '"') {
      for (++at_;; ++at_) {
        if (done()) fail("a quoted name is not closed");
        if (text_[at_] == '"' && text_.substr(at_ + 1).starts_with('"'))
          ++at_;
        else if (text_[at_] == '"')
          break;
        result += text_[at_];
      }
      ++at_;
    } else {
      const size_t end = text_.find_first_of(",\"\r\n", at_);
      result = text_.substr(at_, end == std::string_view::npos ? end : end - at_);
      at_ += result.size();
    }
    skip(separator);
    return result;
  }

  double number(char separator) {
    double value = 0;
    const char* begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (error == std::errc::result_out_of_range) fail("a number is out of the range of a double");
    if (error != std::errc{}) fail("a number is missing");
    at_ += static_cast<size_t>(end - begin);
    skip(separator);
    return value;
  }

 private:
  void skip(char separator) {
    if (separator == '\n' && text_.substr(at_).starts_with("\r\n")) ++at_;
    if (done() || text_[at_] != separator)
      fail(separator == ',' ? "a comma is missing: each line is x,y,value"
           : done()         ? "truncated: the end of the line is missing"
                            : "more than x,y,value");
    ++at_;
    if (separator == '\n') ++line_;
  }

  std::string_view text_;
  size_t at_ = 0;
  int64_t line_ = 1;
};

bool same(double a, double b) {
  return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b) || a == b;
}

}  // namespace

void append_name(std::string& text, const std::string& name) {
  if (name.find_first_of(",\"\r\n") == std::string::npos) {
    text += name;
    return;
  }
  text += '"';
  for (char c : name) text += c == '"' ? std::string("\"\"") : std::string(1, c);
  text += '"';
}

std::string to_csv(const Grid& grid) {
  require_distinct(grid.x, "x");
  require_distinct(grid.y, "y");
  std::string text;
  append_name(text, grid.x_name);
  text += ',';
  append_name(text, grid.y_name);
  text += ',';
  append_name(text, grid.value_name);
  text += '\n';
  std::vector<std::string> columns(static_cast<size_t>(grid.x.n));
  for (int64_t j = 0; j < grid.x.n; ++j) append(columns[static_cast<size_t>(j)], grid.x.at(j));
  for (int64_t i = 0; i < grid.y.n; ++i) {
    std::string row;
    append(row, grid.y.at(i));
    for (int64_t j = 0; j < grid.x.n; ++j) {
      text += columns[static_cast<size_t>(j)];
      text += ',';
      text += row;
      text += ',';
      append(text, grid.at(i, j));
      text += '\n';
    }
  }
  return text;
}

Grid from_csv(std::string_view bytes) {
  CsvText text(bytes);
  Grid grid;
  grid.x_name = text.name(',');
  grid.y_name = text.name(',');
  grid.value_name = text.name('\n');
  if (text.done()) throw std::runtime_error("no points");

  std::vector<double> xs, ys;  // the first row's x, each row's y
  int64_t column = 0;
  while (!text.done()) {
    const CsvText line = text;  // for messages about this line
    const double x = text.number(','), y = text.number(',');
    const bool new_row = ys.empty() || !same(y, ys.back());
    if (new_row) {
      if (ys.size() > 1 && column != static_cast<int64_t>(xs.size()))
        line.fail("a new row after " + std::to_string(column) + " points, rows have " +
                  std::to_string(xs.size()));
      ys.push_back(y);
      column = 0;
    }
    if (ys.size() == 1)
      xs.push_back(x);
    else if (column >= static_cast<int64_t>(xs.size()))
      line.fail("a row of more than " + std::to_string(xs.size()) + " points");
    else if (!same(x, xs[static_cast<size_t>(column)]))
      line.fail("x differs from the first row's");
    ++column;
    grid.values.push_back(text.number('\n'));
  }
  if (column != static_cast<int64_t>(xs.size()))
    throw std::runtime_error("truncated: the last row has " + std::to_string(column) +
                             " points, must be " + std::to_string(xs.size()));

  const auto axis = [](const std::vector<double>& at, const char* what) {
    const Axis result{at.front(), at.back(), static_cast<int64_t>(at.size())};
    check(result, std::string(what) + " axis");
    for (int64_t i = 0; i < result.n; ++i)
      if (!same(result.at(i), at[static_cast<size_t>(i)]))
        throw std::runtime_error(std::string(what) + " axis: coordinate " + std::to_string(i) +
                                 " is not equidistant with its neighbours");
    return result;
  };
  grid.x = axis(xs, "x");
  grid.y = axis(ys, "y");
  return grid;
}

}  // namespace descent::formats
