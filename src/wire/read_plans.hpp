/// What plans.hpp writes, read back. Errors: api.invalid.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/explain.hpp"
#include "core/plan.hpp"

namespace baton::wire {

struct PlannedTask {
  NodeId node;
  core::Reasons reasons;  ///< empty: it does not run
};
[[nodiscard]] Result<std::vector<PlannedTask>> plan_from(std::string_view text);
[[nodiscard]] Result<std::vector<core::Explained>> why_from(std::string_view text);

}  // namespace baton::wire
