#include "stand_in.h"

#include <atomic>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <ATen/EmptyTensor.h>
#include <ATen/core/Tensor.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <ATen/native/CPUFallback.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/view_native.h>
#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <c10/core/impl/alloc_cpu.h>
#include <torch/library.h>

namespace descent::stand_in {
namespace {

using at::IntArrayRef;
using at::Tensor;
using std::optional;

constexpr c10::DeviceType kType = c10::DeviceType::PrivateUse1;
thread_local c10::DeviceIndex current = 0;
std::atomic<int64_t> waited{0};
Graph* captured = nullptr;
bool is_delayed = false;

/// What the host must not do while a graph is captured.
void wait(const char* what) {
  TORCH_CHECK(captured == nullptr, "stand-in: ", what, " while a graph is captured");
  ++waited;
}

/// Copies of the operations that the CPU computes here are no copies that a program asked for.
thread_local int inside = 0;

struct Piece {
  void* start;
  size_t bytes;
  c10::Device device;
};

std::map<void*, Piece*> pieces;  // that are in use
std::mutex of_pieces;

void free_piece(void* context) {
  auto* const piece = static_cast<Piece*>(context);
  c10::reportMemoryUsageToProfiler(piece->start, -static_cast<int64_t>(piece->bytes), 0, 0,
                                   piece->device);
  {
    const std::lock_guard lock(of_pieces);
    pieces.erase(piece->start);
  }
  if (captured != nullptr)
    captured->keep(piece->start);
  else
    c10::free_cpu(piece->start);
  delete piece;
}

struct Memory final : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) override {
    const c10::Device here(kType, current);
    if (bytes == 0) return {nullptr, here};
    auto* const piece = new Piece{c10::alloc_cpu(bytes), bytes, here};
    c10::reportMemoryUsageToProfiler(piece->start, static_cast<int64_t>(bytes), 0, 0, here);
    const std::lock_guard lock(of_pieces);
    pieces[piece->start] = piece;
    return {piece->start, piece, &free_piece, here};
  }
  void copy_data(void* to, const void* from, size_t count) const override {
    default_copy_data(to, from, count);
  }
} memory;

struct Guard final : c10::impl::DeviceGuardImplInterface {
  c10::DeviceType type() const override { return kType; }
  c10::Device exchangeDevice(c10::Device device) const override {
    const c10::Device before = getDevice();
    setDevice(device);
    return before;
  }
  c10::Device getDevice() const override { return {kType, current}; }
  void setDevice(c10::Device device) const override { uncheckedSetDevice(device); }
  void uncheckedSetDevice(c10::Device device) const noexcept override {
    current = device.has_index() ? device.index() : c10::DeviceIndex{0};
  }
  c10::Stream getStream(c10::Device device) const override {
    return c10::Stream(c10::Stream::DEFAULT, device.has_index() ? device : getDevice());
  }
  c10::Stream getDefaultStream(c10::Device device) const override { return getStream(device); }
  c10::Stream getNewStream(c10::Device device, int) const override { return getStream(device); }
  c10::Stream exchangeStream(c10::Stream stream) const override { return stream; }
  c10::DeviceIndex deviceCount() const noexcept override { return 2; }
  void record(void**, const c10::Stream&, c10::DeviceIndex, c10::EventFlag) const override {}
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void*) const override {
    TORCH_CHECK(captured == nullptr, "stand-in: an event is asked for while a graph is captured");
    return !is_delayed;
  }
  void synchronizeEvent(void*) const override {
    if (is_delayed) wait("an event is waited for");
  }
  bool isStreamCapturing(const c10::Stream&) const override { return captured != nullptr; }
};
C10_REGISTER_GUARD_IMPL(PrivateUse1, Guard);

/// Of the host, for copies that nobody waits for.
struct Pinned final : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) override {
    c10::DataPtr data = c10::GetCPUAllocator()->allocate(bytes);
    starts.insert(data.get());
    return data;
  }
  void copy_data(void* to, const void* from, size_t count) const override {
    default_copy_data(to, from, count);
  }
  std::set<const void*> starts{};  // a number of them may be free again
} pinned;

/// What backward() asks of a device.
struct Hooks final : at::PrivateUse1HooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  c10::Allocator* getPinnedMemoryAllocator() const override { return &pinned; }
} hooks;

/// The same memory as a tensor of the CPU.
Tensor on_host(const Tensor& x) {
  if (x.is_cpu()) return x;
  Tensor alias = at::from_blob(const_cast<void*>(x.const_data_ptr()), x.sizes(), x.strides(),
                               at::TensorOptions(at::kCPU).dtype(x.dtype()));
  if (x.is_conj()) alias = alias.conj();
  return x.is_neg() ? alias._neg_view() : alias;
}

Tensor empty(IntArrayRef sizes, optional<at::ScalarType> type, optional<at::Layout>,
             optional<at::Device> device, optional<bool>, optional<at::MemoryFormat> format) {
  const c10::OptionalDeviceGuard guard(device);
  return at::detail::empty_generic(sizes, &memory,
                                   c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                   c10::dtype_or_default(type), format);
}

Tensor empty_strided(IntArrayRef sizes, IntArrayRef strides, optional<at::ScalarType> type,
                     optional<at::Layout>, optional<at::Device> device, optional<bool>) {
  const c10::OptionalDeviceGuard guard(device);
  return at::detail::empty_strided_generic(sizes, strides, &memory,
                                           c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                           c10::dtype_or_default(type));
}

const Tensor& resize(const Tensor& x, IntArrayRef sizes, optional<at::MemoryFormat>) {
  auto* const impl = x.unsafeGetTensorImpl();
  impl->set_sizes_contiguous(sizes);
  const auto bytes = static_cast<size_t>(x.numel() + x.storage_offset()) * x.element_size();
  const c10::Storage& storage = x.storage();
  if (storage.nbytes() >= bytes) return x;
  const c10::DeviceGuard guard(x.device());
  c10::DataPtr larger = memory.allocate(bytes);
  if (storage.nbytes() > 0) memory.copy_data(larger.get(), storage.data(), storage.nbytes());
  storage.unsafeGetStorageImpl()->set_data_ptr(std::move(larger));
  storage.unsafeGetStorageImpl()->set_nbytes(bytes);
  return x;
}

Tensor copy_from(const Tensor& from, const Tensor& to, bool non_blocking) {
  const auto waits_not = [&](const Tensor& host) {
    return non_blocking && pinned.starts.count(host.const_data_ptr()) > 0;
  };
  if (inside == 0 && to.is_cpu() && !waits_not(to)) wait("a copy to the host");
  if (inside == 0 && from.is_cpu() && captured != nullptr && !waits_not(from))
    wait("a copy from the host");
  const auto copy = [=] { on_host(to).copy_(on_host(from)); };
  copy();
  if (inside == 0 && captured != nullptr) captured->add(copy);
  return to;
}

Tensor copy_from_and_resize(const Tensor& from, const Tensor& to) {
  if (to.sizes() != from.sizes()) to.resize_(from.sizes());
  return copy_from(from, to, false);
}

at::Scalar number_of(const Tensor& x) {
  if (inside == 0) wait("a number is read");
  return on_host(x).item();
}

void run_on_the_cpu(const c10::OperatorHandle& operation, torch::jit::Stack* stack) {
  ++inside;
  try {
    at::native::cpu_fallback(operation, stack);
  } catch (...) {
    --inside;
    throw;
  }
  --inside;
}

/// Puts the tensors of `from` where those of `to` are.
void copy_all(const torch::jit::Stack& from, const torch::jit::Stack& to) {
  const auto copy = [](const Tensor& x, const Tensor& y) {
    if (!y.defined() || x.is_same(y)) return;
    TORCH_CHECK(x.sizes() == y.sizes(), "stand-in: another size in a replay");
    on_host(y).copy_(on_host(x));
  };
  for (size_t i = 0; i < to.size(); ++i) {
    if (to[i].isTensor()) copy(from[i].toTensor(), to[i].toTensor());
    if (!to[i].isTensorList()) continue;
    const auto x = from[i].toTensorVector(), y = to[i].toTensorVector();
    for (size_t j = 0; j < y.size(); ++j) copy(x[j], y[j]);
  }
}

void on_the_cpu(const c10::OperatorHandle& operation, torch::jit::Stack* stack) {
  if (captured == nullptr || inside > 0) return run_on_the_cpu(operation, stack);
  const size_t count = operation.schema().arguments().size();
  const torch::jit::Stack given(stack->end() - static_cast<std::ptrdiff_t>(count), stack->end());
  run_on_the_cpu(operation, stack);
  const size_t results = operation.schema().returns().size();
  const torch::jit::Stack made(stack->end() - static_cast<std::ptrdiff_t>(results), stack->end());
  captured->add([=] {
    torch::jit::Stack again = given;
    run_on_the_cpu(operation, &again);
    copy_all(again, made);
  });
}

TORCH_LIBRARY_IMPL(_, PrivateUse1, m) {
  m.fallback(torch::CppFunction::makeFromBoxedFunction<&on_the_cpu>());
}

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  m.impl("empty.memory_format", &empty);
  m.impl("empty_strided", &empty_strided);
  m.impl("as_strided", &at::native::as_strided_tensorimpl);
  m.impl("view", &at::native::view);
  m.impl("_reshape_alias", &at::native::_reshape_alias);
  m.impl("resize_", &resize);
  m.impl("_copy_from", &copy_from);
  m.impl("_copy_from_and_resize", &copy_from_and_resize);
  m.impl("_local_scalar_dense", &number_of);
}

}  // namespace

c10::Device device(c10::DeviceIndex index) {
  static const bool once = [] {
    c10::SetAllocator(kType, &memory);
    c10::register_privateuse1_backend("stand_in");
    at::RegisterPrivateUse1HooksInterface(&hooks);
    return true;
  }();
  static_cast<void>(once);
  return {kType, index};
}

int64_t waits() { return waited; }

Graph::~Graph() {
  for (void* const start : memory_) c10::free_cpu(start);
}
void Graph::replay() const {
  for (const auto& work : works_) work();
}

// Operations have to make what those after them look at, so they do happen, and are undone.
Capture::Capture(Graph& graph) {
  for (const auto& [start, piece] : pieces) {
    const auto* const bytes = static_cast<const char*>(start);
    before_.emplace_back(start, std::vector<char>(bytes, bytes + piece->bytes));
  }
  captured = &graph;
}
Capture::~Capture() {
  captured = nullptr;
  for (const auto& [start, bytes] : before_)
    if (pieces.count(start) > 0) std::memcpy(start, bytes.data(), bytes.size());
}
Graph* Capture::now() { return captured; }

Delay::Delay() { is_delayed = true; }
Delay::~Delay() { is_delayed = false; }

}  // namespace descent::stand_in
