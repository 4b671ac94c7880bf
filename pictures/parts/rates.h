#pragma once
#include <memory>

#include <descent/grid/trials.h>
#include <descent/pictures/parts/plot.h>

namespace descent::pictures {

/// The losses of a range test over its rates, their mean, and three rates as upright lines.
std::unique_ptr<Part> rates_part(const Rect& room, const RateCurve& curve, double font);

/// The members of a population as lines, one below the other.
std::unique_ptr<Part> members_part(const Rect& room, const Lineage& lineage, double font);
/// One hyperparameter of all members over the steps.
std::unique_ptr<Part> schedule_part(const Rect& room, const Lineage& lineage, size_t parameter,
                                    double font);

}  // namespace descent::pictures
