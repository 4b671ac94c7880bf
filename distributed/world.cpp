#include <algorithm>
#include <atomic>
#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <numeric>
#include <thread>
#include <utility>

#include <ATen/Dispatch.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <torch/version.h>

#include <descent/base/text.h>
#include <descent/distributed/c10d.h>
#include <descent/distributed/environment.h>
#include <descent/distributed/meeting.h>
#include <descent/distributed/tree.h>
#include <descent/distributed/world.h>
#include <descent/tensors/fingerprint.h>

namespace descent {

using namespace std::chrono_literals;
using namespace distributed;
using Clock = std::chrono::steady_clock;

namespace {

/// Tensors travel in segments, so that adding goes on while the network works.
constexpr int64_t kSegmentBytes = 512 << 10;

std::string of(int rank, int size) {
  return "rank " + std::to_string(rank) + " of " + std::to_string(size);
}

/// What all ranks have to be.
std::string about_this_program(int size) {
  std::error_code unknown;
  const std::string name =
      std::filesystem::read_symlink("/proc/self/exe", unknown).filename().string();
  return (name.empty() ? "a program" : name) +
         " with descent " DESCENT_VERSION " and LibTorch " TORCH_VERSION " in a world of " +
         std::to_string(size);
}

/// The same number on all machines for the same text: FNV-1a, folded to the 29 bits that, with one
/// more, fit into a message's tag.
int tag_of(const std::string& call) {
  uint64_t hash = 14695981039346656037ULL;
  for (const char c : call) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return static_cast<int>((hash ^ (hash >> 29)) & 0x1fffffff) << 1;
}

/// Cuts [0, count) into `pieces` of nearly equal length.
std::vector<int64_t> even_bounds(int64_t count, int64_t pieces) {
  std::vector<int64_t> bounds;
  const int64_t length = (count + pieces - 1) / pieces;
  for (int64_t i = 0; i <= pieces; ++i) bounds.push_back(std::min(count, i * length));
  return bounds;
}

/// The largest power of two that divides n and is not above its root by more than a factor of two.
int row_length(int n) {
  int length = 1;
  while (n % (2 * length) == 0 && length * length < n) length *= 2;
  return length;
}

std::chrono::milliseconds left_until(Clock::time_point end) {
  using std::chrono::milliseconds;
  return std::max<milliseconds>(std::chrono::duration_cast<milliseconds>(end - Clock::now()), 1s);
}

/// What `ask` returns or throws. It runs on a thread of its own, which is left after the time, because
/// requests to a store behind a broken network do not end: then this throws `silence`.
template <class Ask>
auto within(std::chrono::milliseconds time, const std::string& silence, Ask ask) {
  std::packaged_task<decltype(ask())()> task(std::move(ask));
  auto answer = task.get_future();
  std::thread asks(std::move(task));
  if (answer.wait_for(time) != std::future_status::ready) {
    asks.detach();
    throw WorldError(silence);
  }
  asks.join();
  return answer.get();
}

/// What a World has in common with its twins: where one has failed, all have.
struct Common {
  Store store{};         ///< of the first of them
  std::string server{};  ///< who serves it, "rank 0"
  std::mutex mutex{};
  std::vector<std::weak_ptr<Connections>> connections{};
  std::string failure{};

  std::string silence() const { return "no answer from " + server + ", who serves the store"; }
  void check() {
    const std::lock_guard lock(mutex);
    if (!failure.empty()) throw WorldError(failure);
  }
};

/// What the others are in, as the store says it within two seconds, or as long as one round of
/// questions takes on a busy machine.
std::string say_of_others(const Store& whole, int me, int n, const std::string& own) {
  constexpr auto kPatience = 2000ms, kPause = 100ms;
  Store failed = whole.part("failed");
  failed.set(std::to_string(me), own);
  std::string elsewhere;
  std::vector<std::string> silent;
  const auto ask_all = [&] {
    std::string calls;
    std::vector<std::string> none;
    for (int r = 0; r < n; ++r) {
      const std::string key = std::to_string(r);
      if (!failed.has(key)) {
        none.push_back(key);
      } else if (const std::string call = failed.get(key); call != own) {
        calls.append("; rank ").append(key).append(" is in ").append(call);
      }
    }
    silent = none;
    elsewhere = calls;
  };
  ask_all();
  try {
    for (const auto end = Clock::now() + kPatience; !silent.empty() && Clock::now() < end;) {
      std::this_thread::sleep_for(kPause);
      ask_all();
    }
    // The store ends with rank 0, who therefore waits a moment for the others to hear this.
    failed.add("heard", 1);
    const int64_t alive = n - static_cast<int64_t>(silent.size());
    for (const auto end = Clock::now() + kPatience;
         me == 0 && Clock::now() < end && failed.add("heard", 0) < alive;)
      std::this_thread::sleep_for(kPause);
  } catch (const WorldError&) {
    // The store has ended; what it said before holds.
  }
  return (silent.empty() ? "all ranks answer" : "no answer from rank " + joined(silent)) +
         elsewhere;
}

}  // namespace

struct World::Impl {
  int rank = 0, size = 1;
  WorldOptions options{};
  std::shared_ptr<Common> common = std::make_shared<Common>();
  std::string twin{};  ///< which of the first World's, "1" or "1.2"; "" if it is none
  Store store{};
  std::function<void(const at::Tensor&)> python_sum{};
  std::shared_ptr<Connections> connections{};
  std::atomic<bool> closed = false;
  int64_t calls = 0, twins = 0;
  at::Tensor scratch{};

  /// Meets the others in the store that is found, and connects to them, until `end`.
  void connect(const std::function<Store()>& find, Clock::time_point end) {
    const auto meet_all = [find, end, r = rank, n = size, address = options.address] {
      const Store found = find();
      if (n == 1) return std::pair(found, std::shared_ptr<Connections>());
      meet(found.part("meeting"), r, n, about_this_program(n), left_until(end));
      return std::pair(
          found, std::make_shared<Connections>(found.part("gloo"), r, n, address, left_until(end)));
    };
    constexpr auto kToSayWhoIsMissing = 4s;
    std::tie(store, connections) =
        within(left_until(end) + kToSayWhoIsMissing, common->silence(), meet_all);
    if (twin.empty()) common->store = store;
    if (size == 1) return;
    // Who has nothing to do and leaves at once must not close what others are still connecting.
    wait_for_all(/*tag=*/0);
    connections->set_timeout(options.timeout);
    const std::lock_guard lock(common->mutex);
    std::erase_if(common->connections, [](const auto& others) { return others.expired(); });
    common->connections.push_back(connections);
  }

  /// Ends this World and its twins, on all ranks: whoever waits for this rank fails, too.
  [[noreturn]] void fail(const std::string& call, const std::string& reason) {
    const std::lock_guard lock(common->mutex);
    if (!common->failure.empty()) throw WorldError(common->failure);
    for (const auto& of_one : common->connections)
      if (const auto open = of_one.lock()) open->close();
    const auto ask = [call, store_of_all = common->store, r = rank, n = size] {
      return say_of_others(store_of_all, r, n, call);
    };
    constexpr auto kUntilTheStoreIsSilent = 10s;
    std::string others = common->silence();
    try {
      others = within(kUntilTheStoreIsSilent, others, ask);
    } catch (const std::exception&) {
      // The silence of the store is the answer.
    }
    common->failure = "World: " + of(rank, size) + " in " + call + ": " + others +
                      ". Start again from a checkpoint. (" + reason + ")";
    throw WorldError(common->failure);
  }

  /// Runs a collective. Only equal calls of all ranks have its tag: gloo ends the process when a
  /// message is longer than what is waited for, and takes a shorter one without a word.
  void run(const std::string& what, const std::function<void(int tag)>& call) {
    common->check();
    if (size == 1) return;
    const std::string name =
        what + ", call " + std::to_string(++calls) + (twin.empty() ? "" : " of twin " + twin);
    try {
      call(tag_of(name));
    } catch (const std::exception& e) {
      if (closed) throw WorldError("World: " + of(rank, size) + " in " + name + ": it was closed");
      fail(name, text_of(e));
    }
  }

  /// One exchange between some ranks, of which this is number `me`, and each of which owns a piece of
  /// the flat values. Every rank gets the others' values of its own piece and adds them (`reduce`),
  /// and sends its piece to all (`gather`): the bytes of a ring, in two delays however many ranks
  /// there are.
  void exchange(const std::vector<int>& ranks, int me, const at::Tensor& flat,
                const std::vector<int64_t>& bounds, bool reduce, bool gather, int tag);
  void sum_over_rows(const at::Tensor& flat, int tag);
  /// Returns when all ranks have come here.
  void wait_for_all(int tag);
};

void World::Impl::exchange(const std::vector<int>& ranks, int me, const at::Tensor& flat,
                           const std::vector<int64_t>& bounds, bool reduce, bool gather, int tag) {
  using Message = Connections::Message;
  const int n = static_cast<int>(ranks.size());
  const int64_t segment = std::max<int64_t>(1, kSegmentBytes / flat.element_size());
  const auto length = [&](int r) { return bounds[r + 1] - bounds[r]; };
  const auto segments = [&](int r) { return (length(r) + segment - 1) / segment; };
  const auto cut = [&](const at::Tensor& from, int64_t first, int64_t count, int64_t s) {
    return from.narrow(0, first + s * segment, std::min(segment, count - s * segment));
  };
  const int64_t own = length(me);
  if (reduce &&
      (!scratch.defined() || scratch.numel() < n * own || scratch.dtype() != flat.dtype()))
    scratch = at::empty({n * own}, flat.options());

  std::vector<std::vector<Message>> parts(segments(me));
  for (int hop = 1; hop < n; ++hop) {
    const int from = (me + hop) % n, to = (me + n - hop) % n;
    for (int64_t s = 0; reduce && s < segments(me); ++s)
      parts[s].push_back(connections->receive(cut(scratch, from * own, own, s), ranks[from], tag));
    for (int64_t s = 0; s < segments(to); ++s) {
      const at::Tensor values = cut(flat, bounds[to], length(to), s);
      if (reduce) connections->send(values, ranks[to], tag);
      // The sum comes when the other has read the values that stand in its place.
      if (gather) connections->receive(values, ranks[to], tag + 1);
    }
  }
  for (int64_t s = 0; s < segments(me); ++s) {
    for (const Message part : parts[s]) connections->wait(part);
    const at::Tensor sum = cut(flat, bounds[me], own, s);
    if (reduce) {
      AT_DISPATCH_ALL_TYPES_AND2(at::kHalf, at::kBFloat16, flat.scalar_type(), "World::sum", [&] {
        std::vector<scalar_t*> addends(n);
        auto* const out = sum.mutable_data_ptr<scalar_t>();
        auto* const others = scratch.mutable_data_ptr<scalar_t>();
        for (int r = 0; r < n; ++r) addends[r] = r == me ? out : others + r * own + s * segment;
        sum_tree(addends, sum.numel(), out);
      });
    }
    for (int hop = 1; gather && hop < n; ++hop)
      connections->send(sum, ranks[(me + hop) % n], tag + 1);
  }
  connections->finish();
}

// Rows of 2^k ranks are whole subtrees of the tree of all ranks: first every row adds, each rank a
// piece, then every column adds the pieces of its rows, and at last the rows hand the sums round.
void World::Impl::sum_over_rows(const at::Tensor& flat, int tag) {
  const int columns = row_length(size), rows = size / columns;
  const int row = rank / columns, column = rank % columns;
  std::vector<int> in_row(columns), in_column(rows);
  std::iota(in_row.begin(), in_row.end(), row * columns);
  for (int r = 0; r < rows; ++r) in_column[r] = r * columns + column;

  const std::vector<int64_t> bounds = even_bounds(flat.numel(), columns);
  exchange(in_row, column, flat, bounds, true, false, tag);
  const at::Tensor piece = flat.narrow(0, bounds[column], bounds[column + 1] - bounds[column]);
  exchange(in_column, row, piece, even_bounds(piece.numel(), rows), true, true, tag);
  exchange(in_row, column, flat, bounds, false, true, tag);
}

namespace {

/// "sum of 4096 Float numbers"
std::string call_of(const char* what, const at::Tensor& values) {
  return std::string(what) + " of " + std::to_string(values.numel()) + " " +
         c10::toString(values.scalar_type()) + " numbers";
}

void check_values(const char* what, const at::Tensor& values) {
  TORCH_CHECK(values.defined(), "World::", what, ": the tensor is undefined");
  TORCH_CHECK(values.layout() == at::kStrided, "World::", what, ": the tensor is ", values.layout(),
              ", must be dense");
  TORCH_CHECK(values.device().is_cpu(), "World::", what, ": the tensor is on ", values.device(),
              ", must be on the CPU: ranks are connected by Gloo. Send a copy, made by .cpu()");
}

/// Whether numbers of a type can be added: gloo adds none of 16 bits.
void check_adds(const at::Tensor& values, Sum how) {
  switch (values.scalar_type()) {
    case at::kShort:
      if (how == Sum::Ordered) return;
      break;
    case at::kByte:
    case at::kChar:
    case at::kInt:
    case at::kLong:
    case at::kHalf:
    case at::kBFloat16:
    case at::kFloat:
    case at::kDouble:
      return;
    default:
      break;
  }
  TORCH_CHECK(false, "World::sum: the tensor is ", c10::toString(values.scalar_type()),
              ", must hold real numbers: Byte, Char, Short (not by the backend), Int, Long, Half, "
              "BFloat16, Float or Double");
}

/// Calls `work` with the values one after another, and writes back what it has made of them.
void on_flat(const at::Tensor& values, const std::function<void(const at::Tensor&)>& work) {
  const at::NoGradGuard no_grad;
  const at::Tensor dense = values.detach().contiguous();
  work(dense.view(-1));
  if (dense.const_data_ptr() != values.const_data_ptr()) values.detach().copy_(dense);
}

std::vector<int> all_ranks(int size) {
  std::vector<int> ranks(size);
  std::iota(ranks.begin(), ranks.end(), 0);
  return ranks;
}

}  // namespace

World::World(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
World::World(World&&) noexcept = default;
World& World::operator=(World&&) noexcept = default;
World::~World() = default;
int World::rank() const { return impl_->rank; }
int World::size() const { return impl_->size; }
Store World::store() const {
  return within(impl_->options.timeout, "World::store: " + impl_->common->silence(),
                [whole = impl_->store] { return whole.part("user"); });
}
void World::close() noexcept {
  if (!impl_->connections) return;
  impl_->closed = true;
  impl_->connections->close();
}

World World::from_environment(const WorldOptions& options) {
  const Place place = place_in_environment();
  auto impl = std::make_unique<Impl>();
  impl->options = options;
  impl->rank = place.rank;
  impl->size = place.size;
  if (place.size == 1) return World(std::move(impl));
  impl->common->server = place.served ? "torchrun" : "rank 0";
  const auto end = Clock::now() + options.timeout;
  const auto find = [place, end, timeout = options.timeout] {
    const bool serves = place.rank == 0 && !place.served;
    const Store ours = tcp_store(place.host, place.port, serves, timeout).part("descent");
    if (!place.served) return ours;
    return ours.part(fresh_name(ours.part("names"), place.rank, place.size, left_until(end)));
  };
  try {
    if (options.address.empty() && interfaces_in_environment().empty())
      impl->options.address = own_address(place.host, place.port);
    impl->connect(find, end);
  } catch (const std::exception& e) {
    throw WorldError("World: " + of(place.rank, place.size) + " did not find the others at " +
                     place.host + ":" + std::to_string(place.port) + ": " + text_of(e));
  }
  return World(std::move(impl));
}

World World::from_python(const std::string& group, const WorldOptions& options) {
  // All ranks call this equally often for a group.
  static std::mutex mutex;
  static std::map<std::string, int> counts;
  const PythonGroup found = python_group(group);
  int count = 0;
  {
    const std::lock_guard lock(mutex);
    count = counts[group]++;
  }
  auto impl = std::make_unique<Impl>();
  impl->options = options;
  impl->rank = found.rank;
  impl->size = found.size;
  impl->common->server = "the first process of Python's group";
  impl->python_sum = found.sum;
  try {
    const std::string name = "descent/" + group + "/" + std::to_string(count);
    impl->connect([whole = found.store, name] { return whole.part(name); },
                  Clock::now() + options.timeout);
  } catch (const std::exception& e) {
    throw WorldError("World: " + of(found.rank, found.size) +
                     " did not find the others of Python's group " + group + ": " + text_of(e));
  }
  return World(std::move(impl));
}

World World::twin() {
  impl_->common->check();
  auto impl = std::make_unique<Impl>();
  impl->rank = rank();
  impl->size = size();
  impl->options = impl_->options;
  impl->common = impl_->common;
  const std::string number = std::to_string(++impl_->twins);
  impl->twin = impl_->twin.empty() ? number : impl_->twin + "." + number;
  try {
    impl->connect([whole = impl_->store, number] { return whole.part("twin/" + number); },
                  Clock::now() + impl_->options.timeout);
  } catch (const std::exception& e) {
    impl->fail("the meeting of twin " + impl->twin, text_of(e));
  }
  return World(std::move(impl));
}

void World::sum(const at::Tensor& values, Sum how) {
  const bool by_python = how == Sum::Backend && impl_->python_sum;
  if (!by_python) check_values("sum", values);
  check_adds(values, how);
  impl_->run(call_of(how == Sum::Backend ? "sum by the backend" : "sum", values), [&](int tag) {
    // A backend's own sum does not know whether the others are in the same one.
    if (how == Sum::Backend) impl_->wait_for_all(tag);
    if (by_python) return impl_->python_sum(values.detach());
    on_flat(values, [&](const at::Tensor& flat) {
      if (how == Sum::Backend) {
        impl_->connections->sum(flat);
      } else if (size() > impl_->options.direct_up_to && size() % 2 == 0) {
        impl_->sum_over_rows(flat, tag);
      } else {
        impl_->exchange(all_ranks(size()), rank(), flat, even_bounds(flat.numel(), size()), true,
                        true, tag);
      }
    });
  });
}

void World::mean(const at::Tensor& values, Sum how) {
  TORCH_CHECK(values.defined() && values.is_floating_point(), "World::mean: the tensor is ",
              values.defined() ? c10::toString(values.scalar_type()) : "undefined",
              ", must hold floating point numbers");
  sum(values, how);
  const at::NoGradGuard no_grad;
  if (size() > 1) values.detach().div_(size());
}

void World::broadcast(const at::Tensor& values, int from) {
  check_values("broadcast", values);
  TORCH_CHECK(from >= 0 && from < size(), "World::broadcast: rank ", from, ", must be in [0, ",
              size() - 1, "]");
  impl_->run(call_of("broadcast", values) + " from rank " + std::to_string(from), [&](int tag) {
    on_flat(values, [&](const at::Tensor& flat) {
      std::vector<int64_t> bounds(size() + 1, 0);
      std::fill(bounds.begin() + from + 1, bounds.end(), flat.numel());
      impl_->exchange(all_ranks(size()), rank(), flat, bounds, false, true, tag);
    });
  });
}

void World::gather_pieces(const at::Tensor& values, const std::vector<int64_t>& bounds) {
  check_values("gather_pieces", values);
  TORCH_CHECK(values.is_contiguous(), "World::gather_pieces: the tensor must be contiguous");
  TORCH_CHECK(static_cast<int>(bounds.size()) == size() + 1 && bounds.front() == 0 &&
                  bounds.back() == values.numel() && std::is_sorted(bounds.begin(), bounds.end()),
              "World::gather_pieces: bounds must be ", size() + 1, " rising numbers from 0 to ",
              values.numel());
  std::vector<std::string> texts;
  for (const int64_t bound : bounds) texts.push_back(std::to_string(bound));
  impl_->run(call_of("gather_pieces", values) + " at " + joined(texts), [&](int tag) {
    on_flat(values, [&](const at::Tensor& flat) {
      impl_->exchange(all_ranks(size()), rank(), flat, bounds, false, true, tag);
    });
  });
}

void World::gather(const std::vector<at::Tensor>& tensors, const std::vector<int>& owners) {
  TORCH_CHECK(tensors.size() == owners.size(), "World::gather: there are ", tensors.size(),
              " tensors and ", owners.size(), " owners, must be as many");
  tensors::Fingerprint sizes;
  for (size_t k = 0; k < tensors.size(); ++k) {
    check_values("gather", tensors[k]);
    TORCH_CHECK(tensors[k].is_contiguous(), "World::gather: tensor ", k, " must be contiguous");
    TORCH_CHECK(owners[k] >= 0 && owners[k] < size(), "World::gather: owner ", owners[k],
                ", must be in [0, ", size() - 1, "]");
    sizes.add(static_cast<int64_t>(tensors[k].nbytes()));
    sizes.add(int64_t{owners[k]});
  }
  const std::string name = "gather of " + std::to_string(tensors.size()) + " tensors, " +
                           tensors::hexadecimal(sizes.value());
  impl_->run(name, [&](int tag) {
    const at::NoGradGuard no_grad;
    for (size_t k = 0; k < tensors.size(); ++k) {
      const at::Tensor flat = tensors[k].detach().view(-1);
      const int64_t segment = kSegmentBytes / flat.element_size();
      for (int64_t first = 0; first < flat.numel(); first += segment) {
        const at::Tensor values = flat.narrow(0, first, std::min(segment, flat.numel() - first));
        if (owners[k] != rank()) {
          impl_->connections->receive(values, owners[k], tag);
          continue;
        }
        for (int hop = 1; hop < size(); ++hop)
          impl_->connections->send(values, (rank() + hop) % size(), tag);
      }
    }
    impl_->connections->finish();
  });
}

void World::barrier() {
  impl_->run("barrier", [&](int tag) { impl_->wait_for_all(tag); });
}

void World::Impl::wait_for_all(int tag) {
  exchange(all_ranks(size), rank, at::zeros({size}, at::kByte), even_bounds(size, size),
           /*reduce=*/false, /*gather=*/true, tag);
}

}  // namespace descent
