#pragma once
#include <vector>

#include <descent/pictures/files/canvas.h>
#include <descent/pictures/scene/contours.h>
#include <descent/pictures/scene/field.h>
#include <descent/pictures/scene/image.h>
#include <descent/pictures/scene/point.h>
#include <descent/pictures/scene/ticks.h>

/// What maps of all sizes are made of.
namespace descent::pictures {

/// The colours of a field, 2 x 2 samples a pixel, transparent in holes.
Image colors(const Field& field, int width, int height);

/// Draws the lines of a field at a level, and returns them in pixels.
std::vector<Contour> draw_level(Canvas& canvas, const Rect& area, const Field& field,
                                const Level& level, double font);

}  // namespace descent::pictures
