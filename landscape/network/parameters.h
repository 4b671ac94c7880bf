#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include <descent/landscape/data/data.h>
#include <descent/landscape/network/network.h>
#include <descent/landscape/planes/plane.h>

namespace descent::landscape {

/// Whether any name of the k-th parameter of a network or a plane is taken.
template <class Named, class Takes>
bool any_name(const Named& of, size_t k, const Takes& takes) {
  if (takes(of.names[k])) return true;
  for (const auto& [place, name] : of.aliases) {
    if (place == k && takes(name)) return true;
  }
  return false;
}

/// The parameters of a network, those that are registered several times (tied weights) counted
/// once.
struct Parameters {
  std::vector<std::string> names;   ///< of the distinct parameters, by first registration
  Aliases aliases;                  ///< the further names of tied weights
  std::vector<at::Tensor> tensors;  ///< the distinct parameters
  std::vector<size_t> slot;  ///< for each entry of Model::parameters(): its distinct parameter
};

Parameters parameters_of(const Model& model);

/// Which of them are frozen: not of those that require a gradient, where others do. Where none does,
/// the network was loaded for inference, and none is frozen.
std::vector<bool> frozen(const Parameters& parameters);

/// ", 2 of 10 parameters frozen" for captions; "" if none is.
std::string described(const std::vector<bool>& frozen);

/// The same of its buffers of floating types, counters of batches aside; the others have no slot
/// (kNoSlot).
Parameters floating_buffers_of(const Model& model);
inline constexpr size_t kNoSlot = static_cast<size_t>(-1);

/// Why the tensors of several networks cannot be stacked, or "". `what` they are, for the reason.
std::string why_not_stacked(const char* what, const std::vector<std::string>& names,
                            const std::vector<at::Tensor>& tensors);

/// forward() of a batch, of its inputs by name if it has such.
at::Tensor run(Model& model, const Data& batch);

/// What forward() gives. Throws std::invalid_argument that begins with `who` if LibTorch throws, and
/// says it in words where the input's type is not that of the parameters; `aside` is added.
at::Tensor prediction_of(Model& model, const Data& batch, const char* who, const char* aside = "");

/// The same of a network out of a file.
at::Tensor prediction_of(SavedNetwork& network, const Data& batch, const char* who);

/// A deep copy of a module, in its mode. `who` opens the message of std::invalid_argument, which is
/// thrown if the module cannot be cloned or its clone shares parameters with it. In the latter case
/// LibTorch has put new tensors of the same values into the submodules that are shared.
std::shared_ptr<torch::nn::Module> clone_of(const torch::nn::Module& module, const char* who);

}  // namespace descent::landscape
