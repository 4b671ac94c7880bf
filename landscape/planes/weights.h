#pragma once
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <descent/landscape/network/parameters.h>

namespace descent::landscape {

/// A point or a direction in the space of a network's weights: one tensor a distinct parameter.
using Tensors = std::vector<at::Tensor>;

/// Detached, contiguous copies.
Tensors copied(const Tensors& tensors);

/// "Float[3, 2] on cpu".
std::string described(const at::Tensor& tensor);

/// Each throws std::invalid_argument that begins with `who` or `what` and names the first parameter
/// that is wrong: none at all, not of a floating type or not finite; for other tensors of the same
/// parameters, another shape, type or device than the center's, or not finite; for a direction,
/// also zeros only (`why` says how that came about).
void check_center(const char* who, const std::vector<std::string>& names, const Tensors& center);
void check_fits(const std::string& what, const std::vector<std::string>& names,
                const Tensors& center, const Tensors& tensors);
void check_direction(const char* who, const char* which, const std::vector<std::string>& names,
                     const Tensors& center, const Tensors& direction,
                     const std::string& why = "all of its values are 0");

/// The same without a word on values, which may be infinities of a mask; `kind` is "buffer".
void check_alike(const std::string& what, const char* kind, const std::vector<std::string>& names,
                 const Tensors& center, const Tensors& tensors);

/// Throws std::invalid_argument that names the first `what` ("parameter") in which the networks `a`
/// and `b` differ by name, shape, type or device.
void check_same(const char* who, const char* what, const Parameters& a, const Parameters& b);

/// In double: the product of two points (the same bits for any number of threads), the way from one
/// to another (0 where they are equal, so that equal infinities make no NaN), and x + a * y.
double dot(const Tensors& x, const Tensors& y);
Tensors way(const Tensors& from, const Tensors& to);
Tensors moved(const Tensors& x, double a, const Tensors& y);

/// Tensors with the type and device of those of `like`.
Tensors as(const Tensors& tensors, const Tensors& like);

}  // namespace descent::landscape
