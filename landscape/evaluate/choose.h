#pragma once
#include <memory>
#include <string>
#include <vector>

#include <descent/landscape/evaluate/evaluate.h>
#include <descent/landscape/paths/loop/loop.h>

namespace descent::landscape {

/// A path that was chosen, and what the grid says about it.
struct Choice {
  std::unique_ptr<Evaluator> fast;  // null: the loop
  Path path = Path::Loop;
  std::string reason = "asked for", kernel, check;
};

/// The first path of those that options.path allows that applies, is within the budget and agrees with
/// the loop. Refuses if it was asked for and does not.
Choice choose(const Problem& problem, const std::vector<at::Tensor>& predictions, const Axis& x,
              const Axis& y, const EvaluateOptions& options, Loop& loop);

}  // namespace descent::landscape
