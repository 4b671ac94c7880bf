#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <descent/landscape/curvature/curvature.h>
#include <descent/landscape/network/parameters.h>
#include <descent/tensors/one_thread.h>

namespace descent::landscape {

/// The Hessian of a loss at a network's present weights, by its products with vectors. A vector has
/// the entries of the parameters in question, one after the other.
class Hessian {
 public:
  /// `who` opens the messages. Throws as curvature.h says.
  Hessian(const char* who, const Network& network, const Metric& loss, const Batches& data,
          const CurvatureOptions& options);

  const char* who() const { return who_; }
  int64_t size() const { return size_; }
  /// Of vectors in the parameters' own type, at least float32.
  at::TensorOptions vectors() const;

  double loss() const { return loss_at_center_; }
  const at::Tensor& gradient() const { return gradient_; }  ///< in double
  double loss_at(const at::Tensor& step);                   ///< at theta + step

  /// H v, of v's type.
  at::Tensor times(const at::Tensor& v);

  at::Tensor joined(const std::vector<at::Tensor>& tensors) const;
  /// As Plane::center; zero for parameters that are not in question.
  std::vector<at::Tensor> split(const at::Tensor& vector) const;
  const Parameters& all() const { return all_; }
  const std::vector<bool>& frozen() const { return frozen_; }  ///< those that do not count

  /// Says how many products each of the parts of the work takes at most; the first part begins.
  void plan(std::vector<int64_t> parts);
  void next_part();
  bool stopped() const { return stopped_; }  ///< by on_progress

 private:
  static constexpr int64_t kNotChosen = -1;

  /// The gradient of one batch's share of the loss, with its graph.
  struct Share {
    at::Tensor loss;
    std::vector<at::Tensor> gradient;  // undefined where the loss does not depend on a parameter
  };
  /// A batch, and its part of the mean over all of them.
  struct Batch {
    Data data;
    double part;
  };
  Share share(const Batch& batch) const;
  at::Tensor value(const Batch& batch) const;
  std::vector<at::Tensor> differentiated(const std::vector<at::Tensor>& outputs,
                                         const std::vector<at::Tensor>& by, bool again,
                                         bool keep) const;
  /// The entries of a parameter of the network, in its shape.
  at::Tensor part(const at::Tensor& vector, size_t slot) const;
  /// Adds the derivatives by parameters_ to a vector.
  void add(const std::vector<at::Tensor>& derivatives, const at::Tensor& to) const;
  void report();

  tensors::OneThread one_;  // so that bits do not depend on the number of threads
  const char* who_;
  const Metric& metric_;
  std::vector<Batch> data_;  // those of which something counts
  const CurvatureOptions& options_;
  Parameters all_;                // of the network
  std::vector<bool> frozen_;      // of these
  std::vector<int64_t> first_;    // where the entries of each begin in a vector, or kNotChosen
  std::unique_ptr<Model> model_;  // the clone
  std::vector<at::Tensor> parameters_;  // its distinct ones that are in question
  std::vector<size_t> slots_;           // which of the network's each of them is
  int64_t size_ = 0;
  double loss_at_center_ = 0;
  at::Tensor gradient_;
  Share kept_;  // of data in one batch, whose graph serves every product

  std::vector<int64_t> parts_;
  size_t part_ = 0;
  int64_t done_ = 0;  // of this part
  bool stopped_ = false;
};

}  // namespace descent::landscape
