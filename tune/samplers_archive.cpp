#include <stdexcept>
#include <string>
#include <utility>

#include <torch/serialize/archive.h>

#include <descent/tune/sampler_parts.h>

namespace descent {

void ResumedSampler::save(torch::serialize::OutputArchive& archive) const {
  const Parts& p = *parts_;
  for (const auto& [key, number] : {std::pair{"size", p.size},
                                    {"seed", static_cast<int64_t>(p.seed)},
                                    {"order", p.order_hash},
                                    {"epoch", p.place.epoch},
                                    {"sample", p.place.sample},
                                    {"step", p.place.step}})
    archive.write(key, c10::IValue(number));
  if (!p.pacing.empty()) archive.write("pacing", c10::IValue(p.pacing));
}

void ResumedSampler::load(torch::serialize::InputArchive& archive) {
  const auto read = [&archive](const char* key) {
    c10::IValue value;
    if (!archive.try_read(key, value) || !value.isInt())
      throw std::invalid_argument(
          std::string("Sampler: the archive holds no sampler, which has a ") + key);
    return value.toInt();
  };
  const Parts& p = *parts_;
  for (const auto& [key, own] :
       {std::pair{"size", p.size}, {"seed", static_cast<int64_t>(p.seed)}, {"order", p.order_hash}})
    if (const int64_t theirs = read(key); theirs != own)
      throw std::invalid_argument(
          "Sampler: the archive is of another sampler: " + std::string(key) + " = " +
          std::to_string(theirs) + ", not " + std::to_string(own));
  c10::IValue pacing;
  if (!p.pacing.empty() && (!archive.try_read("pacing", pacing) || !pacing.isString() ||
                            pacing.toStringRef() != p.pacing))
    throw std::invalid_argument(
        "Sampler: the archive is of another curriculum, " +
        (pacing.isString() ? pacing.toStringRef() : "whose pacing it does not say") + ", not " +
        p.pacing);
  go_to({read("epoch"), read("sample"), read("step")});
}

}  // namespace descent
