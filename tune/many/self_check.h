#pragma once
#include <string>

#include <descent/tune/many/fast_training.h>

namespace descent::many {

/// Compares three of the trainings with single ones. Returns "" and describes the check, or the
/// reason to distrust the fast ones.
///
/// Rounding is amplified by training, at the edge of stability without bound. So each single training
/// is made twice, the second time from weights that differ by one rounding: what that changes is what
/// rounding may change. Where it reaches a hundredth of the loss, nothing is compared any more.
std::string self_check(const Job& job, FastTraining& fast, Single& single,
                       std::string* description);

}  // namespace descent::many
