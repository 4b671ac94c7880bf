#include <algorithm>
#include <cstdlib>
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
  return (name.empty() ? "a program" : name) + " with LibTorch " TORCH_VERSION " in a world of " +
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

}  // namespace

struct World::Impl {
  int rank = 0, size = 1;
  WorldOptions options{};
  Store store{};
  std::string server{};  ///< who serves the store, "rank 0"
  std::function<void(const at::Tensor&)> python_sum{};
  std::unique_ptr<Connections> connections{};
  std::string failure{};
  int64_t calls = 0, twins = 0;
  at::Tensor scratch{};

  void connect(const Store& meeting, std::chrono::milliseconds timeout) {
    store = meeting;
    if (size == 1) return;
    meet(store.part("meeting"), rank, size, about_this_program(size), timeout);
    connections = std::make_unique<Connections>(store.part("gloo"), rank, size, options.address,
                                                options.timeout);
    // Who has nothing to do and leaves at once must not close what others are still connecting.
    wait_for_all(/*tag=*/0);
  }

  /// What the others are in, as the store says it within two seconds.
  std::string others(const std::string& own) const {
    const std::string silence = "no answer from " + server + ", who serves the store";
    auto answer = std::make_shared<std::promise<std::string>>();
    // On a thread of its own, because requests to a store behind a broken network do not end.
    std::thread([answer, silence, own, whole = store, me = rank, n = size] {
      try {
        Store failed = whole.part("failed");
        failed.set(std::to_string(me), own);
        std::string elsewhere;
        std::vector<std::string> silent;
        constexpr int kTries = 20;
        for (int i = 0; i < kTries; ++i) {
          silent.clear();
          elsewhere.clear();
          for (int r = 0; r < n; ++r) {
            const std::string key = std::to_string(r);
            if (!failed.has(key)) {
              silent.push_back(key);
            } else if (const std::string call = failed.get(key); call != own) {
              elsewhere.append("; rank ").append(key).append(" is in ").append(call);
            }
          }
          if (silent.empty()) break;
          std::this_thread::sleep_for(100ms);
        }
        // The store ends with rank 0, who therefore waits a moment for the others to hear this.
        failed.add("heard", 1);
        const int64_t alive = n - static_cast<int64_t>(silent.size());
        for (int i = 0; me == 0 && i < kTries && failed.add("heard", 0) < alive; ++i)
          std::this_thread::sleep_for(100ms);
        answer->set_value(
            (silent.empty() ? "all ranks answer" : "no answer from rank " + joined(silent)) +
            elsewhere);
      } catch (const std::exception&) {
        answer->set_value(silence);
      }
    }).detach();
    auto found = answer->get_future();
    return found.wait_for(5s) == std::future_status::ready ? found.get() : silence;
  }

  /// Runs a collective. Only equal calls of all ranks have its tag: gloo ends the process when a
  /// message is longer than what is waited for, and takes a shorter one without a word.
  void run(const std::string& what, const std::function<void(int tag)>& call) {
    if (!failure.empty()) throw WorldError(failure);
    if (size == 1) return;
    const std::string name = what + ", call " + std::to_string(++calls);
    try {
      call(tag_of(name));
    } catch (const std::exception& e) {
      connections->close();
      failure = "World: " + of(rank, size) + " in " + name + ": " + others(name) +
                ". Start again from a checkpoint. (" + text_of(e) + ")";
      throw WorldError(failure);
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
Store World::store() const { return impl_->store.part("user"); }
void World::close() noexcept {
  if (impl_->connections) impl_->connections->close();
}

World World::from_environment(const WorldOptions& options) {
  const Place place = place_in_environment();
  auto impl = std::make_unique<Impl>();
  impl->options = options;
  impl->rank = place.rank;
  impl->size = place.size;
  if (place.size == 1) return World(std::move(impl));
  impl->server = place.served ? "torchrun" : "rank 0";
  const auto end = Clock::now() + options.timeout;
  const auto left = [&] {
    using std::chrono::milliseconds;
    return std::max<milliseconds>(std::chrono::duration_cast<milliseconds>(end - Clock::now()), 1s);
  };
  try {
    if (options.address.empty() && std::getenv("GLOO_SOCKET_IFNAME") == nullptr)
      impl->options.address = own_address(place.host, place.port);
    const bool serves = place.rank == 0 && !place.served;
    const Store store = tcp_store(place.host, place.port, serves, options.timeout);
    const Store ours = store.part("descent");
    impl->connect(place.served
                      ? ours.part(fresh_name(ours.part("names"), place.rank, place.size, left()))
                      : ours,
                  left());
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
  impl->server = "the first process of Python's group";
  impl->python_sum = found.sum;
  try {
    impl->connect(found.store.part("descent/" + group + "/" + std::to_string(count)),
                  options.timeout);
  } catch (const std::exception& e) {
    throw WorldError("World: " + of(found.rank, found.size) +
                     " did not find the others of Python's group " + group + ": " + text_of(e));
  }
  return World(std::move(impl));
}

World World::twin() {
  auto impl = std::make_unique<Impl>();
  impl->rank = rank();
  impl->size = size();
  impl->options = impl_->options;
  impl->server = impl_->server;
  impl->python_sum = impl_->python_sum;
  try {
    impl->connect(impl_->store.part("twin/" + std::to_string(impl_->twins++)),
                  impl_->options.timeout);
  } catch (const std::exception& e) {
    throw WorldError("World::twin: " + of(rank(), size()) +
                     " did not find the others: " + text_of(e));
  }
  return World(std::move(impl));
}

void World::sum(const at::Tensor& values, Sum how) {
  const bool by_python = how == Sum::Backend && impl_->python_sum;
  if (!by_python) check_values("sum", values);
  TORCH_CHECK(values.scalar_type() != at::kBool && !values.is_complex(),
              "World::sum: the tensor is ", c10::toString(values.scalar_type()),
              ", must hold real numbers");
  impl_->run(call_of(how == Sum::Backend ? "sum by the backend" : "sum", values), [&](int tag) {
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

void World::barrier() {
  impl_->run("barrier", [&](int tag) { impl_->wait_for_all(tag); });
}

void World::Impl::wait_for_all(int tag) {
  exchange(all_ranks(size), rank, at::zeros({size}, at::kByte), even_bounds(size, size),
           /*reduce=*/false, /*gather=*/true, tag);
}

}  // namespace descent
