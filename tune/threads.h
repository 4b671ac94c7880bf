#pragma once

namespace descent {

/// While it lives, threads may ask for LibTorch to work on one thread in them; the setting of the
/// thread that made it comes back in the end.
class OneThreadEach {
 public:
  OneThreadEach();
  ~OneThreadEach();
  OneThreadEach(const OneThreadEach&) = delete;
  OneThreadEach& operator=(const OneThreadEach&) = delete;

  /// From now on LibTorch's operations stay on the calling thread.
  static void here();

 private:
  int threads_;
};

}  // namespace descent
