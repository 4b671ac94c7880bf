#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <signal.h>
#include <torch/csrc/distributed/c10d/GroupRegistry.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <descent/distributed/c10d.h>
#include <descent/distributed/environment.h>
#include <descent/sharing/table.h>

namespace descent {

using namespace std::chrono_literals;

namespace distributed {

std::string text_of(const std::exception& e) {
  const auto* const error = dynamic_cast<const c10::Error*>(&e);
  std::string text = error != nullptr ? error->what_without_backtrace() : e.what();
  constexpr size_t kLongest = 300;
  if (text.size() > kLongest) text = text.substr(0, kLongest) + "...";
  return text;
}

namespace {

/// A table's answer, or what it says when there is none.
template <class Ask>
auto asked(const char* what, const std::string& key, Ask&& ask) {
  try {
    return ask();
  } catch (const std::exception& e) {
    throw WorldError("Store: " + std::string(what) + " \"" + key + "\": " + text_of(e));
  }
}

/// One of c10d's stores.
class C10dTable final : public sharing::Table {
 public:
  explicit C10dTable(c10::intrusive_ptr<c10d::Store> store, std::shared_ptr<Table> whole = nullptr)
      : store_(std::move(store)), whole_(std::move(whole)) {}
  const c10::intrusive_ptr<c10d::Store>& store() const { return store_; }

  void set(const std::vector<std::string>& keys, std::string_view value) override {
    asked("set", keys[0], [&] {
      const std::vector<uint8_t> bytes(value.begin(), value.end());
      if (keys.size() > 1 && store_->hasExtendedApi())
        store_->multiSet(keys, std::vector(keys.size(), bytes));
      else
        for (const std::string& key : keys) store_->set(key, bytes);
    });
  }
  std::string set_once(const std::string& key, std::string_view value) override {
    return asked("set_once", key, [&] {
      const auto is = store_->compareSet(key, {}, std::vector<uint8_t>(value.begin(), value.end()));
      return std::string(is.begin(), is.end());
    });
  }
  std::string get(const std::string& key) override {
    return asked("get", key, [&] { return store_->get_to_str(key); });
  }
  bool has(const std::vector<std::string>& keys) override {
    return asked("has", keys[0], [&] { return store_->check(keys); });
  }
  int64_t add(const std::string& key, int64_t value) override {
    return asked("add", key, [&] { return store_->add(key, value); });
  }
  void wait(const std::vector<std::string>& keys, std::chrono::milliseconds timeout) override {
    asked("wait", keys[0], [&] { store_->wait(keys, timeout); });
  }
  std::shared_ptr<Table> part(const std::string& prefix,
                              const std::shared_ptr<Table>& whole) override {
    // A connection of its own, so that one part may wait while another asks.
    return std::make_shared<C10dTable>(
        c10::make_intrusive<c10d::PrefixStore>(prefix, store_->clone()), whole);
  }

 private:
  c10::intrusive_ptr<c10d::Store> store_;
  std::shared_ptr<Table> whole_;  ///< that it is a part of, which may be the server
};

Store store_on(c10::intrusive_ptr<c10d::Store> store) {
  return Store(std::make_shared<C10dTable>(std::move(store)));
}

/// c10d's ProcessGroupGloo has no abort: a rank whose neighbours live would wait for its time-out.
struct Gloo final : c10d::ProcessGroupGloo {
  using ProcessGroupGloo::ProcessGroupGloo;
  /// Ends what the peers wait for, and nothing that this process waits for.
  void close() {
    for (auto& context : contexts_) context->closeConnections();
  }
};

}  // namespace

Store tcp_store(const std::string& host, uint16_t port, bool serves,
                std::chrono::milliseconds timeout) {
  c10d::TCPStoreOptions options;
  options.port = port;
  options.isServer = serves;
  options.waitWorkers = false;  // who waits for the ranks can also say which of them are missing
  // A client tries twice to find the server.
  options.timeout = serves ? timeout : timeout / 2;
  try {
    auto store = c10::make_intrusive<c10d::TCPStore>(host, options);
    store->setTimeout(timeout);
    return store_on(std::move(store));
  } catch (const std::exception& e) {
    throw WorldError(
        (serves ? "cannot serve the others (is the port taken?): " : "nobody answers there: ") +
        text_of(e));
  }
}

PythonGroup python_group(const std::string& name) {
  c10::intrusive_ptr<c10d::ProcessGroup> group;
  try {
    group = c10d::resolve_process_group(name);
  } catch (const std::exception& e) {
    throw WorldError("World: Python has made no group " + name + " (" + text_of(e) + ")");
  }
  if (!group->getStore())
    throw WorldError("World: Python's group " + name + " has no store, through which ranks meet");
  return {group->getRank(), group->getSize(), store_on(group->getStore()),
          [group](const at::Tensor& values) {
            std::vector<at::Tensor> list{values};
            // The time-out is the group's own.
            group->getBackend(values.device().type())->allreduce(list)->wait();
          }};
}

struct Connections::Impl {
  c10::intrusive_ptr<Gloo> gloo;
  std::mutex mutex;
  std::vector<c10::intrusive_ptr<c10d::Work>> begun;  ///< null once waited for
  bool closed = false;
  std::chrono::milliseconds timeout{};

  /// A sum by gloo, which nothing can end: who waits for it can only leave it.
  struct Sum {
    std::mutex mutex{};
    std::condition_variable changed{};
    bool done = false, left = false;
  };
  std::shared_ptr<Sum> sum{};  ///< the last one

  Message add(c10::intrusive_ptr<c10d::Work> work) {
    const std::lock_guard lock(mutex);
    if (closed) work->abort();
    begun.push_back(std::move(work));
    return begun.size() - 1;
  }
};

Connections::Connections(const Store& store, int rank, int size, const std::string& address,
                         std::chrono::milliseconds timeout)
    : impl_(std::make_unique<Impl>()) {
  // Gloo writes to sockets in a way that ends this process, without a word, when a peer is dead.
  struct sigaction pipe {};
  if (sigaction(SIGPIPE, nullptr, &pipe) == 0 && pipe.sa_handler == SIG_DFL)
    signal(SIGPIPE, SIG_IGN);

  using c10d::ProcessGroupGloo;
  auto options = ProcessGroupGloo::Options::create(timeout / 5);  // it connects for five times that
  if (!address.empty())
    options->devices.push_back(ProcessGroupGloo::createDeviceForHostname(address));
  else
    for (const std::string& interface : interfaces_in_environment())
      options->devices.push_back(ProcessGroupGloo::createDeviceForInterface(interface));
  if (options->devices.empty()) options->devices.push_back(ProcessGroupGloo::createDefaultDevice());
  impl_->gloo = c10::make_intrusive<Gloo>(dynamic_cast<C10dTable&>(*store.table()).store(), rank,
                                          size, options);
  set_timeout(timeout);
}
Connections::~Connections() {
  // Its destructor would wait for the sum, and its memory is needed until the process ends.
  if (impl_->sum && impl_->sum->left) impl_->gloo.release();
}

void Connections::set_timeout(std::chrono::milliseconds timeout) {
  impl_->gloo->setTimeout(timeout);
  impl_->timeout = timeout;
}

Connections::Message Connections::send(const at::Tensor& values, int to, int tag) {
  std::vector<at::Tensor> list{values};
  return impl_->add(impl_->gloo->send(list, to, tag));
}
Connections::Message Connections::receive(const at::Tensor& values, int from, int tag) {
  std::vector<at::Tensor> list{values};
  return impl_->add(impl_->gloo->recv(list, from, tag));
}

void Connections::wait(Message message) {
  c10::intrusive_ptr<c10d::Work> work;
  {
    const std::lock_guard lock(impl_->mutex);
    work = impl_->begun[message];
  }
  if (!work) return;
  // Messages do not know the time-out that the group was given after it had connected.
  if (!work->wait(impl_->timeout)) throw WorldError("the connections were closed");
  const std::lock_guard lock(impl_->mutex);
  impl_->begun[message].reset();
}

void Connections::finish() {
  for (Message message = 0; message < impl_->begun.size(); ++message) wait(message);
  const std::lock_guard lock(impl_->mutex);
  impl_->begun.clear();
}

void Connections::sum(const at::Tensor& values) {
  auto sum = std::make_shared<Impl::Sum>();
  {
    const std::lock_guard lock(impl_->mutex);
    if (impl_->closed) throw WorldError("the connections were closed");
    impl_->sum = sum;
  }
  std::vector<at::Tensor> list{values};
  const auto work = impl_->gloo->allreduce(list);
  work->getFuture()->addCallback([sum](auto& /*future*/) {
    const std::lock_guard lock(sum->mutex);
    sum->done = true;
    sum->changed.notify_all();
  });
  std::unique_lock lock(sum->mutex);
  if (!sum->changed.wait_for(lock, impl_->timeout, [&] { return sum->done || sum->left; }))
    sum->left = true;
  if (sum->left) throw WorldError("gloo's sum has not come to its end");
  lock.unlock();
  work->wait();
}

void Connections::close() noexcept {
  try {
    {
      const std::lock_guard lock(impl_->mutex);
      impl_->closed = true;
      for (auto& work : impl_->begun)
        if (work) work->abort();
      if (const auto sum = impl_->sum) {
        const std::lock_guard of_sum(sum->mutex);
        sum->left = !sum->done;
        sum->changed.notify_all();
      }
    }
    impl_->gloo->close();
  } catch (const std::exception&) {
    // What cannot be closed is closed when the process ends.
  }
}

}  // namespace distributed

}  // namespace descent
