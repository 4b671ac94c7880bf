#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <descent/landscape/data/data.h>
#include <descent/landscape/data/metric.h>
#include <descent/networks.h>

namespace CLI {
class App;
}

/// The network, the data and what is measured.
namespace descent::cli {

struct Inputs {
  std::filesystem::path model_file, data_file;
  std::filesystem::path weights_file, library;  ///< empty: none
  std::string output{};                         ///< of the network; empty: the only one
  std::string parameters{};                     ///< those that move; empty: all
  std::optional<double> scale{};                ///< of inputs
  at::Device device = at::kCPU;                 ///< of network and data
  std::vector<Metric> metrics{};                ///< the loss first
  std::shared_ptr<SavedNetwork> model{};        ///< read by load_inputs(), as the data
  Batches data{std::vector<Data>{}};
  std::string note{};  ///< what there is to say of the training mode; "": nothing
};

/// None of the options is required. `moving` is the help of --parameters, ahead of how they are
/// written.
void add_inputs(CLI::App& command, Inputs& inputs, const std::string& moving);

/// Reads the files of the network and of the data.
void load_inputs(Inputs& inputs);

/// The same for training: without --loss it is chosen by the targets, and the network is in training
/// mode, if it has one.
void load_training_inputs(Inputs& inputs);
/// What there is to say of that in the help of --loss.
void describe_usual_loss(CLI::App& command);

/// Whether the network has this mode, in which it is then.
bool switch_mode(SavedNetwork& network, bool training);

/// A network of --plane, on the device of that of --model: a file of its own, or other weights.
std::shared_ptr<SavedNetwork> other_network(const SavedNetwork& model,
                                            const std::filesystem::path& file);

}  // namespace descent::cli
