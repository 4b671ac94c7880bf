#include <algorithm>

#include <descent/tune/methods/method.h>
#include <descent/tune/methods/search.h>

namespace descent::search {
namespace {

constexpr int64_t kMostTrials = 100'000'000;

class OfGrid final : public Search {
 public:
  OfGrid(const GridSearch& options, const Setting& setting) : given_(setting.given) {
    int64_t points = 1;
    for (size_t i = 0; i < setting.space.size(); ++i) {
      const int64_t values = setting.space.count(i);
      Side side{options.points, values > 0};
      if (values > 0 && (values < options.points || setting.space.is_list(i))) side.points = values;
      sides_.push_back(side);
      if (points > kMostTrials / side.points) refuse(options.key, "more than 100000000 points");
      points *= side.points;
    }
    trials_ = given_ + points;
    if (setting.trials != 0 && setting.trials != trials_)
      refuse(options.key, fields::out_of_range("trials", setting.trials,
                                               std::to_string(trials_) + ", the grid's points" +
                                                   (given_ > 0 ? " and the first ones" : "") +
                                                   ", or 0 for as many"));
  }

  int64_t trials() const override { return trials_; }
  int64_t needs(int64_t) const override { return 0; }
  Chosen choose(int64_t number, const Records&) const override {
    int64_t rest = number - given_;
    Chosen chosen{std::vector<double>(sides_.size())};
    for (size_t i = sides_.size(); i-- > 0; rest /= sides_[i].points) {
      const auto [points, whole] = sides_[i];
      const auto at = static_cast<double>(rest % points), n = static_cast<double>(points);
      // The points of whole numbers and lists lie in the middle of equal parts.
      chosen.point[i] = whole ? (at + 0.5) / n : at / (n - 1);
    }
    return chosen;
  }

 private:
  struct Side {
    int64_t points;
    bool whole;
  };
  std::vector<Side> sides_;
  int64_t given_, trials_ = 0;
};

}  // namespace

std::unique_ptr<Search> make_search(const GridSearch& options, const Setting& setting) {
  return std::make_unique<OfGrid>(options, setting);
}

}  // namespace descent::search
