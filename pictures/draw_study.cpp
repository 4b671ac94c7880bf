#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>
#include <vector>

#include <descent/base/atomic_file.h>
#include <descent/base/text.h>
#include <descent/pictures/draw_study.h>
#include <descent/pictures/files/layout.h>
#include <descent/pictures/files/output.h>
#include <descent/pictures/files/table_page.h>
#include <descent/pictures/parts/rates.h>
#include <descent/pictures/parts/trials.h>

namespace descent {

namespace {

using pictures::cell;
using pictures::Format;
using pictures::Parts;
using pictures::Rect;
using pictures::require;
using pictures::Sheet;
using pictures::Spot;
using pictures::StudyPlot;
using pictures::Table;

constexpr size_t kMostPairs = 12;  // in a picture of all views
constexpr int kMostPixels = 4096;

/// Whether the axis of losses is logarithmic.
bool is_log(const Trials& trials, const StudyPictureOptions& options) {
  double least = kInfinity, most = -kInfinity;
  for (const Trials::Trial& trial : trials.trials) {
    if (!std::isfinite(trial.value)) continue;
    least = std::min(least, trial.value);
    most = std::max(most, trial.value);
  }
  require(least < kInfinity, "draw", "no trial", "one with a finite value at least");
  require(!options.log.value_or(false) || least > 0, "draw", "a value = " + digits(least),
          "> 0 where log is true");
  return options.log.value_or(least > 0 && most > 100 * least);
}

StudyPlot plot_of(const Trials& trials, const StudyPictureOptions& options, double font) {
  const bool log = is_log(trials, options);
  std::vector<double> values;
  for (const Trials::Trial& trial : trials.trials)
    if (std::isfinite(trial.value)) values.push_back(log ? std::log10(trial.value) : trial.value);
  return {trials, log, pictures::ValueScale(values, std::nan(""), std::nan("")), trials.best(),
          font};
}

/// What stands below the picture.
std::string caption_of(const Trials& trials, const StudyPictureOptions& options, size_t pairs,
                       size_t all_pairs) {
  const Trials::Trial& best = trials.trials[trials.best()];
  std::string text = options.caption.empty() ? "" : options.caption + "\n";
  text += "Best of " + std::to_string(trials.trials.size()) + " trials: number " +
          std::to_string(best.number) + ", " + trials.value_name + " " +
          pictures::short_number(best.value) + " at ";
  for (size_t i = 0; i < trials.parameters.size(); ++i) {
    const Trials::Parameter& parameter = trials.parameters[i];
    text += (i == 0 ? "" : ", ") + parameter.name + " = " +
            (parameter.words.empty() ? pictures::short_number(best.at[i])
                                     : parameter.words.at(static_cast<size_t>(best.at[i])));
  }
  text += ".";
  if (options.view == StudyView::All || options.view == StudyView::Slices)
    text += " Over single parameters early trials are dark, late ones bright.";
  if (pairs < all_pairs)
    text += " The first " + std::to_string(pairs) + " of " + std::to_string(all_pairs) +
            " pairs are shown.";
  return text;
}

/// The number of a parameter, or the word that it stands for.
std::string cell_of(const Trials::Parameter& parameter, double at) {
  if (parameter.words.empty()) return cell(at);
  return cell(parameter.words.at(static_cast<size_t>(at)), "a value of a list");
}

/// A picture of a study, ready to be drawn.
struct StudyPicture {
  Sheet sheet;
  StudyPlot plot;
  Parts parts{};
  std::vector<Spot> spots{};

  StudyPicture(const Trials& trials, const StudyPictureOptions& options)
      : sheet{}, plot(plot_of(trials, options, 0)) {
    const size_t n = trials.parameters.size(), all_pairs = n * (n - 1) / 2;
    const StudyView view = options.view;
    const bool all = view == StudyView::All;
    const auto shows = [&](StudyView one) { return all || view == one; };
    const size_t pairs = !shows(StudyView::Contours) ? 0
                         : all                       ? std::min(all_pairs, kMostPairs)
                                                     : all_pairs;
    require(view != StudyView::Contours || n > 1, "draw",
            "view = contours of " + std::to_string(n) + " parameter", "of two or more");
    const auto rows_of = [](size_t cells, size_t columns) {
      return static_cast<int>((cells + columns - 1) / columns);
    };
    const size_t slice_columns = std::min<size_t>(n, 4);
    const auto pair_columns =
        std::max<size_t>(all ? 3 : 1, static_cast<size_t>(std::ceil(std::sqrt(pairs))));
    const int slice_rows = shows(StudyView::Slices) ? rows_of(n, slice_columns) : 0;
    const int pair_rows = pairs > 0 ? rows_of(pairs, pair_columns) : 0;
    // In parts of a picture that is 1600 pixels wide.
    const int first = all || view == StudyView::History || view == StudyView::Parallel ? 620 : 0;
    const int slice = slice_rows * 420;
    const int pair = pair_rows * (pair_columns >= 3 ? 1500 / static_cast<int>(pair_columns) : 700);
    sheet.width = options.width > 0 ? options.width : view == StudyView::Contours ? 1400 : 1600;
    const int wanted = 120 + first + slice + pair;
    sheet.height = options.height > 0 ? options.height : std::min(wanted, kMostPixels);
    pictures::check_size("draw", sheet.width, sheet.height);
    sheet.font = std::max(
        9.0, 16.0 * std::min(sheet.width / 1600.0, sheet.height / static_cast<double>(wanted)));
    sheet.title = options.title;
    sheet.caption = caption_of(trials, options, pairs, shows(StudyView::Contours) ? all_pairs : 0);
    plot.font = sheet.font;
    Rect room;
    parts.push_back(pictures::sheet_part(sheet, room));
    const double unit = room.height() / static_cast<double>(first + slice + pair);
    const double gap = sheet.font;
    double top = room.top;
    const auto cell = [&](size_t k, size_t columns, double height) {
      const double width = room.width() / static_cast<double>(columns);
      const auto column = static_cast<double>(k % columns), row = static_cast<double>(k / columns);
      return Rect{room.left + column * width, top + row * height,
                  room.left + (column + 1) * width - gap / 2, top + (row + 1) * height - gap};
    };
    if (first > 0) {
      const double height = first * unit;
      size_t k = 0;
      const size_t columns = all ? 2 : 1;
      if (shows(StudyView::History))
        parts.push_back(pictures::history_part(cell(k++, columns, height), plot, spots));
      if (shows(StudyView::Parallel))
        parts.push_back(pictures::parallel_part(cell(k, columns, height), plot));
      top += height;
    }
    if (slice > 0) {
      const double height = slice * unit / slice_rows;
      for (size_t i = 0; i < n; ++i)
        parts.push_back(pictures::slice_part(cell(i, slice_columns, height), plot, i, spots));
      top += slice * unit;
    }
    size_t k = 0;
    for (size_t y = 1; y < n; ++y)
      for (size_t x = 0; x < y && k < pairs; ++x, ++k)
        parts.push_back(
            pictures::pair_part(cell(k, pair_columns, pair * unit / pair_rows), plot, x, y, spots));
  }
  StudyPicture(const StudyPicture&) = delete;  // its parts refer to it
  StudyPicture& operator=(const StudyPicture&) = delete;
};

Table table_of(const Trials& trials, std::vector<Spot> spots) {
  Table table{"A study", "a trial", {"trial", trials.value_name}, {}, std::move(spots)};
  for (const Trials::Parameter& parameter : trials.parameters)
    table.names.push_back(parameter.name);
  table.names.emplace_back("state");
  for (const Trials::Trial& trial : trials.trials) {
    std::vector<std::string> row{std::to_string(trial.number), cell(trial.value)};
    for (size_t i = 0; i < trial.at.size(); ++i)
      row.push_back(cell_of(trials.parameters[i], trial.at[i]));
    row.push_back(cell(trial.stopped ? "given up" : "", "state"));
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table table_of(const RateCurve& curve) {
  Table table{"A range test", "a step", {"step", "lr", "loss", "its mean"}};
  for (size_t k = 0; k < curve.rates.size(); ++k)
    table.rows.push_back(
        {std::to_string(k), cell(curve.rates[k]), cell(curve.losses[k]), cell(curve.smoothed[k])});
  return table;
}

Table table_of(const Lineage& lineage) {
  Table table{"A population",
              "a member between two comparisons",
              {"member", "from step", "to", "copied from", "loss"}};
  table.reach = 45;
  for (const Trials::Parameter& parameter : lineage.parameters)
    table.names.push_back(parameter.name);
  for (const Lineage::Life& life : lineage.lives) {
    std::vector<std::string> row{
        std::to_string(life.member), std::to_string(life.from), std::to_string(life.to),
        life.parent < 0 ? cell("", "") : std::to_string(life.parent), cell(life.loss)};
    for (size_t i = 0; i < life.values.size(); ++i)
      row.push_back(cell_of(lineage.parameters[i], life.values[i]));
    table.rows.push_back(std::move(row));
  }
  return table;
}

const Format& format_of(const std::filesystem::path& path) {
  return pictures::format_of("draw", path, [](const Format& each) {
    return pictures::is_still_picture(each) || pictures::is_page(each);
  });
}

/// A picture, or the page of one.
void write(const std::filesystem::path& path, const Format& format, const Sheet& sheet,
           const Parts& parts, const Table& table) {
  if (format.is_page())
    write_atomically(path, pictures::table_page(sheet, parts, table));
  else
    pictures::write(path, format, sheet, parts, 0, {});
}

void write(const std::filesystem::path& path, const RatePictureOptions& options, double unit,
           Table table,
           const std::function<void(Parts&, const Rect&, double font, std::vector<Spot>&)>& add) {
  const Format& format = format_of(path);
  pictures::check_size("draw", options.width, options.height);
  const double font = std::max(9.0, 17.0 * std::min<double>(options.width, options.height) / unit);
  const Sheet sheet{options.width, options.height, font, options.title, options.caption};
  Rect room;
  Parts parts;
  parts.push_back(pictures::sheet_part(sheet, room));
  add(parts, room, font, table.spots);
  write(path, format, sheet, parts, table);
}

}  // namespace

void draw(const Trials& trials, const std::filesystem::path& path,
          const StudyPictureOptions& options) {
  const Format& format = format_of(path);
  check(trials, "draw");
  const StudyPicture picture(trials, options);
  write(path, format, picture.sheet, picture.parts, table_of(trials, picture.spots));
}

void draw(const RateCurve& curve, const std::filesystem::path& path,
          const RatePictureOptions& options) {
  const size_t n = curve.rates.size();
  require(n >= 2, "draw", "rates.size() = " + std::to_string(n), "at least 2");
  require(curve.losses.size() == n && curve.smoothed.size() == n, "draw",
          "losses.size() = " + std::to_string(curve.losses.size()) +
              " and smoothed.size() = " + std::to_string(curve.smoothed.size()),
          std::to_string(n) + ", as of rates");
  for (size_t k = 0; k < n; ++k)
    require(curve.rates[k] > (k == 0 ? 0 : curve.rates[k - 1]) && curve.rates[k] < kInfinity,
            "draw", "a rate = " + digits(curve.rates[k]), "finite, > 0 and above the one before");
  require(std::any_of(curve.smoothed.begin(), curve.smoothed.end(),
                      [](double loss) { return std::isfinite(loss); }),
          "draw", "no smoothed loss", "finite");
  write(path, options, 700, table_of(curve),
        [&](Parts& parts, const Rect& room, double font, std::vector<Spot>& spots) {
          parts.push_back(pictures::rates_part(room, curve, font, spots));
        });
}

void draw(const Lineage& lineage, const std::filesystem::path& path,
          const RatePictureOptions& options) {
  require(!lineage.lives.empty(), "draw", "lives.size() = 0", "at least 1");
  for (const Lineage::Life& life : lineage.lives)
    require(
        life.values.size() == lineage.parameters.size() && life.member >= 0 && life.from <= life.to,
        "draw", "a life of member " + std::to_string(life.member),
        "from a step to a later one, with a value for each parameter");
  write(path, options, 800, table_of(lineage),
        [&](Parts& parts, const Rect& room, double font, std::vector<Spot>& spots) {
          const auto n = static_cast<double>(lineage.parameters.size());
          const double height = room.height() / (1.6 + n);
          Rect at = room;
          at.bottom = at.top + 1.6 * height;
          parts.push_back(pictures::members_part(at, lineage, font, spots));
          for (size_t i = 0; i < lineage.parameters.size(); ++i) {
            at = {room.left, at.bottom, room.right, at.bottom + height};
            parts.push_back(pictures::schedule_part(at, lineage, i, font, spots));
          }
        });
}

}  // namespace descent
