// Training by several processes: the bits of one, whatever the number of ranks and the buckets.
#include <chrono>
#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <signal.h>
#include <torch/nn/modules/linear.h>
#include <torch/optim/optimizer.h>
#include <torch/types.h>
#include <torch/utils.h>
#include <unistd.h>

#include <descent/base/atomic_file.h>
#include <descent/distributed.h>
#include <descent/optim.h>
#include <descent/optim/optimizer/registry.h>
#include <descent/optim/wrappers/lookahead.h>

#include "../processes.h"

namespace data_parallel_test {
namespace {

using namespace std::chrono_literals;
using descent::DataParallel;
using descent::World;
using descent::WorldError;
using processes::Arguments;
using processes::Ended;
using processes::Role;
using processes::Running;
using processes::say;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

void require(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what);
}

/// Some layers, a parameter that only shard 1 uses, one that none uses, and two whose gradients come
/// in another order on every second rank.
struct Net : torch::nn::Module {
  explicit Net(int64_t width = 12)
      : in(register_module("in", torch::nn::Linear(8, width))),
        out(register_module("out", torch::nn::Linear(width, 1))),
        rare(register_parameter("rare", torch::randn({5}))),
        never(register_parameter("never", torch::randn({3, 2}))),
        left(register_parameter("left", torch::randn({8}))),
        right(register_parameter("right", torch::randn({8}))),
        seen(register_buffer("seen", torch::randn({2}))) {}

  at::Tensor loss(const at::Tensor& x, int64_t shard, int rank) {
    at::Tensor sides[2];
    for (int i = 0; i < 2; ++i) {
      const int side = (i + rank) % 2;
      sides[side] = (x * (side == 0 ? left : right)).sin();
    }
    at::Tensor y = out(torch::tanh(in(sides[0] + sides[1])));
    if (shard == 1) y = y + rare.prod();
    return (y - x.sin().sum(1, true)).square().mean();
  }

  torch::nn::Linear in, out;
  at::Tensor rare, never, left, right, seen;
};

at::Tensor batch(int64_t step) {
  return at::randn({32, 8}, at::make_generator<at::CPUGeneratorImpl>(1000 + step));
}

uint64_t hash_of(const void* data, size_t n, uint64_t hash = 14695981039346656037ULL) {
  const auto* const bytes = static_cast<const unsigned char*>(data);
  for (size_t i = 0; i < n; ++i) hash = (hash ^ bytes[i]) * 1099511628211ULL;
  return hash;
}

std::string hash_of(const torch::nn::Module& net) {
  uint64_t hash = 0;
  for (const at::Tensor& p : net.parameters()) hash = hash_of(p.data_ptr(), p.nbytes(), hash);
  for (const at::Tensor& b : net.buffers()) hash = hash_of(b.data_ptr(), b.nbytes(), hash);
  return std::to_string(hash);
}

/// What a closure returns: the same on all ranks.
double mean_loss(World& world, const std::vector<double>& own, int64_t shards) {
  at::Tensor all = at::zeros({shards}, at::kDouble);
  const int64_t each = shards / world.size();
  std::vector<int64_t> bounds;
  for (int r = 0; r <= world.size(); ++r) bounds.push_back(r * each);
  for (int64_t i = 0; i < each; ++i) all[world.rank() * each + i] = own[i];
  world.gather_pieces(all, bounds);
  return all.mean().item<double>();
}

/// Whether Sharded has to refuse a rule.
bool looks_at_all(const descent::engine::RuleTable& rule) {
  const auto options = rule.make_options(nullptr);
  return rule.weigh != nullptr || rule.needs_loss || rule.change_mode != nullptr ||
         (rule.joins_group != nullptr && rule.joins_group(options.get())) ||
         (rule.look_ahead != nullptr && rule.look_ahead(options.get()) != 0);
}

/// The parameters that a rule takes: some work on matrices alone.
std::vector<at::Tensor> taken_by(const descent::engine::RuleTable& rule, const Net& net) {
  std::vector<at::Tensor> parameters = net.parameters();
  if (rule.tensor_update != nullptr)
    std::erase_if(parameters, [](const at::Tensor& p) { return p.dim() != 2; });
  return parameters;
}

/// BYTES whole|sharded: buckets of so many bytes; of 32, most parameters have one of their own, so that
/// those of `left` and `right` are full in another order on every second rank. One line for each rule: hashes of the weights and of the checkpoint.
const Role every_rule("every rule", [](const Arguments& arguments) {
  auto world = World::from_environment({.timeout = 120s});
  const int64_t bytes = std::stoll(arguments.at(0));
  const bool sharded = arguments.at(1) == "sharded";
  constexpr int64_t kShards = 4;
  const auto file =
      std::filesystem::temp_directory_path() / ("descent-checkpoint-" + std::to_string(::getpid()));
  torch::manual_seed(world.rank());
  Net net;
  // Once, because each has connections of its own, which take a second.
  DataParallel parallel(net, world,
                        {.shards = kShards, .bucket_bytes = bytes, .first_bucket_bytes = bytes});
  std::vector<at::Tensor> numbers = net.parameters(), first;
  for (const at::Tensor& b : net.buffers()) numbers.push_back(b);
  for (const at::Tensor& x : numbers) first.push_back(x.detach().clone());
  for (const auto* rule : descent::optimizers()) {
    {
      const at::NoGradGuard no_grad;
      for (size_t i = 0; i < numbers.size(); ++i) numbers[i].copy_(first[i]);
    }
    auto own = descent::make_optimizer(rule->about.key, taken_by(*rule, net));
    std::unique_ptr<descent::Sharded> wrapper;
    if (sharded && !looks_at_all(*rule)) wrapper = std::make_unique<descent::Sharded>(*own, world);
    const auto opt = [&]() -> torch::optim::Optimizer& {
      return wrapper ? *wrapper : own->as_libtorch();
    };
    for (int64_t step = 0; step < 3; ++step) {
      const auto parts = batch(step).chunk(kShards);
      std::vector<double> losses;
      for (const int64_t shard : parallel.shards()) {
        const at::Tensor loss = net.loss(parts[shard], shard, world.rank());
        parallel.backward(loss);
        losses.push_back(loss.item<double>());
      }
      parallel.finish();
      require(net.rare.grad().defined() && !net.never.grad().defined(), "gradients that some have");
      const double mean = mean_loss(world, losses, kShards);
      opt().step([&] { return at::scalar_tensor(mean, at::kDouble); });
      require(net.rare.grad().defined(), "gradients are where they were");
      net.zero_grad();
      for (const at::Tensor& p : taken_by(*rule, net))
        require(!wrapper || wrapper->kept(p).first < wrapper->kept(p).second ||
                    own->state_of(p) == nullptr,
                "the state of another rank's parameter");
      if (wrapper && step == 1) {
        // A checkpoint in between, into an optimizer that has done nothing.
        descent::save_archive([&](auto& archive) { wrapper->save(archive); }, file);
        if (world.rank() == 0) world.store().set("saved", descent::read_file(file));
        world.barrier();
        descent::write_atomically(file, world.store().get("saved"));
        wrapper.reset();
        own = descent::make_optimizer(rule->about.key, taken_by(*rule, net));
        wrapper = std::make_unique<descent::Sharded>(*own, world);
        descent::load_archive([&](auto& archive) { wrapper->load(archive); }, file);
      }
    }
    if (wrapper)
      descent::save(*wrapper, file);
    else
      descent::save(*own, file);
    const std::string saved = descent::read_file(file);
    // Of what is spread, only rank 0 has all.
    at::Tensor hash =
        at::full({1}, static_cast<int64_t>(hash_of(saved.data(), saved.size())), at::kLong);
    if (wrapper) world.broadcast(hash);
    say(rule->about.key + std::string(" ") + hash_of(net) + " " +
        std::to_string(hash.item<int64_t>()));
  }
  std::filesystem::remove(file);
  world.barrier();
});

/// Starts worlds of these sizes; all processes of all of them have to say the same.
std::string the_same(const std::string& role, const std::vector<int>& sizes,
                     const std::vector<Arguments>& ways) {
  std::set<std::string> said;
  for (const int size : sizes) {
    for (const Arguments& arguments : ways) {
      for (const Ended& ended : processes::world(role, size, arguments)) {
        EXPECT_EQ(ended.code, 0) << size << ended.said;
        EXPECT_EQ(ended.signal, 0) << size;
        said.insert(ended.said);
      }
    }
  }
  EXPECT_EQ(said.size(), 1) << testing::PrintToString(said);
  return said.empty() ? "" : *said.begin();
}

TEST(DataParallel, GivesTheBitsOfOneProcessWithEveryRule) {
  const std::string said =
      the_same("every rule", {1, 2, 4}, {{"32", "whole"}, {"26214400", "whole"}});
  EXPECT_EQ(static_cast<size_t>(std::count(said.begin(), said.end(), '\n')),
            descent::optimizers().size());
}

TEST(Sharded, GivesTheBitsOfOneProcessWithEveryRule) {
  const std::string alone = the_same("every rule", {1}, {{"32", "whole"}});
  EXPECT_EQ(the_same("every rule", {1, 2, 4}, {{"32", "sharded"}, {"26214400", "sharded"}}), alone);
}

TEST(Sharded, RefusesWhatLooksAtAllParameters) {
  auto world = World::from_environment();
  Net net;
  const auto refuses = [&](const char* rule, const descent::OptionValues& options,
                           const char* text) {
    auto opt = descent::make_optimizer(rule, net.parameters(), options);
    EXPECT_THAT([&] { descent::Sharded(*opt, world); }, ThrowsMessage<c10::Error>(HasSubstr(text)));
  };
  refuses("prodigy", {}, "Sharded: the inner optimizer, Prodigy, finds its rate by itself");
  refuses("schedule_free_adamw", {}, "is not evaluated where it trains");
  refuses("polyak_sgd", {}, "needs closures of its own");
  auto opt = descent::make_optimizer("sgd", net.parameters(), {{"lr", 0.1}});
  EXPECT_THAT(
      [&] { descent::Sharded(descent::Lookahead(*opt), world); },
      ThrowsMessage<c10::Error>(AllOf(HasSubstr("the inner optimizer is a descent::Lookahead"),
                                      HasSubstr("put wrappers around Sharded"))));
  EXPECT_THAT([&] { descent::Sharded(torch::optim::SGD(net.parameters(), 0.1), world); },
              ThrowsMessage<c10::Error>(HasSubstr("the inner optimizer is a torch::optim::SGD")));
  descent::Sharded sharded(*opt, world);
  EXPECT_EQ(sharded.kept(net.left), std::pair(int64_t{0}, int64_t{8}));
  const at::Tensor other = at::zeros({8}).requires_grad_();
  sharded.replace_param(net.left, other);
  EXPECT_EQ(sharded.kept(other), std::pair(int64_t{0}, int64_t{8}));
  EXPECT_THAT([&] { sharded.kept(net.left); },
              ThrowsMessage<c10::Error>(HasSubstr("the parameter is in no group")));
  EXPECT_THAT([&] { sharded.kept(at::ones({2})); },
              ThrowsMessage<c10::Error>(HasSubstr("the parameter is in no group")));
}

/// Gradients that are the same on all ranks.
void fill_gradients(const std::vector<at::Tensor>& parameters, int64_t step) {
  int64_t seed = 100 * step;
  for (at::Tensor p : parameters) {
    p.mutable_grad() =
        at::randn(p.sizes(), at::make_generator<at::CPUGeneratorImpl>(++seed)).to(p.dtype());
  }
}

std::vector<at::Tensor> parameters_of(const std::vector<std::vector<int64_t>>& sizes) {
  std::vector<at::Tensor> list;
  for (const auto& each : sizes)
    list.push_back(
        at::randn(each, at::make_generator<at::CPUGeneratorImpl>(list.size())).requires_grad_());
  return list;
}

const Role keeps_a_part("keeps a part", [](const Arguments&) {
  auto world = World::from_environment({.timeout = 120s});
  const auto parameters = parameters_of({{1000, 31}, {7}, {501, 3}, {}, {64, 64}});
  descent::AdamW alone(parameters_of({{1000, 31}, {7}, {501, 3}, {}, {64, 64}}));
  descent::Sharded sharded(descent::AdamW(parameters), world);
  fill_gradients(parameters, 1);
  sharded.step();
  int64_t all = 0;
  for (const at::Tensor& p : parameters) all += 2 * p.nbytes();
  at::Tensor kept = at::full({1}, sharded.state_bytes(), at::kLong);
  require(
      static_cast<double>(sharded.state_bytes()) <= 1.05 / world.size() * static_cast<double>(all),
      std::to_string(sharded.state_bytes()) + " of " + std::to_string(all));
  world.sum(kept);
  require(kept.item<int64_t>() == all, "all parts");
  // Where a rule has norms, whole parameters are dealt out.
  const auto whole = parameters_of({{40, 3}, {7}, {50}});
  descent::Sharded norms(descent::LARS(whole), world);
  for (const at::Tensor& p : whole) {
    const auto [first, last] = norms.kept(p);
    require(first == last || (first == 0 && last == p.numel()), "a parameter of LARS is cut");
  }
  say("all right");
});

TEST(Sharded, KeepsOfEachRankItsPartOfTheState) {
  for (const int size : {2, 3, 4})
    for (const Ended& ended : processes::world("keeps a part", size))
      EXPECT_EQ(ended.said, "all right\n");
}

/// changes whole|sharded: what becomes of parameters in mid-run, and norms over all gradients. A line
/// for each.
const Role changes("changes", [](const Arguments& arguments) {
  auto world = World::from_environment({.timeout = 120s});
  const bool sharded = arguments.at(0) == "sharded";
  const auto file =
      std::filesystem::temp_directory_path() / ("descent-changes-" + std::to_string(::getpid()));
  struct Case {
    const char* rule;
    descent::OptionValues options;
    bool clips = false;
  };
  for (const Case& c :
       {Case{"adamw", {}}, Case{"nadam", {{"lr", 0.01}}}, Case{"adamw", {}, true},
        Case{"adan", {{"max_grad_norm", 0.5}}}, Case{"lamb", {{"max_grad_norm", 0.5}}},
        Case{"sgd", {{"lr", 0.1}, {"momentum", 0.9}, {"nesterov", true}}},
        Case{"adamw", {{"state_bits", 8}, {"min_8bit_size", 16}}}}) {
    // The last is large, even in parts.
    auto parameters = parameters_of({{20, 3}, {7}, {}, {31}, {700, 400}});
    // One that is not contiguous, and one of 16 bits.
    parameters.push_back(at::ones({6, 5}).t().requires_grad_());
    if (c.options.empty() || c.options[0].first != "state_bits")
      parameters.push_back(at::ones({11}, at::kBFloat16).requires_grad_());
    auto own = descent::make_optimizer(c.rule, parameters, c.options);
    torch::optim::Optimizer* opt = &own->as_libtorch();
    std::unique_ptr<descent::Sharded> spread;
    if (sharded) opt = (spread = std::make_unique<descent::Sharded>(*own, world)).get();
    std::unique_ptr<descent::ClipNorm> clip;
    if (c.clips)
      opt = (clip = std::make_unique<descent::ClipNorm>(*opt,
                                                        descent::ClipNormOptions{.max_norm = 0.5}))
                .get();
    const auto step = [&](int64_t number) {
      fill_gradients(parameters, number);
      opt->step();
    };
    step(1);
    own->group_options(0).set_lr(0.02);
    step(2);
    // A group more, and a parameter that grows.
    const auto more = parameters_of({{9}, {2, 2}});
    const torch::optim::OptimizerParamGroup group(more);
    if (clip)
      clip->add_param_group(group);
    else if (spread)
      spread->add_param_group(group);
    else
      own->add_param_group(group);
    parameters.insert(parameters.end(), more.begin(), more.end());
    step(3);
    const at::Tensor grown = at::cat({parameters[0].detach(), at::ones({5, 3})}).requires_grad_();
    const auto map = [](const at::Tensor& s) {
      return at::cat({s, at::zeros({5, 3}, s.options())});
    };
    if (c.options.empty() || c.options[0].first != "state_bits") {
      if (clip)
        clip->replace_param(parameters[0], grown, map);
      else if (spread)
        spread->replace_param(parameters[0], grown, map);
      else
        own->replace_param(parameters[0], grown, map);
      parameters[0] = grown;
    }
    // Other memory under a small parameter and a large one.
    for (const int i : {1, 4}) parameters[i].set_data(parameters[i].detach().clone());
    step(4);
    // What cannot be loaded leaves everything as it was.
    if (spread) {
      const auto folder = file.string() + "-others";
      torch::nn::Linear other(2, 2);
      descent::Lion lion(other->parameters());
      descent::checkpoint(folder, 1, world, lion);
      try {
        descent::resume(folder, world, *spread);
        say("loaded");
      } catch (const WorldError& e) {
        require(std::string(e.what()).find("checkpoint of lion") != std::string::npos, e.what());
      }
    }
    step(5);
    if (spread)
      descent::save(*spread, file);
    else
      descent::save(*own, file);
    const std::string saved = descent::read_file(file);
    at::Tensor hash =
        at::full({1}, static_cast<int64_t>(hash_of(saved.data(), saved.size())), at::kLong);
    world.broadcast(hash);
    uint64_t weights = 0;
    for (const at::Tensor& p : parameters) {
      const at::Tensor numbers = p.detach().contiguous();
      weights = hash_of(numbers.data_ptr(), numbers.nbytes(), weights);
    }
    say(std::string(c.rule) + " " + std::to_string(weights) + " " +
        std::to_string(hash.item<int64_t>()));
  }
  std::filesystem::remove(file);
  std::filesystem::remove_all(file.string() + "-others");
  world.barrier();
});

TEST(Sharded, GivesTheSameBitsWhateverBecomesOfParameters) {
  const std::string alone = the_same("changes", {1}, {{"whole"}});
  EXPECT_EQ(std::count(alone.begin(), alone.end(), '\n'), 7);
  EXPECT_EQ(the_same("changes", {1, 2, 3, 4}, {{"sharded"}}), alone);
}

/// python FOLDER: a state goes into Python's files and comes out of them, spread over ranks or not.
const Role python("python", [](const Arguments& arguments) {
  const std::filesystem::path folder = arguments.at(0);
  auto world = World::from_environment({.timeout = 120s});
  const std::vector<std::vector<int64_t>> sizes{{20, 3}, {7}, {}};
  const auto one = parameters_of(sizes), parts = parameters_of(sizes), again = parameters_of(sizes);
  descent::AdamW alone(one), inner(parts), loaded(again);
  descent::Sharded sharded(inner, world), other(loaded, world);
  const auto step = [](const auto& parameters, auto& optimizer, int64_t number) {
    fill_gradients(parameters, number);
    optimizer.step();
  };
  for (int64_t number = 1; number <= 3; ++number) {
    step(one, alone, number);
    step(parts, sharded, number);
  }
  torch::serialize::OutputArchive archive;
  sharded.save(archive);  // after which rank 0 has the whole state
  const auto own = folder / ("alone-" + std::to_string(world.rank()));
  descent::save_python(alone, own);
  if (world.rank() == 0) {
    descent::save_python(inner, folder / "spread");
    require(descent::read_file(folder / "spread") == descent::read_file(own), "Python's files");
  }
  world.barrier();
  descent::load_python(loaded, folder / "spread");
  {
    const at::NoGradGuard no_grad;
    for (size_t i = 0; i < one.size(); ++i) again[i].copy_(parts[i]);
  }
  step(one, alone, 4);
  step(again, other, 4);
  for (size_t i = 0; i < one.size(); ++i) require(one[i].equal(again[i]), "what was loaded");
  world.barrier();
  say("all right");
});

TEST(Sharded, GoesThroughPythonsFiles) {
  for (const int size : {2, 3}) {
    const processes::Folder folder;
    for (const Ended& ended : processes::world("python", size, {folder / ""}))
      EXPECT_EQ(ended.said, "all right\n");
  }
}

TEST(Sharded, RefusesWhatItCannotStepInParts) {
  const auto said = processes::world("cannot", 2);
  for (const Ended& ended : said) {
    EXPECT_THAT(ended.said,
                HasSubstr("group 0 of AdamW has options by which it no longer takes each "
                          "element by itself"));
    EXPECT_THAT(ended.said, HasSubstr("must be contiguous and have 60 elements"));
    EXPECT_THAT(ended.said, HasSubstr("the gradient of params[0] of group 0 has sizes [2]"));
    EXPECT_THAT(ended.said, HasSubstr("of sizes [20, 3] is sparse, must be dense"));
    EXPECT_EQ(ended.code, 0);
  }
}

const Role cannot("cannot", [](const Arguments&) {
  auto world = World::from_environment({.timeout = 120s});
  const auto parameters = parameters_of({{20, 3}, {7}});
  descent::AdamW opt(parameters);
  descent::Sharded sharded(opt, world);
  const auto refuses = [&] {
    try {
      sharded.step();
      say("nothing refused");
    } catch (const c10::Error& e) {
      say(e.what_without_backtrace());
    }
  };
  fill_gradients(parameters, 1);
  sharded.step();
  opt.group_options(0).set(descent::OptionValues{{"cautious", "mean_clamp"}});
  refuses();
  opt.group_options(0).set(descent::OptionValues{{"cautious", "off"}});
  sharded.step();
  parameters[0].set_data(at::ones({3, 20}).t());
  refuses();
  parameters[0].set_data(at::ones({20, 3}));
  parameters[0].mutable_grad() = at::ones({2});
  refuses();
  // A step by what a sparse gradient holds would need the whole state.
  const auto rows = parameters_of({{20, 3}, {30, 2}});
  descent::Sharded adagrad(descent::Adagrad(rows), world);
  fill_gradients(rows, 1);
  adagrad.step();
  rows[0].mutable_grad() = at::ones({20, 3}).to_sparse();
  try {
    adagrad.step();
    say("nothing refused");
  } catch (const c10::Error& e) {
    say(e.what_without_backtrace());
  }
  descent::Sharded sparse(descent::SparseAdam(rows), world);
  for (const at::Tensor& p : rows) p.mutable_grad() = at::ones(p.sizes()).to_sparse();
  const at::Tensor before = rows[0].detach().clone();
  sparse.step();
  require(!rows[0].equal(before), "SparseAdam has not stepped");
  world.barrier();
});

/// What stands beside plain training, each with its hash.
const Role other_ways("other ways", [](const Arguments&) {
  auto world = World::from_environment({.timeout = 120s});
  const auto train = [&](Net& net, DataParallel& parallel, int64_t step, bool in_parts,
                         bool to_none) {
    const auto parts = batch(step).chunk(4);
    for (const int64_t shard : parallel.shards()) {
      const at::Tensor x = parts[shard];
      if (in_parts) {
        (net.loss(x.slice(0, 0, 4), shard, world.rank()) / 2).backward();
        parallel.backward(net.loss(x.slice(0, 4), shard, world.rank()) / 2);
      } else {
        parallel.backward(net.loss(x, shard, world.rank()));
      }
    }
    parallel.finish();
    const at::NoGradGuard no_grad;
    for (at::Tensor& p : net.parameters()) {
      if (!p.grad().defined()) continue;
      p -= 0.1 * p.grad();
      if (to_none)
        p.mutable_grad().reset();
      else
        p.mutable_grad().zero_();
    }
  };
  for (const std::string way : {"in parts", "zeroed", "frozen", "added"}) {
    torch::manual_seed(10 + world.rank());
    Net net;
    if (way == "frozen") net.in->weight.set_requires_grad(false);
    DataParallel parallel(net, world, {.shards = 4, .bucket_bytes = 32, .first_bucket_bytes = 32});
    const at::Tensor start = net.in->weight.detach().clone();
    for (int64_t step = 0; step < 6; ++step) {
      if (way == "frozen") net.in->weight.set_requires_grad(step >= 2 && step < 4);
      if (way == "added" && step == 3) {
        net.never = net.register_parameter("more", torch::randn({8}));
        Net::Module more;
        more.register_parameter("more", net.never);
        parallel.add(more);
      }
      train(net, parallel, step, way == "in parts", way != "zeroed");
      if (way == "frozen" && step < 2)
        require(start.equal(net.in->weight), "a frozen parameter has moved");
    }
    require(!start.equal(net.in->weight), "nothing has moved");
    say(way + " " + hash_of(net));
  }
});

TEST(DataParallel, GivesTheSameBitsHoweverAProgramTrains) {
  the_same("other ways", {1, 2, 4}, {{}});
}

const Role by_hand("by hand", [](const Arguments&) {
  auto world = World::from_environment({.timeout = 120s});
  torch::manual_seed(world.rank());
  Net net;
  descent::broadcast_parameters(net, world, 1);
  torch::manual_seed(1);
  require(hash_of(net) == hash_of(Net()), "not the weights of rank 1");

  const auto gradients = [&](descent::Sum how) {
    net.left.mutable_grad() = at::full({8}, 1.0 + world.rank());
    net.rare.mutable_grad() = world.rank() == 2 ? at::full({5}, 6.0) : at::Tensor();
    net.never.mutable_grad() = at::Tensor();
    net.in->weight.mutable_grad() = at::full({8, 12}, 1.0 * world.rank()).t();
    descent::average_gradients(net.parameters(), world, how);
  };
  for (const auto how : {descent::Sum::Ordered, descent::Sum::Backend}) {
    gradients(how);
    require(net.left.grad().equal(at::full({8}, 2.0)), "the mean");
    require(net.rare.grad().equal(at::full({5}, 2.0)), "the mean where one rank has a gradient");
    require(!net.never.grad().defined(), "a gradient out of nothing");
    require(net.in->weight.grad().equal(at::full({12, 8}, 1.0)), "the mean of strided gradients");
  }

  // Rank 2's second layer is another one.
  Net other(world.rank() == 2 ? 13 : 12);
  try {
    descent::broadcast_parameters(other, world);
  } catch (const WorldError& e) {
    say(e.what());
  }
  try {
    DataParallel wrong(net, world, {.shards = 5});
  } catch (const c10::Error& e) {
    say(e.what_without_backtrace());
  }
  try {
    DataParallel wrong(net, world, {.shards = world.rank() == 2 ? 6 : 3});
  } catch (const WorldError& e) {
    say(e.what());
  }
  DataParallel parallel(net, world);
  net.seen.fill_(world.rank());
  parallel.broadcast_buffers();
  require(net.seen.equal(at::zeros({2})), "the buffers of rank 0");
  net.seen.fill_(world.rank());
  parallel.broadcast_buffers(2);
  require(net.seen.equal(at::full({2}, 2.0)), "the buffers of rank 2");
  world.barrier();
});

TEST(BroadcastParameters, AndAverageGradientsServeLoopsOfOnesOwn) {
  const auto all = processes::world("by hand", 3);
  for (size_t rank = 0; rank < 3; ++rank) {
    EXPECT_EQ(all[rank].code, 0) << all[rank].said;
    EXPECT_THAT(
        all[rank].said,
        AllOf(
            HasSubstr("broadcast_parameters: rank 2 has another network than rank 0, which has "
                      "in.weight [12, 8] Float where rank 2 has "),
            HasSubstr(rank == 2 ? "in.weight [13, 8] Float\n" : "something else\n"),
            HasSubstr("DataParallel: shards = 5 on 3 ranks, must be 3 times 1, 2, 4"),
            HasSubstr("DataParallel: rank 2 has other options than rank 0, which has shards = 3, "
                      "bucket_bytes = 26214400, first_bucket_bytes = 1048576, sum = ordered where "
                      "rank 2 has ")));
  }
}

TEST(DataParallel, RefusesWhatDoesNotFit) {
  auto world = World::from_environment();
  Net net;
  const auto refuses = [&](const DataParallel::Options& options, const char* text) {
    EXPECT_THAT([&] { DataParallel(net, world, options); },
                ThrowsMessage<c10::Error>(HasSubstr(text)));
  };
  refuses({.shards = -2}, "DataParallel: shards = -2 on 1 ranks");
  refuses({.bucket_bytes = 0}, "DataParallel: bucket_bytes = 0, must be > 0");
  refuses({.first_bucket_bytes = -1}, "DataParallel: first_bucket_bytes = -1, must be > 0");

  DataParallel parallel(net, world, {.shards = 2});
  EXPECT_THAT([&] { parallel.finish(); },
              ThrowsMessage<c10::Error>(HasSubstr("finish() after 0 of the 2 shards")));
  const auto backward = [&] { parallel.backward(net.loss(batch(0), 0, 0)); };
  backward();
  EXPECT_THAT([&] { parallel.add(net); }, ThrowsMessage<c10::Error>(HasSubstr("add() between")));
  backward();
  EXPECT_THAT(backward, ThrowsMessage<c10::Error>(HasSubstr("more than the 2 shards")));
  EXPECT_THAT([&] { parallel.broadcast_buffers(); },
              ThrowsMessage<c10::Error>(HasSubstr("broadcast_buffers() between")));
  // Whoever goes on after an error gets it again, and does not wait for what will not come.
  net.never.mutable_grad() = at::ones({3, 2}).to_sparse();
  for (int i = 0; i < 2; ++i)
    EXPECT_THAT([&] { parallel.finish(); },
                ThrowsMessage<c10::Error>(HasSubstr(
                    "DataParallel: a gradient of sizes [3, 2] is Sparse, must be dense")));
  net.never.mutable_grad().reset();
  parallel.finish();

  DataParallel broken(net, world);
  const at::Tensor x = net.loss(batch(0), 0, 0) * 1;
  x.register_hook([](const at::Tensor&) { throw std::runtime_error("an error of its own"); });
  EXPECT_THAT([&] { broken.backward(x); },
              ThrowsMessage<std::runtime_error>(HasSubstr("an error of its own")));
  EXPECT_THAT([&] { broken.finish(); },
              ThrowsMessage<c10::Error>(HasSubstr("finish() after a backward() that threw")));

  descent::NamedTensors elsewhere;
  elsewhere.buffers.emplace_back("table", at::empty({2}, at::kMeta));
  EXPECT_THAT(
      [&] { DataParallel(elsewhere, world); },
      ThrowsMessage<c10::Error>(HasSubstr("DataParallel: table is on meta, must be on the CPU")));
}

/// Rank 1 stops while gloo sums; rank 0 gives up its step, and does not wait for it.
const Role gives_up("gives up", [](const Arguments&) {
  auto world = World::from_environment({.timeout = 120s});
  const at::Tensor p = at::zeros({16 << 20}).requires_grad_();
  descent::NamedTensors network;
  network.parameters.emplace_back("p", p);
  DataParallel parallel(network, world, {.sum = descent::Sum::Backend});
  parallel.backward(p.sum());
  if (world.rank() == 1) {
    std::this_thread::sleep_for(20ms);
    ::kill(::getpid(), SIGSTOP);
  }
  std::this_thread::sleep_for(500ms);
  throw std::runtime_error("an error of its own");
});

TEST(DataParallel, LeavesASumOfTheBackendThatDoesNotEnd) {
  Running running;
  const int port = processes::free_port();
  for (int rank = 0; rank < 2; ++rank)
    running.start("gives up", {}, processes::place(rank, 2, port));
  const Ended ended = running.end(0);
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.said, HasSubstr("an error of its own"));
  EXPECT_LT(ended.seconds, 60);
}

const Role fails("fails", [](const Arguments& arguments) {
  auto world = World::from_environment({.timeout = 120s});
  Net net;
  DataParallel parallel(net, world);
  for (int64_t step = 0; step < 100; ++step) {
    const bool is_it = step == 3 && world.rank() == 1;
    if (is_it && arguments.at(0) == "dies") ::kill(::getpid(), SIGKILL);
    parallel.backward(net.loss(batch(step), 0, world.rank()));
    if (is_it && arguments.at(0) == "throws") throw std::runtime_error("an error of its own");
    parallel.finish();
  }
});

TEST(DataParallel, EndsOnAllRanksWhenOneFails) {
  for (const std::string what : {"dies", "throws"}) {
    const auto all = processes::world("fails", 4, {what});
    for (size_t rank = 0; rank < 4; ++rank) {
      EXPECT_LT(all[rank].seconds, 60);
      if (rank == 1) continue;
      EXPECT_EQ(all[rank].code, 1);
      EXPECT_THAT(all[rank].said, HasSubstr("no answer from rank 1"));
    }
  }
}

}  // namespace
}  // namespace data_parallel_test
