#include <unordered_map>

#include <descent/optim/wrappers/companions.h>
#include <descent/tensors/fit.h>

namespace descent {

at::Tensor* Companions::find(const at::Tensor& p) const {
  const auto found = slots_.find(p.unsafeGetTensorImpl());
  return found == slots_.end() ? nullptr : &static_cast<Companion&>(*found->second).tensor;
}

at::Tensor& Companions::get(const at::Tensor& p) {
  auto& slot = slots_[p.unsafeGetTensorImpl()];
  if (!slot) slot = std::make_unique<Companion>(p.detach().clone(), p);
  return static_cast<Companion&>(*slot).tensor;
}

void Companions::check(const Groups& groups) const {
  for (size_t g = 0; g < groups.size(); ++g) {
    const auto& params = groups[g].params();
    for (size_t i = 0; i < params.size(); ++i) {
      const at::Tensor* const own = find(params[i]);
      if (own == nullptr) continue;
      TORCH_CHECK(params[i].sizes() == own->sizes(), wrapper_, ": params[", i, "] of group ", g,
                  " has sizes ", params[i].sizes(), ", its ", what_, " have sizes ", own->sizes(),
                  "; replace_param(p, p, map) brings them to new sizes");
      const std::string problem = tensors::misfit(params[i], own->sizes());
      TORCH_CHECK(problem.empty(), wrapper_, ": params[", i, "] of group ", g, " ", problem);
    }
  }
}

tensors::NamedTensors Companions::named(const Groups& groups) const {
  tensors::NamedTensors list;
  int64_t position = 0;
  for (const auto& group : groups)
    for (const auto& p : group.params()) {
      if (const at::Tensor* const own = find(p)) list.emplace_back(std::to_string(position), *own);
      ++position;
    }
  return list;
}

std::shared_ptr<Companions::Slots> Companions::read(const tensors::NamedTensors& named,
                                                    const Groups& groups) const {
  const std::unordered_map<std::string, at::Tensor> saved(named.begin(), named.end());
  auto loaded = std::make_shared<Slots>();
  int64_t position = 0;
  for (const auto& group : groups)
    for (const auto& p : group.params()) {
      const auto entry = saved.find(std::to_string(position));
      if (entry != saved.end()) {
        TORCH_CHECK(entry->second.sizes() == p.sizes(), wrapper_, ": the archive's ", what_,
                    " of parameter ", position, " must be a tensor of sizes ", p.sizes());
        auto own = std::make_unique<Companion>(p.detach().clone(), p);
        own->tensor.copy_(entry->second);
        (*loaded)[p.unsafeGetTensorImpl()] = std::move(own);
      }
      ++position;
    }
  TORCH_CHECK(loaded->size() == saved.size(), wrapper_, ": the archive has ", what_, " of ",
              saved.size(), " parameters, of which this optimizer has ", loaded->size());
  return loaded;
}

std::function<void()> Companions::replacement(
    const at::Tensor& from, const at::Tensor& to,
    const std::function<at::Tensor(const at::Tensor&)>& map) const {
  const at::Tensor* const before = find(from);
  if (before == nullptr) return [] {};
  const at::Tensor own = map ? map(*before) : *before;
  TORCH_CHECK(own.defined() && own.sizes() == to.sizes(), wrapper_, ": replace_param's map ",
              map ? "" : "is missing, ", "must return a tensor of sizes ", to.sizes());
  return [&slots = slots_, from, to, own = own.detach().to(to.options()).clone()] {
    slots.erase(from.unsafeGetTensorImpl());
    slots[to.unsafeGetTensorImpl()] = std::make_unique<Companion>(own, to);
  };
}

}  // namespace descent
