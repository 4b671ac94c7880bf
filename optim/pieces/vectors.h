#pragma once
#include <cstdint>

#include <ATen/core/Tensor.h>

/// What methods on one long vector do most: dense tensors of one dimension, one device and one
/// type, float or double. On the CPU each is one pass, with the same bits for every instruction set
/// and number of threads: sums are made as norms are (engine/norms.h).
namespace descent::vectors {

/// x . y
double dot(const at::Tensor& x, const at::Tensor& y);
/// y <- y + a x
void add(const at::Tensor& y, double a, const at::Tensor& x);
/// y <- y + a x, and the new y . z
double add_then_dot(const at::Tensor& y, double a, const at::Tensor& x, const at::Tensor& z);
/// The largest magnitude, 0 of nothing; NaN if there is one.
double largest(const at::Tensor& x);

}  // namespace descent::vectors
