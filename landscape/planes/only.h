#pragma once
#include <string>

#include <descent/landscape/planes/plane.h>

namespace descent {

/// The plane along which only some parameters move: those whose names fit `parameters`, where "*"
/// stands for any text ("head.*", "*lora*"); the directions are zero elsewhere, and running
/// statistics stay. Networks that the plane was laid through do not lie on it any more, but for that
/// at its center: the others' marks and the shares of a variance fall away. For Hessians there is
/// CurvatureOptions::only, which takes the same patterns.
///
/// Throws std::invalid_argument if no name fits, with all names, and if a direction becomes zero.
Plane only(const Plane& plane, const std::string& parameters);

}  // namespace descent
