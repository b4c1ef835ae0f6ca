/// What `baton plan --json` and `baton why --json` print, and the server answers: one object, ended by a line feed.
#pragma once

#include <string>
#include <vector>

#include "core/explain.hpp"
#include "core/plan.hpp"

namespace baton::wire {

[[nodiscard]] std::string plan_json(const core::Project& project, const core::Plan& plan);
[[nodiscard]] std::string why_json(const std::vector<core::Explained>& nodes);

}  // namespace baton::wire
