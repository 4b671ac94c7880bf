#pragma once
#include <memory>
#include <string>
#include <vector>

#include <descent/grid/trials.h>
#include <descent/pictures/parts/plot.h>

/// The parts of pictures of searches.
namespace descent::pictures {

/// One side of a plot: numbers, their logarithms, or words.
struct Side {
  Axis axis;  ///< of what is drawn: exponents of ten if log
  Ticks ticks;
  std::string title;
  bool log = false;

  double at(double value) const { return log ? std::log10(value) : value; }
};

/// `length`: pixels that it has.
Side side_of(const Trials::Parameter& parameter, double length, double font);
/// Of numbers from lo to hi, > 0 if log, with some air at both ends.
Side side_of(double lo, double hi, bool log, const std::string& title, double length, double font);

/// The frame with these sides, its labels inside of the room.
Frame frame_of(const Rect& room, const Side& x, const Side& y, double font);

/// What all parts of one picture of a study share.
struct StudyPlot {
  const Trials& trials;
  bool log;          ///< of the values
  ValueScale scale;  ///< of their logarithms if log
  size_t best;       ///< the index of a trial
  double font;

  /// The value of a trial within the scale; NaN if it is not finite.
  double shown(const Trials::Trial& trial) const;
  Side values(double length) const;
};

std::unique_ptr<Part> history_part(const Rect& room, const StudyPlot& plot,
                                   std::vector<Spot>& spots);
std::unique_ptr<Part> slice_part(const Rect& room, const StudyPlot& plot, size_t parameter,
                                 std::vector<Spot>& spots);
std::unique_ptr<Part> pair_part(const Rect& room, const StudyPlot& plot, size_t x, size_t y,
                                std::vector<Spot>& spots);
std::unique_ptr<Part> parallel_part(const Rect& room, const StudyPlot& plot);

/// A line of samples with their names, from the left; smaller letters where there is no room.
struct Key {
  enum Kind { kLine, kDot, kRing, kCross, kStar } kind;
  Color color;
  std::string name;
};
void draw_keys(Canvas& canvas, const Rect& room, double y, const std::vector<Key>& keys,
               double font);

}  // namespace descent::pictures
