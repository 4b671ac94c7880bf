#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <descent/sharing/store.h>

namespace descent {

/// How the tensors of all ranks are added.
enum class Sum {
  Ordered,  ///< as a balanced tree in the order of ranks, whose bits depend on nothing else
  Backend   ///< as gloo or NCCL does it; the bits depend on sizes and on the number of ranks
};

struct WorldOptions {
  /// How long one call, or the meeting of all ranks, waits for the others.
  std::chrono::milliseconds timeout = std::chrono::minutes(5);
  /// This machine's, for the others to connect to. Empty: those of the interfaces that
  /// GLOO_SOCKET_IFNAME names, or else the one by which this machine reaches MASTER_ADDR.
  std::string address{};
  /// Up to so many ranks, each sends to all others; above it sums go over rows and columns of ranks,
  /// with the same bits, where the number of ranks is even.
  int direct_up_to = 64;
};

/// Processes that train together, on LibTorch's c10d: every one has a rank. All member functions but
/// rank(), size(), store() and close() are collective: all ranks call the same ones with tensors of
/// the same sizes in the same order, from one thread at a time. Calls that do not fit together, a rank
/// that is gone and a network that is down end in a WorldError on all ranks, within the time-out.
/// Tensors are on the CPU, of any number type and any strides.
///
///   auto world = descent::World::from_environment({.timeout = std::chrono::minutes(1)});
///   world.sum(t);
class World {
 public:
  /// Meets the others as a launcher's variables say: RANK, WORLD_SIZE (set by hand or by torchrun), or
  /// what Open MPI, MPICH and Intel MPI (PMI) and SLURM's srun set, with MASTER_ADDR and MASTER_PORT.
  /// Rank 0 serves the port. Without such variables this is a world of one. Throws WorldError: names
  /// the variables that are wrong or missing, the ranks that did not come, and those that are other
  /// programs or were built with other versions.
  static World from_environment(const WorldOptions& options = {});

  /// The processes of a group that Python's torch.distributed has made, by its group_name ("0" for the
  /// first): connections of our own between the same ranks. Sum::Backend is that group's, on any
  /// device that it serves, with its time-out; twins have gloo's. Collective.
  static World from_python(const std::string& group, const WorldOptions& options = {});

  World(World&&) noexcept;
  World& operator=(World&&) noexcept;
  ~World();

  int rank() const;
  int size() const;
  /// A table that all ranks share. Behind a cut cable, what is asked of it waits for the system's
  /// connection to end.
  Store store() const;
  /// Other connections between the same ranks, for another thread. Where one of them fails, this and
  /// all its twins have failed. Collective.
  World twin();

  /// Adds the tensors of all ranks, in place: all get the same bits. They hold real numbers of a type
  /// that can be added: not of 8 bits in floating point.
  void sum(const at::Tensor& values, Sum how = Sum::Ordered);
  /// The sum divided by the number of ranks, for floating point.
  void mean(const at::Tensor& values, Sum how = Sum::Ordered);
  /// Gives all ranks the values of one.
  void broadcast(const at::Tensor& values, int from = 0);
  /// Gives all ranks a contiguous tensor whose flat piece [bounds[r], bounds[r + 1]) is that of rank r.
  void gather_pieces(const at::Tensor& values, const std::vector<int64_t>& bounds);
  /// Gives all ranks contiguous tensors, of which the k-th is that of rank owners[k].
  void gather(const std::vector<at::Tensor>& tensors, const std::vector<int>& owners);
  /// Returns when all ranks have called it.
  void barrier();

  /// Closes the connections, and not those of twins: what any rank waits for, or begins later, fails.
  /// For the other threads of a process that cannot go on; an exception that ends the World does the
  /// same.
  void close() noexcept;

 private:
  struct Impl;
  explicit World(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace descent
