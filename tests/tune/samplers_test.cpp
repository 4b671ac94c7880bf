#include <algorithm>
#include <cmath>
#include <set>
#include <sstream>

#include <gmock/gmock.h>
#include <torch/data.h>
#include <torch/serialize/archive.h>
#include <torch/types.h>

#include <descent/tune/samplers.h>

namespace samplers_test {
namespace {

using descent::CurriculumOptions, descent::CurriculumSampler, descent::Pacing,
    descent::ResumedSampler, descent::ShuffledSampler;
using testing::HasSubstr;
using testing::ThrowsMessage;

/// The numbers 0 ... n - 1.
class Numbers : public torch::data::datasets::Dataset<Numbers> {
 public:
  explicit Numbers(int64_t n) : n_(n) {}
  torch::data::Example<> get(size_t index) override {
    return {torch::tensor(static_cast<int64_t>(index)), torch::tensor(0)};
  }
  std::optional<size_t> size() const override { return static_cast<size_t>(n_); }

 private:
  int64_t n_;
};

template <class Sampler>
auto loader_of(int64_t n, const Sampler& sampler, size_t batch) {
  return torch::data::make_data_loader(Numbers(n).map(torch::data::transforms::Stack<>()), sampler,
                                       batch);
}

using Batch = std::vector<int64_t>;
Batch numbers(const torch::data::Example<>& batch) {
  const at::Tensor data = batch.data.contiguous();
  return {data.data_ptr<int64_t>(), data.data_ptr<int64_t>() + data.numel()};
}

/// The batches of so many passes.
template <class Sampler>
std::vector<Batch> batches(int64_t n, const Sampler& sampler, int passes) {
  const auto loader = loader_of(n, sampler, 4);
  std::vector<Batch> all;
  for (int pass = 0; pass < passes; ++pass)
    for (auto& batch : *loader) all.push_back(numbers(batch));
  return all;
}

std::string saved(const ResumedSampler& sampler) {
  torch::serialize::OutputArchive archive;
  sampler.save(archive);
  std::ostringstream out;
  archive.save_to(out);
  return out.str();
}
void read_back(ResumedSampler& sampler, const std::string& bytes) {
  torch::serialize::InputArchive archive;
  std::istringstream in(bytes);
  archive.load_from(in);
  sampler.load(archive);
}

/// As archives were before they held a curriculum's pacing.
std::string without_pacing(const std::string& bytes) {
  torch::serialize::InputArchive from;
  std::istringstream in(bytes);
  from.load_from(in);
  torch::serialize::OutputArchive to;
  for (const char* const key : {"size", "seed", "order", "epoch", "sample", "step"}) {
    c10::IValue value;
    from.read(key, value);
    to.write(key, value);
  }
  std::ostringstream out;
  to.save_to(out);
  return out.str();
}

std::vector<double> difficulties(int64_t n) {
  std::vector<double> list;
  for (int64_t i = 0; i < n; ++i) list.push_back(std::sin(static_cast<double>(7 * i)));
  return list;
}

TEST(AShuffledSampler, GivesEachSampleOncePerPassInAnotherOrder) {
  const auto all = batches(22, ShuffledSampler(22, 3), 2);
  ASSERT_EQ(all.size(), 12u);
  EXPECT_EQ(all[5].size(), 2u);
  Batch passes[2];
  for (size_t k = 0; k < all.size(); ++k)
    passes[k / 6].insert(passes[k / 6].end(), all[k].begin(), all[k].end());
  EXPECT_NE(passes[0], passes[1]);
  for (Batch& pass : passes) {
    EXPECT_FALSE(std::is_sorted(pass.begin(), pass.end()));
    std::sort(pass.begin(), pass.end());
    for (int64_t i = 0; i < 22; ++i) EXPECT_EQ(pass[static_cast<size_t>(i)], i);
  }
  EXPECT_EQ(batches(22, ShuffledSampler(22, 3), 2), all);
  EXPECT_NE(batches(22, ShuffledSampler(22, 4), 2), all);
}

/// A sampler that is saved after any batch goes on in a new loader as one that was not.
template <class Make>
void expect_resumes(const Make& make) {
  const auto wanted = batches(22, make(), 3);
  for (size_t stop = 1; stop < wanted.size(); ++stop) {
    std::string bytes;
    {
      auto sampler = make();
      const auto loader = loader_of(22, sampler, 4);
      size_t done = 0;
      while (done < stop)
        for (auto& batch : *loader) {
          EXPECT_EQ(numbers(batch), wanted[done]);
          if (++done == stop) break;
        }
      bytes = saved(sampler);
    }
    auto sampler = make();
    read_back(sampler, bytes);
    const auto loader = loader_of(22, sampler, 4);
    std::vector<Batch> rest;
    while (stop + rest.size() < wanted.size())
      for (auto& batch : *loader) rest.push_back(numbers(batch));
    EXPECT_EQ(rest,
              std::vector<Batch>(wanted.begin() + static_cast<std::ptrdiff_t>(stop), wanted.end()))
        << "after " << stop << " batches";
  }
}

TEST(AShuffledSampler, GoesOnFromAnyBatch) {
  expect_resumes([] { return ShuffledSampler(22, 5); });
}
TEST(ACurriculum, GoesOnFromAnyBatch) {
  expect_resumes([] { return CurriculumSampler(difficulties(22), {.steps = 9, .seed = 2}); });
}

TEST(AShuffledSampler, GoesToAPlaceThatWasCounted) {
  const auto wanted = batches(22, ShuffledSampler(22, 5), 2);
  ShuffledSampler sampler(22, 5);
  sampler.go_to({.epoch = 1, .sample = 8, .step = 8});
  EXPECT_EQ(batches(22, sampler, 1), std::vector<Batch>(wanted.begin() + 8, wanted.end()));
  EXPECT_EQ(sampler.place(), (descent::SamplerPlace{1, 22, 12}));
}

TEST(ASampler, RefusesWhatIsAnothers) {
  const std::string bytes = saved(ShuffledSampler(22, 5));
  const auto expect = [&](ResumedSampler sampler, const std::string& from, const char* text) {
    EXPECT_THAT([&] { read_back(sampler, from); },
                ThrowsMessage<std::invalid_argument>(HasSubstr(text)));
    EXPECT_EQ(sampler.place(), descent::SamplerPlace());
  };
  expect(ShuffledSampler(21, 5), bytes, "size = 22, not 21");
  expect(ShuffledSampler(22, 6), bytes, "seed = 5, not 6");
  auto other = difficulties(22);
  std::swap(other[0], other[1]);
  expect(CurriculumSampler(other), saved(CurriculumSampler(difficulties(22))), "order = ");
  const std::string own = saved(CurriculumSampler(difficulties(22), {.steps = 50}));
  expect(CurriculumSampler(difficulties(22), {.pacing = Pacing::Root, .steps = 50}), own,
         "another curriculum, pacing=linear,start=0.1,steps=50,increase=1.9,length=100, not "
         "pacing=root,");
  expect(CurriculumSampler(difficulties(22), {.steps = 60}), own, "steps=60");
  expect(CurriculumSampler(difficulties(22), {.steps = 50}), without_pacing(own),
         "whose pacing it does not say");
  torch::serialize::OutputArchive empty;
  std::ostringstream out;
  empty.save_to(out);
  expect(ShuffledSampler(22), out.str(), "holds no sampler");
  EXPECT_THROW(ShuffledSampler(0), std::invalid_argument);
  ShuffledSampler sampler(22);
  EXPECT_THROW(sampler.reset(21), std::invalid_argument);
  EXPECT_THROW(sampler.next(0), std::invalid_argument);
  EXPECT_THROW(sampler.go_to({0, 23, 0}), std::invalid_argument);
  EXPECT_THROW(CurriculumSampler({}), std::invalid_argument);
  EXPECT_THROW(CurriculumSampler({0, NAN}), std::invalid_argument);
  EXPECT_THROW(CurriculumSampler({0, 1}, {.start = 0}), std::invalid_argument);
}

TEST(ACurriculum, GrowsByItsPacing) {
  const CurriculumOptions linear{.start = 0.2, .steps = 100};
  EXPECT_DOUBLE_EQ(share(linear, 0), 0.2);
  EXPECT_DOUBLE_EQ(share(linear, 50), 0.6);
  EXPECT_DOUBLE_EQ(share(linear, 200), 1);
  CurriculumOptions root = linear;
  root.pacing = Pacing::Root;
  EXPECT_DOUBLE_EQ(share(root, 0), 0.2);
  EXPECT_DOUBLE_EQ(share(root, 25), std::sqrt(0.04 + 0.24));
  EXPECT_DOUBLE_EQ(share(root, 100), 1);
  const CurriculumOptions stepwise{
      .pacing = Pacing::Stepwise, .start = 0.04, .increase = 1.9, .length = 10};
  EXPECT_DOUBLE_EQ(share(stepwise, 9), 0.04);
  EXPECT_DOUBLE_EQ(share(stepwise, 10), 0.04 * 1.9);
  EXPECT_DOUBLE_EQ(share(stepwise, 35), 0.04 * 1.9 * 1.9 * 1.9);
  EXPECT_DOUBLE_EQ(share(stepwise, 60), 1);
}

TEST(ACurriculum, DrawsFromTheEasiestShare) {
  const auto difficulty = difficulties(60);
  std::vector<int64_t> order(60);
  for (int64_t i = 0; i < 60; ++i) order[static_cast<size_t>(i)] = i;
  std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return difficulty[static_cast<size_t>(a)] < difficulty[static_cast<size_t>(b)];
  });
  for (const Pacing pacing : {Pacing::Linear, Pacing::Root, Pacing::Stepwise}) {
    const CurriculumOptions options{
        .pacing = pacing, .start = 0.05, .steps = 30, .increase = 2, .length = 6};
    std::set<int64_t> seen;
    int64_t step = 0;
    for (const Batch& batch : batches(60, CurriculumSampler(difficulty, options), 4)) {
      const auto from = std::max<int64_t>(4, std::llround(60 * share(options, step++)));
      EXPECT_EQ(std::set(batch.begin(), batch.end()).size(), 4u);
      for (const int64_t index : batch)
        EXPECT_LT(std::find(order.begin(), order.end(), index) - order.begin(), from);
      seen.insert(batch.begin(), batch.end());
    }
    EXPECT_EQ(step, 60);
    EXPECT_GT(seen.size(), 50u);
  }
}

}  // namespace
}  // namespace samplers_test
