#include <exception>
#include <sstream>

#include <torch/serialize/archive.h>

#include <descent/optim/optimizer/optimizer.h>
#include <descent/optim/wrappers/wrapper.h>
#include <descent/tune/kept_training.h>

namespace descent {

KeptTraining::KeptTraining(torch::optim::Optimizer& optimizer,
                           const std::vector<at::Tensor>& buffers)
    : optimizer_(optimizer), tensors_(buffers) {
  for (auto& group : optimizer.param_groups()) {
    rates_.push_back(group.options().get_lr());
    for (const at::Tensor& p : group.params()) {
      parameters_.push_back(p);
      tensors_.push_back(p);
      // The closure writes into gradients of its own.
      gradients_.push_back(p.grad());
    }
  }
  for (const at::Tensor& x : tensors_) values_.push_back(x.detach().clone());
  torch::serialize::OutputArchive archive;
  optimizer.save(archive);
  std::ostringstream bytes;
  archive.save_to(bytes);
  state_ = bytes.str();
  for (const at::Tensor& p : parameters_) p.mutable_grad() = at::Tensor();
}

void KeptTraining::put_back() {
  {
    const at::NoGradGuard no_grad;
    for (size_t i = 0; i < tensors_.size(); ++i) at::Tensor(tensors_[i]).copy_(values_[i]);
  }
  for (size_t i = 0; i < parameters_.size(); ++i) parameters_[i].mutable_grad() = gradients_[i];
  // LibTorch's own optimizers add what they load to what is there.
  const bool replaces = dynamic_cast<OptimizerBase*>(&optimizer_) != nullptr ||
                        dynamic_cast<Wrapper*>(&optimizer_) != nullptr;
  if (!replaces) optimizer_.state().clear();
  std::istringstream bytes(state_);
  torch::serialize::InputArchive archive;
  archive.load_from(bytes);
  optimizer_.load(archive);
  auto& groups = optimizer_.param_groups();
  for (size_t i = 0; i < rates_.size(); ++i) groups[i].options().set_lr(rates_[i]);
}

KeptTraining::~KeptTraining() {
  try {
    put_back();
  } catch (const std::exception&) {
    // The device or the memory has failed, which every later call will say; a destructor must not.
  }
}

}  // namespace descent
