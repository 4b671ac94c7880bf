#include <algorithm>
#include <stdexcept>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros_like.h>

#include <descent/base/pattern.h>
#include <descent/base/text.h>
#include <descent/landscape/planes/only.h>
#include <descent/landscape/planes/weights.h>

namespace descent {

Plane only(const Plane& plane, const std::string& parameters) {
  const at::NoGradGuard no_grad;
  Plane result = plane;
  size_t moving = 0;
  for (size_t k = 0; k < plane.names.size(); ++k) {
    if (fits_pattern(parameters, plane.names[k])) {
      ++moving;
      continue;
    }
    result.u[k] = at::zeros_like(plane.u[k]);
    if (!plane.is_line()) result.v[k] = at::zeros_like(plane.v[k]);
  }
  if (moving == 0)
    throw std::invalid_argument("only: parameters = \"" + parameters +
                                "\" fits no parameter; there are " + joined(plane.names));
  if (moving == plane.names.size()) return result;
  const std::string why = "the plane does not move " + parameters;
  landscape::check_direction("only", "u", plane.names, plane.center, result.u, why);
  if (!plane.is_line())
    landscape::check_direction("only", "v", plane.names, plane.center, result.v, why);
  result.buffers = {};
  result.explained.clear();
  result.eigenvalues.clear();
  std::erase_if(result.marks,
                [](const Plane::Mark& mark) { return mark.alpha != 0 || mark.beta != 0; });
  result.how += ", where only " + parameters + " moves";
  return result;
}

}  // namespace descent
