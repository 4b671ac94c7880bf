#pragma once
#include <memory>

#include <descent/grid/trials.h>
#include <descent/pictures/parts/plot.h>

namespace descent::pictures {

/// The losses of a range test over its rates, their mean, and three rates as upright lines.
/// Each step has its spots.
std::unique_ptr<Part> rates_part(const Rect& room, const RateCurve& curve, double font,
                                 std::vector<Spot>& spots);

/// The members of a population as lines, one below the other. Each life has a spot.
std::unique_ptr<Part> members_part(const Rect& room, const Lineage& lineage, double font,
                                   std::vector<Spot>& spots);
/// One hyperparameter of all members over the steps, with the same spots.
std::unique_ptr<Part> schedule_part(const Rect& room, const Lineage& lineage, size_t parameter,
                                    double font, std::vector<Spot>& spots);

}  // namespace descent::pictures
