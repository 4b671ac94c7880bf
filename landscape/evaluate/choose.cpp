#include <utility>

#include <descent/landscape/evaluate/choose.h>
#include <descent/landscape/evaluate/refuse.h>
#include <descent/landscape/evaluate/self_check.h>
#include <descent/landscape/paths/batched/batched.h>
#include <descent/landscape/paths/fused/fused.h>

namespace descent::landscape {

Choice choose(const Problem& problem, const std::vector<at::Tensor>& predictions, const Axis& x,
              const Axis& y, const EvaluateOptions& options, Loop& loop) {
  Choice choice;
  if (options.path == Path::Loop) return choice;
  if (options.precision == Precision::Bfloat16) {
    choice.reason = "precision is bfloat16";
    return choice;
  }
  std::string reasons;
  const auto try_path = [&](Path path, std::unique_ptr<Evaluator> fast, std::string why_not) {
    const std::string name = to_text(fields::value_of(path));
    if (fast) {
      fast->prepare(1);
      why_not = self_check(problem, x, y, name.c_str(), *fast, loop, &choice.check);
      if (why_not.empty()) {
        why_not = over_budget(fast->shared_bytes() + fast->bytes(), problem.memory);
      }
      if (why_not.empty()) {
        choice.fast = std::move(fast);
        choice.path = path;
        return true;
      }
    }
    if (options.path != Path::Auto) refuse("evaluate: path is ", name, ", but ", why_not);
    reasons += std::string(reasons.empty() ? "" : "; ") + "not " + name + ": " + why_not;
    return false;
  };
  if (options.path == Path::Auto || options.path == Path::Fused) {
    std::string why_not;
    auto fused = Fused::of(problem, predictions, x, y, &why_not);
    const std::string description = fused ? fused->description() : "";
    const std::string kernel = fused ? fused->kernel() : "";
    if (try_path(Path::Fused, std::move(fused), why_not)) {
      choice.reason = description;
      choice.kernel = kernel;
      return choice;
    }
  }
  if (options.path == Path::Auto || options.path == Path::Batched) {
    std::string why_not;
    auto batched = Batched::of(problem, loop.activation_bytes(), &why_not);
    if (try_path(Path::Batched, std::move(batched), why_not)) {
      choice.reason = reasons.empty() ? "asked for" : reasons;
      return choice;
    }
  }
  choice.reason = reasons;
  return choice;
}

}  // namespace descent::landscape
