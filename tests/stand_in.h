#pragma once
// A device that every machine has, in the place of a GPU: LibTorch takes its tensors for tensors of
// another device, and every copy to the host, for which a program would wait there, is counted. Its
// memory is the host's, so that operations give the CPU's bits.
#include <cstdint>

#include <c10/core/Device.h>

namespace descent::stand_in {

/// One of two.
c10::Device device(c10::DeviceIndex index = 0);

/// Numbers and tensors that were copied from the device to the host until now.
int64_t waits();

/// While one lives, the device's stream is being captured into a graph.
struct Capture {
  Capture();
  ~Capture();
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;
};

}  // namespace descent::stand_in
