#pragma once
// Steps that a device skips by itself, because it has found infinite gradients. Private to the engine.
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/Event.h>
#include <c10/core/Stream.h>

namespace descent::engine {

/// How many steps devices have skipped. They tell when the host has long gone on: its last steps are
/// open until then. Whatever took part in the same steps shares one of these.
class Skips {
 public:
  /// At most so many steps are open when the next one begins: its numbers are made for every count.
  static constexpr int64_t kMostOpen = 7;

  /// Of a step of so many parameters on these devices.
  Skips(size_t members, std::vector<at::Device> devices);
  size_t members() const { return members_; }
  const std::vector<at::Device>& devices() const { return devices_; }

  /// On that device, one int32: how many were skipped until there. It counts from the first begin() on.
  const at::Tensor& count(at::Device device) const;
  /// How many the host knows to be skipped.
  int64_t known() const { return known_; }
  /// Steps of which it does not know.
  int64_t open() const { return begun_ - heard_; }

  /// Takes what devices have told, and waits for what is too old.
  void listen();
  /// One more step, on the current streams of the devices.
  void begin();
  /// Lets the device tell how many of the steps that have begun it has skipped, when it is there.
  void ask();
  /// Waits until no step is open.
  void settle();

 private:
  struct Answer {
    at::Tensor count;  ///< on the host, right from the event on
    c10::Event event;
    int64_t begun;
  };
  void hear();

  size_t members_;
  std::vector<at::Device> devices_;
  std::vector<at::Tensor> counts_{};  ///< of each device
  std::optional<c10::Stream> stream_{};
  std::deque<Answer> answers_{};
  int64_t begun_ = 0, heard_ = 0, known_ = 0;
};

/// What a count of steps holds too many as long as steps are open.
class OpenSteps {
 public:
  bool are_of(const std::shared_ptr<Skips>& skips) const { return skips_ == skips; }
  /// From the next step on, and until it joins others.
  void join(int64_t& count, std::shared_ptr<Skips> skips);
  /// Takes off what is known.
  void update(int64_t& count);
  /// Makes the count right.
  void settle(int64_t& count);

 private:
  std::shared_ptr<Skips> skips_;
  int64_t known_ = 0;
};

}  // namespace descent::engine
