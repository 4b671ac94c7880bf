#include "commands/gallery/adagrad_arrows.h"

#include <cmath>
#include <random>
#include <stdexcept>

#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <descent/optim/adagrad.h>
#include <descent/optim/full_adagrad.h>
#include <descent/optim/optimizer/drop_in.h>

namespace descent {
namespace {

/// The stream of numpy.random.RandomState(seed).rand.
class Uniform {
 public:
  explicit Uniform(uint32_t seed) : bits_(seed) {}
  double operator()() {
    const auto high = static_cast<double>(bits_() >> 5);
    const auto low = static_cast<double>(bits_() >> 6);
    return (high * 67108864 + low) / 9007199254740992;
  }

 private:
  std::mt19937 bits_;
};

void check(const ArrowOptions& options) {
  if (options.count < 1)
    throw std::invalid_argument("adagrad_arrows: count = " + std::to_string(options.count) +
                                ", must be >= 1");
  for (const auto& [name, number] :
       {std::pair{"scales.x", options.scales.x}, std::pair{"scales.y", options.scales.y},
        std::pair{"eps", options.eps}})
    if (!domains::non_negative.holds(number))
      throw std::invalid_argument("adagrad_arrows: " +
                                  fields::out_of_range(name, number, domains::non_negative.text));
}

}  // namespace

std::vector<AdagradArrow> adagrad_arrows(AdagradForm form, const ArrowOptions& options) {
  check(options);
  at::Tensor p = at::zeros({2}, at::kDouble);
  std::unique_ptr<OptimizerBase> optimizer;
  if (form == AdagradForm::Full)
    optimizer = std::make_unique<FullAdagrad>(std::vector{p},
                                              FullAdagrad::Options{.lr = 1, .eps = options.eps});
  else
    optimizer =
        std::make_unique<Adagrad>(std::vector{p}, Adagrad::Options{.lr = 1, .eps = options.eps});
  Uniform uniform(options.seed);
  std::vector<AdagradArrow> arrows;
  for (int64_t t = 0; t < options.count; ++t) {
    const double gx = uniform() * options.scales.x, gy = uniform() * options.scales.y;
    p.mutable_grad() = at::tensor({gx, gy}, at::kDouble);
    p.zero_();
    optimizer->step();
    const auto* const z = p.const_data_ptr<double>();
    arrows.push_back({{gx, gy}, {-z[0], -z[1]}});
  }
  return arrows;
}

}  // namespace descent
