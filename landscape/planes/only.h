#pragma once
#include <string>
#include <vector>

#include <descent/landscape/planes/plane.h>

namespace descent {

/// The plane along which only some parameters move: those whose names fit `parameters`, where "*"
/// stands for any text ("head.*", "*lora*"), tied weights by any of their names; the directions are zero elsewhere, and running
/// statistics stay. Networks that the plane was laid through do not lie on it any more, but for that
/// at its center: the others' marks and the shares of a variance fall away. For Hessians there is
/// CurvatureOptions::only, which takes the same patterns.
///
/// Throws std::invalid_argument if no name fits, with all names, and if a direction becomes zero.
Plane only(const Plane& plane, const std::string& parameters);

/// The layers that the plane moves, in the order of their parameters: "layer1.0.conv1" has
/// "layer1.0.conv1.weight" and whatever else has that name before its last dot; a parameter without
/// a dot is a layer of its own. Those along which u or v is zero are left out, such as batch
/// normalisation under a norm that holds it still.
std::vector<std::string> layers(const Plane& plane);

/// The plane along which only the parameters of one layer move, as only() has it. Throws
/// std::invalid_argument if it is none of layers().
Plane only_layer(const Plane& plane, const std::string& layer);

}  // namespace descent
