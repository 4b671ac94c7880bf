#include "rivals.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/reducer.hpp>
#include <torch/version.h>

struct Rivals::Impl {
  c10::intrusive_ptr<c10d::ProcessGroup> group;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo;
};

Rivals::Rivals(const descent::World& world, const std::filesystem::path& file)
    : impl_(std::make_unique<Impl>()) {
  using c10d::ProcessGroup;
  using c10d::ProcessGroupGloo;
  auto options = ProcessGroupGloo::Options::create(std::chrono::minutes(1));
  const char* const interface = std::getenv("GLOO_SOCKET_IFNAME");
  options->devices.push_back(interface != nullptr
                                 ? ProcessGroupGloo::createDeviceForInterface(interface)
                                 : ProcessGroupGloo::createDeviceForHostname("127.0.0.1"));
  const auto store = c10::make_intrusive<c10d::FileStore>(file.string(), world.size());
  impl_->gloo = c10::make_intrusive<ProcessGroupGloo>(store, world.rank(), world.size(), options);
  impl_->group = c10::make_intrusive<ProcessGroup>(store, world.rank(), world.size());
  impl_->group->setDefaultBackend(ProcessGroup::BackendType::GLOO);
  impl_->group->setBackend(c10::DeviceType::CPU, ProcessGroup::BackendType::GLOO,
                           c10::intrusive_ptr<c10d::Backend>(impl_->gloo));
}
Rivals::~Rivals() = default;

void Rivals::ring(const at::Tensor& values) {
  std::vector<at::Tensor> list{values};
  impl_->gloo->allreduce(list)->wait();
}

Rivals::Step Rivals::reducer(const std::vector<at::Tensor>& parameters) {
#if TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR == 13
  constexpr int64_t kFirst = 1 << 20, kBytes = 25 << 20;  // as DistributedDataParallel has them
  auto buckets = std::get<0>(c10d::compute_bucket_assignment_by_size(parameters, {kFirst, kBytes}));
  std::reverse(buckets.begin(), buckets.end());
  const auto reducer = std::make_shared<c10d::Reducer>(
      parameters, buckets, impl_->group, std::vector<bool>(parameters.size(), false), kBytes,
      /*find_unused_parameters=*/false, /*gradient_as_bucket_view=*/true,
      std::unordered_map<size_t, std::string>(), kFirst,
      /*skip_all_reduce_unused_params=*/false, /*use_python_reducer=*/false,
      std::vector<int64_t>());
  return [reducer](const std::function<at::Tensor()>& forward) {
    reducer->prepare_for_forward();
    reducer->rebuild_buckets();
    const at::Tensor loss = forward();
    reducer->prepare_for_backward({loss});
    loss.backward();
  };
#else
  static_cast<void>(parameters);
  return nullptr;
#endif
}
