#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/GroupRegistry.hpp>
#include <torch/csrc/distributed/c10d/HashStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <unistd.h>

#include <descent/distributed/c10d.h>

namespace descent {

using namespace std::chrono_literals;

namespace distributed {

/// One of c10d's stores.
struct Table {
  c10::intrusive_ptr<c10d::Store> store;
  /// That it is a part of, which may be the server.
  std::shared_ptr<Table> whole{};

  static Store of(c10::intrusive_ptr<c10d::Store> store, std::shared_ptr<Table> whole = nullptr) {
    return Store(std::make_shared<Table>(Table{std::move(store), std::move(whole)}));
  }
  static const c10::intrusive_ptr<c10d::Store>& in(const Store& store) {
    return store.table_->store;
  }
};

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
    return Table::of(std::move(store));
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
  return {group->getRank(), group->getSize(), Table::of(group->getStore()),
          [group](const at::Tensor& values) {
            std::vector<at::Tensor> list{values};
            group->getBackend(values.device().type())->allreduce(list)->wait();
          }};
}

struct Connections::Impl {
  c10::intrusive_ptr<Gloo> gloo;
  std::mutex mutex;
  std::vector<c10::intrusive_ptr<c10d::Work>> begun;  ///< null once waited for
  bool closed = false;
  std::chrono::milliseconds timeout{};

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
  const char* const interface = std::getenv("GLOO_SOCKET_IFNAME");
  options->devices.push_back(!address.empty() ? ProcessGroupGloo::createDeviceForHostname(address)
                             : interface != nullptr
                                 ? ProcessGroupGloo::createDeviceForInterface(interface)
                                 : ProcessGroupGloo::createDefaultDevice());
  impl_->gloo = c10::make_intrusive<Gloo>(Table::in(store), rank, size, options);
  impl_->gloo->setTimeout(timeout);
  impl_->timeout = timeout;
}
Connections::~Connections() = default;

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
  std::vector<at::Tensor> list{values};
  impl_->gloo->allreduce(list)->wait();
}

void Connections::close() noexcept {
  try {
    {
      const std::lock_guard lock(impl_->mutex);
      impl_->closed = true;
      for (auto& work : impl_->begun)
        if (work) work->abort();
    }
    impl_->gloo->close();
  } catch (const std::exception&) {
    // What cannot be closed is closed when the process ends.
  }
}

}  // namespace distributed

using distributed::asked;
using distributed::Table;

Store::Store() : Store(Table::of(c10::make_intrusive<c10d::HashStore>())) {}

void Store::set(const std::string& key, std::string_view value) {
  asked("set", key, [&] { table_->store->set(key, std::string(value)); });
}
std::string Store::get(const std::string& key) const {
  return asked("get", key, [&] { return table_->store->get_to_str(key); });
}
bool Store::has(const std::vector<std::string>& keys) const {
  return keys.empty() || asked("has", keys[0], [&] { return table_->store->check(keys); });
}
int64_t Store::add(const std::string& key, int64_t value) {
  return asked("add", key, [&] { return table_->store->add(key, value); });
}
void Store::wait(const std::vector<std::string>& keys, std::chrono::milliseconds timeout) const {
  if (!keys.empty()) asked("wait", keys[0], [&] { table_->store->wait(keys, timeout); });
}
Store Store::part(const std::string& prefix) const {
  // A connection of its own, so that one part may wait while another asks.
  return Table::of(c10::make_intrusive<c10d::PrefixStore>(prefix, table_->store->clone()), table_);
}

Store folder_store(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / "store";
  const auto refuse = [&](const std::string& reason) {
    throw WorldError("folder_store: " + file.string() + ": " + reason);
  };
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) refuse(error.message());
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0) refuse(std::strerror(errno));
  // c10d locks the file at each access, and would wait for ever for a lock that cannot be had.
  int locked = 0;
  do locked = ::flock(fd, LOCK_EX);
  while (locked != 0 && errno == EINTR);
  const int reason = errno;
  ::close(fd);
  if (locked != 0)
    refuse(
        std::string("the file system gives no locks, without which processes cannot share it (") +
        std::strerror(reason) + ")");
  constexpr int kAnyNumber = -1;
  return Table::of(c10::make_intrusive<c10d::FileStore>(file.string(), kAnyNumber));
}

}  // namespace descent
