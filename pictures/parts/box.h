#pragma once
#include <string>
#include <vector>

#include <descent/pictures/files/canvas.h>
#include <descent/pictures/parts/plot.h>
#include <descent/pictures/scene/camera.h>
#include <descent/pictures/scene/point.h>
#include <descent/pictures/scene/ticks.h>

namespace descent::pictures {

/// The box around a surface with its axes as seen by a camera: what depends on the direction of the
/// view. All of it is drawn on the canvas: the walls before the surface, the axes, which are edges
/// that nothing can hide, after it.
class Box {
 public:
  Box(const Plot& plot, const Camera& camera);

  /// The largest scale at which it fits into the room, labels included; `centred`: also if the
  /// middle of the box is that of the room.
  double scale_for(const Rect& room, bool centred);

  /// Puts everything, or the box alone, into the middle of the room.
  void place(const Rect& room, double scale, bool centred);

  const Camera& camera() const { return camera_; }

  void draw_walls(Canvas& canvas) const;
  void draw_axes(Canvas& canvas) const;

 private:
  /// A line of text beside the box.
  struct Label {
    std::string text;
    Point centre;
    double size, degrees;
    Rect box;
  };

  /// A tick: a short line of the axis' pen.
  struct Dash {
    Point from, to;
  };

  void area(Canvas& canvas, const std::vector<Vec3>& corners, Color color) const;
  Rect corners_extent() const;
  Rect extent() const;
  void lay_out();

  /// Ticks and labels of the edge from `a` to `b`, away from the box in direction `outwards`.
  template <class Place>
  void lay_out_axis(const Ticks& ticks, const std::string& title, Vec3 a, Vec3 b, Vec3 outwards,
                    const Place& place);

  const Plot& plot_;
  Camera camera_;
  float near_x_, near_y_;  // the sides of the box that face the viewer
  Ticks x_ticks_, y_ticks_;
  std::vector<Label> labels_;
  std::vector<Dash> dashes_;
};

}  // namespace descent::pictures
