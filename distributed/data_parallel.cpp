#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/utils/lambda_post_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <descent/distributed/data_parallel.h>

namespace descent {
namespace {

/// The gradients of some parameters in one tensor, and behind them for each how many have it.
class Bucket {
 public:
  explicit Bucket(std::vector<at::Tensor> parameters) : parameters_(std::move(parameters)) {
    int64_t size = 0;
    for (const at::Tensor& p : parameters_) {
      offsets_.push_back(size);
      size += p.numel();
    }
    offsets_.push_back(size);
    flat_ = at::zeros({size + static_cast<int64_t>(parameters_.size())},
                      parameters_[0].detach().options());
  }

  size_t size() const { return parameters_.size(); }
  const at::Tensor& flat() const { return flat_; }

  /// Puts a gradient, dense or none, into its place.
  void fill(size_t k, const at::Tensor& gradient) {
    const at::Tensor& p = parameters_[k];
    const at::Tensor place = flat_.narrow(0, offsets_[k], p.numel()).view(p.sizes());
    if (gradient.defined())
      place.copy_(gradient);
    else
      place.fill_(-0.0);  // that added to any number leaves it as it is, 0 and -0 included
    flat_[offsets_.back() + static_cast<int64_t>(k)] = gradient.defined() ? 1 : 0;
  }

  /// Gives every parameter its part of the sums, divided.
  void hand_out(int64_t divisor) {
    flat_.div_(divisor);
    const at::Tensor had =
        flat_.narrow(0, offsets_.back(), static_cast<int64_t>(size())).to(at::kCPU, at::kDouble);
    for (size_t k = 0; k < size(); ++k) {
      at::Tensor& gradient = parameters_[k].mutable_grad();
      gradient.reset();
      if (had.const_data_ptr<double>()[k] == 0) continue;
      // Not as a view: LibTorch's zero_grad() detaches gradients in place, which views refuse.
      gradient = at::empty({0}, flat_.options())
                     .set_(flat_.storage(), offsets_[k], parameters_[k].sizes());
    }
  }

 private:
  std::vector<at::Tensor> parameters_;
  std::vector<int64_t> offsets_{};
  at::Tensor flat_;
};

/// Cuts parameters into buckets, from the last one on, which backward reaches first.
std::vector<std::vector<size_t>> in_buckets(const std::vector<at::Tensor>& parameters,
                                            int64_t first_bytes, int64_t bytes) {
  std::vector<std::vector<size_t>> buckets;
  int64_t filled = 0;
  for (size_t i = parameters.size(); i-- > 0;) {
    const at::Tensor& p = parameters[i];
    const auto more = static_cast<int64_t>(p.nbytes());
    const int64_t limit = buckets.size() <= 1 ? first_bytes : bytes;
    if (buckets.empty() || filled + more > limit ||
        p.dtype() != parameters[buckets.back()[0]].dtype() ||
        p.device() != parameters[buckets.back()[0]].device()) {
      buckets.emplace_back();
      filled = 0;
    }
    buckets.back().push_back(i);
    filled += more;
  }
  return buckets;
}

std::vector<at::Tensor> picked(const std::vector<at::Tensor>& all,
                               const std::vector<size_t>& which) {
  std::vector<at::Tensor> some;
  for (const size_t i : which) some.push_back(all[i]);
  return some;
}

const at::Tensor& dense_gradient(const at::Tensor& p, const char* who) {
  const at::Tensor& gradient = p.grad();
  TORCH_CHECK(!gradient.defined() || gradient.layout() == at::kStrided, who,
              ": a gradient of sizes ", p.sizes(), " is ", gradient.layout(), ", must be dense");
  return gradient;
}

/// The sum of tensors that come one after another, as a balanced tree: level k holds that of 2^k of
/// them. A tensor may be undefined, and then adds nothing.
class TreeSum {
 public:
  void add(at::Tensor value) {
    for (int64_t bits = count_++; (bits & 1) != 0; bits >>= 1) {
      value = both(levels_.back(), value);
      levels_.pop_back();
    }
    levels_.push_back(std::move(value));
  }
  at::Tensor take() {
    at::Tensor sum;
    for (; !levels_.empty(); levels_.pop_back()) sum = both(levels_.back(), sum);
    count_ = 0;
    return sum;
  }

 private:
  static at::Tensor both(const at::Tensor& a, const at::Tensor& b) {
    return !a.defined() ? b : !b.defined() ? a : a + b;
  }
  std::vector<at::Tensor> levels_{};
  int64_t count_ = 0;
};

using Named = std::pair<std::string, at::Tensor>;

std::string line_of(const Named& named) {
  std::string sizes;
  for (const int64_t size : named.second.sizes())
    sizes += (sizes.empty() ? "" : ", ") + std::to_string(size);
  return named.first + " [" + sizes + "] " + c10::toString(named.second.scalar_type());
}

/// Throws on all ranks unless all have the same lines.
void check_alike(const std::string& own, World& world, int from, const char* who,
                 const char* other_lines) {
  at::Tensor length = at::full({1}, static_cast<int64_t>(own.size()), at::kLong);
  world.broadcast(length, from);
  at::Tensor bytes = at::zeros({length.item<int64_t>()}, at::kByte);
  auto* const text = reinterpret_cast<char*>(bytes.mutable_data_ptr<uint8_t>());
  if (world.rank() == from) std::memcpy(text, own.data(), own.size());
  world.broadcast(bytes, from);
  const std::string theirs(text, static_cast<size_t>(bytes.numel()));

  // Where this rank's list leaves the other one: at the start of a line, or nowhere.
  int64_t at = -1;
  if (own != theirs) {
    const auto [mine, other] = std::mismatch(own.begin(), own.end(), theirs.begin(), theirs.end());
    const size_t differs = static_cast<size_t>(other - theirs.begin());
    at = differs == 0 ? 0 : static_cast<int64_t>(theirs.rfind('\n', differs - 1) + 1);
  }
  std::vector<int64_t> bounds;
  for (int r = 0; r <= world.size(); ++r) bounds.push_back(r);
  at::Tensor places = at::full({world.size()}, at, at::kLong);
  world.gather_pieces(places, bounds);
  const auto line = [](const std::string& list, int64_t start) {
    if (start >= static_cast<int64_t>(list.size())) return std::string("nothing more");
    return list.substr(start, list.find('\n', start) - start);
  };
  for (int r = 0; r < world.size(); ++r) {
    const int64_t place = places.const_data_ptr<int64_t>()[r];
    if (place < 0) continue;
    throw WorldError(std::string(who) + ": rank " + std::to_string(r) + " has " + other_lines +
                     " than rank " + std::to_string(from) + ", which has " + line(theirs, place) +
                     " where rank " + std::to_string(r) + " has " +
                     (r == world.rank() ? line(own, place) : "something else"));
  }
}

std::vector<at::Tensor> tensors_of(const std::vector<Named>& named) {
  std::vector<at::Tensor> tensors;
  for (const Named& pair : named) tensors.push_back(pair.second);
  return tensors;
}

}  // namespace

void broadcast_parameters(const NamedTensors& network, World& world, int from) {
  std::vector<Named> all = network.parameters;
  all.insert(all.end(), network.buffers.begin(), network.buffers.end());
  if (world.size() == 1) return;
  std::string lines;
  for (const Named& named : all) lines += line_of(named) + "\n";
  check_alike(lines, world, from, "broadcast_parameters", "another network");
  for (const Named& named : all) world.broadcast(named.second, from);
}

void average_gradients(const std::vector<at::Tensor>& parameters, World& world, Sum how) {
  if (world.size() == 1) return;
  const at::NoGradGuard no_grad;
  constexpr int64_t kBytes = 25 << 20;
  for (const auto& members : in_buckets(parameters, kBytes, kBytes)) {
    Bucket bucket(picked(parameters, members));
    for (size_t k = 0; k < members.size(); ++k)
      bucket.fill(k, dense_gradient(parameters[members[k]], "average_gradients"));
    world.sum(bucket.flat(), how);
    bucket.hand_out(world.size());
  }
}

struct DataParallel::Impl {
  World world;
  Options options;
  int64_t total = 0, first = 0, count = 0;  ///< shards: of all ranks, and this rank's
  int64_t done = 0;                         ///< of this rank's shards, in this step
  bool sends = false;                       ///< the backward of the last shard runs
  bool broken = false;                      ///< a backward threw

  std::vector<at::Tensor> parameters{}, buffers_of_network{};
  std::vector<TreeSum> sums{};
  std::vector<bool> arrived{};
  std::vector<Bucket> buckets{};
  std::vector<size_t> missing{};                    ///< of each bucket: what has not arrived
  std::vector<std::pair<size_t, size_t>> places{};  ///< of each parameter: bucket, and where in it

  // A shared_ptr up to LibTorch 2.12, an intrusive_ptr since.
  using Accumulator = decltype(torch::autograd::impl::grad_accumulator(std::declval<at::Tensor>()));
  struct Hook {
    Accumulator accumulator{};
    uintptr_t key = 0;
  };
  std::vector<Hook> hooks{};

  std::mutex mutex{};
  std::condition_variable changed{};
  std::deque<size_t> queue{};         ///< buckets that are full
  size_t launched = 0, finished = 0;  ///< buckets of this step
  bool stops = false;
  std::exception_ptr failure{};
  std::thread sender{};

  Impl(World& outer, const Options& given) : world(outer.twin()), options(given) {
    const int n = world.size();
    total = options.shards > 0 ? options.shards : n;
    count = total / n;
    first = world.rank() * count;
    sender = std::thread([this] { send(); });
  }
  ~Impl() {
    for (const Hook& hook : hooks)
      if (hook.accumulator) hook.accumulator->del_post_hook(hook.key);
    {
      const std::lock_guard lock(mutex);
      stops = true;
      // Nobody will wait for what is under way, for which the other ranks wait.
      if (done > 0) world.close();
    }
    changed.notify_all();
    sender.join();
  }

  void add(const NamedTensors& network) {
    const std::vector<at::Tensor> more = tensors_of(network.parameters);
    for (const Named& buffer : network.buffers) buffers_of_network.push_back(buffer.second);
    const size_t known = parameters.size();
    parameters.insert(parameters.end(), more.begin(), more.end());
    sums.resize(parameters.size());
    arrived.resize(parameters.size());
    places.resize(parameters.size());
    hooks.resize(parameters.size());
    for (const auto& members : in_buckets(more, options.first_bucket_bytes, options.bucket_bytes)) {
      for (size_t k = 0; k < members.size(); ++k) places[known + members[k]] = {buckets.size(), k};
      buckets.emplace_back(picked(more, members));
      missing.push_back(members.size());
    }
  }

  /// Parameters that were frozen when they came, or whose data was exchanged, get their hooks here.
  void hook_all() {
    for (size_t i = 0; i < parameters.size(); ++i) {
      if (!parameters[i].requires_grad()) continue;
      auto accumulator = torch::autograd::impl::grad_accumulator(parameters[i]);
      if (!accumulator || accumulator == hooks[i].accumulator) continue;
      const auto tell = [this, i](const torch::autograd::variable_list& outputs,
                                  const torch::autograd::variable_list&) {
        if (sends) arrive(i);
        return outputs;
      };
      if (hooks[i].accumulator) hooks[i].accumulator->del_post_hook(hooks[i].key);
      hooks[i].key = accumulator->add_post_hook(
          std::make_unique<torch::autograd::utils::LambdaPostHook>(tell));
      hooks[i].accumulator = std::move(accumulator);
    }
  }

  /// This rank's part of a gradient is complete, or there is none.
  void arrive(size_t i) {
    const at::NoGradGuard no_grad;
    const std::lock_guard lock(mutex);
    if (arrived[i]) return;
    const auto [b, k] = places[i];
    sums[i].add(dense_gradient(parameters[i], "DataParallel"));
    buckets[b].fill(k, sums[i].take());
    arrived[i] = true;
    --missing[b];
    // All ranks send buckets in the same order, whatever the order in which gradients come.
    while (launched < buckets.size() && missing[launched] == 0) queue.push_back(launched++);
    changed.notify_all();
  }

  void send() {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [&] { return stops || !queue.empty(); });
      if (stops) return;
      const at::Tensor flat = buckets[queue.front()].flat();
      queue.pop_front();
      if (!failure) {
        lock.unlock();
        std::exception_ptr error;
        try {
          world.sum(flat, options.sum);
        } catch (const std::exception&) {
          error = std::current_exception();
        }
        lock.lock();
        failure = error;
      }
      ++finished;
      changed.notify_all();
    }
  }
};

namespace {

void check_devices(const NamedTensors& network) {
  for (const auto* const list : {&network.parameters, &network.buffers})
    for (const auto& [name, tensor] : *list)
      TORCH_CHECK(tensor.device().is_cpu(), "DataParallel: ", name, " is on ", tensor.device(),
                  ", must be on the CPU; average_gradients() of a world of Python's group takes "
                  "devices");
}

}  // namespace

DataParallel::DataParallel(const NamedTensors& network, World& world, const Options& options) {
  const int n = world.size();
  const int64_t total = options.shards == 0 ? n : options.shards, each = total / n;
  TORCH_CHECK(total > 0 && total % n == 0 && (n == 1 || (each & (each - 1)) == 0),
              "DataParallel: shards = ", options.shards, " on ", n, " ranks, must be ", n,
              " times 1, 2, 4, ..., so that every rank adds a whole branch of the tree");
  TORCH_CHECK(options.bucket_bytes > 0, "DataParallel: bucket_bytes = ", options.bucket_bytes,
              ", must be > 0");
  TORCH_CHECK(options.first_bucket_bytes > 0,
              "DataParallel: first_bucket_bytes = ", options.first_bucket_bytes, ", must be > 0");
  check_devices(network);
  if (n > 1)
    check_alike("shards = " + std::to_string(total) +
                    ", bucket_bytes = " + std::to_string(options.bucket_bytes) +
                    ", first_bucket_bytes = " + std::to_string(options.first_bucket_bytes) +
                    ", sum = " + (options.sum == Sum::Ordered ? "ordered" : "backend"),
                world, 0, "DataParallel", "other options");
  broadcast_parameters(network, world);
  impl_ = std::make_unique<Impl>(world, options);
  impl_->add(network);
}
DataParallel::~DataParallel() = default;

std::vector<int64_t> DataParallel::shards() const {
  std::vector<int64_t> list;
  for (int64_t i = 0; i < impl_->count; ++i) list.push_back(impl_->first + i);
  return list;
}

void DataParallel::backward(const at::Tensor& loss) {
  Impl& me = *impl_;
  TORCH_CHECK(me.done < me.count, "DataParallel: backward() of more than the ", me.count,
              " shards of this rank; finish() comes first");
  const bool is_last = me.done + 1 == me.count;
  if (is_last) me.hook_all();
  struct Sends {
    bool& flag;
    Sends(bool& f, bool value) : flag(f) { flag = value; }
    ~Sends() { flag = false; }
  } const while_it_runs(me.sends, is_last);
  ++me.done;
  me.broken = true;
  loss.backward();
  const at::NoGradGuard no_grad;
  for (size_t i = 0; !is_last && i < me.parameters.size(); ++i) {
    me.sums[i].add(dense_gradient(me.parameters[i], "DataParallel"));
    me.parameters[i].mutable_grad().reset();
  }
  me.broken = false;
}

void DataParallel::finish() {
  Impl& me = *impl_;
  TORCH_CHECK(me.done == me.count, "DataParallel: finish() after ", me.done, " of the ", me.count,
              " shards of this rank");
  TORCH_CHECK(!me.broken, "DataParallel: finish() after a backward() that threw");
  for (size_t i = 0; i < me.parameters.size(); ++i) me.arrive(i);
  std::unique_lock lock(me.mutex);
  me.changed.wait(lock, [&] { return me.finished == me.buckets.size(); });
  me.done = 0;
  me.launched = me.finished = 0;
  std::fill(me.arrived.begin(), me.arrived.end(), false);
  for (size_t b = 0; b < me.buckets.size(); ++b) me.missing[b] = me.buckets[b].size();
  if (me.failure) std::rethrow_exception(me.failure);
  const at::NoGradGuard no_grad;
  for (Bucket& bucket : me.buckets) bucket.hand_out(me.total);
}

void DataParallel::add(const NamedTensors& more) {
  TORCH_CHECK(impl_->done == 0, "DataParallel: add() between backward() and finish()");
  check_devices(more);
  broadcast_parameters(more, impl_->world);
  impl_->add(more);
}

void DataParallel::broadcast_buffers(int from) {
  TORCH_CHECK(impl_->done == 0,
              "DataParallel: broadcast_buffers() between backward() and finish()");
  for (const at::Tensor& buffer : impl_->buffers_of_network) impl_->world.broadcast(buffer, from);
}

}  // namespace descent
