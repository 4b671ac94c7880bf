// Norms of float tensors whose squares float cannot hold.
#include <gmock/gmock.h>
#include <torch/types.h>

#include "checks.h"

namespace norms_test {
namespace {

using namespace checks;

/// Parameters and buffers after some steps on numbers of these sizes.
std::vector<at::Tensor> after(const RuleTable& rule, const OptionValues& options,
                              at::ScalarType type, double parameter, double gradient) {
  std::vector<at::Tensor> params;
  for (const auto& sizes : Shapes{{5000}, {7, 11}, {130}, {1}})
    params.push_back((noise(sizes, at::kFloat, 3) * parameter).to(type).requires_grad_());
  Training run(rule, options, params);
  for (int64_t t = 1; t <= 3; ++t) {
    for (const auto& p : params)
      p.mutable_grad() = (noise(p.sizes(), at::kFloat, 10 * t) * gradient).to(type);
    take_step(*run.optimizer);
  }
  std::vector<at::Tensor> list;
  for (const auto& x : run.everything()) list.push_back(x.to(at::kDouble));
  return list;
}

/// The largest difference in any tensor, in proportion to the tensor's largest number.
double error(const std::vector<at::Tensor>& found, const std::vector<at::Tensor>& wanted) {
  double largest = 0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    const double size = wanted[i].abs().max().item<double>();
    const double difference = (found[i] - wanted[i]).abs().max().item<double>();
    if (!(difference <= 1e300)) return descent::kInfinity;
    if (size > 0) largest = std::max(largest, difference / size);
  }
  return largest;
}

void expect_as_in_double(const char* key, const OptionValues& options, double parameter,
                         double gradient) {
  const RuleTable& rule = descent::find_rule(key);
  const auto wanted = after(rule, options, at::kDouble, parameter, gradient);
  std::vector<at::Tensor> first;
  for (const auto& pass : passes()) {
    const PassScope scope(pass);
    const auto found = after(rule, options, at::kFloat, parameter, gradient);
    EXPECT_LE(error(found, wanted), 1e-4)
        << key << " on " << pass << ", numbers of " << parameter << ", gradients of " << gradient;
    if (first.empty()) first = found;
    EXPECT_EQ(difference(found, first), "") << key << " on " << pass;
  }
}

TEST(NormsOfFloats, DoNotOverflowInTheNormOfAllGradients) {
  for (const char* key : {"lamb", "adan"})
    for (const double g : {1e22, 1e36})
      expect_as_in_double(key, {{"lr", 0.1}, {"max_grad_norm", 2.0}}, 1, g);
}

TEST(NormsOfFloats, NeitherOverflowNorUnderflowInTrustRatios) {
  for (const double parameter : {1e-30, 1e30})
    for (const char* key : {"lars", "lamb", "rangerlars"})
      expect_as_in_double(key, {{"lr", 0.1}}, parameter, 1);
  for (const double gradient : {1e-30, 1e30}) {
    expect_as_in_double("lars", {{"lr", 0.1}}, 1, gradient);
    expect_as_in_double("lars", {{"lr", 0.1}}, gradient, gradient);
  }
}

}  // namespace
}  // namespace norms_test
