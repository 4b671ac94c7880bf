#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include <descent/tune/train_many.h>
#include <descent/tune/tune.h>

namespace descent {

/// A training that tune() makes again and again, as train_many() makes it: a copy of a network, from
/// the same weights on.
struct Training {
  Network network;
  Metric loss;
  Batches data;
  std::string optimizer;  ///< its name
  int64_t steps = 0;      ///< must be given

  OptionValues options{};          ///< of the optimizer, beside those of the space
  std::optional<uint64_t> seed{};  ///< of the initial weights, as in Candidate
  double scale = 1;                ///< the same
  Schedule schedule = ConstantLR{.factor = 1};
  double limit = 1e6;      ///< as in TrainManyOptions
  Path path = Path::Auto;  ///< the same, without Batched: trials begin one by one
};

/// A study whose trials are such trainings. Those of chains of Linear and activations are fused, so
/// that thousands of trials are a matter of seconds:
///
///   auto study = descent::tune(
///       {{"lr", descent::LogRange{1e-4, 1}}, {"weight_decay", descent::LogRange{1e-6, 0.1}}},
///       descent::Training{*net, descent::mse, {x, y}, "adamw", 500},
///       {.method = descent::GridSearch{.points = 32}, .threads = 2});
///
/// The space's parameters are what a map's axes are: options of the optimizer, those of one layer
/// ("2.lr"), and "scale", that of the initial weights. A trial's value is the loss of the last
/// weights, infinite if the training has diverged. Three trainings are compared with single ones ahead
/// of the first trial, as in train_many(). StudyOptions::subject is completed by what tells the
/// training from others, so that a journal of another one is refused.
///
/// Throws what tune() and train_many() throw, and std::invalid_argument for methods that give trials
/// up by their reports (halving, hyperband, asha), since these trials make none, for
/// StudyOptions::optimizer, which the training has, and for a parameter whose option is given beside
/// the space.
Study tune(Space space, const Training& training, StudyOptions options = {});

}  // namespace descent
