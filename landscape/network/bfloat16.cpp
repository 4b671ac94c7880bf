#include <cstdlib>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <descent/landscape/network/bfloat16.h>
#include <descent/tensors/autocast.h>

namespace descent::landscape {
namespace {

using at::Tensor;

bool has_instructions() {
#if defined(__x86_64__) && defined(__GNUC__)
  return __builtin_cpu_supports("avx512bf16");  // as every processor with AMX has, too
#else
  return false;
#endif
}

class InBfloat16 : public Model {
 public:
  explicit InBfloat16(std::unique_ptr<Model> model) : model_(std::move(model)) {}

  std::string type() const override { return model_->type(); }
  Named parameters() const override { return model_->parameters(); }
  Named buffers() const override { return model_->buffers(); }
  std::unique_ptr<Model> clone(const char* who) const override {
    return in_bfloat16(model_->clone(who));
  }
  void eval(bool batch_statistics) override { model_->eval(batch_statistics); }
  void reset_statistics(const char* who) override { model_->reset_statistics(who); }

  Tensor forward(const Tensor& input) override { return computed(input); }
  Tensor forward(const Named& inputs) override { return computed(inputs); }

 private:
  template <class Inputs>
  Tensor computed(const Inputs& inputs) {
    const tensors::Autocast autocast(true, at::kBFloat16);
    at::autocast::clear_cache();  // of the weights before, if the caller has an autocast of its own
    const Tensor prediction = model_->forward(inputs);
    const bool is_narrow = prediction.defined() && prediction.scalar_type() == at::kBFloat16;
    return is_narrow ? prediction.to(at::kFloat) : prediction;
  }

  std::unique_ptr<Model> model_;
};

}  // namespace

std::string why_no_bfloat16() {
  const char* const said = std::getenv("DESCENT_BFLOAT16");
  const std::string_view answer = said ? said : "";
  if (answer != "" && answer != "yes" && answer != "no") {
    throw std::invalid_argument("DESCENT_BFLOAT16 = " + std::string(answer) +
                                ", must be yes or no");
  }
  if (answer.empty() ? has_instructions() : answer == "yes") return "";
  return "this processor has no instructions for bfloat16 (AVX-512 BF16 or AMX), without which it "
         "would be slower than float32";
}

std::unique_ptr<Model> in_bfloat16(std::unique_ptr<Model> model) {
  return std::make_unique<InBfloat16>(std::move(model));
}

}  // namespace descent::landscape
