// Trains a population of small networks that learn a sine: the worst copy the best and change the rate
// and the weight decay that they got, which become schedules. Draws who copied whom.
//
//   population out/lineage.png [steps] [folder]     all who are given one folder work together
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <sstream>
#include <stdexcept>

#include <ATen/ops/linspace.h>
#include <ATen/ops/mse_loss.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/serialize/archive.h>

#include <descent/optim.h>
#include <descent/pictures.h>
#include <descent/sharing.h>
#include <descent/tune.h>

namespace {

namespace fs = std::filesystem;
namespace nn = torch::nn;

class Member : public descent::PopulationMember {
 public:
  Member() : opt_(descent::make_optimizer("adamw", net_->parameters(), {})) {
    for (const at::Tensor& p : net_->parameters()) {  // all begin alike
      const at::NoGradGuard no_grad;
      at::Tensor(p).copy_(at::linspace(-1, 1, p.numel()).mul(7).sin().mul(0.3).view(p.sizes()));
    }
  }
  double train(int64_t /*first*/, int64_t steps) override {
    const at::Tensor x = at::linspace(-3, 3, 100).view({-1, 1}), y = x.sin();
    for (int64_t step = 0; step < steps; ++step) {
      opt_->zero_grad();
      at::mse_loss(net_->forward(x), y).backward();
      opt_->step();
    }
    const at::NoGradGuard no_grad;
    return at::mse_loss(net_->forward(x), y).item<double>();
  }
  void set(const descent::OptionValues& values) override { opt_->group_options().set(values); }
  void copy(const PopulationMember& other) override {
    const auto& from = dynamic_cast<const Member&>(other);
    const at::NoGradGuard no_grad;
    for (size_t i = 0; i < net_->parameters().size(); ++i)
      net_->parameters()[i].copy_(from.net_->parameters()[i]);
    torch::serialize::OutputArchive out;
    from.opt_->save(out);
    std::stringstream state;
    out.save_to(state);
    torch::serialize::InputArchive in;
    in.load_from(state);
    opt_->load(in);
  }
  void save(const fs::path& folder) const override {
    descent::save(*net_, folder / "net.pt");
    descent::save(*opt_, folder / "opt.pt");
  }
  void load(const fs::path& folder) override {
    descent::load(*net_, folder / "net.pt");
    descent::load(*opt_, folder / "opt.pt");
  }

 private:
  nn::Sequential net_{nn::Linear(1, 64), nn::Tanh(), nn::Linear(64, 64), nn::Tanh(),
                      nn::Linear(64, 1)};
  descent::MadeOptimizer opt_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: population lineage.png [steps] [folder]\n";
    return 2;
  }
  try {
    const int64_t steps = argc > 2 ? std::atoll(argv[2]) : 1000;
    descent::PopulationOptions options{.interval = std::max<int64_t>(steps / 12, 1)};
    if (argc > 3) {
      options.store = descent::folder_store(argv[3]);
      options.folder = fs::path(argv[3]) / "members";
    }
    const descent::Space space{{"lr", descent::LogRange{1e-5, 0.1}},
                               {"weight_decay", descent::LogRange{1e-6, 0.1}}};
    descent::Population members(
        space, 8, [](int64_t) { return std::make_unique<Member>(); }, options);
    members.run(steps);
    descent::draw(members, argv[1]);
    std::cout << members.copies().size() << " copies in " << steps << " steps, least loss "
              << members.losses()[static_cast<size_t>(members.best())] << '\n';
    for (const auto& [step, values] : members.schedule()) {
      std::cout << "from step " << step;
      for (const auto& [name, value] : values)
        std::cout << ", " << name << " = " << descent::to_text(value);
      std::cout << '\n';
    }
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
