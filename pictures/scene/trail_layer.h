#pragma once
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <descent/pictures/scene/color.h>
#include <descent/pictures/scene/image.h>
#include <descent/pictures/scene/point.h>
#include <descent/pictures/scene/raster.h>

namespace descent::pictures {

/// Lines and markers over a finished Raster, with depths of their own, in a layer that is laid over
/// its image: solid where they are nearer than the raster, faint where it hides them. Lines are
/// added as a race goes on; markers are taken away again.
class TrailLayer {
 public:
  /// A place in samples (y down) with its depth.
  struct Spot {
    float x, y, depth;
  };
  /// Whose line it is: lines of others are crossed with a border.
  struct Brush {
    Color color, border;
    float radius, border_radius;  ///< in samples
    uint16_t owner;
  };

  /// `same_depth`: what lies nearer together than this counts as equally deep, the later one wins.
  TrailLayer(const Raster& behind, float same_depth);

  /// A line with round ends; a dot if a = b.
  void line(const Spot& a, const Spot& b, const Brush& brush);
  /// An area with corners at `at` + radius * outline, facing the viewer, a little lit from above.
  void marker(const Spot& at, std::span<const Point> outline, const Brush& brush);
  void take_markers_away();

  /// The layer with one pixel for `factor` x `factor` samples.
  Image image(int factor) const;

 private:
  struct Sample {
    float depth;
    uint32_t color;  // 0xffrrggbb; 0: nothing here
    uint16_t owner;
    bool border;
  };
  struct Bounds {
    int left, top, right, bottom;  // the last two not included
  };
  Bounds around(float left, float top, float right, float bottom) const;
  /// Where the new sample is to be seen, over what is there of the same layer.
  void put(int x, int y, const Sample& sample);
  bool covers(const Sample& sample, const Sample& old) const;

  const Raster& behind_;
  float same_depth_;
  std::vector<Sample> samples_;
  std::vector<std::pair<size_t, Sample>> under_markers_;
  bool keep_under_ = false;
};

}  // namespace descent::pictures
