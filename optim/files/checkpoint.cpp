#include <charconv>
#include <cmath>
#include <ostream>

#include <torch/serialize/archive.h>

#include <descent/base/atomic_file.h>
#include <descent/optim/engine/engine.h>
#include <descent/optim/engine/stored.h>
#include <descent/optim/files/checkpoint.h>
#include <descent/optim/files/incoming.h>
#include <descent/optim/optimizer/optimizer.h>
#include <descent/pickle/checksums.h>
#include <descent/tensors/record.h>

// The layout of an optimizer's archive, one attribute each:
//   format     1
//   optimizer  the registry's name of the rule
//   options    one text per group, "lr=0.001,betas=[0.9, 0.999],..."
//   sizes      the number of parameters of each group
//   shapes     of each parameter in group order, "[64, 1]"
//   steps      of each parameter in group order; -1: it has no state
//   state      "<position>.<buffer>" -> tensor; of a buffer in 8 bits its bytes, and as
//              "<position>.<buffer>_absmax" what they are multiplied by; beside a parameter of 16
//              bits "<position>.master_param", "param_remainder" or "kahan_comp"
//   scalars    where the rule has such: each parameter's numbers besides its steps, one after another
//   count      where the rule has slow weights: steps of the optimizer
//   shared     where a group remembers numbers: each group's, or those of all together
//   training   where the rule has modes: 1 unless the parameters are those of an evaluation
//   checked, checksums   the names of all these and their checksums (tensors/record.h)
// Parameters are named by position: no address enters the file, so equal optimizers write equal
// bytes, and a thousand small parameters do not cost a thousand nested archives.

namespace descent {
namespace {

constexpr int64_t kFormat = 1;

/// "12.exp_avg" taken apart.
std::pair<size_t, std::string> state_key(const char* rule, const std::string& key) {
  size_t position = 0;
  const char* const end = key.data() + key.size();
  const auto [stop, error] = std::from_chars(key.data(), end, position);
  TORCH_CHECK(error == std::errc{} && stop != end && *stop == '.', rule,
              ": the archive's state has the key ", key, ", must be <position>.<buffer>");
  return {position, std::string(stop + 1, end)};
}

/// Refuses the state of another setting: all base options but the seed say how it is stored.
void check_same_state(const char* rule, size_t group, const BaseOptions& there,
                      const BaseOptions& here) {
  const auto found = fields::describe(there), wanted = fields::describe(here.decaying_as(there));
  for (size_t i = 0; i < found.size(); ++i)
    TORCH_CHECK(found[i].name == "seed" || found[i].value == wanted[i].value, rule,
                ": the archive has ", found[i].name, " = ", to_text(found[i].value), " in group ",
                group, ", must be ", to_text(wanted[i].value), " as in this optimizer");
}

}  // namespace

void GroupOptions::write_text(torch::serialize::OutputArchive& archive) const {
  archive.write("options", c10::IValue(text()));
}
bool GroupOptions::read_text(torch::serialize::InputArchive& archive) {
  c10::IValue value;
  if (!archive.try_read("options", value)) return false;
  set(value.toStringRef());
  return true;
}

void ParamState::write(torch::serialize::OutputArchive& archive) const {
  archive.write("step", c10::IValue(step()));
  for (size_t i = 0; i < rule().scalars.size(); ++i)
    archive.write(rule().scalars[i], c10::IValue(scalars[i]));
  each_tensor([&](const std::string& name, const at::Tensor& x) { archive.write(name, x, true); });
}
void ParamState::read(torch::serialize::InputArchive& archive) {
  c10::IValue value;
  archive.read("step", value);
  step() = value.toInt();
  for (size_t i = 0; i < rule().scalars.size(); ++i) {
    archive.read(rule().scalars[i], value);
    scalars[i] = value.toDouble();
  }
  for (size_t i = 0; i < rule().buffers.size(); ++i)
    if (!archive.try_read(rule().buffers[i], buffer(i), true)) buffer(i) = at::Tensor();
  scalars.forget_beside();
  for (size_t i = 0; i < rule().buffers.size(); ++i) {
    at::Tensor absmax;  // one each, because LibTorch reads into a tensor that is there
    if (archive.try_read(rule().buffers[i] + "_absmax", absmax, true))
      make_beside().set_absmax(i, absmax);
  }
  for (const Master master : {Master::Float32, Master::Remainder, Master::Kahan}) {
    at::Tensor x;
    if (archive.try_read(name_of(master), x, true)) make_beside().set_parameter(master, x);
  }
}

void OptimizerBase::save(torch::serialize::OutputArchive& archive) const {
  check_states();
  std::vector<std::string> options, shapes;
  std::vector<int64_t> sizes, steps;
  std::vector<double> scalars;
  tensors::NamedTensors state;
  int64_t position = 0;
  for (size_t g = 0; g < param_groups().size(); ++g) {
    const auto& params = param_groups()[g].params();
    const BaseOptions base = adopt_options(g).base();
    options.push_back(adopt_options(g).text());
    sizes.push_back(static_cast<int64_t>(params.size()));
    for (const auto& p : params) {
      shapes.push_back(c10::str(p.sizes()));
      const ParamState* of = state_of(p);
      // Where base options have changed since the last step, the archive holds what the next one
      // would begin with, because loading compares it with them.
      std::unique_ptr<torch::optim::OptimizerParamState> fitted;
      if (of != nullptr && !engine::is_kept_so(*of, p, base) &&
          engine::precision_problem(*rule_, adopt_options(g).value(), base, p.scalar_type())
              .empty()) {
        const at::NoGradGuard no_grad;
        fitted = this->state().at(p.unsafeGetTensorImpl())->clone();
        ParamState& copy = engine_->holders.own_part(*fitted);
        for (size_t b = 0; rule_->tensor_update == nullptr && b < rule_->buffers.size(); ++b)
          if (copy.buffer(b).defined()) engine::fit_buffer(copy, b, p, base, /*in_layout=*/false);
        engine::fit_beside(copy, p, base);
        of = &copy;
      }
      steps.push_back(of == nullptr ? -1 : of->step());
      for (size_t i = 0; i < rule_->scalars.size(); ++i)
        scalars.push_back(of == nullptr ? rule_->first_scalars[i] : of->scalars[i]);
      if (of != nullptr)
        of->each_tensor([&](const std::string& tensor, const at::Tensor& x) {
          state.emplace_back(std::to_string(position) + "." + tensor, x);
        });
      ++position;
    }
  }
  tensors::RecordWriter record(archive);
  record.write("format", kFormat);
  record.write("optimizer", std::string(rule_->about.key));
  record.write("options", options);
  record.write("sizes", sizes);
  record.write("shapes", shapes);
  record.write("steps", steps);
  record.write("state", state);
  if (!rule_->scalars.empty()) record.write("scalars", scalars);
  if (rule_->pull != nullptr) record.write("count", this->steps());
  if (!rule_->shared.empty()) {
    std::vector<double> shared;
    for (size_t g = 0; g < (rule_->weigh != nullptr ? 1 : param_groups().size()); ++g)
      for (size_t i = 0; i < rule_->shared.size(); ++i) shared.push_back(engine_->shared_of(g)[i]);
    record.write("shared", shared);
  }
  if (rule_->change_mode != nullptr) record.write("training", int64_t{engine_->training ? 1 : 0});
  record.close();
}

void OptimizerBase::load(torch::serialize::InputArchive& archive) {
  if (load_libtorch(*this, archive)) return;
  const char* const name = rule_->about.name;
  const tensors::RecordReader record(archive, name);
  const auto format = record.read<int64_t>("format");
  TORCH_CHECK(format >= 1 && format <= kFormat, name, ": the archive has format ", format,
              ", must be at most ", kFormat, "; a newer version of this library wrote it");
  const auto key = record.read<std::string>("optimizer");
  TORCH_CHECK(key == rule_->about.key, name, ": the archive is a checkpoint of ", key,
              ", must be of ", rule_->about.key);
  const auto texts = record.read<std::vector<std::string>>("options");
  const auto shapes = record.read<std::vector<std::string>>("shapes");
  const auto sizes = record.read<std::vector<int64_t>>("sizes");
  const auto steps = record.read<std::vector<int64_t>>("steps");
  const auto state = record.read<tensors::NamedTensors>("state");
  const auto scalars =
      rule_->scalars.empty() ? std::vector<double>() : record.read<std::vector<double>>("scalars");
  const int64_t count = rule_->pull == nullptr ? this->steps() : record.count("count");

  const size_t sharing = rule_->weigh != nullptr ? 1 : sizes.size();
  std::vector<double> shared;
  if (!rule_->shared.empty()) {
    shared = record.read<std::vector<double>>("shared");
    TORCH_CHECK(shared.size() == sharing * rule_->shared.size(), name, ": the archive has ",
                shared.size(), " shared numbers, must have ", sharing * rule_->shared.size());
    for (size_t i = 0; i < shared.size(); ++i)
      TORCH_CHECK(std::isfinite(shared[i]), name, ": the archive has ",
                  rule_->shared[i % rule_->shared.size()], " = ", shared[i], ", must be finite");
  }
  const int64_t training = rule_->change_mode == nullptr ? 1 : record.count("training");
  TORCH_CHECK(training <= 1, name, ": the archive has training = ", training, ", must be 0 or 1");

  Incoming incoming(*this);
  incoming.expect_groups(sizes.size());
  TORCH_CHECK(texts.size() == sizes.size(), name, ": the archive has options of ", texts.size(),
              " groups, must be of ", sizes.size());
  for (size_t g = 0; g < sizes.size(); ++g) {
    incoming.expect_params(g, static_cast<size_t>(sizes[g]));
    const BaseOptions here = incoming.options(g).base();
    incoming.options(g).set_base({});
    incoming.options(g).set(texts[g]);
    check_same_state(name, g, incoming.options(g).base(), here);
  }
  TORCH_CHECK(steps.size() == incoming.size() && shapes.size() == incoming.size(), name,
              ": the archive has steps of ", steps.size(), " and shapes of ", shapes.size(),
              " parameters, must be of ", incoming.size());
  TORCH_CHECK(scalars.size() == incoming.size() * rule_->scalars.size(), name, ": the archive has ",
              scalars.size(), " scalars, must have ", incoming.size() * rule_->scalars.size());
  for (size_t i = 0; i < incoming.size(); ++i) {
    const auto sizes_here = incoming.param(i).sizes();
    TORCH_CHECK(shapes[i] == c10::str(sizes_here), name, ": the archive's params[", i,
                "] has sizes ", shapes[i], ", must be ", sizes_here);
    if (steps[i] == -1) continue;
    incoming.set_step(i, static_cast<double>(steps[i]));
    for (size_t s = 0; s < rule_->scalars.size(); ++s) {
      const double value = scalars[i * rule_->scalars.size() + s];
      TORCH_CHECK(std::isfinite(value), name, ": the archive has ", rule_->scalars[s], " = ", value,
                  " for params[", i, "], must be finite");
      incoming.state(i)->scalars[s] = value;
    }
  }
  for (const auto& [where, tensor] : state) {
    const auto [i, buffer] = state_key(name, where);
    TORCH_CHECK(i < incoming.size() && incoming.state(i) != nullptr, name, ": the archive has a ",
                buffer, " of params[", i, "], which has no state");
    incoming.set_buffer(i, buffer, tensor);
  }
  for (size_t i = 0; i < incoming.size(); ++i) {
    const std::string missing = incoming.missing_master(i);
    TORCH_CHECK(missing.empty(), name, ": the archive lacks the ", missing, " of params[", i, "]");
  }
  incoming.commit();
  engine_->steps = count;
  engine_->open_steps = {};
  engine_->training = training == 1;
  for (size_t i = 0; i < shared.size(); ++i)
    engine_->shared_of(i / rule_->shared.size())[i % rule_->shared.size()] = shared[i];
}

void save_archive(const std::function<void(torch::serialize::OutputArchive&)>& save,
                  const std::filesystem::path& path) {
  torch::serialize::OutputArchive archive;
  save(archive);
  // By a function that takes whatever comes: where a stream stops, LibTorch's writer ends the program,
  // and write_atomically() sees by itself that the stream has stopped.
  write_atomically(path, [&](std::ostream& out) {
    archive.save_to([&](const void* data, size_t n) {
      out.write(static_cast<const char*>(data), static_cast<std::streamsize>(n));
      return n;
    });
  });
}

namespace {

/// Puts a text in front of whatever `work` throws, and makes it a c10::Error, which the errors of
/// LibTorch's parser are not.
template <class Work>
void naming(const std::string& text, const Work& work) {
  try {
    work();
  } catch (const c10::Error& error) {
    TORCH_CHECK(false, text, error.what_without_backtrace());
  } catch (const std::exception& error) {
    TORCH_CHECK(false, text, error.what());
  }
}

}  // namespace

void load_archive(const std::function<void(torch::serialize::InputArchive&)>& load,
                  const std::filesystem::path& path) {
  std::string bytes;
  torch::serialize::InputArchive archive;
  naming("", [&] { bytes = read_file(path); });
  naming(path.string() + ": is no complete checkpoint: ", [&] {
    pickle::check_records(path);
    archive.load_from(bytes.data(), bytes.size());
  });
  naming(path.string() + ": ", [&] { load(archive); });
}

}  // namespace descent
