#pragma once
// A device that every machine has, in the place of a GPU: LibTorch takes its tensors for tensors of
// another device, and every copy to the host, for which a program would wait there, is counted. Its
// memory is the host's, so that operations give the CPU's bits.
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include <c10/core/Device.h>

namespace descent::stand_in {

/// One of two.
c10::Device device(c10::DeviceIndex index = 0);

/// How often the host has waited for the device until now, above all for numbers and tensors that it
/// copied from there.
int64_t waits();

/// What the device has to do, in order. As with a graph of CUDA, nothing of it happens while it is
/// captured, all of it happens in each replay, and memory that it needs stays.
class Graph {
 public:
  Graph() = default;
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  void add(std::function<void()> work) { works_.push_back(std::move(work)); }
  void keep(void* memory) { memory_.push_back(memory); }
  void replay() const;

 private:
  std::vector<std::function<void()>> works_;
  std::vector<void*> memory_;
};

/// While one lives, the device's stream is being captured, into that graph. To wait for the device is
/// an error then.
class Capture {
 public:
  explicit Capture(Graph& graph);
  Capture() : Capture(own_) {}
  ~Capture();
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  /// Null: nothing is captured.
  static Graph* now();

 private:
  Graph own_;
  std::vector<std::pair<void*, std::vector<char>>> before_;
};

/// While one lives, the device does not tell that it has come to an event; who waits for it does.
struct Delay {
  Delay();
  ~Delay();
  Delay(const Delay&) = delete;
  Delay& operator=(const Delay&) = delete;
};

}  // namespace descent::stand_in
