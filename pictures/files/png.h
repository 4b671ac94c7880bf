#pragma once
#include <string>

#include <descent/pictures/scene/image.h>

namespace descent::pictures {

/// An image without holes as the bytes of a PNG file.
std::string png_file(const Image& image);

}  // namespace descent::pictures
