#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include <descent/tune/methods/tpe.h>

namespace descent::search {

/// The point that TPE chooses after trials at `points`, from the oldest, with these values.
/// `counts` as Parzen takes them; the numbers of `uniform` are used as Parzen::draw says, for one
/// candidate after the other.
std::vector<double> tpe_point(const Tpe& options, const std::vector<int64_t>& counts,
                              const std::vector<std::vector<double>>& points,
                              const std::vector<double>& values,
                              const std::function<double()>& uniform);

}  // namespace descent::search
