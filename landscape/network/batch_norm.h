#pragma once
#include <descent/base/fields.h>

namespace descent {

/// What batch normalisation normalises by. Everything else, dropout for one, is in eval mode always.
///   Auto         Interpolate over a plane that has directions for buffers, as planes between
///                networks have, so that each network shows its own value; else Keep
///   Keep         the running statistics of the network as they are
///   Interpolate  those of the plane's buffers at the point
///   Recompute    averages over the data with the weights of the point
///   Batch        the statistics of each batch, as in training
DESCENT_ENUM(BatchNorm, Auto, Keep, Interpolate, Recompute, Batch)

}  // namespace descent
