#pragma once
#include <cstdint>

#include <descent/landscape/evaluate/evaluate.h>
#include <descent/landscape/network/network.h>
#include <descent/landscape/planes/plane.h>
#include <descent/landscape/trajectory/trajectory.h>

namespace descent {

/// The plane through the network's present weights along the first two principal directions of the
/// snapshots (Li et al. 2018, arXiv:1712.09913, section 7.2), both of length 1, so that alpha and
/// beta are distances between weights. As in their program, the mean is taken off the differences
/// to the network before, and the last snapshot counts as the others do. Plane::explained are the
/// shares of the snapshots' variance. The sign is such that the snapshot which is farthest along a
/// direction lies at a positive coordinate.
///
/// Sums are in double; the values depend neither on the number of threads nor on where the
/// snapshots are. Beside the plane and size() * size() numbers it needs at most `memory` bytes, but
/// at least seven snapshots in double. With less of it, snapshots are read more often, and the last
/// bits may be others.
///
/// Throws std::invalid_argument that names the parameter and the step if a snapshot does not fit
/// the network or is not finite, and if there are less than three different snapshots or all lie on
/// one line; std::runtime_error as Trajectory::weights() does.
Plane pca_plane(const Network& center, const Trajectory& trajectory,
                int64_t memory = EvaluateOptions::kMemory);

}  // namespace descent
