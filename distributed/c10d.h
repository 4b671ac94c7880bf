#pragma once
// All that this room asks of LibTorch's c10d, whose headers take long to compile: only c10d.cpp sees
// them.
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <ATen/core/Tensor.h>

#include <descent/sharing/store.h>

namespace descent::distributed {

/// What an exception says, without the backtrace that those of LibTorch carry.
std::string text_of(const std::exception& e);

/// The table that a process serves for all others at host and port. Throws WorldError.
Store tcp_store(const std::string& host, uint16_t port, bool serves,
                std::chrono::milliseconds timeout);

/// A group of processes that Python's torch.distributed has made.
struct PythonGroup {
  int rank = 0, size = 1;
  Store store{};
  /// The sum over the ranks by whatever sums tensors of that device.
  std::function<void(const at::Tensor&)> sum{};
};
/// By its name in c10d's registry, "0" for the first. Throws WorldError if there is none.
PythonGroup python_group(const std::string& name);

/// Connections from this rank to all others. Messages of equal tags meet in the order in which they
/// were begun. Everything throws exceptions of all kinds when a rank is lost or the time is out.
class Connections {
 public:
  /// Connects to the others, who all have to do the same. `address` is this machine's; empty: those of
  /// the interfaces that GLOO_SOCKET_IFNAME names, or the one that the host's name stands for.
  /// `timeout` is for connecting, and for all that comes until set_timeout().
  Connections(const Store& store, int rank, int size, const std::string& address,
              std::chrono::milliseconds timeout);
  ~Connections();
  Connections(const Connections&) = delete;
  Connections& operator=(const Connections&) = delete;

  void set_timeout(std::chrono::milliseconds timeout);

  using Message = size_t;
  /// Begin to send or receive contiguous memory, which has to stay until the message is waited for.
  Message send(const at::Tensor& values, int to, int tag);
  Message receive(const at::Tensor& values, int from, int tag);
  void wait(Message message);
  /// Waits for all that was begun.
  void finish();

  /// gloo's own sum over the ranks.
  void sum(const at::Tensor& values);

  /// Ends what is waited for, here and on the other ranks, by exceptions. May be called by any thread.
  void close() noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace descent::distributed
