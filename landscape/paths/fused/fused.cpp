#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <sstream>
#include <stdexcept>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/matmul.h>

#include <descent/base/pass.h>
#include <descent/landscape/paths/fused/aligned.h>
#include <descent/landscape/paths/fused/chain.h>
#include <descent/landscape/paths/fused/fitting.h>
#include <descent/landscape/paths/fused/fused.h>
#include <descent/landscape/paths/fused/kernel.h>
#include <descent/landscape/paths/fused/packing.h>

namespace descent::landscape {
namespace {

using at::Tensor;
using Kernel = MetricTraits::Kernel;

/// First layers are multiplied out in advance where each of the four arrays (three shared, one a
/// worker) takes at most this share of the budget.
constexpr int64_t kShareInAdvance = 8;

/// Below these widths the piecewise kernel does not pay.
constexpr int64_t kLeastPiecewise = 8;

constexpr int64_t kMostCells = 65536;

/// The data are taken in parts of so many bytes where they are copied or multiplied.
constexpr int64_t kPartBytes = int64_t{1} << 20;

template <class T>
T largest(const std::vector<Tensor>& tensors) {
  T result = 0;
  for (const auto& tensor : tensors) {
    if (tensor.numel() == 0) continue;
    result = std::max({result, tensor.max().template item<T>(), -tensor.min().template item<T>()});
  }
  return result;
}

/// Whether every weight on the plane is a finite number with room to spare.
template <class T>
bool weights_stay_finite(const Plane& plane, const Axis& x, const Axis& y) {
  const double alpha = std::max(std::abs(x.lo), std::abs(x.hi));
  const double beta = std::max(std::abs(y.lo), std::abs(y.hi));
  const double most =
      largest<T>(plane.center) + alpha * largest<T>(plane.u) + beta * largest<T>(plane.v);
  return most < std::numeric_limits<T>::max() / 4;
}

template <class T>
class FusedOf : public Fused {
 public:
  /// Decides what is done; build() follows.
  FusedOf(const Problem& problem, const Axis& x, const Axis& y, std::vector<ChainLayer> chain,
          const Kernels<T>& kernels)
      : kernels_(kernels),
        problem_(problem),
        chain_(std::move(chain)),
        has_classes_(problem.metrics.front().traits.kernel != Kernel::Squares),
        ignores_(has_classes_ && ignores_any(problem.data)) {
    KernelJob<T>& job = multiplied_;
    for (const ChainLayer& layer : chain_) {
      const int64_t weight = layout_.add(layer.weight, layer.out, layer.in, layer.in);
      const int64_t bias = layer.bias ? layout_.add(layer.bias, 1, layer.out, layer.out) : -1;
      job.layers.push_back({layer.in, layer.out, weight, bias, layer.activations});
      job.widest = std::max({job.widest, layer.in, layer.out});
    }
    job.inputs = chain_.front().in;
    job.outputs = chain_.back().out;
    if (ignores_) {
      job.samples = static_cast<int64_t>(problem.batch_weights.total(0));
    } else {
      for (const Data& batch : problem.data) job.samples += batch.input.numel() / job.inputs;
    }
    job.parameters = layout_.size();
    for (const Metric& metric : problem.metrics) {
      job.count_right |= metric.traits.kernel == Kernel::Choices;
    }
    if (!has_classes_ && first_two_by_pieces() && weights_stay_finite<T>(problem.plane, x, y)) {
      plan_pieces();
    }
    const int64_t first = Blocks<T>::size(job.samples, chain_.front().out);
    if (job.inputs > 1 &&
        first * static_cast<int64_t>(sizeof(T)) <= problem.memory / kShareInAdvance) {
      first_size_ = first;
      if (needed_bytes() > problem.memory) first_size_ = 0;
    }
  }

  /// At least this much memory is needed: what is shared, and one worker or what build() makes
  /// besides.
  int64_t needed_bytes() const { return shared_bytes() + std::max(bytes(), passing_bytes()); }

  void build() {
    KernelJob<T>& job = multiplied_;
    const Plane& plane = problem_.plane;
    parameters_ = Packed<T>(layout_, plane);
    job.u = parameters_.u.data();
    if (has_classes_) {
      classes_.reserve(static_cast<size_t>(job.samples));
      for_rows(problem_.data, &Data::target, 1, part_rows(), ignores_, [&](const Tensor& rows) {
        const Tensor dense = rows.contiguous();
        const auto* from = dense.const_data_ptr<int64_t>();
        classes_.insert(classes_.end(), from, from + dense.numel());
      });
      job.classes = classes_.data();
    } else {
      target_ = Blocks<T>(job.samples, job.outputs);
      for_rows(problem_.data, &Data::target, job.outputs, part_rows(), ignores_,
               [&](const Tensor& rows) { target_.append(rows); });
      job.target = target_.data();
    }
    if (first_size_ > 0) {
      first_center_ = first_along(plane.center);
      first_u_ = first_along(plane.u);
      first_v_ = first_along(plane.v);
      job.first_u = first_u_.data();
    } else {
      input_ = Blocks<T>(job.samples, job.inputs);
      for_rows(problem_.data, &Data::input, job.inputs, part_rows(), ignores_,
               [&](const Tensor& rows) { input_.append(rows); });
      job.input = input_.data();
    }
    if (piecewise_.pieces.hidden > 0) build_pieces();
  }

  std::string description() const override {
    std::ostringstream text;
    text << "a chain of " << chain_.size() << " Linear under "
         << (has_classes_ ? "cross_entropy" : "mse");
    if (piecewise_.pieces.hidden > 0) text << ", the first two by pieces of the scalar input";
    if (multiplied_.first_u) text << ", the first affine in alpha and beta";
    return text.str();
  }

  std::string kernel() const override { return kernels_.name; }

  void prepare(int workers) override {
    while (workers_.size() < static_cast<size_t>(workers)) {
      workers_.push_back(std::make_unique<Worker>(*this));
    }
  }

  // Enough to pay for center + beta * v, few enough to share a small grid between the workers.
  int64_t chunk() const override { return 32; }

  int64_t bytes() const override {
    const KernelJob<T>& job = multiplied_;
    const Pieces& pieces = piecewise_.pieces;
    const int64_t numbers = 2 * job.parameters + first_size_ + 2 * job.widest * kBlock<T> +
                            2 * piecewise_.parameters + pieces.hidden + left_size() +
                            2 * pieces.width + rows_size() + partial_size();
    return numbers * static_cast<int64_t>(sizeof(T)) + 8 * pieces.hidden +
           8 * (piecewise_.samples + 1) + 16 * (piecewise_.samples / kChunk + 1);
  }

  int64_t shared_bytes() const override {
    const KernelJob<T>&job = multiplied_, &pieces = piecewise_;
    int64_t numbers = 3 * (job.parameters + first_size_ + pieces.parameters);
    if (first_size_ == 0) numbers += Blocks<T>::size(job.samples, job.inputs);
    if (!has_classes_) numbers += Blocks<T>::size(job.samples, job.outputs);
    if (pieces.pieces.hidden > 0) numbers += job.samples + pieces.sorted_stride * job.outputs;
    return numbers * static_cast<int64_t>(sizeof(T)) + (has_classes_ ? 8 * job.samples : 0) +
           4 * (pieces.cells + 1);
  }

  void measure(int worker_index, std::span<const Point> points, double* values,
               const tensors::Pulse&) override {
    Worker& worker = *workers_[static_cast<size_t>(worker_index)];
    for (size_t k = 0; k < points.size(); ++k) {
      const T alpha = static_cast<T>(points[k].x), beta = static_cast<T>(points[k].y);
      if (k == 0 || points[k].y != points[k - 1].y) worker.has_base = worker.has_piece_base = false;
      KernelValues value{std::numeric_limits<double>::quiet_NaN(), 0};
      if (piecewise_.pieces.hidden > 0) {
        value.loss = by_pieces(worker, alpha, beta);
      }
      // A sum over units may overflow where each unit does not.
      if (!std::isfinite(value.loss)) value = multiply(worker, alpha, beta);
      for (const Metric& metric : problem_.metrics) {
        *values++ = metric.traits.kernel == Kernel::Choices ? value.right : value.loss;
      }
    }
  }

 private:
  struct Worker {
    explicit Worker(const FusedOf& fused)
        : base(fused.multiplied_.parameters),
          theta(fused.multiplied_.parameters),
          first_base(fused.first_size_),
          panel0(fused.multiplied_.widest * kBlock<T>),
          panel1(fused.multiplied_.widest * kBlock<T>),
          piece_base(fused.piecewise_.parameters),
          piece_theta(fused.piecewise_.parameters),
          kink(fused.piecewise_.pieces.hidden),
          cell(fused.piecewise_.pieces.hidden),
          next(fused.piecewise_.pieces.hidden),
          first{Aligned<int32_t>(fused.piecewise_.samples + 1),
                Aligned<int32_t>(fused.piecewise_.samples + 1)},
          kinks{Aligned<uint64_t>(fused.piecewise_.samples / kChunk + 1),
                Aligned<uint64_t>(fused.piecewise_.samples / kChunk + 1)},
          left(fused.left_size()),
          right(2 * fused.piecewise_.pieces.width),
          rows(fused.rows_size()),
          partial(fused.partial_size()) {
      multiplied.base = base.data();
      multiplied.theta = theta.data();
      multiplied.first_base = first_base.data();
      multiplied.panel[0] = panel0.data();
      multiplied.panel[1] = panel1.data();
      piecewise = multiplied;
      piecewise.base = piece_base.data();
      piecewise.theta = piece_theta.data();
      piecewise.kink = kink.data();
      piecewise.cell = cell.data();
      piecewise.next = next.data();
      for (const int side : {kRight, kLeft}) {
        piecewise.side[side] = {kinks[side].data(), first[side].data()};
      }
      piecewise.left = left.data();
      piecewise.right = right.data();
      piecewise.rows = rows.data();
      piecewise.partial = partial.data();
    }
    Aligned<T> base, theta, first_base, panel0, panel1, piece_base, piece_theta, kink;
    Aligned<int32_t> cell, next, first[2];
    Aligned<uint64_t> kinks[2];
    Aligned<T> left, right, rows, partial;
    KernelScratch<T> multiplied{}, piecewise{};
    bool has_base = false, has_piece_base = false;  // of the present beta
  };

  int64_t left_size() const { return (piecewise_.pieces.hidden + 1) * 2 * 4 * kRow<T>; }
  int64_t rows_size() const {
    return piecewise_.pieces.folded ? 0 : kPart * piecewise_.pieces.width;
  }
  int64_t partial_size() const {
    return piecewise_.pieces.folded ? piecewise_.outputs * kPart * kRow<T> : 0;
  }

  KernelValues multiply(Worker& worker, T alpha, T beta) const {
    if (!worker.has_base) {
      // The first layer's weights are not needed where its pre-activations are at hand.
      const bool affine = multiplied_.first_u && multiplied_.layers.size() > 1;
      const int64_t from = affine ? multiplied_.layers[1].weight : 0;
      along_v(worker.base.data() + from, parameters_.center.data() + from,
              parameters_.v.data() + from, beta, multiplied_.parameters - from);
      along_v(worker.first_base.data(), first_center_.data(), first_v_.data(), beta, first_size_);
      worker.has_base = true;
    }
    return kernels_.multiply(multiplied_, worker.multiplied, alpha);
  }

  double by_pieces(Worker& worker, T alpha, T beta) const {
    if (!worker.has_piece_base) {
      along_v(worker.piece_base.data(), piece_parameters_.center.data(), piece_parameters_.v.data(),
              beta, piecewise_.parameters);
      worker.has_piece_base = true;
    }
    return kernels_.by_pieces(piecewise_, worker.piecewise, alpha);
  }

  void along_v(T* out, const T* center, const T* v, T beta, int64_t count) const {
    kernels_.combine(out, center, v, beta, count);
  }

  /// Rows of a part: few, so that a copy of it in double is small.
  int64_t part_rows() const {
    const int64_t numbers = chain_.front().in + 2 * chain_.front().out + chain_.back().out;
    return std::clamp<int64_t>(kPartBytes / (8 * numbers), 1, multiplied_.samples);
  }

  /// What build() makes and lets go again.
  int64_t passing_bytes() const {
    const ChainLayer& first = chain_.front();
    const int64_t copy = ignores_ ? first.in : 0;
    const int64_t part = part_rows() * (first.in + copy + 2 * first.out + chain_.back().out);
    const int64_t weight = first_size_ > 0 ? first.in * first.out : 0;
    return 8 * (part + weight + piecewise_.samples);
  }

  Blocks<T> first_along(const std::vector<Tensor>& tensors) const {
    const ChainLayer& layer = chain_.front();
    const Tensor weight = tensors[layer.weight].detach().to(at::kDouble).t();
    const Tensor bias = layer.bias ? tensors[*layer.bias].detach().to(at::kDouble) : Tensor();
    Blocks<T> result(multiplied_.samples, layer.out);
    for_rows(problem_.data, &Data::input, layer.in, part_rows(), ignores_, [&](const Tensor& rows) {
      Tensor product = at::matmul(rows.to(at::kDouble), weight);
      if (bias.defined()) product += bias;
      result.append(product);
    });
    return result;
  }

  bool first_two_by_pieces() const {
    if (chain_.size() < 2 || chain_[0].in != 1 || chain_[0].out < kLeastPiecewise ||
        chain_[1].out < kLeastPiecewise ||
        chain_[0].activations != std::vector<Activation>{Activation::ReLU} ||
        multiplied_.samples > std::numeric_limits<int32_t>::max()) {
      return false;
    }
    bool finite = true;
    for_rows(problem_.data, &Data::input, 1, part_rows(), ignores_,
             [&](const Tensor& rows) { finite = finite && at::isfinite(rows).all().item<bool>(); });
    return finite;
  }

  void plan_pieces() {
    KernelJob<T>& job = piecewise_;
    job = multiplied_;
    Pieces& p = job.pieces;
    const ChainLayer &first = chain_[0], &second = chain_[1];
    p.hidden = first.out;
    p.width = rounded_up(second.out, kRow<T>);
    p.folded = chain_.size() == 3 && chain_[2].out <= kMaxFolded && chain_[2].activations.empty() &&
               second.activations == std::vector<Activation>{Activation::ReLU};
    Layout& layout = piece_layout_;
    p.weight1 = layout.add(first.weight, 1, p.hidden, p.hidden);
    p.bias1 = layout.add(first.bias, 1, p.hidden, p.hidden);
    p.weight2 = layout.add(second.weight, p.hidden, second.out, p.width, /*transposed=*/true);
    p.bias2 = layout.add(second.bias, 1, second.out, p.width);
    for (size_t k = 2; k < chain_.size(); ++k) {
      const ChainLayer& layer = chain_[k];
      KernelLayer& placed = job.layers[k];
      const int64_t stride = p.folded ? p.width : layer.in;
      placed.weight = layout.add(layer.weight, layer.out, layer.in, stride);
      placed.bias = layout.add(layer.bias, 1, layer.out, layer.out);
    }
    if (p.folded) {
      p.weight3 = job.layers[2].weight;
      p.bias3 = job.layers[2].bias;
    }
    job.parameters = layout.size();
    job.sorted_stride = rounded_up(job.samples, kBlock<T>);
    // Many to a sample: a kink in a cell without a sample needs no search.
    job.cells = std::min(32 * job.samples, kMostCells);
  }

  void build_pieces() {
    KernelJob<T>& job = piecewise_;
    piece_parameters_ = Packed<T>(piece_layout_, problem_.plane);
    job.u = piece_parameters_.u.data();
    std::vector<int64_t> order(static_cast<size_t>(job.samples));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](int64_t a, int64_t b) { return input_.at(a, 0) < input_.at(b, 0); });
    sorted_input_ = Aligned<T>(job.samples);
    sorted_target_ = Aligned<T>(job.sorted_stride * job.outputs);
    for (int64_t n = 0; n < job.samples; ++n) {
      const int64_t from = order[static_cast<size_t>(n)];
      sorted_input_.data()[n] = input_.at(from, 0);
      for (int64_t o = 0; o < job.outputs; ++o) {
        sorted_target_.data()[o * job.sorted_stride + n] = target_.at(from, o);
      }
    }
    job.sorted_input = sorted_input_.data();
    job.sorted_target = sorted_target_.data();

    const T lowest = job.sorted_input[0], highest = job.sorted_input[job.samples - 1];
    job.cell_origin = lowest;
    job.cells_per_unit = static_cast<T>(job.cells) / (highest - lowest);
    if (!std::isfinite(job.cells_per_unit)) {
      job.cells = 1;
      job.cells_per_unit = 0;
    }
    first_in_cell_.assign(static_cast<size_t>(job.cells) + 1, static_cast<int32_t>(job.samples));
    int64_t cell = 0;
    for (int64_t n = 0; n < job.samples; ++n) {
      // The same arithmetic as in the kernel, so that its cells are never off by one.
      const T position = (job.sorted_input[n] - job.cell_origin) * job.cells_per_unit;
      const T most = static_cast<T>(job.cells - 1);
      const int64_t own = static_cast<int64_t>(position < most ? position : most);
      for (; cell <= own; ++cell)
        first_in_cell_[static_cast<size_t>(cell)] = static_cast<int32_t>(n);
    }
    job.first_in_cell = first_in_cell_.data();
  }

  const Kernels<T>& kernels_;
  const Problem& problem_;
  std::vector<ChainLayer> chain_;
  bool has_classes_, ignores_;  // and whether it ignores some of them
  KernelJob<T> multiplied_{}, piecewise_{};
  Layout layout_{kRow<T>}, piece_layout_{kRow<T>};
  Packed<T> parameters_, piece_parameters_;
  int64_t first_size_ = 0;  // 0: the first layer is multiplied for each network
  Blocks<T> input_, target_, first_center_, first_u_, first_v_;
  Aligned<T> sorted_input_, sorted_target_;
  std::vector<int64_t> classes_;
  std::vector<int32_t> first_in_cell_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

/// The kernels of the present pass; nullptr with the reason in `why_not` if that is the tensor
/// pass.
template <class T>
const Kernels<T>* chosen_kernels(std::string* why_not) {
  switch (current_pass()) {
    case Pass::V4:
      return kernels_v4<T>();
    case Pass::V3:
      return kernels_v3<T>();
    case Pass::Baseline:
      return kernels_baseline<T>();
    case Pass::Tensor:
      break;
  }
  *why_not = "the pass is tensor";
  return nullptr;
}

template <class T>
std::unique_ptr<Fused> fused_of(const Problem& problem, const Axis& x, const Axis& y,
                                std::vector<ChainLayer> chain, std::string* why_not) {
  const Kernels<T>* kernels = chosen_kernels<T>(why_not);
  if (!kernels) return nullptr;
  auto fused = std::make_unique<FusedOf<T>>(problem, x, y, std::move(chain), *kernels);
  *why_not = over_budget(fused->needed_bytes(), problem.memory);
  if (!why_not->empty()) return nullptr;
  fused->build();
  return fused;
}

}  // namespace

std::unique_ptr<Fused> Fused::of(const Problem& problem, const std::vector<Tensor>& predictions,
                                 const Axis& x, const Axis& y, std::string* why_not) {
  auto chain = fitting_chain(problem.model, problem.metrics, problem.plane.center, problem.data,
                             predictions, why_not);
  if (!chain) return nullptr;
  const at::ScalarType type = problem.plane.center[0].scalar_type();
  if (type == at::kFloat) return fused_of<float>(problem, x, y, std::move(*chain), why_not);
  return fused_of<double>(problem, x, y, std::move(*chain), why_not);
}

}  // namespace descent::landscape
